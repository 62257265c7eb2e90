"""Interrupted steps go on in new jobs on a cluster (tests/slurm); a run here tries once."""

import re
import subprocess
import sys

import pytest
import yaml

from conftest import ROOT, small_config


@pytest.mark.slow
@pytest.mark.parametrize("option", ["-j2", "--cores=2"])
def test_a_run_here_tries_once(tmp_path, option):
    config = small_config()
    config["training"]["retries"] = 7
    (tmp_path / "study.yaml").write_text(yaml.safe_dump(config))
    (tmp_path / "Snakefile").write_text(
        f'include: "{ROOT}/Snakefile"\n\n\nprint("retries:", RETRIES)\n'
    )
    command = [sys.executable, "-m", "snakemake", option, "results/cells.txt"]
    done = subprocess.run(
        [*command, "--configfile", "study.yaml"], cwd=tmp_path, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert set(re.findall(r"retries: (\d+)", done.stdout + done.stderr)) == {"0"}
