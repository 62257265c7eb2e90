"""Pauses of a training run: where its state is saved so that its checkpoints can be evaluated.

A pause leaves ``pause.json`` in the folder of its resumable state: the checkpoints so far, as
train.json will list them. Training goes on once that file says that they are evaluated.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rlscale.core.files import read_json, write_json
from rlscale.models.weights import weights_digest

PAUSE = "pause.json"


class Paused(Exception):
    """The run waits for the evaluation of its checkpoints, and its state is saved."""


def pause_steps(recipe: Mapping[str, Any], most: int) -> set[int]:
    """Steps at which training pauses.

    Args:
        recipe: A resolved recipe.
        most: Most checkpoints that may lie on disk; 0 for any number, without pauses.
    """
    saved = sorted(set(recipe["checkpoints"]) - {0})
    return {*saved[most - 1 :: most], saved[-1]} if most else set()


def saved_checkpoints(
    model: Mapping[str, Any], checkpoints: Path, recipe: Mapping[str, Any]
) -> list[dict[str, Any]]:
    """Step, path and digest of a cell's checkpoints so far; step 0 is the model it starts from.

    Those whose weights were removed say so under ``weights``.
    """
    saved = [{"step": 0, "path": model["weights"], "digest": weights_digest(model["weights"])}]
    for step in sorted(set(recipe["checkpoints"]) - {0}):
        folder = checkpoints / f"step{step}"
        if removed_note(folder).exists():
            saved.append(read_json(removed_note(folder)))
        elif folder.exists():
            saved.append({"step": step, "path": str(folder), "digest": weights_digest(str(folder))})
    return saved


def removed_note(folder: Path) -> Path:
    """What stands beside the place of a checkpoint whose weights were removed."""
    return folder.with_name(f"{folder.name}.json")


def write_pause(
    state: Path,
    mark: str,
    name: str,
    checkpoints: list[dict[str, Any]],
    trust_remote_code: bool,
) -> None:
    """Let a pause begin.

    Args:
        state: Folder of the complete state that was saved for it.
        mark: The training's fingerprint.
        name: The cell's path.
        checkpoints: ``saved_checkpoints``.
        trust_remote_code: Whether the Python files in their folders may run.
    """
    pause = {"kind": "train", "name": name, "status": "ok", "fingerprint": mark}
    pause |= {"trust_remote_code": trust_remote_code, "checkpoints": checkpoints}
    write_json(state / PAUSE, {**pause, "evaluated": False})


def is_waiting(state: Path) -> bool:
    """Whether a saved state is that of a pause whose checkpoints are not evaluated yet."""
    if not read_json(state / "record.json")["paused"]:
        return False
    return not (state / PAUSE).exists() or not read_json(state / PAUSE)["evaluated"]
