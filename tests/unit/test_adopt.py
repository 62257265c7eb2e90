"""What strangers' manifests and records cannot do: remove, date or read what no rule made here."""

import hashlib
import os
from pathlib import Path

import pytest

from rlscale.core.errors import StudyError
from rlscale.core.files import write_json, write_text
from rlscale.core.inside import inside_study
from rlscale.core.manifests import sealed
from rlscale.study import records, runs, upkeep
from rlscale.study.adopt import adopt

NOTE = {
    "rule": "r", "input": [], "log": [], "params": [], "code": "", "record_format_version": 6,
    "conda_env": None, "container_img_url": None, "software_stack_hash": None, "starttime": 0,
    "endtime": 0, "input_checksums": {},
}  # fmt: skip
CELL = "main/tiny-base/tau1-g4/seed9"


@pytest.fixture
def study(tmp_path, monkeypatch) -> Path:
    """A study's folder, beside which others' files lie."""
    folder = tmp_path / "study"
    (folder / "results").mkdir(parents=True)
    (tmp_path / "precious").write_text("others'")
    monkeypatch.chdir(folder)
    write_text("Snakefile", "")
    write_text("config/config.yaml", "study: mine\nsweeps: []\n")
    monkeypatch.setattr(runs, "dry_run", lambda: "Nothing to be done")
    return folder


def recorded(output: str, content: bytes, **note) -> None:
    """Make a record of an output of that content, as git brings it."""
    path = Path(output)
    step = {
        "outputs": {path.name: hashlib.sha256(content).hexdigest()},
        "notes": {**NOTE, **note},
    }
    write_json(Path("records") / f"{path.parent}.json", [step])


def manifest(*files: str) -> dict:
    entries = [{"path": file, "bytes": 1, "sha256": "0" * 64} for file in files]
    return sealed(kind="data", name="x", status="ok", files=entries)


OUTSIDE = ["/precious", "../precious", "results/../../precious", "link", "a\nb", "", "a\0b"]


@pytest.mark.parametrize("named", OUTSIDE)
def test_a_path_out_of_the_study_is_refused_and_what_names_it_is_named(study, named):
    Path("link").symlink_to("../precious")
    with pytest.raises(StudyError, match=r"m\.json"):
        inside_study(named, "m.json")


@pytest.mark.parametrize("named", ["results/a.csv", "checkpoints/main/step1", "results/öé x"])
def test_a_path_of_the_study_is_taken_whether_it_is_there_or_not(study, named):
    Path("results/within").symlink_to("../config")
    assert inside_study(named, "m.json") == Path(named)
    assert inside_study("results/within/config.yaml", "m.json")


@pytest.mark.parametrize("named", ["/precious", "../precious", "results/../../precious"])
def test_adopt_removes_nothing_outside_that_a_manifest_names(study, tmp_path, named):
    named = f"{tmp_path}{named}" if named.startswith("/") else named
    write_json("results/x.json", manifest(named))
    recorded("results/x.json", Path("results/x.json").read_bytes())
    with pytest.raises(StudyError, match=r"results/x\.json: names .*precious"):
        adopt(remove=True)
    assert (tmp_path / "precious").exists()


@pytest.mark.parametrize("named", ["/precious", "../precious", "../../precious"])
def test_adopt_removes_nothing_outside_that_a_record_names(study, tmp_path, named):
    named = f"{tmp_path}{named}" if named.startswith("/") else named
    write_json("records/y.json", [{"outputs": {named: "00"}, "notes": NOTE}])
    with pytest.raises(StudyError, match=r"records/y\.json"):
        adopt(remove=True)
    assert (tmp_path / "precious").exists()


@pytest.mark.parametrize("named", ["checkpoints/c", "results", "raw", "Snakefile", "own.txt"])
def test_adopt_removes_no_folder_and_no_source_that_a_manifest_names(study, named):
    for path in ("checkpoints/c/1/weights", "results/notes.txt", "raw/d.csv", "own.txt"):
        write_text(path, "precious")
    write_json("results/x.json", manifest(named))
    recorded("results/x.json", Path("results/x.json").read_bytes())
    adopt(remove=True)
    assert not Path("results/x.json").exists()
    for path in ("checkpoints/c/1/weights", "results/notes.txt", "raw/d.csv", "own.txt"):
        assert Path(path).read_text() == "precious"
    assert Path("Snakefile").exists()


