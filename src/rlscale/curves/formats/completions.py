"""TRL's completions logs: ``completions/completions_00010.parquet``, a row per response."""

from pathlib import Path
from typing import TYPE_CHECKING

from rlscale.core.errors import StudyError
from rlscale.curves.texts import noted, read_parquet

if TYPE_CHECKING:
    import pandas


def read_completions(path: Path) -> "pandas.DataFrame":
    """Means of what stands with the responses (rewards, advantage) per step, and their number as
    ``completions``.
    """
    import pandas

    files = sorted(path.rglob("completions_*.parquet")) if path.is_dir() else [path]
    if not files:
        raise StudyError(
            f"{path}: no completions_*.parquet of TRL's log_completions in this folder"
        )
    table = pandas.concat(map(read_parquet, files), ignore_index=True)
    if "step" not in table:
        raise StudyError(f"{files[0]}: no column 'step': not TRL's completions")
    steps = table.select_dtypes("number").groupby("step")
    means = steps.mean().assign(completions=steps.size()).reset_index()
    return noted(means, [f"{len(table)} responses of {len(means)} steps are averaged per step"])
