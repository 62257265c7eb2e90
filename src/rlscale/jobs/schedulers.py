"""Schedulers of clusters: whatever the product knows of one stands in its class here.

A job learns its own number from its environment; a queue is asked by the scheduler's commands.
What a site calls its GPUs and memory stands in its profile (docs/cluster.md), not here.
"""

import getpass
import os
import re
import shutil
import subprocess
import sys
import time
from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

from rlscale.core.errors import StudyError

PREFIX = "rlscale_"  # of job names: slurm-jobname-prefix in slurm/config.yaml, qsub's -N
BUSY = 60.0  # seconds for which a controller under load may not answer
_ACCOUNTED = 60.0  # seconds until a job that has left Grid Engine's queue stands in its accounts


@dataclass(frozen=True)
class QueuedJob:
    """A job of a study that waits or runs."""

    number: str
    state: str
    folder: Path
    step: str  # Slurm: rule_<rule>_wildcards_<values>; Grid Engine: the job's name


class Scheduler(ABC):
    """What is asked of a scheduler."""

    name: str
    queue_command: str  # is there where the scheduler is

    @property
    def present(self) -> bool:
        """Whether its commands are installed here."""
        return shutil.which(self.queue_command) is not None

    @abstractmethod
    def own_job(self) -> str | None:
        """The number of the job that this process belongs to."""

    @abstractmethod
    def jobs(self, patience: float) -> list[QueuedJob]:
        """This user's jobs of studies that wait or run.

        Args:
            patience: Seconds that the scheduler has to answer.

        Raises:
            StudyError: It does not answer.
        """

    @abstractmethod
    def holds(self, job: str) -> bool:
        """Whether a job waits or runs; what cannot be asked counts as yes."""

    @abstractmethod
    def cancel(self, numbers: Sequence[str]) -> None:
        """End jobs.

        Raises:
            StudyError: The scheduler refuses.
        """


class Slurm(Scheduler):
    """Slurm, by squeue and scancel."""

    name, queue_command = "slurm", "squeue"
    _over = ("", "COMPLETED", "CANCELLED", "FAILED", "TIMEOUT")

    def own_job(self) -> str | None:
        """The number of the job that this process belongs to."""
        return os.environ.get("SLURM_JOB_ID")

    def jobs(self, patience: float) -> list[QueuedJob]:
        """This user's jobs of studies that wait or run."""
        queue = ("squeue", "--me", "--noheader", "--format=%i|%T|%Z|%j|%k")
        lines = [line.split("|", 4) for line in _say(queue, patience).splitlines()]
        return [
            QueuedJob(number, state, Path(place), step)
            for number, state, place, name, step in lines
            if name.startswith(PREFIX) and state != "COMPLETING"
        ]

    def holds(self, job: str) -> bool:
        """Whether a job waits or runs; what cannot be asked counts as yes."""
        found = _ask(("squeue", "--noheader", "--jobs", job, "--format=%T"))
        if found is None or found.returncode:
            return found is None or "Invalid job id" not in found.stderr
        return found.stdout.strip() not in self._over

    def cancel(self, numbers: Sequence[str]) -> None:
        """End jobs."""
        _say(("scancel", *numbers), BUSY)

    def on_nodes(self, launch: str, nodes: int, gpus_per_node: int) -> str:
        """The start of a shell command that runs ``accelerate launch`` on each node of a job."""
        # Overlap: Snakemake runs in a step of the same allocation, and would keep its share.
        spread = f"srun --overlap --nodes={nodes} --ntasks={nodes} --ntasks-per-node=1"
        rank = '--machine_rank "$SLURM_NODEID"'
        first = '$(scontrol show hostnames "$SLURM_JOB_NODELIST" | head -n 1)'
        port = "$((20000 + SLURM_JOB_ID % 10000))"
        return (
            f"{spread} --gpus-per-node={gpus_per_node} sh -c 'exec {launch} {rank}"
            f' --main_process_ip "{first}" --main_process_port {port} "$@"\' launch'
        )


