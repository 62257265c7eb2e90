"""Files that others planted are not followed; modes are those that the umask asks for."""

import errno
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from rlscale.core.errors import sentence_not_traceback
from rlscale.core.files import modes_by_umask, new_file, new_folder
from rlscale.evaluation.samples import SampleStore


@pytest.fixture
def elsewhere(tmp_path) -> Path:
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    (folder / "precious").write_text("precious")
    return folder


def test_a_new_file_is_not_written_through_a_link(tmp_path, elsewhere):
    part = tmp_path / ".x.part"
    part.symlink_to(elsewhere / "precious")
    with new_file(part) as handle:
        handle.write(b"ours")
    assert part.read_text() == "ours"
    assert (elsewhere / "precious").read_text() == "precious"


@pytest.mark.parametrize("planted", ["link", "file", "folder", "nothing"])
def test_a_new_folder_is_empty_and_its_own(tmp_path, elsewhere, planted):
    part = tmp_path / ".step1.part"
    if planted == "link":
        part.symlink_to(elsewhere)
    elif planted == "file":
        part.write_text("x")
    elif planted == "folder":
        (part / "deep").mkdir(parents=True)
    new_folder(part)
    assert not part.is_symlink()
    assert list(part.iterdir()) == []
    assert (elsewhere / "precious").exists()


def test_the_sample_store_does_not_write_through_a_planted_link(tmp_path, elsewhere):
    store = SampleStore(tmp_path / "samples.parquet", tmp_path / "journal")
    (tmp_path / ".samples.parquet.part").symlink_to(elsewhere / "precious")
    store.replace(store.frame())
    assert (elsewhere / "precious").read_text() == "precious"
    assert (tmp_path / "samples.parquet").is_file()


@pytest.mark.parametrize(("umask", "mode"), [(0o002, 0o664), (0o027, 0o640)])
def test_modes_follow_the_umask(tmp_path, umask, mode):
    (tmp_path / "weights").write_text("x")
    (tmp_path / "weights").chmod(0o600)
    before = os.umask(umask)
    try:
        modes_by_umask(tmp_path)
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "weights").stat().st_mode) == mode


@pytest.mark.parametrize(
    ("number", "said"),
    [
        (errno.EACCES, "results/theirs.csv: Permission denied; this user may not"),
        (errno.EROFS, "results/theirs.csv: Read-only file system; work in a clone"),
        (errno.ENOSPC, "results/theirs.csv: No space left on device; make room there"),
    ],
)
def test_what_a_user_may_not_do_is_a_sentence(capsys, number, said):
    @sentence_not_traceback
    def refused() -> None:
        raise OSError(number, os.strerror(number), "results/theirs.csv")

    with pytest.raises(SystemExit) as ended:
        refused()
    assert ended.value.code == 1
    assert f"error: {said}" in capsys.readouterr().err


def test_another_fault_of_the_system_keeps_its_traceback():
    @sentence_not_traceback
    def broken() -> None:
        raise OSError(errno.EIO, "Input/output error", "results/theirs.csv")

    with pytest.raises(OSError, match="Input/output"):
        broken()


ANOTHER_USER = """
import os, sys
import yaml
import rlscale.study.adopt
from rlscale.cli.main import main
os.chdir(sys.argv[1])
os.setuid(65534)
sys.argv = ["rlscale", "adopt"]
main()
"""


@pytest.mark.skipif(os.getuid() != 0, reason="another user's folder needs root to make it")
def test_a_study_that_belongs_to_somebody_else_is_refused_in_a_sentence(tmp_path):
    (tmp_path / "Snakefile").write_text("")
    tmp_path.chmod(0o755)
    command = [sys.executable, "-c", ANOTHER_USER, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 1
    assert ".state: Permission denied; this user may not do that there" in done.stderr
    assert "Traceback" not in done.stderr
