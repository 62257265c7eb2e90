"""Jobs of a real Grid Engine, and what the product asks of it."""

import fcntl
import importlib.util
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest
import yaml
from grid_engine import GridEngine, missing

from conftest import ROOT, Study, small_config
from rlscale.jobs import owner, schedulers
from rlscale.study import cluster

GENERIC = "snakemake_executor_plugin_cluster_generic"
CELL = "results/cells/main/arith-15k-base/tau1-g4/seed1"
CLAIM = """
import sys, time
from pathlib import Path
from rlscale.jobs.owner import owned
with owned(Path(sys.argv[1])):
    time.sleep(600)
"""


@pytest.fixture(scope="module")
def grid():
    """A running Grid Engine of this machine; one at a time, as its ports are."""
    with Path(tempfile.gettempdir(), "rlscale-gridengine.lock").open("w") as turn:
        fcntl.flock(turn, fcntl.LOCK_EX)
        if why := missing():
            pytest.skip(why)
        # Short: a job's spool folder must fit Grid Engine's names.
        with tempfile.TemporaryDirectory(prefix="sge-", ignore_cleanup_errors=True) as folder:
            engine = GridEngine(Path(folder))
            try:
                engine.start()
                yield engine
            finally:
                engine.stop()


@pytest.fixture
def submit(grid, tmp_path, monkeypatch):
    """Submits a shell command from the test's folder, as the documentation's line does."""
    for name, value in grid.variables.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("PYTHONPATH", str(ROOT / "src"), prepend=":")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "squeue").write_text("#!/bin/sh\n")  # an empty queue, where Slurm is, too
    (tmp_path / "bin" / "squeue").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"), prepend=":")

    def run(command: str, name: str = "rlscale_train_cell", *more: str) -> str:
        (tmp_path / "job.sh").write_text(f"{command}\n")
        line = ["qsub", "-terse", "-cwd", "-V", "-S", "/bin/sh", "-o", "log", "-j", "y"]
        return grid.command(*line, "-N", name, *more, "job.sh").strip()

    return run


@pytest.mark.parametrize(("status", "outcome"), [(0, "success"), (3, "failed")])
def test_the_status_of_a_job_is_what_became_of_it(status, outcome, submit):
    job = submit(f"sleep 3; exit {status}")
    ask = [sys.executable, "-m", "rlscale.jobs.schedulers", job]
    said = subprocess.run(ask, capture_output=True, text=True, check=True).stdout
    assert said == "running\n"
    while schedulers.GRID_ENGINE.holds(job):
        time.sleep(0.3)
    assert schedulers.GRID_ENGINE.outcome(job) == outcome


def test_a_folders_jobs_are_found_and_ended_and_no_others(submit, tmp_path, capfd):
    ours = submit("sleep 600")
    other = submit("sleep 600", "somebodys_job")
    waiting = submit("sleep 600", "rlscale_evaluate_cell", "-l", "gpu=2")
    assert {job.number: job.step for job in cluster.jobs(tmp_path)} == {
        ours: "rlscale_train_cell", waiting: "rlscale_evaluate_cell",
    }  # fmt: skip
    assert cluster.jobs(tmp_path.parent) == []
    cluster.cancel_orphans(tmp_path, "cluster-generic")
    assert f"  {ours} " in capfd.readouterr().out
    assert cluster.jobs(tmp_path) == []
    assert schedulers.GRID_ENGINE.holds(other)
    schedulers.GRID_ENGINE.cancel([other])


def test_a_claim_counts_as_long_as_its_job_is_in_the_queue(submit, tmp_path, grid):
    (tmp_path / "claim.py").write_text(CLAIM)
    job = submit(f"{sys.executable} claim.py {tmp_path}/train & wait")
    grid.wait(lambda: (tmp_path / "train.1").exists())
    claim = tmp_path / "train.1"
    elsewhere = re.sub(r'("boot": ")[^"]+', r"\1another", claim.read_text())
    for process in re.findall(r'"pid": (\d+)', elsewhere):
        os.kill(int(process), 19)  # SIGSTOP: it beats no more, its job is there
    claim.write_text(elsewhere)
    os.utime(claim, (time.time() - 2 * owner.STALE,) * 2)
    with pytest.raises(owner.Owned, match=f"job {job} is at this work"):
        owner.owned(tmp_path / "train").__enter__()
    schedulers.GRID_ENGINE.cancel([job])
    while schedulers.GRID_ENGINE.holds(job):
        time.sleep(0.3)
    with owner.owned(tmp_path / "train") as mine:
        mine.check()


class GridStudy(Study):
    """A study by the profile that docs/cluster.md gives for Grid Engine."""

    def begin(self, *arguments: str, own_group: bool = False) -> subprocess.Popen:
        """Start Snakemake."""
        page = (ROOT / "docs/cluster.md").read_text()
        lines = re.findall(
            r"(?m)^    ((?:executor|cluster-generic|default-resources).*(?:\n      .*)*)", page
        )
        profile = yaml.safe_load("\n".join(lines))
        shipped = yaml.safe_load((ROOT / "slurm/config.yaml").read_text())
        profile["default-resources"] |= shipped["default-resources"]
        (self.folder / "profile").mkdir()
        (self.folder / "profile/config.yaml").write_text(yaml.safe_dump(profile))
        command = ["snakemake", *arguments, "--profile", "profile", "--jobs", "2"]
        often = ["--latency-wait", "5", "--seconds-between-status-checks", "1"]
        return subprocess.Popen(
            [*command, *often, "--snakefile", ROOT / "Snakefile", "--configfile", self.file],
            cwd=self.folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            start_new_session=own_group,
        )  # fmt: skip


@pytest.mark.long
@pytest.mark.skipif(importlib.util.find_spec(GENERIC) is None, reason=f"no {GENERIC} here")
def test_a_cell_is_what_it_is_without_a_cluster(submit, tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(Path(sys.executable).parent), prepend=":")
    config = small_config()
    config["resources"]["default"] = {"gpus": 1, "mem_mb": 3000, "minutes": 30}
    here, there = (tmp_path / name for name in ("here", "there"))
    here.mkdir()
    there.mkdir()
    GridStudy(there, config).run(f"{CELL}/curve.csv")
    Study(here, config).run(f"{CELL}/curve.csv")
    for name in ("curve.csv", "metrics.csv", "consumed.parquet"):
        assert (here / CELL / name).read_bytes() == (there / CELL / name).read_bytes()
    accounts = subprocess.run(["qacct", "-j"], capture_output=True, text=True).stdout
    assert "rlscale_train_cell" in accounts
