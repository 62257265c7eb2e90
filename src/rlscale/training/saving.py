"""What a training run puts on disk while it runs: resumable state, and the weights that it keeps.

Resumable state lies outside the rule's declared outputs, which Snakemake removes when a run fails.
"""

import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from rlscale.core.errors import StudyError
from rlscale.core.files import modes_by_umask, new_folder, read_json, write_json
from rlscale.jobs.finished import MARK
from rlscale.training.lora import merged

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel
    from trl import GRPOTrainer

RECORD = "record.json"  # written last: it marks a saved state as complete


def prepare_state(state: Path, mark: str) -> Path | None:
    """The newest complete state of a run with the same mark; any other is removed."""
    marker = state / MARK
    if marker.exists() and read_json(marker) == mark:
        complete = [path for path in state.glob("checkpoint-*") if (path / RECORD).exists()]
        newest = max(complete, key=lambda path: int(path.name.split("-")[1]), default=None)
        if newest is not None:
            _check_whole(newest)
        remove_other_states(state, newest)
        return newest
    shutil.rmtree(state, ignore_errors=True)
    write_json(marker, mark)
    return None


def file_sizes(saved: Path) -> dict[str, int]:
    """Bytes of the files of a saved state, which its record keeps."""
    files = (path for path in saved.rglob("*") if path.is_file() and path.name != RECORD)
    return {str(path.relative_to(saved)): path.stat().st_size for path in files}


def _check_whole(saved: Path) -> None:
    """Refuse a saved state whose files are not those that were saved."""
    there = file_sizes(saved)
    for name, size in read_json(saved / RECORD).get("files", {}).items():
        if there.get(name) != size:
            raise StudyError(
                f"{saved / name}: {there.get(name, 'no')} bytes where {size} were saved: cut off "
                "or removed, so training cannot go on from it. Put the file back, or remove "
                f"{saved} to train the cell from its start"
            )


def remove_other_states(state: Path, kept: Path | None) -> None:
    """Remove all saved states but one."""
    for folder in state.glob("checkpoint-*"):
        if folder != kept:
            shutil.rmtree(folder)


def save_weights(trainer: "GRPOTrainer", folder: Path, dtype: str) -> bool:
    """Save tokenizer and model, adapters merged into it; the folder appears whole or not at all.

    Returns:
        Whether the weights are finite; if not, nothing is saved.
    """
    from accelerate.utils import is_peft_model

    model = trainer.accelerator.unwrap_model(trainer.model)
    tensors = trainer.accelerator.get_state_dict(trainer.model_wrapped)  # by all processes together
    if not trainer.accelerator.is_main_process:
        return True
    if not all(value.isfinite().all() for value in tensors.values()):
        return False
    if is_peft_model(model):
        tensors = merged(tensors, model.peft_config["default"])
        model = model.get_base_model()
    part = folder.with_name(f".{folder.name}.part")
    new_folder(part)
    model.save_pretrained(part, state_dict=kept_tensors(tensors, model, dtype))
    trainer.processing_class.save_pretrained(part)
    modes_by_umask(part)
    shutil.rmtree(folder, ignore_errors=True)
    os.replace(part, folder)
    return True


def kept_tensors(
    tensors: Mapping[str, "torch.Tensor"], model: "PreTrainedModel", dtype: str
) -> dict[str, "torch.Tensor"]:
    """What a checkpoint holds: each weight once, in its number format.

    A tied output head is left out by its name: gathered by FSDP, or in another format, it is no
    longer the same memory as the embedding, and would be saved as a second copy.
    """
    import torch

    tied = model.all_tied_weights_keys
    wanted = getattr(torch, dtype)
    return {name: value.to(wanted) for name, value in tensors.items() if name not in tied}
