"""The data rules as a study runs them: bad files stop it, bad rows are listed, leaks fail it."""

import json
import os
import random
import shutil
import signal
import time

import pandas
import pytest

from conftest import ROOT, Study, small_config
from rlscale.core.manifests import read_manifest, verify_files
from rlscale.data.arithmetic import generate

TARGET = "results/data/sums/manifest.json"
GOOD = generate({"sums": {"skill": "sum", "terms": 4, "largest": 9, "problems": 60}}, seed=2)


def write(path, rows):
    """Write rows as JSON lines; text goes in as it is."""
    lines = [row if isinstance(row, str) else json.dumps(row) for row in rows]
    path.write_text("\n".join(lines))


@pytest.fixture
def study(tmp_path):
    """A study that reads train.jsonl and held_out.jsonl beside it, both good so far."""
    config = small_config()
    config["data"] = {
        "sums": {
            "verifier": "number",
            "read": {"layout": "plain", "files": ["train.jsonl"]},
            "held_out": {"read": {"layout": "plain", "files": ["held_out.jsonl"]}},
        }
    }
    config["recipes"]["main"] |= {"data": "sums", "steps": 2, "checkpoints": [0, 2]}
    config["benchmarks"] = {"held_out": {"samples": 1}}
    config["evaluation"].pop("suites", None)
    config["pretraining"].pop("unseen", None)
    write(tmp_path / "train.jsonl", GOOD[:40])
    write(tmp_path / "held_out.jsonl", GOOD[40:])
    return Study(tmp_path, config)


def test_a_bad_file_stops_the_run_and_is_named(study):
    write(study.folder / "held_out.jsonl", [{"question": "1+2=", "answer": "3"}])
    said = study.refuse(TARGET)
    assert "held_out.jsonl has no column 'problem'; it has question, answer" in said
    assert not (study.folder / TARGET).exists()
    (study.folder / "held_out.jsonl").unlink()
    assert "held_out.jsonl: the data file does not exist" in study.refuse(TARGET)


def test_bad_rows_are_quarantined_and_every_row_is_accounted_for(study):
    bad = ['{"problem": "1+2=', {"problem": "5+5=", "answer": None}, {"problem": 7, "answer": "7"}]
    write(study.folder / "train.jsonl", [*GOOD[:40], *bad, GOOD[0]])
    study.run(TARGET)
    folder = study.folder / "results" / "data" / "sums"
    report = json.loads((folder / "report.json").read_text())
    assert report["rows_in"] == {"train": 44, "held_out": 20}
    dropped = pandas.read_csv(folder / "dropped.csv")
    parts = [pandas.read_parquet(folder / f"{part}.parquet") for part in ("train", "held_out")]
    assert sum(map(len, parts)) + len(dropped) == 64
    quarantine = dropped[dropped["stage"] == "quarantine"]
    assert quarantine["source"].tolist() == [f"train.jsonl#{row}" for row in (40, 41, 42)]
    assert quarantine["reason"].tolist() == [
        "not valid JSON", "no gold answer", "problem is of type int, not text",
    ]  # fmt: skip
    again = dropped[dropped["stage"] == "duplicates"]
    assert "train.jsonl#43" in again["source"].tolist()


# Loaded by every Python of the run: the removal of twins forgets to remove, so that only the
# assertion stands against the leak.
FORGETFUL = "from rlscale.data import clean\nclean._Stage.remove_twins = lambda *_: None\n"


def test_a_leak_fails_the_build(study, tmp_path, monkeypatch):
    leaking = {"problem": GOOD[0]["problem"].replace("=", " ="), "answer": GOOD[0]["answer"]}
    write(study.folder / "held_out.jsonl", [*GOOD[40:], leaking])
    study.run(TARGET)
    dropped = pandas.read_csv(study.folder / "results/data/sums/dropped.csv")
    assert dropped["other_problem"].eq(leaking["problem"]).any()

    (tmp_path / "sitecustomize.py").write_text(FORGETFUL)
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}:{ROOT / 'src'}")
    done = study.start(TARGET, "--forcerun", "prepare_set")
    assert done.returncode != 0
    assert "problems of train stand in held_out after cleaning" in study.failed_logs()
    assert not (study.folder / TARGET).exists()


def data_files(study):
    """What the data rules made, without the times of the runs: path -> bytes."""
    made = (study.folder / "results" / "data").rglob("*")
    files = [path for path in made if path.is_file() and not path.name.endswith(".run.json")]
    return {str(path.relative_to(study.folder)): path.read_bytes() for path in files}


@pytest.mark.parametrize("kills", [2, pytest.param(10, marks=pytest.mark.long)])
def test_killed_at_random_moments_the_data_are_the_same(study, kills):
    """SIGKILL to Snakemake and its jobs, at any moment from the first job to the last table."""
    target = "results/data/sums/variants/main-tau1/manifest.json"
    study.run(target)
    whole = data_files(study)
    assert target in whole
    moments = random.Random(kills)
    for _ in range(kills):
        for folder in ("results", "logs", ".snakemake"):
            shutil.rmtree(study.folder / folder)
        process = study.begin(target, own_group=True)
        while not (study.folder / "logs" / "prepare_set").exists():
            time.sleep(0.01)
        time.sleep(moments.uniform(0, 4))
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        for manifest in (study.folder / "results").rglob("manifest.json"):
            verify_files(read_manifest(manifest), study.folder)
        study.start("--unlock")
        study.run(target, "--rerun-incomplete")
        assert data_files(study) == whole
