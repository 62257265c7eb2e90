"""One start of a cell's training: the claim on the cell, the count of attempts, its exit status."""

import os
import sys
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from rlscale.core.cell import Cell
from rlscale.jobs.attempts import counted
from rlscale.jobs.devices import use_gpus
from rlscale.jobs.disk import full_disk_named
from rlscale.jobs.imports import TRAINING
from rlscale.jobs.job import Job
from rlscale.jobs.owner import Owner, owned
from rlscale.jobs.signals import INTERRUPTED, Interrupted
from rlscale.training.pauses import Paused
from rlscale.training.run import Paths, Upkeep
from rlscale.training.watch import prepare_trackers


@dataclass(frozen=True)
class Claim:
    """What a start claims and counts before it trains.

    Attributes:
        owner: Claim on the cell.
        wait: Wait for another owner to end instead of refusing.
        attempts: Record of the attempts.
        faults: Attempts without progress that are too many.
        tracked: Folder that trackers write into.
    """

    owner: Path
    wait: bool
    attempts: Path
    faults: int
    tracked: Path


def start_training(
    cell: Cell,
    settings: Mapping[str, Any],
    paths: Paths,
    job: Job,
    upkeep: Upkeep,
    claim: Claim,
) -> int:
    """Claim a cell, count the attempt and train it.

    Args:
        cell, settings, paths, job: As for ``rlscale.training.train.train_cell``.
        upkeep: The same, without an owner.
        claim: What is claimed and counted.

    Returns:
        Exit status of the process: 0, or 85 where it was asked to stop.

    Raises:
        StudyError: Bad input, another owner, or a spent budget of attempts.
    """
    os.environ.update(TRAINING.environment)
    from rlscale.training.train import train_cell

    try:
        with ExitStack() as held:
            if os.environ.get("RANK", "0") == "0":  # the first of the processes of a launch
                upkeep = replace(upkeep, owner=_claim_cell(held, claim, paths.state))
            manifest = paths.outputs.manifest
            held.enter_context(full_disk_named(paths.state, paths.checkpoints, manifest.parent))
            use_gpus(job.gpus_per_node)
            prepare_trackers(upkeep.report_to, claim.tracked)
            train_cell(cell, settings, paths, job, upkeep)
    except Paused as pause:
        print(f"paused: {pause}")
    except Interrupted as stop:
        _wait_for_everyone()
        print(f"interrupted: {stop}", file=sys.stderr)
        return INTERRUPTED
    return 0


def _claim_cell(held: ExitStack, claim: Claim, state: Path) -> Owner:
    """The claim on a cell, and the count of this attempt, until ``held`` is closed."""
    owner = held.enter_context(owned(claim.owner, wait=claim.wait))
    held.enter_context(counted(claim.attempts, state, claim.faults))
    return owner


def _wait_for_everyone() -> None:
    """A launcher ends all processes as soon as one has ended: the first may still be writing."""
    from accelerate import PartialState

    PartialState().wait_for_everyone()
