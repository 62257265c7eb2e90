"""`rlscale pull`: a listing that somebody changed writes nothing; a whole one is put in place."""

import hashlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from rlscale.core.errors import StudyError
from rlscale.study import pull as pulling
from rlscale.study.pull import check_listing, check_listings, pull

GOOD = [{"md5": "0" * 32, "relpath": "a/x.csv"}, {"md5": "1" * 32, "relpath": "ö y.csv"}]
EVIL = {
    "up": [{"md5": "0" * 32, "relpath": "../../Snakefile"}],
    "up within": [{"md5": "0" * 32, "relpath": "a/../../../Snakefile"}],
    "absolute": [{"md5": "0" * 32, "relpath": "/etc/x"}],
    "itself": [{"md5": "0" * 32, "relpath": "."}],
    "itself within": [{"md5": "0" * 32, "relpath": "./a"}],
    "a folder": [{"md5": "0" * 32, "relpath": "a/"}],
    "one file by two names": [GOOD[0], {"md5": "0" * 32, "relpath": "a//x.csv"}],
    "right to left": [{"md5": "0" * 32, "relpath": "\u202ea"}],
    "a listing within": [{"md5": "0" * 32 + ".dir", "relpath": "a"}],
    "a long name": [{"md5": "0" * 32, "relpath": "a" * 300}],
    "empty": [{"md5": "0" * 32, "relpath": ""}],
    "nul": [{"md5": "0" * 32, "relpath": "a\0b"}],
    "line": [{"md5": "0" * 32, "relpath": "a\nb"}],
    "through a link": [{"md5": "0" * 32, "relpath": "link/x"}],
    "twice": [GOOD[0], GOOD[0]],
    "no digest": [{"md5": "../../x", "relpath": "x"}],
    "a digest and a line": [{"md5": "0" * 32 + "\n", "relpath": "x"}],
    "numbers": [{"md5": 1, "relpath": 2}],
    "no list": {"md5": "x"},
    "nothing": None,
}


def check(folder: Path, entries: object) -> None:
    listing = folder / "listing"
    listing.write_text(json.dumps(entries))
    digest = hashlib.md5(listing.read_bytes()).hexdigest()
    check_listing(listing, f"{digest}.dir", Path("results/cells"), folder)


@pytest.mark.parametrize("name", EVIL)
def test_a_listing_of_other_paths_is_refused_though_its_digest_holds(tmp_path, name):
    (tmp_path / "results/cells").mkdir(parents=True)
    (tmp_path / "results/cells/link").symlink_to("/tmp")
    check(tmp_path, GOOD)
    with pytest.raises(StudyError, match="listing of results/cells"):
        check(tmp_path, EVIL[name])


def run(*command: str) -> None:
    subprocess.run([sys.executable, "-m", *command], check=True)


@pytest.fixture
def study(tmp_path, monkeypatch) -> Path:
    """A folder whose cells are in a remote, and not here."""
    folder = tmp_path / "study"
    (folder / "results/cells").mkdir(parents=True)
    monkeypatch.chdir(folder)
    subprocess.run(["git", "init", "-q"], check=True)
    run("dvc", "init", "-q")
    run("dvc", "remote", "add", "-q", "-d", "r", str(tmp_path / "remote"))
    Path("Snakefile").write_text("ours\n")
    Path("results/cells/x").write_text("onstart: code of somebody else\n")
    run("dvc", "add", "-q", "results/cells")
    run("dvc", "push", "-q")
    for folder in (".dvc/cache", ".dvc/tmp", "results/cells"):
        shutil.rmtree(folder)
    return tmp_path


@pytest.mark.slow
def test_a_changed_listing_in_a_remote_overwrites_nothing(study, monkeypatch):
    (listing,) = (study / "remote").rglob("*.dir")
    whole = listing.read_text()
    adopted: list[bool] = []
    monkeypatch.setattr(pulling, "adopt", lambda remove: adopted.append(remove))
    os.chmod(listing, 0o644)
    listing.write_text(whole.replace('"relpath": "x"', '"relpath": "../../Snakefile"'))
    with pytest.raises(StudyError, match=r"results/cells .* is not what dvc\.lock names"):
        pull()
    assert Path("Snakefile").read_text() == "ours\n"
    assert not adopted
    listing.write_text(whole)
    for folder in (".dvc/cache", ".dvc/tmp"):
        shutil.rmtree(folder)
    pull()
    assert Path("results/cells/x").exists()
    assert adopted == [False]
    check_listings(["results/cells"])
    (cached,) = Path(".dvc/cache").rglob("*.dir")
    cached.unlink()
    with pytest.raises(StudyError, match="not in the cache"):
        check_listings(["results/cells/x"])
    check_listings(["results/other"])
