"""One run at a time in a study's folder: the jobs of another are seen."""

import subprocess
import sys
from pathlib import Path

import pytest

from rlscale.core.errors import StudyError
from rlscale.study import runs

SLEEP = "import time; print(flush=True); time.sleep(60)"


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (["-m", "rlscale.cli.main", "train", "main/a-base/tau1-g8/seed1", "--here"], "rlscale tra"),
        (["/env/bin/rlscale", "step", "collect_curves"], "rlscale step collect_curves"),
        (["/env/bin/snakemake", "all"], "/env/bin/snakemake"),
    ],
)
def test_a_job_that_outlived_its_run_is_named(tmp_path, monkeypatch, words, named):
    monkeypatch.chdir(tmp_path)
    Path("Snakefile").touch()
    started = [sys.executable, "-c", SLEEP, *words]
    with subprocess.Popen(started, stdout=subprocess.PIPE) as process:
        process.stdout.readline()
        try:
            with pytest.raises(StudyError, match=f"process {process.pid}: {named}"), runs.alone():
                pass
        finally:
            process.kill()


def test_looking_at_a_study_is_no_work(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("Snakefile").touch()
    started = [sys.executable, "-c", SLEEP, "/env/bin/rlscale", "why", "results/fig_k_of_N.pdf"]
    with subprocess.Popen(started, stdout=subprocess.PIPE) as process:
        process.stdout.readline()
        with runs.alone():
            pass
        process.kill()
