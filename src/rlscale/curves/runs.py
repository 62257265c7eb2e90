"""One run's rows in the order in which they were logged become one row per step.

The rule for repeated steps, in all formats: where a run was resumed, the later rows count, and
those logged before, from the first repeated step on, are superseded; where a value was logged
twice at one step, the later one counts. Steps that are merely out of order are sorted. Rows that
look like several runs are refused.
"""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from rlscale.core.errors import StudyError

if TYPE_CHECKING:
    import pandas


STEP = "step of curves.csv"  # a name that no file has: `step` is the file's own
ROW = "row of the file"
_SEVERAL = (
    "if these are several runs, say what tells them apart: a column of the file (ingest.columns: "
    "seed, model, cell or benchmark), or the seed of each file (ingest.files)"
)


def by_step(
    rows: "pandas.DataFrame", used: Sequence[str], where: str
) -> tuple["pandas.DataFrame", list[str]]:
    """A run's rows by step, one each, with what was replaced or left out as notes.

    Args:
        rows: Rows of one run as they were logged, with ``STEP``; the index numbers the file's rows.
        used: Columns that are read; of the others nothing is said.
        where: File, for messages.

    Returns:
        The rows, with ``STEP`` and ``ROW``; notes.

    Raises:
        StudyError: A row that is used has no step, or the rows look like those of several runs.
    """
    import numpy as np

    if (np.diff(rows[STEP].to_numpy(float), prepend=-np.inf) > 0).all():  # as most runs are
        return rows.assign(**{ROW: rows.index}).reset_index(drop=True), []
    own = [name for name in dict.fromkeys(used) if name in rows.columns]
    notes = []
    absent = rows[STEP].isna()
    if absent.any():
        _check_unused(rows[absent], own, where)
        notes.append(f"{_count(int(absent.sum()), 'row')} without a step left out")
        rows = rows[~absent]
    kept, said = _last_segments(rows, own, where)
    notes += said
    merged = kept.assign(**{ROW: kept.index}).sort_values(STEP, kind="stable").groupby(STEP)
    if kept[STEP].duplicated().any():
        for name in own:
            different = merged[name].nunique()
            again = different[different > 1]
            if len(again) > max(1, (merged[name].count() > 0).sum() / 2):
                raise StudyError(
                    f"{where}: '{name}' has several values at most steps, such as "
                    f"{again.index[0]:g}; {_SEVERAL}"
                )
            if len(again):
                notes.append(
                    f"'{name}' was logged twice at {_steps(again.index)}: the later counts"
                )
    return merged.last().reset_index(), notes


def _check_unused(rows: "pandas.DataFrame", used: Sequence[str], where: str) -> None:
    for name in used:
        given = rows.index[rows[name].notna()]
        if len(given):
            raise StudyError(
                f"{where}: row {given[0] + 1}: step nan, but there is a '{name}'; if the step of "
                "an earlier row holds, map the step to 'carried step'"
            )


def _last_segments(
    rows: "pandas.DataFrame", used: Sequence[str], where: str
) -> tuple["pandas.DataFrame", list[str]]:
    """Rows without the values that a resume logged again, and without steps beyond it."""
    import numpy as np

    steps = rows[STEP].to_numpy()
    starts = np.flatnonzero(np.diff(steps) < 0) + 1
    given = rows[list(used)].notna()
    again = (given.groupby(rows[STEP]).sum() > 1).any(axis=None)
    if not len(starts) or not again or len(starts) > max(8, len(rows) / 4):
        return rows, ["steps were out of order and are sorted"] if len(starts) else []
    values = given.to_numpy()
    alive = np.ones(len(rows), bool)
    notes = []
    for first, last in zip(starts, [*starts[1:], len(rows)], strict=True):
        own, before = steps[first:last], steps[:first]
        over = np.stack(
            [np.isin(before, own[values[first:last, j]]) for j in range(values.shape[1])], axis=1
        )
        over &= values[:first] & alive[:first, None]
        if not over.any():
            continue  # merely out of order
        if own[0] <= before[alive[:first]].min():
            raise StudyError(
                f"{where}: row {rows.index[first] + 1}: steps begin again at {own[0]:g}; "
                f"{_SEVERAL}, or remove the rows before it where the run was started anew"
            )
        values[:first] &= ~over
        beyond = alive[:first] & (before > own.max())
        alive[:first] &= ~beyond
        notes.append(
            f"resumed at step {own[0]:g}: {_count(int(over.sum()), 'value')} of "
            f"{_steps(before[over.any(1)])} logged before are superseded"
            + (f", {_steps(before[beyond])} left out" if beyond.any() else "")
        )
    kept = rows.copy()
    kept[list(used)] = kept[list(used)].where(values)
    return kept[alive], notes


def _steps(steps: Iterable[float]) -> str:
    low, high = min(steps), max(steps)
    return f"step {low:g}" if low == high else f"steps {low:g} to {high:g}"


def _count(number: int, thing: str) -> str:
    return f"{number} {thing}{'' if number == 1 else 's'}"
