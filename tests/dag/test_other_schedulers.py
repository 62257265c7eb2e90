"""A scheduler that is not Slurm: jobs of a toy queue, each in a PID namespace of its own."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from conftest import ROOT, small_config

TOY = Path(__file__).with_name("toy_queue")
NAMESPACE = ["unshare", "--user", "--map-root-user", "--pid", "--fork", "--mount-proc", "true"]


@pytest.mark.slow
@pytest.mark.skipif(
    subprocess.run(NAMESPACE, capture_output=True).returncode != 0, reason="no PID namespaces here"
)
def test_jobs_of_another_scheduler_run_where_slurms_commands_are_dead(tmp_path):
    dead = tmp_path / "bin" / "squeue"
    dead.parent.mkdir()
    dead.write_text("#!/bin/sh\necho 'Unable to contact slurm controller' >&2\nexit 1\n")
    dead.chmod(0o755)
    (tmp_path / "study.yaml").write_text(yaml.safe_dump(small_config()))
    target = "results/benchmarks/longer_sums/manifest.json"
    done = subprocess.run(
        [
            sys.executable, "-m", "snakemake", "--executor", "toyqueue", "--jobs", "2",
            "--snakefile", ROOT / "Snakefile", "--configfile", "study.yaml",
            "--seconds-between-status-checks", "1", target,
        ],
        cwd=tmp_path, capture_output=True, text=True, timeout=170,
        env={
            **os.environ,
            "PATH": f"{dead.parent}:{Path(sys.executable).parent}:{os.environ['PATH']}",
            "PYTHONPATH": f"{TOY}:{ROOT / 'src'}",
        },
    )  # fmt: skip
    said = done.stdout + done.stderr
    assert done.returncode == 0, said[-3000:]
    assert "warning: jobs of an earlier run were not looked for" in said
    assert (tmp_path / target).exists()
