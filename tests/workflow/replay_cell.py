"""train_cell.py with its responses recorded; where $REPLAY holds a record, with those responses.

Losses and gradients of every update go to $REPLAY/updates<processes>.pt. TRL's shuffle of a step's
responses, which differs with the number of processes, gives way to an order in which updates hold
the same responses on one process and on two.
"""

import json
import os
import runpy
from pathlib import Path

import torch
import trl
from trl.trainer import grpo_trainer

FOLDER = Path(os.environ["REPLAY"])
PROCESSES = int(os.environ.get("WORLD_SIZE", "1"))
RECORD = FOLDER / "responses.json"
recorded = json.loads(RECORD.read_text()) if RECORD.exists() else None
responses: dict[str, list[list[int]]] = {}
losses, gradients = [], []


def in_order(batch: dict) -> dict:
    """Two updates, each with half of the first half of the responses and half of the second."""
    if PROCESSES == 2:  # each process holds one of the halves
        return batch
    size = len(batch["advantages"])
    order = torch.arange(size).reshape(2, 2, size // 4).transpose(0, 1).flatten()
    return {k: v[order] if torch.is_tensor(v) and v.ndim else v for k, v in batch.items()}


class Replaying(trl.GRPOTrainer):
    """Responses by step, prompt and turn of the prompt, instead of samples."""

    def _generate_single_turn(self, prompt_ids, *others):
        keys = [f"{self.state.global_step} {ids}" for ids in prompt_ids]
        if recorded is None:
            completion_ids, logprobs = super()._generate_single_turn(prompt_ids, *others)
            for key, ids in zip(keys, completion_ids, strict=True):
                responses.setdefault(key, []).append(ids)
            return completion_ids, logprobs
        return [recorded[key].pop(0) for key in keys], None

    def training_step(self, *inputs):
        loss = super().training_step(*inputs)
        losses.append(self.accelerator.gather(loss).mean().item())
        gradients.append(torch.cat([p.grad.flatten() for p in self.model.parameters()]))
        return loss


grpo_trainer.shuffle_sequence_dict = in_order
trl.GRPOTrainer = Replaying
runpy.run_path(str(Path(__file__).with_name("train_cell.py")), run_name="__main__")
if os.environ.get("RANK", "0") == "0":
    updates = {"losses": torch.tensor(losses), "gradients": torch.stack(gradients)}
    torch.save(updates, FOLDER / f"updates{PROCESSES}.pt")
    if recorded is None:
        RECORD.write_text(json.dumps(responses))