class GridEngine(Scheduler):
    """Grid Engine, by qstat, qdel and qacct."""

    name, queue_command = "gridengine", "qstat"

    @property
    def present(self) -> bool:
        """Whether its commands are installed here, and are Grid Engine's: PBS has a qstat, too."""
        return "SGE_ROOT" in os.environ and super().present

    def own_job(self) -> str | None:
        """The number of the job that this process belongs to."""
        return os.environ.get("JOB_ID") if "SGE_ROOT" in os.environ else None

    def jobs(self, patience: float) -> list[QueuedJob]:
        """This user's jobs of studies that wait or run."""
        listed = ElementTree.fromstring(_say(("qstat", "-xml", "-u", getpass.getuser()), patience))
        states = {
            job.findtext("JB_job_number", ""): job.findtext("state", "")
            for job in listed.iter("job_list")
            if job.findtext("JB_name", "").startswith(PREFIX)
        }
        found = []
        for number, state in states.items():
            said = _ask(("qstat", "-j", number), patience)  # fails where the job has just ended
            facts = dict(re.findall(r"(?m)^(\w+): +(.+)$", said.stdout)) if said else {}
            if "sge_o_workdir" in facts:
                place = Path(facts["sge_o_workdir"])
                found.append(QueuedJob(number, state, place, facts["job_name"]))
        return found

    def holds(self, job: str) -> bool:
        """Whether a job waits or runs; what cannot be asked counts as yes."""
        found = _ask(("qstat", "-j", job))
        return found is None or found.returncode == 0 or "do not exist" not in found.stderr

    def cancel(self, numbers: Sequence[str]) -> None:
        """End jobs."""
        _say(("qdel", *numbers), BUSY)

    def outcome(self, job: str) -> str:
        """What Snakemake's executor cluster-generic asks of a job: running, success or failed."""
        if self.holds(job):
            return "running"
        deadline = time.monotonic() + _ACCOUNTED
        while time.monotonic() < deadline:
            said = _ask(("qacct", "-j", job))
            ends = re.findall(r"(?m)^(failed|exit_status) +(\S+)", said.stdout) if said else []
            if ends:
                return "success" if all(value == "0" for _, value in ends) else "failed"
            time.sleep(1)
        return "failed"  # it never ran, or accounting is off


SLURM, GRID_ENGINE = Slurm(), GridEngine()
_ALL: tuple[Scheduler, ...] = (SLURM, GRID_ENGINE)


def present() -> Iterable[Scheduler]:
    """The schedulers whose commands are installed here."""
    return (scheduler for scheduler in _ALL if scheduler.present)


def own_job() -> tuple[str, str] | None:
    """Scheduler and number of the job that this process belongs to; None outside of one."""
    for scheduler in _ALL:
        if job := scheduler.own_job():
            return scheduler.name, job
    return None


def holds(name: str, job: str) -> bool:
    """Whether the scheduler of that name still has a job; no where it is not installed here."""
    return any(scheduler.name == name and scheduler.holds(job) for scheduler in present())


def _say(command: Sequence[str], patience: float) -> str:
    """Output of a scheduler's command, which must succeed."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=patience, check=True)
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
        why = (getattr(error, "stderr", "") or str(error)).strip()
        raise StudyError(f"{command[0]}: {why}; is this a node of the cluster?") from None
    return done.stdout


def _ask(
    command: Sequence[str], patience: float = BUSY
) -> "subprocess.CompletedProcess[str] | None":
    """What a scheduler's command says, whatever its status; None where it does not answer."""
    try:
        return subprocess.run(command, capture_output=True, text=True, timeout=patience)
    except subprocess.TimeoutExpired:
        return None


if __name__ == "__main__":
    print(GRID_ENGINE.outcome(sys.argv[1]))
