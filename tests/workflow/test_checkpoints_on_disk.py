"""Checkpoints evaluated while training goes on: the same results with few of them on disk."""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pandas
import pyarrow.parquet
import pytest
from training_run import RECIPE, STEPS, Run

from conftest import Study, small_config
from rlscale.core.files import read_json
from rlscale.core.manifests import read_manifest, verify_files
from rlscale.evaluation.samples import KEY
from rlscale.training.alternate import remove_weights

CELL = "main/arith-15k-base/tau1-g4/seed1"
MOST = 2
FOLDER = Path("results/cells") / CELL
CURVE = str(FOLDER / "curve.csv")
TABLES = (
    "curve.csv", "metrics.csv", "ledger.csv", "consumed.parquet", "samples.parquet",
    "outcomes.parquet", "scores.csv", "eval_metrics.csv",
)  # fmt: skip


def limited_config() -> dict:
    config = small_config()
    config["training"]["checkpoints_on_disk"] = MOST
    return config


class Watch(contextlib.AbstractContextManager):
    """Counts the checkpoints of the cell that lie on disk, as often as it can."""

    def __init__(self, folder: Path):
        self.folder = folder / "checkpoints" / CELL
        self.peak = 0
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._look)

    def _look(self) -> None:
        while not self._ended.wait(0.005):
            self.peak = max(self.peak, len(list(self.folder.glob("step*/model.safetensors"))))

    def __enter__(self) -> "Watch":
        self._thread.start()
        return self

    def __exit__(self, *_) -> None:
        self._ended.set()
        self._thread.join()


def without_the_cell(finished: Study, folder: Path) -> Study:
    """The finished study, but for one cell, which is still to be trained."""
    shutil.copytree(finished.folder, folder)
    for root in ("results/cells", "checkpoints", ".state"):
        shutil.rmtree(folder / root / CELL)
    return Study(folder, limited_config())


@pytest.fixture(scope="session")
def limited(finished_study, built_once) -> Study:
    """The cell, trained and evaluated in turn; tests leave it as they find it."""

    def build(folder: Path) -> None:
        study = without_the_cell(finished_study, folder / "study")
        with Watch(study.folder) as watch:
            study.build(CURVE)
        (folder / "peak").write_text(str(watch.peak))

    return Study(built_once("limited", build) / "study", limited_config())


def reports(log: Path) -> list[dict]:
    """What each evaluation said at its end."""
    lines = log.read_text().splitlines()
    return [json.loads(line) for line in lines if line.startswith('{"generated"')]


def digests(study: Study) -> dict[int, str]:
    manifest = read_manifest(study.folder / FOLDER / "train.json", "train")
    return {entry["step"]: entry["digest"] for entry in manifest["checkpoints"]}


def assert_equal(study: Study, other: Study) -> None:
    for name in TABLES:
        one, two = ((s.folder / FOLDER / name).read_bytes() for s in (study, other))
        assert one == two, name
    assert digests(study) == digests(other)


def test_results_are_those_of_an_evaluation_afterwards(finished_study, limited):
    assert_equal(limited, finished_study)


def test_no_more_checkpoints_than_allowed_lie_on_disk_and_the_last_stays(limited):
    assert int(limited.folder.with_name("peak").read_text()) == MOST
    left = {path.name for path in (limited.folder / "checkpoints" / CELL).glob("step*")}
    assert left == {"step1.json", "step2.json", "step4"}
    manifest = read_manifest(limited.folder / FOLDER / "train.json", "train")
    removed = {entry["step"]: entry.get("weights") for entry in manifest["checkpoints"]}
    said = "removed after evaluation"
    assert removed == {0: None, 1: said, 2: said, 4: None}
    verify_files(manifest, limited.folder)


def test_everything_is_asked_once_and_by_the_trainings_job(limited):
    while_training = reports(limited.folder / f"logs/train_cell/{CELL}.log")
    (afterwards,) = reports(limited.folder / f"logs/evaluate_cell/{CELL}.log")
    samples = pandas.read_parquet(limited.folder / FOLDER / "samples.parquet")
    assert len(while_training) == 2
    assert sum(report["generated"] for report in while_training) == len(samples)
    assert not samples.duplicated(list(KEY)).any()
    assert (afterwards["generated"], afterwards["judged_again"]) == (0, 0)


