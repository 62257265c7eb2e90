"""Jobs in Slurm's queue, with stand-ins for squeue and scancel; tests/slurm has the real ones."""

import time

import pytest

from rlscale.core.errors import StudyError
from rlscale.study import cluster


@pytest.fixture
def slurm(tmp_path, monkeypatch):
    """Installs a stand-in: the name of a command, and what a shell does in its place."""
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")

    def install(name: str, script: str) -> None:
        program = tmp_path / name
        program.write_text(f"#!/bin/sh\n{script}\n")
        program.chmod(0o755)

    return install


def queue(*lines: str) -> str:
    return "cat <<'END'\n" + "\n".join(lines) + "\nEND"


def test_a_folders_jobs_are_those_that_work_in_it(slurm, tmp_path, monkeypatch):
    monkeypatch.setenv("SLURM_JOB_ID", "4")
    slurm(
        "squeue",
        queue(
            f"1|RUNNING|{tmp_path}|rlscale_a|rule_train_cell_wildcards_x",
            "2|RUNNING|/elsewhere|rlscale_b|rule_train_cell_wildcards_x",
            f"3|PENDING|{tmp_path}|mine|",
            f"4|RUNNING|{tmp_path}|rlscale_this_process|",
            f"5|COMPLETING|{tmp_path}|rlscale_c|",
        ),
    )
    (job,) = cluster.jobs(tmp_path)
    assert (job.number, job.state, job.step) == ("1", "RUNNING", "rule_train_cell_wildcards_x")


def test_orphans_are_cancelled_and_waited_for(slurm, tmp_path, capsys):
    gone = tmp_path / "cancelled"
    left = queue(f"7|RUNNING|{tmp_path}|rlscale_a|train")
    slurm("squeue", f"test -e {gone} || {left}")
    slurm("scancel", f'test "$*" = 7 && touch {gone}')
    cluster.cancel_orphans(tmp_path, "slurm")
    assert gone.exists()
    assert "  7 RUNNING train" in capsys.readouterr().out


def test_orphans_that_cannot_be_cancelled_stop_the_run(slurm, tmp_path):
    slurm("squeue", queue(f"7|RUNNING|{tmp_path}|rlscale_a|train"))
    slurm("scancel", "echo 'Access/permission denied' >&2; exit 1")
    with pytest.raises(StudyError, match="scancel: Access/permission denied"):
        cluster.cancel_orphans(tmp_path, "slurm")


def test_a_run_by_slurm_needs_its_answer(slurm, tmp_path, capsys):
    slurm("squeue", "echo 'Unable to contact slurm controller' >&2; exit 1")
    with pytest.raises(StudyError, match="squeue: Unable to contact slurm controller"):
        cluster.cancel_orphans(tmp_path, "slurm")
    cluster.cancel_orphans(tmp_path, "local")
    assert "warning: jobs of an earlier run were not looked for" in capsys.readouterr().out


def test_a_run_here_does_not_wait_for_a_dead_controller(slurm, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(cluster, "_PRESENT", 0.2)
    slurm("squeue", "exec sleep 30")
    began = time.monotonic()
    cluster.cancel_orphans(tmp_path, "local")
    assert time.monotonic() - began < 10
    assert "timed out after 0.2 seconds" in capsys.readouterr().out


def test_no_slurm_no_jobs(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert cluster.jobs(tmp_path) == []
