"""`make cluster-status`, from the files of a study and what the queue and a dry run say."""

import json

import pytest

from rlscale.jobs.schedulers import QueuedJob
from rlscale.study import cluster, cluster_status, runs

CELLS = {name: f"main/small-base/tau1-g8/seed{n}" for n, name in enumerate(("a", "b", "c", "d"), 1)}


def record(folder, cell, *rows):
    path = folder / ".state" / "attempts" / f"{cell}.jsonl"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join("\n" + json.dumps(row) for row in rows))


def start(gpus):
    return {"run": "1", "job": "7", "host": "n", "gpus": gpus, "started": 0.0, "progress": 0}


@pytest.fixture
def study(tmp_path, monkeypatch):
    """One cell done, one running, one failed, one not begun."""
    monkeypatch.chdir(tmp_path)
    curve = tmp_path / "results/cells" / CELLS["a"] / "curve.csv"
    curve.parent.mkdir(parents=True)
    curve.touch()
    outstanding = "".join(f"Job 1: Train {CELLS[name]}\n" for name in ("b", "c", "d"))
    monkeypatch.setattr(runs, "dry_run", lambda: outstanding)
    running = QueuedJob("8", "RUNNING", tmp_path, f"rule_train_cell_wildcards_{CELLS['b']}")
    monkeypatch.setattr(cluster, "jobs", lambda folder: [running])
    record(tmp_path, CELLS["a"], start(4), {"ended": 3600.0, "end": "ok"})
    record(tmp_path, CELLS["b"], start(4))
    record(tmp_path, CELLS["c"], start(2), {"ended": 1800.0, "end": "ValueError: no"})
    log = tmp_path / "logs/train_cell" / f"{CELLS['c']}.log"
    log.parent.mkdir(parents=True)
    log.write_text("one\ntwo\n")
    return tmp_path


def test_cells_stand_where_files_and_queue_put_them(study, capsys):
    cluster_status.show()
    said = capsys.readouterr().out
    assert "done: 1\n" in said
    for stand, name in (("running", "b"), ("failed", "c"), ("not started", "d")):
        assert f"{stand}: 1\n  {CELLS[name]}\n" in said
    assert f"logs/train_cell/{CELLS['c']}.log: ValueError: no\n    one\n    two\n" in said


def test_gpu_hours_stand_beside_the_plan(study, capsys):
    cluster_status.show()
    said = "GPU-hours of training: 5.0 and what 1 attempts took that run or were killed"
    assert f"{said} (planned: see" in capsys.readouterr().out
    (study / "results/plan.csv").write_text(
        "cell,gpus,gpu_hours\na,4,1200.5\nb,4,1000\non_a_cpu,0,7\n"
    )
    cluster_status.show()
    assert f"{said}, of 2,200.5 planned with evaluation" in capsys.readouterr().out
