"""Jobs of a study in a scheduler's queue, and the end of those that outlived their run."""

import time
from collections.abc import Iterator
from pathlib import Path

from rlscale.core.errors import StudyError
from rlscale.jobs import schedulers
from rlscale.jobs.schedulers import QueuedJob, Scheduler

_ENDING = 120  # seconds for cancelled jobs to leave the queue; Slurm's own KillWait is 30
_PRESENT = 5  # seconds to learn whether there is one, where nothing depends on it


def jobs(folder: Path, patience: float = schedulers.BUSY) -> list[QueuedJob]:
    """The jobs in the queues of this machine's schedulers that work in a folder.

    Args:
        folder: The study's.
        patience: Seconds that a scheduler has to answer.

    Raises:
        StudyError: A scheduler is installed here and does not answer.
    """
    return [job for scheduler in schedulers.present() for job in _of(scheduler, folder, patience)]


def _of(scheduler: Scheduler, folder: Path, patience: float) -> Iterator[QueuedJob]:
    """The jobs of one scheduler that work in a folder, this process's own job apart."""
    for job in scheduler.jobs(patience):
        if job.folder == folder and job.number != scheduler.own_job():
            yield job


def cancel_orphans(folder: Path, by: str) -> None:
    """Before a run starts: end the jobs that a killed run left, and wait until they are gone.

    Beside them the new run would start the same steps again, on the same files. Training saves what
    it has when it is cancelled, or goes on from its last saved state.

    Args:
        folder: The study's.
        by: Name of the run's executor. One that is not the scheduler's own goes on, with a warning,
            where the scheduler's commands are installed and nobody answers.

    Raises:
        StudyError: The scheduler that the run submits to does not answer, or the jobs cannot be
            cancelled.
    """
    for scheduler in schedulers.present():
        try:
            patience = schedulers.BUSY if by == scheduler.name else _PRESENT
            orphans = list(_of(scheduler, folder, patience))
        except StudyError as error:
            if by == scheduler.name:
                raise
            why = str(error).partition("\n")[0]  # squeue says in four lines that nobody answers
            print(f"warning: jobs of an earlier run were not looked for: {why}", flush=True)
            continue
        if orphans:
            _cancel(scheduler, folder, orphans)


def _cancel(scheduler: Scheduler, folder: Path, orphans: list[QueuedJob]) -> None:
    print(f"cancelling {len(orphans)} jobs of a run that was killed here:", flush=True)
    for job in orphans:
        print(f"  {job.number} {job.state} {job.step}", flush=True)
    numbers = [job.number for job in orphans]
    scheduler.cancel(numbers)
    deadline = time.monotonic() + _ENDING
    while any(scheduler.holds(number) for number in numbers):
        if time.monotonic() > deadline:
            raise StudyError(f"jobs {', '.join(numbers)} do not end; look at them in the queue")
        time.sleep(1)
