"""Pauses of a training run: where its state is saved so that its checkpoints can be evaluated.

A pause leaves ``pause.json`` in the folder of its resumable state: the checkpoints so far, as
train.json will list them. Training goes on once that file says that they are evaluated.
"""

from collections.abc import Sequence
from pathlib import Path

from rlscale.core.files import read_json, write_json
from rlscale.core.manifests import sealed
from rlscale.core.recipe import Recipe
from rlscale.jobs.signals import AsPlanned
from rlscale.models.checkpoints import Checkpoint, Model
from rlscale.models.weights import weights_digest
from rlscale.training.saving import RECORD

PAUSE = "pause.json"


class Paused(AsPlanned):
    """The run waits for the evaluation of its checkpoints, and its state is saved."""


def pause_steps(recipe: Recipe, most: int) -> set[int]:
    """Steps at which training pauses.

    Args:
        recipe: The cell's.
        most: Most checkpoints that may lie on disk; 0 for any number, without pauses.
    """
    saved = recipe.trained_checkpoints
    return {*saved[most - 1 :: most], saved[-1]} if most else set()


def saved_checkpoints(model: Model, checkpoints: Path, recipe: Recipe) -> list[Checkpoint]:
    """A cell's checkpoints so far; step 0 is the model that it starts from."""
    saved = [Checkpoint(0, model.folder, weights_digest(model.folder))]
    for step in recipe.trained_checkpoints:
        folder = checkpoints / f"step{step}"
        if removed_note(folder).exists():
            saved.append(Checkpoint.from_json(read_json(removed_note(folder))))
        elif folder.exists():
            saved.append(Checkpoint(step, str(folder), weights_digest(folder)))
    return saved


def removed_note(folder: Path) -> Path:
    """What stands beside the place of a checkpoint whose weights were removed."""
    return folder.with_name(f"{folder.name}.json")


def write_pause(state: Path, name: str, checkpoints: Sequence[Checkpoint]) -> None:
    """Let a pause begin.

    Args:
        state: Folder of the complete state that was saved for it.
        name: The cell's path.
        checkpoints: ``saved_checkpoints``.
    """
    pause = sealed(
        kind="train",
        name=name,
        status="ok",
        files=[],
        checkpoints=[checkpoint.to_json() for checkpoint in checkpoints],
        evaluated=False,
    )
    write_json(state / PAUSE, pause)


def is_waiting(state: Path) -> bool:
    """Whether a saved state is that of a pause whose checkpoints are not evaluated yet."""
    if not read_json(state / RECORD)["paused"]:
        return False
    return not (state / PAUSE).exists() or not read_json(state / PAUSE)["evaluated"]
