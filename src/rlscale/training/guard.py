"""What watches a training run: weights and state to save, stop requests, divergence.

Resumable state is taken at rollout boundaries only, because TRL loses buffered rollouts on a
resume.
"""

import math
import time
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rlscale.core.files import write_json
from rlscale.core.recipe import Recipe
from rlscale.training.guarantees import check_first_kl, check_seed
from rlscale.training.reward import Reward
from rlscale.training.run import Paths, Upkeep
from rlscale.training.saving import RECORD, file_sizes, remove_other_states, save_weights

if TYPE_CHECKING:
    from transformers import TrainerCallback, TrainerControl
    from trl import GRPOTrainer


class Guard:
    """Acts at rollout boundaries only.

    Args:
        trainer: Whose weights are saved.
        reward: Its record is saved with the state.
        recipe: The cell's.
        paths: Where weights and state go.
        upkeep: When state is saved; the claim on the cell, which the first process holds, is
            checked at each boundary before anything is written.
        pauses: Steps at which training pauses.

    Attributes:
        stop_asked: Whether a signal has asked this process to stop, at any time.
        interrupted: Whether all processes have stopped for a signal, with their state saved.
        paused_at: The state that was saved for a pause.
        status: ``ok`` or ``diverged``.
    """

    def __init__(
        self,
        trainer: "GRPOTrainer",
        reward: Reward,
        recipe: Recipe,
        paths: Paths,
        upkeep: Upkeep,
        pauses: Collection[int],
    ) -> None:
        self._trainer, self._processes = trainer, trainer.accelerator
        self._reward, self._recipe = reward, recipe
        self._paths, self._upkeep, self._pauses = paths, upkeep, pauses
        self.stop_asked = False
        self.interrupted = False
        self.paused_at: Path | None = None
        self.status = "ok"
        self._stopping = False  # agreed by all processes
        self._pausing = False  # the state that is saved next is that of a pause
        self._zero_reward_steps = 0
        self._saved_at = time.monotonic()

    def restore(self, record: Mapping[str, Any]) -> None:
        """Go on from a saved state's record."""
        self._zero_reward_steps = record["zero_reward_steps"]
        self.status = record["status"]

    def logged(self, update: int, logs: Mapping[str, float], control: "TrainerControl") -> None:
        """End a run whose loss or gradient is not finite, or that earns no reward any more."""
        bad = [key for key in ("loss", "grad_norm") if not math.isfinite(logs.get(key, 0.0))]
        if "reward" in logs:
            self._zero_reward_steps = 0 if logs["reward"] else self._zero_reward_steps + 1
        if bad or self._zero_reward_steps >= self._recipe.zero_reward_steps:
            reason = f"{bad[0]} is not finite" if bad else "the reward stays at 0"
            self._diverge(f"update {update}", reason, control)

    def _diverge(self, place: str, reason: str, control: "TrainerControl") -> None:
        print(f"diverged at {place}: {reason}")
        self.status = "diverged"
        self._pausing = bool(self._pauses)
        control.should_save |= self._pausing
        control.should_training_stop = True

    def first_update_ended(self) -> None:
        """Make sure that the reference, if there is one, is the model that training starts from."""
        if self._trainer.beta:
            check_first_kl(self._trainer._metrics["train"]["kl"], self._trainer.args)

    def step_ended(self, step: int, control: "TrainerControl") -> None:
        """Save what is due at a rollout boundary."""
        from accelerate.utils import gather_object

        check_seed(self._trainer.args.seed)
        self._reward.end_step()
        self._upkeep.check_owner()
        finite = True
        if step in self._recipe.checkpoints:
            folder = self._paths.checkpoints / f"step{step}"
            finite = save_weights(self._trainer, folder, self._recipe.checkpoint_dtype)
        due = time.monotonic() - self._saved_at > 60 * self._upkeep.save_state_minutes
        # A signal or the time may reach one process before another; all must save, or none.
        asked = gather_object([(self.stop_asked, due, not finite)])
        self._stopping, due, broken = (any(flags) for flags in zip(*asked, strict=True))
        if broken:
            self._diverge(f"step {step}", "the weights are not finite", control)
            return
        self._pausing = step in self._pauses
        if self._pausing or ((self._stopping or due) and step < self._recipe.steps):
            control.should_save = True

    def state_saved(self, update: int, control: "TrainerControl") -> None:
        """Complete a saved state, and stop where that was the point of it."""
        folder = self._paths.state / f"checkpoint-{update}"
        self._processes.wait_for_everyone()
        if self._processes.is_main_process:
            record = {
                **self._reward.record(),
                "zero_reward_steps": self._zero_reward_steps,
                "status": self.status,
                "paused": self._pausing,
                "files": file_sizes(folder),
            }
            write_json(folder / RECORD, record)
            remove_other_states(self._paths.state, folder)
        self._saved_at = time.monotonic()
        if self._pausing:
            self.paused_at = folder
        self.interrupted |= self._stopping
        if self._stopping or self._pausing:
            control.should_training_stop = True


def callback_of(guard: Guard, updates_per_step: int) -> "TrainerCallback":
    """The callback by which a trainer tells its guard what happens."""
    from transformers import TrainerCallback

    class Callback(TrainerCallback):
        """Translates updates, which TRL counts, to steps."""

        def on_log(self, args: Any, run: Any, control: Any, logs: Any, **_: Any) -> None:
            guard.logged(run.global_step, logs, control)

        def on_step_end(self, args: Any, run: Any, control: Any, **_: Any) -> None:
            if run.global_step == 1:
                guard.first_update_ended()
            if run.global_step % updates_per_step == 0:
                guard.step_ended(run.global_step // updates_per_step, control)

        def on_save(self, args: Any, run: Any, control: Any, **_: Any) -> None:
            guard.state_saved(run.global_step, control)

    return Callback()
