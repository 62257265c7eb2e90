"""Training and evaluation of a cell in turn, in one job, with few checkpoints on disk.

Training pauses; the checkpoints that it saved are evaluated into the cell's sample store; their
weights are removed, and it goes on. Each is a process of its own, because only the end of a process
frees all of a GPU's memory. An interruption at any point costs what it costs either of them.
"""

import shutil
import signal
import subprocess
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from rlscale.core.errors import StudyError
from rlscale.core.files import read_json, write_json
from rlscale.core.manifests import sealed
from rlscale.jobs.signals import INTERRUPTED, STOP_SIGNALS
from rlscale.models.checkpoints import read_checkpoints
from rlscale.training.pauses import PAUSE, removed_note


def train_and_evaluate(
    train: Sequence[str], evaluate: Sequence[str], state: Path, checkpoints: Path, last_step: int
) -> int:
    """Run both in turn until the training has ended.

    Args:
        train: Command that trains until its next pause, or its end.
        evaluate: Command that evaluates the checkpoints of the pause that is added to it.
        state: Folder of the training's resumable state.
        checkpoints: Folder of the cell's checkpoints; nothing is removed elsewhere.
        last_step: Its last step, whose weights stay.

    Returns:
        Exit status: of the command that failed, 85 after a signal that asks to stop, or 0.
    """
    turn = _Turn()
    before = {number: signal.signal(number, turn.stop) for number in STOP_SIGNALS}
    try:
        while True:
            status = turn.run(train)
            if turn.stopping and status > 128:
                return INTERRUPTED  # ended by the signal while it loaded, or after its last words
            pauses = sorted(state.glob(f"checkpoint-*/{PAUSE}"))
            waiting = [pause for pause in pauses if not read_json(pause)["evaluated"]]
            if status or not waiting:
                return status
            if not turn.stopping:
                command = [*evaluate, "--pause", str(waiting[0])]
                status = turn.run(command, stop_by=signal.SIGTERM)
            if turn.stopping:
                return INTERRUPTED
            if status:
                return status
            remove_weights(waiting[0], checkpoints, last_step)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def remove_weights(pause: Path, checkpoints: Path, last_step: int) -> None:
    """Remove the weights of a pause's checkpoints, which are evaluated; their digests stay.

    Args:
        pause: ``pause.json`` of the pause.
        checkpoints: The cell's folder of them.
        last_step: Its last step, whose weights stay.

    Raises:
        StudyError: The pause names another folder than the step's own.
    """
    listed = read_json(pause)
    for checkpoint in read_checkpoints(listed, pause):
        folder = Path(checkpoint.path)
        if checkpoint.step not in (0, last_step) and folder.exists():
            if folder != checkpoints / f"step{checkpoint.step}" or folder.is_symlink():
                raise StudyError(
                    f"{pause}: names {folder} as the checkpoint of step {checkpoint.step}, which "
                    f"belongs in {checkpoints}; nothing is removed. Remove that state, train again"
                )
            # The note first: from then on the folder counts as gone, however little of it is left.
            write_json(removed_note(folder), replace(checkpoint, removed=True).to_json())
            shutil.rmtree(folder)
    write_json(pause, sealed(**{**listed, "evaluated": True}))


def is_evaluated_so_far(train: Path, evaluation: Path) -> bool:
    """Whether all that a cell's first evaluation asks was asked while it was trained.

    Args:
        train: The cell's train.json, if it is there.
        evaluation: Its eval.json, if it is there.
    """
    if not train.exists() or evaluation.exists():
        return False
    return any(checkpoint.removed for checkpoint in read_checkpoints(read_json(train), train))


class _Turn:
    """The command that runs, and whether all is asked to stop."""

    def __init__(self) -> None:
        self.stopping = False
        self.process: subprocess.Popen[bytes] | None = None
        self.stop_by: int | None = None

    def run(self, command: Sequence[str], stop_by: int | None = None) -> int:
        """Run to the end; a signal reaches it as it is, or as ``stop_by``."""
        self.stop_by = stop_by
        self.process = subprocess.Popen(command)
        if self.stopping:  # it came before there was a process to pass it on to
            self.process.terminate()
        status = self.process.wait()
        self.process = None
        return status if status >= 0 else 128 - status  # as shells say that a signal ended it

    def stop(self, number: int, _: Any) -> None:
        """Handle a signal."""
        self.stopping = True
        if self.process is not None:
            self.process.send_signal(self.stop_by or number)
