"""W&B's panels: a column per run and metric, "<run> - <metric>", and its __MIN and __MAX.

Names of runs and of metrics may hold " - " themselves. What is read decides: a column belongs to
the metric that an expression names, and what stands before it is the run.
"""

import re
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rlscale.core.errors import StudyError
from rlscale.core.labels import shown
from rlscale.curves.expressions import names_in
from rlscale.curves.texts import noted, notes_of
from rlscale.curves.units import thinned

if TYPE_CHECKING:
    import pandas

_BETWEEN = " - "
_COPIES = ("__MIN", "__MAX")
_OWN = ("_step", "_runtime", "_timestamp")  # what W&B logs of every run
_GROUP = re.compile(r"(?:Group|[\w./]+): ")
_MOST_PARTS = 10  # " - " in a name; each is another way to read it
_NUMBER = re.compile(r"[\d.]+")
_STEPS = ("train/global_step", "_step", "Step", "step")
_Way = tuple[str, str]  # run and metric


def with_step(table: "pandas.DataFrame", path: Path, sampled: bool = True) -> "pandas.DataFrame":
    """A history of W&B, the one of its counts of steps that is the trainer's in ``step``.

    Args:
        table: A row per logged step.
        path: Its file, for messages.
        sampled: Whether W&B may have drawn a sample of the rows.

    Raises:
        StudyError: No column counts steps.
    """
    steps = [name for name in _STEPS if name in table.columns]
    if not steps:
        axis = table.columns[0] if len(table.columns) else "nothing"
        raise StudyError(
            f"{path}: neither Step nor _step; its first column is '{axis}': not a W&B export, a "
            "panel over time, or a table of runs (their last values); set a panel's x axis to Step "
            "and export that"
        )
    notes = notes_of(table)
    if len(steps) > 1:
        notes.append(f"steps are those of '{steps[0]}', not of '{steps[1]}'")
    if sampled:
        notes += thinned(table[steps[0]])
    return noted(table.assign(step=table[steps[0]]), notes)


def as_panel(table: "pandas.DataFrame", path: Path) -> "pandas.DataFrame":
    """A panel's export, as ``runs_of`` reads it; notes on columns that are no logged values.

    Raises:
        StudyError: A column's name may be read as run and metric in more ways than any is.
    """
    odd = next((name for name in table.columns if name.count(_BETWEEN) > _MOST_PARTS), None)
    if odd is not None:
        raise StudyError(
            f"{path}: the column {shown(odd)} holds ' - ' {odd.count(_BETWEEN)} times, "
            f"{_MOST_PARTS} at most can be read as 'run - metric'; rename it"
        )
    notes = notes_of(table)
    for name in _values(table):
        low, high = (f"{name}{suffix}" for suffix in _COPIES)
        if _GROUP.match(name):
            notes.append(f"'{name}' is W&B's average over a group of runs; export them ungrouped")
        elif low in table.columns and (table[low] != table[high]).where(table[low].notna()).any():
            notes.append(f"'{name}' was down-sampled by W&B: __MIN and __MAX differ")
    table = noted(table, notes)
    table.attrs["panel"] = True
    return table


def is_panel(table: "pandas.DataFrame") -> bool:
    """Whether ``as_panel`` made it."""
    return bool(table.attrs.get("panel"))


def metrics_of(table: "pandas.DataFrame") -> "pandas.DataFrame":
    """A column per name that a metric may have, with the values of all its runs."""
    import pandas

    found: dict[str, list[pandas.Series]] = {}
    for name in _values(table):
        for _, metric in _splits(name):
            found.setdefault(metric, []).append(table[name])
    return pandas.DataFrame({m: pandas.concat(own, ignore_index=True) for m, own in found.items()})


