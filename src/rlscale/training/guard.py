"""What watches a training run: saved weights and state, stop requests, divergence.

Resumable state is taken at rollout boundaries only, because TRL loses buffered rollouts on a
resume. It lives outside the rule's declared outputs, which Snakemake removes when a run fails.
"""

import math
import os
import shutil
import time
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rlscale.core.files import read_json, write_json
from rlscale.jobs.owner import Owner
from rlscale.training.lora import merged
from rlscale.training.reward import Reward

if TYPE_CHECKING:
    from trl import GRPOTrainer


def prepare_state(state: Path, mark: str) -> Path | None:
    """The newest complete state of a run with the same fingerprint; any other is removed."""
    marker = state / "fingerprint.json"
    if marker.exists() and read_json(marker) == mark:
        complete = [path for path in state.glob("checkpoint-*") if (path / "record.json").exists()]
        newest = max(complete, key=lambda path: int(path.name.split("-")[1]), default=None)
        for path in state.glob("checkpoint-*"):
            if path != newest:
                shutil.rmtree(path)
        return newest
    shutil.rmtree(state, ignore_errors=True)
    write_json(marker, mark)
    return None


def guard_of(
    trainer: "GRPOTrainer",
    reward: Reward,
    recipe: Mapping[str, Any],
    checkpoints: Path,
    state: Path,
    save_state_minutes: float,
    owner: Owner | None,
    pauses: Collection[int],
) -> Any:
    """The callback that saves weights and state at rollout boundaries; added to the trainer.

    The cell's claim, which the first process holds, is checked at each boundary before anything is
    written: another process may have taken the cell over.
    """
    from accelerate.utils import gather_object
    from transformers import PrinterCallback, TrainerCallback

    processes = trainer.accelerator

    class Guard(TrainerCallback):
        """Acts at rollout boundaries only: weights, state, stop requests, divergence."""

        def __init__(self) -> None:
            self.stop_asked = False  # of this process, at any time
            self.stopping = False  # agreed by all of them
            self.interrupted = False
            self.pausing = False  # the state that is saved next is that of a pause
            self.paused_at: Path | None = None
            self.status = "ok"
            self.zero_reward_steps = 0
            self.saved_at = time.monotonic()

        def restore(self, record: Mapping[str, Any]) -> None:
            self.zero_reward_steps = record["zero_reward_steps"]
            self.status = record["status"]

        def on_log(self, args, run, control, logs, **_):
            bad = [key for key in ("loss", "grad_norm") if not math.isfinite(logs.get(key, 0.0))]
            if "reward" in logs:
                self.zero_reward_steps = 0 if logs["reward"] else self.zero_reward_steps + 1
            if bad or self.zero_reward_steps >= recipe["zero_reward_steps"]:
                reason = f"{bad[0]} is not finite" if bad else "the reward stays at 0"
                print(f"diverged at update {run.global_step}: {reason}")
                self.status = "diverged"
                self.pausing = bool(pauses)
                control.should_save |= self.pausing
                control.should_training_stop = True

        def on_step_end(self, args, run, control, **_):
            if run.global_step % recipe["updates_per_step"]:
                return
            step = run.global_step // recipe["updates_per_step"]
            reward.end_step()
            if owner:
                owner.check()
            if step in recipe["checkpoints"]:
                save_weights(trainer, checkpoints / f"step{step}", recipe["checkpoint_dtype"])
            due = time.monotonic() - self.saved_at > 60 * save_state_minutes
            # A signal or the time may reach one process before another; all must save, or none.
            asked = gather_object([(self.stop_asked, due)])
            self.stopping, due = (any(flags) for flags in zip(*asked, strict=True))
            self.pausing = step in pauses
            if self.pausing or ((self.stopping or due) and step < recipe["steps"]):
                control.should_save = True

        def on_save(self, args, run, control, **_):
            folder = state / f"checkpoint-{run.global_step}"
            processes.wait_for_everyone()
            if processes.is_main_process:
                record = {
                    **reward.state(),
                    "zero_reward_steps": self.zero_reward_steps,
                    "status": self.status,
                    "paused": self.pausing,
                }
                write_json(folder / "record.json", record)  # last: it marks the folder as complete
                for other in state.glob("checkpoint-*"):
                    if other != folder:
                        shutil.rmtree(other)
            self.saved_at = time.monotonic()
            if self.pausing:
                self.paused_at = folder
            if self.stopping:
                self.interrupted = True
            if self.stopping or self.pausing:
                control.should_training_stop = True

    guard = Guard()
    trainer.remove_callback(PrinterCallback)
    trainer.add_callback(guard)
    return guard


def save_weights(trainer: "GRPOTrainer", folder: Path, dtype: str) -> None:
    """Save tokenizer and model, adapters merged into it; the folder appears whole or not at all."""
    import torch
    from accelerate.utils import is_peft_model

    model = trainer.accelerator.unwrap_model(trainer.model)
    weights = trainer.accelerator.get_state_dict(trainer.model_wrapped)  # by all processes together
    if not trainer.accelerator.is_main_process:
        return
    if is_peft_model(model):
        weights = merged(weights, model.peft_config["default"])
        model = model.get_base_model()
    part = folder.with_name(f".{folder.name}.part")
    shutil.rmtree(part, ignore_errors=True)
    weights = {name: value.to(getattr(torch, dtype)) for name, value in weights.items()}
    model.save_pretrained(part, state_dict=weights)
    trainer.processing_class.save_pretrained(part)
    shutil.rmtree(folder, ignore_errors=True)
    os.replace(part, folder)