def test_the_key_trains_nothing_that_is_trained(finished_study, limited, tmp_path):
    """In both directions: it decides how a cell is trained, not what comes out."""
    for study, config in ((finished_study, limited_config()), (limited, small_config())):
        other = Study(study.folder, config, tmp_path / "study.yaml")
        assert other.planned("cells") == {}


def test_another_scorer_judges_without_weights(limited, tmp_path):
    shutil.copytree(limited.folder, tmp_path / "study")
    study = Study(tmp_path / "study", limited_config())
    path = study.folder / FOLDER / "samples.parquet"
    store = pandas.read_parquet(path)
    older = pyarrow.Table.from_pandas(
        store.assign(scorer="older", outcome="wrong"),
        schema=pyarrow.parquet.read_schema(path),
        preserve_index=False,
    )
    pyarrow.parquet.write_table(older, path)
    study.run(CURVE, "--forcerun", "evaluate_cell")
    (report,) = reports(study.folder / f"logs/evaluate_cell/{CELL}.log")
    assert (report["generated"], report["judged_again"]) == (0, len(store))
    assert_equal(study, limited)


def test_what_needs_removed_weights_is_refused_with_what_can_be_done(limited, tmp_path):
    shutil.copytree(limited.folder, tmp_path / "study")
    config = limited_config()
    config["benchmarks"]["longer_sums"]["samples"] = 3
    study = Study(tmp_path / "study", config)
    said = study.refuse(CURVE)
    assert f"checkpoints/{CELL}/step1: 20 samples are missing" in said
    assert "steps 1, 2; steps 0, 4 can still be asked" in said
    assert "remove its train.json and its folder in .state/" in said


class Job:
    """The training's job of the cell, started directly."""

    def __init__(self, study: Study):
        self.folder = study.folder

    def start(self) -> subprocess.Popen:
        return subprocess.Popen(
            [sys.executable, "-m", "rlscale.cli.main", "train", CELL, "--configfile", "study.yaml"],
            cwd=self.folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def wait_for(self, pattern: str, process: subprocess.Popen, since: float) -> None:
        """Wait for a file of the training's state that was written since."""
        while process.poll() is None:
            found = (self.folder / ".state" / CELL).glob(pattern)
            if any(path.stat().st_mtime > since for path in found):
                return
            time.sleep(0.01)
        raise AssertionError(process.communicate()[0])


def test_killed_and_stopped_on_the_way_it_ends_the_same(limited, finished_study, tmp_path):
    """SIGKILL in training, SIGKILL and SIGTERM in evaluation; then one start to the end."""
    study = without_the_cell(finished_study, tmp_path / "study")
    job = Job(study)
    said = ""
    with Watch(study.folder) as watch:
        for pattern, how, seconds in (
            ("mark.json", signal.SIGKILL, 3),  # it loads, or trains
            ("checkpoint-*/pause.json", signal.SIGKILL, 4),
            ("checkpoint-*/pause.json", signal.SIGTERM, 4),
        ):
            started = time.time()
            process = job.start()
            job.wait_for(pattern, process, started)
            time.sleep(seconds)
            send = os.killpg if how == signal.SIGKILL else os.kill
            send(process.pid, how)
            said += process.communicate()[0]
            assert process.returncode == (85 if how == signal.SIGTERM else -how), said
        process = job.start()
        said += process.communicate()[0]
        assert process.returncode == 0, said
    assert watch.peak == MOST
    (tmp_path / "log").write_text(said)
    generated = sum(report["generated"] for report in reports(tmp_path / "log"))
    study.run(CURVE, "--rerun-triggers", "mtime")
    assert_equal(study, limited)
    assert generated == len(pandas.read_parquet(study.folder / FOLDER / "samples.parquet"))


def test_a_diverged_run_pauses_for_its_evaluation_and_then_ends(training_inputs, tmp_path):
    run = Run(tmp_path / "run", training_inputs / "hopeless")
    run.options = ["--checkpoints-on-disk", "2"]
    recipe = {**RECIPE, "zero_reward_steps": 3}
    assert "paused: " in run.finish(recipe)
    assert not (run.outputs / "train.json").exists()
    (pause,) = run.state.glob("checkpoint-6/pause.json")
    remove_weights(pause, run.folder / "checkpoints", STEPS)
    run.finish(recipe)
    manifest = read_json(run.outputs / "train.json")
    assert manifest["status"] == "diverged"
    assert [entry["step"] for entry in manifest["checkpoints"]] == [0, 1]
    metrics = pandas.read_csv(run.outputs / "metrics.csv")
    assert metrics["reward"].tolist() == [0.0] * 3
