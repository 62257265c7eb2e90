"""What a file looks like: its format, and which of its columns may be the loss."""

from pathlib import Path
from typing import TYPE_CHECKING

from rlscale.core.errors import StudyError
from rlscale.curves.readers import kind_of
from rlscale.curves.texts import read_text
from rlscale.curves.units import reads_like_success

if TYPE_CHECKING:
    import pandas

_SHOWN = 12


def guess_format(path: Path) -> str:
    """Name of the curve reader for a file or folder, by its name and its first lines.

    Raises:
        StudyError: It is not there, or a folder without anything known.
    """
    if not path.exists():
        raise StudyError(f"{path}: there is no such file")
    if path.is_dir():
        if any(path.rglob("*tfevents*")):
            return "tensorboard"
        if any(path.rglob("trainer_state.json")):
            return "trl"
        raise StudyError(
            f"{path}: neither TensorBoard's event files nor a trainer_state.json in it"
        )
    if kind_of(path) == ".parquet":
        return "table"
    text = read_text(path)
    first = text.split("\n", 1)[0]
    if '"log_history"' in text[:100_000] and kind_of(path) == ".json":
        return "trl"
    if ('"step"' in first and '"data"' in first) or "step:" in first:
        return "verl"
    marks = ('"_step"', "_step,", '"Step"', "Step,", "Relative Time", "train/global_step")
    return "wandb" if any(mark in first for mark in marks) else "table"


def loss_candidates(table: "pandas.DataFrame") -> str:
    """The columns that may hold the loss, with their ranges and what to write for each."""
    numeric = table.select_dtypes("number").drop(columns="step", errors="ignore")
    lines = []
    for name in numeric.columns:
        low, high = numeric[name].min(), numeric[name].max()
        if not 0 <= low <= high <= 100:
            continue
        scaled = f"0.01 * {name}" if high > 1 else str(name)
        likely = reads_like_success(str(name))
        lines.append((not likely, f"  {name}: {low:g} to {high:g}; --map 'loss=1 - {scaled}'"))
    return "\n".join(line for _, line in sorted(lines)[:_SHOWN])