def runs_of(
    table: "pandas.DataFrame", expressions: Collection[str], known: Collection[str], path: Path
) -> tuple[dict[str, "pandas.DataFrame"], list[str]]:
    """The rows of each run of a panel, its columns called by their metrics; notes.

    Args:
        table: What ``as_panel`` gives.
        expressions: What columns of curves.csv are made from.
        known: Names of runs that the settings speak of.
        path: Its file, for messages.

    Raises:
        StudyError: A column may be of one run or of another, and nothing says of which.
    """
    shared = [name for name in table.columns if _BETWEEN not in name]
    splits = {name: _splits(name) for name in _values(table)}
    sure = set(known) | {run for own in splits.values() for run, metric in own if metric in _OWN}
    for name, own in splits.items():
        splits[name] = [way for way in own if way[0] in sure][:1] or own
    placed, notes = _placed(splits, expressions, path)
    _check_within(splits, placed, path)
    runs: dict[str, dict[str, str]] = {}
    for name, (run, metric) in placed.items():
        runs.setdefault(run, {})[name] = metric
    found = {}
    for run, names in runs.items():
        rows = table[[*shared, *names]].dropna(how="all", subset=list(names))
        found[run] = with_step(noted(rows.rename(columns=names), []), path)
        notes += notes_of(found[run])
    return found, list(dict.fromkeys(notes))


def _values(table: "pandas.DataFrame") -> list[str]:
    return [name for name in table.columns if _BETWEEN in name and not name.endswith(_COPIES)]


def _splits(name: str) -> list[_Way]:
    """Ways to read a column's name as run and metric, that of the shortest metric first.

    No metric begins with a number, which would be read as one: '1 - acc'.
    """
    parts = name.split(_BETWEEN)
    ways = [
        (_BETWEEN.join(parts[:cut]), _BETWEEN.join(parts[cut:]))
        for cut in range(len(parts) - 1, 0, -1)
        if not _NUMBER.fullmatch(parts[cut])
    ]
    return ways or [(_BETWEEN.join(parts[:-1]), parts[-1])]


def _placed(
    splits: Mapping[str, Sequence[_Way]], expressions: Collection[str], path: Path
) -> tuple[dict[str, _Way], list[str]]:
    """Column -> run and metric, by the metrics that expressions name; notes.

    Of the columns that nothing reads, those stay out that may be of several runs.
    """
    metrics = [metric for own in splits.values() for _, metric in own]
    named = {found for text in expressions for found in names_in(text, metrics)}
    read = {name: [way for way in own if way[1] in named] for name, own in splits.items()}
    for name, own in read.items():
        if len(own) > 1:
            raise _undecided(name, own[0], own[1], path)
    if not any(read.values()):
        return {name: own[0] for name, own in splits.items()}, []
    notes = []
    several = [name for name, own in read.items() if own and len(splits[name]) > 1]
    if several:
        run, metric = read[several[0]][0]
        notes.append(
            f"'{several[0]}' is taken for '{metric}' of the run '{run}', as the expressions have "
            f"it, not for {' or '.join(repr(m) for _, m in splits[several[0]] if m != metric)}"
        )
    runs = {own[0][0] for own in read.values() if own}
    placed = {}
    for name, ways in splits.items():
        fitting = read[name] or [way for way in ways if way[0] in runs] or list(ways)
        if len(fitting) == 1:
            placed[name] = fitting[0]
        else:
            notes.append(f"'{name}', which nothing reads, may be of several runs: left out")
    return placed, notes


def _check_within(
    splits: Mapping[str, Sequence[_Way]], placed: Mapping[str, _Way], path: Path
) -> None:
    """Refuse a run whose name begins with another one's: its rest may be the metric's."""
    runs = {run for run, _ in placed.values()}
    for name, way in placed.items():
        other = next((own for own in splits[name] if own != way and own[0] in runs), None)
        if other:
            raise _undecided(name, way, other, path)


def _undecided(name: str, one: _Way, other: _Way, path: Path) -> StudyError:
    return StudyError(
        f"{path}: '{name}' may be '{one[1]}' of a run '{one[0]}' or '{other[1]}' of a run "
        f"'{other[0]}': a table of the runs' names, --runs, decides"
    )
