"""A scheduler that is not Slurm: jobs of a toy queue, each in a PID namespace of its own."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from conftest import ROOT, small_config

TOY = Path(__file__).with_name("toy_queue")
NAMESPACE = ["unshare", "--user", "--map-root-user", "--pid", "--fork", "--mount-proc", "true"]
TARGET = "results/benchmarks/longer_sums/manifest.json"
GENERIC = "snakemake_executor_plugin_cluster_generic"

pytestmark = pytest.mark.skipif(
    subprocess.run(NAMESPACE, capture_output=True).returncode != 0, reason="no PID namespaces here"
)


def run_by(executor: list[str], folder: Path) -> str:
    """Make a benchmark of the small study by jobs, where squeue is dead; returns what was said."""
    dead = folder / "bin" / "squeue"
    dead.parent.mkdir()
    dead.write_text("#!/bin/sh\necho 'Unable to contact slurm controller' >&2\nexit 1\n")
    dead.chmod(0o755)
    (folder / "study.yaml").write_text(yaml.safe_dump(small_config()))
    done = subprocess.run(
        [
            sys.executable, "-m", "snakemake", *executor, "--jobs", "2",
            "--snakefile", ROOT / "Snakefile", "--configfile", "study.yaml",
            "--seconds-between-status-checks", "1", TARGET,
        ],
        cwd=folder, capture_output=True, text=True, timeout=170,
        env={
            **os.environ,
            "TOY_QUEUE": str(folder / "queue"),
            "PATH": f"{dead.parent}:{TOY}:{Path(sys.executable).parent}:{os.environ['PATH']}",
            "PYTHONPATH": f"{TOY}:{ROOT / 'src'}:{os.environ.get('PYTHONPATH', '')}",
        },
    )  # fmt: skip
    said = done.stdout + done.stderr
    assert done.returncode == 0, said[-3000:]
    assert "warning: jobs of an earlier run were not looked for" in said
    assert (folder / TARGET).exists()
    return said


@pytest.mark.slow
def test_jobs_of_another_scheduler_run_where_slurms_commands_are_dead(tmp_path):
    run_by(["--executor", "toyqueue"], tmp_path)


@pytest.mark.long
@pytest.mark.skipif(importlib.util.find_spec(GENERIC) is None, reason=f"no {GENERIC} here")
def test_jobs_are_submitted_with_what_their_rules_ask_for(tmp_path):
    profile = {
        "executor": "cluster-generic",
        "cluster-generic-submit-cmd": "qsub -l gpu={resources.gpu},mem={resources.mem_mb}M",
        "cluster-generic-status-cmd": "qstat",
        "default-resources": {"gpu": 0, "mem_mb": 8000},
    }
    (tmp_path / "profile").mkdir()
    (tmp_path / "profile/config.yaml").write_text(yaml.safe_dump(profile))
    run_by(["--profile", "profile"], tmp_path)
    asked = (tmp_path / "queue/1.asked").read_text()
    assert asked == "-l gpu=0,mem=8000M"
