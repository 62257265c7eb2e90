"""What one cell's training reads, writes and keeps, as its entry point hands it over."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rlscale.jobs.owner import Owner


@dataclass(frozen=True)
class Outputs:
    """Files of a finished training.

    Attributes:
        manifest: train.json, written last.
        metrics: TRL's metrics, one row per step.
        ledger: Tokens and FLOPs per step and phase.
        timings: Seconds and peak memory per step and phase; no manifest names it.
        consumed: Problems consumed, in their order.
    """

    manifest: Path
    metrics: Path
    ledger: Path
    timings: Path
    consumed: Path


@dataclass(frozen=True)
class Paths:
    """Where a training reads and writes.

    Attributes:
        model: Manifest of the weights that it starts from.
        data: Manifest of the data variant; ``train.parquet`` lies beside it.
        checkpoints: Folder for ``step<n>/``.
        state: Folder of the resumable state.
        outputs: Files of the finished training.
    """

    model: Path
    data: Path
    checkpoints: Path
    state: Path
    outputs: Outputs

    @property
    def inputs(self) -> dict[str, Path]:
        """The manifests that it reads, by the names that its own manifest gives them."""
        return {"model": self.model, "data": self.data}


@dataclass(frozen=True)
class Upkeep:
    """What goes on beside the computation, and changes nothing of it.

    Attributes:
        save_state_minutes: Least time between two savings of resumable state.
        checkpoints_on_disk: Most checkpoints before a pause for their evaluation; 0 for no pause.
        report_to: Trackers that follow the run; ``rlscale.training.watch.prepare_trackers`` came
            before.
        trust_remote_code: Whether the configuration lets the model's own Python files run.
        owner: Claim on the cell, in the process that holds it; checked before anything is written.
    """

    save_state_minutes: float
    checkpoints_on_disk: int = 0
    report_to: tuple[str, ...] = ()
    trust_remote_code: bool = False
    owner: "Owner | None" = None

    def check_owner(self) -> None:
        """Make sure that the cell is still ours; raises Owned where it is not."""
        if self.owner:
            self.owner.check()
