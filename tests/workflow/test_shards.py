"""An evaluation in shards, each a job of its own: the same bytes, whatever their number."""

import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml

from conftest import Study, small_config
from rlscale.core.manifests import read_record
from rlscale.evaluation.samples import SampleStore

CELL = "main/arith-15k-base/tau1-g4/seed1"
CURVE = f"results/cells/{CELL}/curve.csv"
TABLES = ["samples.parquet", "outcomes.parquet", "scores.csv", "eval_metrics.csv", "curve.csv"]


def sharded(count: int) -> dict:
    """The small study, each evaluation of which is shared among so many jobs."""
    config = small_config()
    config["resources"]["default"]["evaluation"] = {"shards": count}
    return config


def unevaluated(finished: Study, folder: Path, cells: str) -> Study:
    """A copy of a finished study in which the cells that match were not evaluated."""
    shutil.copytree(finished.folder, folder, symlinks=True)
    for cell in (folder / "results/cells").glob(cells):
        for name in ("eval.json", "eval.run.json", *TABLES):
            (cell / name).unlink()
    return Study(folder, sharded(2))


def kill_when_it_has_saved(study: Study, shard: str) -> int:
    """Begin a shard by hand, kill it once samples are on disk; returns how many there are."""
    script = (
        "from rlscale.evaluation import progress, samples\n"
        "samples.FLUSH_SECONDS = progress.EVERY_SECONDS = 0\n"
        "from rlscale.cli.main import main\n"
        "main()"
    )
    arguments = ["step", "ask_cell", CELL, shard, "--configfile", "study.yaml"]
    process = subprocess.Popen(
        [sys.executable, "-c", script, *arguments], cwd=study.folder, stderr=subprocess.DEVNULL
    )
    journal = study.folder / ".state" / CELL / "samples"
    while not list(journal.glob(f"{shard}/*.parquet")):
        assert process.poll() is None, "it ended before it had saved anything"
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.wait()
    return len(SampleStore(journal / "none.parquet", journal))


def test_shards_one_of_them_killed_leave_the_bytes_of_one_job(finished_study, tmp_path):
    study = unevaluated(finished_study, tmp_path / "study", CELL)
    saved = kill_when_it_has_saved(study, "1of3")  # by another number of shards at that
    study.run(CURVE)
    whole, own = (place.folder / "results/cells" / CELL for place in (finished_study, study))
    for name in (*TABLES, "eval.json"):
        assert (own / name).read_bytes() == (whole / name).read_bytes(), name
    asked = [generated(study, f"{number}of2") for number in (1, 2)]
    assert saved > 0
    assert all(asked)
    assert saved + sum(asked) == len(SampleStore(own / "samples.parquet", tmp_path / "none"))
    assert read_record(own / "eval.json")["shards"] == 2
    for count in (1, 5):
        assert Study(study.folder, sharded(count)).planned(CURVE) == {}, count
    config = sharded(5)
    config["evaluation"]["temperature"] = 1.0
    asked = Study(study.folder, config).planned(CURVE)["ask_cell"]
    assert asked == {f"{CELL} {number}of5" for number in range(1, 6)}


def generated(study: Study, shard: str) -> int:
    """How many samples a shard says that it has generated."""
    log = (study.folder / "logs/ask_cell" / CELL / f"{shard}.log").read_text()
    return yaml.safe_load(log.splitlines()[-1])["generated"]


@pytest.mark.long
@pytest.mark.parametrize("count", [2, 3])
def test_the_studys_curves_are_the_same_bytes_for_any_number_of_shards(
    finished_study, tmp_path, count
):
    study = unevaluated(finished_study, tmp_path / "study", "*/*/*/*")
    study.configure(sharded(count))
    study.run("results/curves.csv")
    for name in ("curves.csv", "outcomes.parquet", "ledger.csv"):
        made, expected = (place.folder / "results" / name for place in (study, finished_study))
        assert made.read_bytes() == expected.read_bytes(), name
