"""A cluster per file of tests, and studies that run on it by the shipped profile."""

import contextlib
import fcntl
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from cluster import Cluster, missing

from conftest import ROOT, Study

# How often a test asks; all else is the shipped profile's.
QUICK = (
    "--latency-wait=5 --slurm-init-seconds-before-status-checks=1 --seconds-between-status-checks=1"
)


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    """A running Slurm of this machine; one at a time, as its ports and /etc/slurm are."""
    with Path(tempfile.gettempdir(), "rlscale-slurm.lock").open("w") as turn:
        fcntl.flock(turn, fcntl.LOCK_EX)
        why = missing()
        if why:
            pytest.skip(why)
        slurm = Cluster(tmp_path_factory.mktemp("slurm"))
        try:
            slurm.start()
            yield slurm
        finally:
            slurm.stop()


class SlurmStudy(Study):
    """A study in a folder of its own, run with the shipped profile."""

    def __init__(self, folder: Path, config: dict):
        super().__init__(folder, config)
        shutil.copytree(ROOT / "slurm", folder / "slurm")

    def command(self, *arguments: str) -> dict:
        """Arguments of `subprocess` for one run."""
        line = ["snakemake", *arguments, "--profile", "slurm", *QUICK.split()]
        line += ["--snakefile", str(ROOT / "Snakefile"), "--configfile", "study.yaml"]
        path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
        return {"args": line, "cwd": self.folder, "env": {**os.environ, "PATH": path}}

    def start(self, *arguments: str) -> subprocess.CompletedProcess:
        """Run to the end, whatever comes of it."""
        return subprocess.run(
            **self.command(*arguments), stdout=-1, stderr=subprocess.STDOUT, text=True, timeout=900
        )

    @contextlib.contextmanager
    def started(self, *arguments: str):
        """A run that goes on beside the test; killed at the end if it still works."""
        with (self.folder / "run.log").open("a") as log:
            run = subprocess.Popen(**self.command(*arguments), stdout=log, stderr=subprocess.STDOUT)
        try:
            yield run
        finally:
            run.kill()
            run.wait()

    def take_inputs(self, other: Study) -> None:
        """Copy data, models and benchmarks that another folder has made."""
        for name in ("results/data", "results/models", "results/benchmarks", "checkpoints/models"):
            shutil.copytree(other.folder / name, self.folder / name)
