"""What a run took: seconds and peak memory per step and phase.

They are measured, so they differ between runs that are equal in all else; that is why they stand
in a table of their own, which no manifest names.
"""

import functools
import re
import resource
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rlscale.accounting.ledger import TRAINING

if TYPE_CHECKING:
    from trl import GRPOTrainer

COLUMNS = ("step", "phase", "seconds", "peak_memory_bytes")
# Rewards, and what lies between two steps: data, checkpoints, resumable state.
OTHER = "other"


class Timings:
    """A stopwatch that is told, at the end of each phase, which one it was.

    Attributes:
        rows: ``COLUMNS`` of the steps that have ended. Seconds are those of this process on its
            device. Peak memory is the device's in that phase; without a GPU, the process's so far.
    """

    def __init__(self) -> None:
        self.rows: list[dict[str, Any]] = []
        self._step: dict[str, list[float]] = {}
        self._clock = time.monotonic()

    def mark(self, phase: str) -> None:
        """Count the time since the last mark as that phase's."""
        peak = _peak_memory()
        now = time.monotonic()
        spent = self._step.setdefault(phase, [0.0, 0])
        spent[0] += now - self._clock
        spent[1] = max(spent[1], peak)
        self._clock = now

    def end_step(self, step: int) -> None:
        """The time since the last mark was the updates'; the step's rows are complete."""
        self.mark("update")
        for phase in (*TRAINING, OTHER):
            if phase in self._step:
                seconds, peak = self._step[phase]
                row = (step, phase, round(seconds, 6), int(peak))
                self.rows.append(dict(zip(COLUMNS, row, strict=True)))
        self._step = {}


def time_phases(trainer: "GRPOTrainer", timings: Timings, phases: tuple[str, ...]) -> None:
    """Have a trainer's methods mark the ends of their phases.

    Args:
        trainer: Its methods are wrapped; what they do and return stays the same.
        timings: Where the phases are marked.
        phases: Those of a step (``rlscale.accounting.ledger.passes``). TRL scores responses
            without gradients in this order, so that the two scoring passes are told apart by it.
    """
    import torch

    scoring = [phase for phase in phases if phase in ("old_logprobs", "reference")]
    waiting: list[str] = []

    def wrap(name: str, phase_of: Any) -> None:
        method = getattr(trainer, name)

        @functools.wraps(method)
        def marked(*args: Any, **kwargs: Any) -> Any:
            phase = phase_of()
            if phase is None:
                return method(*args, **kwargs)
            timings.mark(OTHER)
            result = method(*args, **kwargs)
            timings.mark(phase)
            return result

        setattr(trainer, name, marked)

    def generation() -> str:
        waiting[:] = scoring
        return "generation"

    def score() -> str | None:
        return None if torch.is_grad_enabled() else waiting.pop(0)

    wrap("_generate", generation)
    wrap("_get_per_token_logps_and_entropies", score)
    wrap("_generate_and_score_completions", lambda: OTHER)


def _peak_memory() -> int:
    """Bytes; on a GPU since the last call, after what was queued there has ended."""
    import torch

    if torch.cuda.is_available():
        torch.cuda.synchronize()
        peak = torch.cuda.max_memory_allocated()
        torch.cuda.reset_peak_memory_stats()
        return peak
    # Of this program alone: getrusage also counts what the process held that started it.
    status = Path("/proc/self/status")
    held = re.search(rb"VmHWM:\s+(\d+) kB", status.read_bytes()) if status.is_file() else None
    kibibytes = int(held[1]) if held else resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return kibibytes * 1024