def test_adopt_leaves_what_no_rule_made(study):
    write_text("results/my_notes.json", "// my own notes\n{}")
    write_text("results/mine.csv", "my own")
    write_json("results/own.json", manifest("results/mine.csv"))
    adopt(remove=True)
    assert sorted(os.listdir("results")) == ["mine.csv", "my_notes.json", "own.json"]
    write_json("results/made.json", manifest("results/mine.csv"))
    recorded("results/made.json", Path("results/made.json").read_bytes())
    adopt(remove=True)
    assert Path("results/mine.csv").exists()
    assert not Path("results/made.json").exists()


def test_adopt_lists_and_removes_only_when_told_to(study, capsys):
    write_text("results/a.csv", "other bytes")
    recorded("results/a.csv", b"the rule's bytes")
    with pytest.raises(StudyError, match="make adopt YES=1"):
        adopt()
    assert "would remove results/a.csv" in capsys.readouterr().out
    assert Path("results/a.csv").exists()
    adopt(remove=True)
    assert not Path("results/a.csv").exists()


def test_a_folder_of_another_study_is_neither_adopted_nor_pruned(study):
    write_json("results/study.json", {"study": "theirs"})
    with pytest.raises(StudyError, match="holds the study 'theirs'"):
        adopt(remove=True)
    with pytest.raises(StudyError, match="holds the study 'theirs'"):
        upkeep.prune({"study": "mine", "sweeps": []}, checkpoints=False, remove=True)


def test_raw_data_keep_their_times_and_what_was_made_from_them_comes_after(study, tmp_path):
    write_text("raw.txt", "x")
    os.utime("raw.txt", (5, 5))
    Path("raw.txt").chmod(0o444)
    write_text("results/a.csv", "x")
    checksums = {"raw.txt": hashlib.sha256(b"x").hexdigest()}
    recorded("results/a.csv", b"x", input=["raw.txt"], input_checksums=checksums)
    adopt()
    assert Path("raw.txt").stat().st_mtime == 5
    assert Path("results/a.csv").stat().st_mtime > 5
    Path("raw.txt").chmod(0o644)
    write_text("raw.txt", "changed")
    os.utime("raw.txt", (7, 7))
    assert records.expose_changes() == {"raw.txt": ["results/a.csv"]}
    assert Path("raw.txt").stat().st_mtime == 7
    assert Path("results/a.csv").stat().st_mtime < 7


def pruned(**keys) -> None:
    upkeep.prune({"study": "mine", "sweeps": []}, checkpoints=False, remove=True, **keys)


def test_prune_leaves_cells_that_no_rule_made_and_takes_those_it_knows(study):
    write_text(f"checkpoints/{CELL}/step1/model.safetensors", "x")
    write_text(f"results/cells/{CELL}/train.json", "{}")
    pruned()
    assert Path(f"checkpoints/{CELL}/step1").exists()
    recorded(f"results/cells/{CELL}/train.json", b"{}")
    pruned()
    assert not Path(f"checkpoints/{CELL}").exists()
    assert not Path(f"results/cells/{CELL}").exists()


def test_prune_does_not_go_through_links(study, tmp_path):
    elsewhere = tmp_path / "elsewhere"
    (elsewhere / Path(CELL).relative_to("main") / "step1").mkdir(parents=True)
    Path("checkpoints").mkdir()
    Path("checkpoints/main").symlink_to(elsewhere)
    recorded(f"results/cells/{CELL}/train.json", b"{}")
    with pytest.raises(StudyError, match=r"a link leads to .*elsewhere"):
        pruned()
    assert (elsewhere / Path(CELL).relative_to("main") / "step1").exists()


def test_prune_waits_for_a_run(study):
    with runs.alone(), pytest.raises(StudyError, match="another run is at work"):
        pruned()
