"""Jobs of a study in Slurm's queue, and the end of those that outlived their run."""

import os
import shutil
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

from rlscale.core.errors import StudyError

PREFIX = "rlscale_"  # of job names: slurm-jobname-prefix in slurm/config.yaml
_ENDING = 120  # seconds for cancelled jobs to leave the queue; Slurm's own KillWait is 30
_BUSY = 60  # seconds for which a controller under load may not answer
_PRESENT = 5  # seconds to learn whether there is one, where nothing depends on it


@dataclass(frozen=True)
class Job:
    """A job of this study that waits or runs."""

    number: str
    state: str
    step: str  # rule_<rule>_wildcards_<values>, as the executor comments its jobs


def jobs(folder: Path, patience: float = _BUSY) -> list[Job]:
    """The jobs in Slurm's queue that work in a folder, this process's own job apart.

    Args:
        folder: The study's.
        patience: Seconds that Slurm has to answer.

    Raises:
        StudyError: Slurm is installed here and does not answer.
    """
    if shutil.which("squeue") is None:
        return []
    queue = ("squeue", "--me", "--noheader", "--format=%i|%T|%Z|%j|%k")
    said = _slurm(*queue, patience=patience)
    lines = [line.split("|", 4) for line in said.splitlines()]
    return [
        Job(number, state, step)
        for number, state, place, name, step in lines
        if name.startswith(PREFIX)
        and Path(place) == folder
        and state != "COMPLETING"
        and number != os.environ.get("SLURM_JOB_ID")
    ]


def cancel_orphans(folder: Path, by_slurm: bool) -> None:
    """Before a run starts: end the jobs that a killed run left, and wait until they are gone.

    Beside them the new run would start the same steps again, on the same files. Training saves what
    it has when it is cancelled, or goes on from its last saved state.

    Args:
        folder: The study's.
        by_slurm: Whether the run submits jobs to Slurm. One that works here, or by another
            scheduler, goes on, with a warning, where Slurm's commands are installed and no
            controller answers.

    Raises:
        StudyError: Slurm does not answer a run by Slurm, or the jobs cannot be cancelled.
    """
    try:
        orphans = jobs(folder, _BUSY if by_slurm else _PRESENT)
    except StudyError as error:
        if by_slurm:
            raise
        why = str(error).partition("\n")[0]  # squeue says in four lines that nobody answers
        print(f"warning: jobs of an earlier run were not looked for: {why}", flush=True)
        return
    if not orphans:
        return
    print(f"cancelling {len(orphans)} jobs of a run that was killed here:", flush=True)
    for job in orphans:
        print(f"  {job.number} {job.state} {job.step}", flush=True)
    numbers = [job.number for job in orphans]
    _slurm("scancel", *numbers)
    deadline = time.monotonic() + _ENDING
    while _slurm("squeue", "--me", "--noheader", "--format=%i|%Z").count(f"|{folder}\n"):
        if time.monotonic() > deadline:
            raise StudyError(f"jobs {', '.join(numbers)} do not end; look at them with squeue")
        time.sleep(1)


def _slurm(*command: str, patience: float = _BUSY) -> str:
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=patience, check=True)
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
        why = (getattr(error, "stderr", "") or str(error)).strip()
        raise StudyError(f"{command[0]}: {why}; is this a node of the cluster?") from None
    return done.stdout
