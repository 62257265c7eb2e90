"""Whether ingested numbers can be what they are taken for: running counts, losses, percentages."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rlscale.core.errors import StudyError
from rlscale.core.tables import LEAST_SIZE, SIZES
from rlscale.curves.trends import rises

if TYPE_CHECKING:
    import pandas

COUNTS = ("data_samples", "compute_flops", "compute_flops_full", "tokens", "gpu_seconds")
_ROUNDING = 1e-6  # what a share of single precision may lie above 1
_MANY = 100  # points that a tracker may have thinned out
_SUCCESS = re.compile(r"acc|accuracy|reward|score|correct|success|solved|match|pass\w*", re.I)
_PERCENT = re.compile(r"percent|pct|%", re.I)
_OBJECTIVE = re.compile(r"(?:.+/)?(?:(?:eval|train|actor|policy|pg|critic)[_/])+loss")
_TAKEN_FROM = re.compile(r"(?:^|[\s(])[\d.]+ ?- ")  # a number: 1 - acc, 0.5 - 0.5 * reward
_FAILURE = re.compile(r"loss|err|error|wrong|fail\w*", re.I)


def carry(table: "pandas.DataFrame") -> list[str]:
    """Carry running counts to evaluated steps at which they were not logged; returns notes."""
    notes = []
    for name in [name for name in COUNTS if name in table and table[name].isna().any()]:
        lacking = table[name].isna() & table["loss"].notna()
        table[name] = table[name].ffill()
        carried = int((lacking & table[name].notna()).sum())
        if carried:
            notes.append(f"{name} was not logged at {carried} evaluated steps: the last one counts")
    return notes


def thinned(steps: "pandas.Series") -> list[str]:
    """A note where steps look like a tracker's sample of those that were logged.

    A panel and ``run.history()`` of W&B hold some hundred points, drawn at uneven distances; a
    trainer logs at even ones.
    """
    import numpy as np
    import pandas

    known = np.unique(pandas.to_numeric(steps, errors="coerce").dropna().to_numpy(float))
    gaps = np.diff(known)
    if len(known) < _MANY or np.median(gaps) <= 1 or len(np.unique(gaps)) < 3:
        return []
    return [
        f"{len(known)} steps of {known[-1] - known[0]:g} at uneven distances: a sample that the "
        "tracker drew? --entity and --project read every logged value from W&B"
    ]


def check_counts(table: "pandas.DataFrame", where: str) -> None:
    """Refuse running counts that fall, are zero after the start, or are not finite.

    Raises:
        StudyError: Names step and value.
    """
    import numpy as np

    for name in [name for name in COUNTS if name in table]:
        steps, values = table["step"].to_numpy(float), table[name].to_numpy(float)
        known = ~(np.isnan(steps) | np.isnan(values))
        steps, values = steps[known], values[known]
        wrong = ~np.isfinite(values) | (values < 0)
        if name != "gpu_seconds":
            wrong |= (values == 0) & (steps > 0)
        if wrong.any():
            at = int(np.argmax(wrong))
            raise StudyError(
                f"{where}: {name} is {values[at]:g} at step {steps[at]:g}; a running count is "
                "above 0 and finite after the first step"
            )
        falls = np.flatnonzero(np.diff(values) < 0)
        if len(falls):
            before, after = values[falls[0]], values[falls[0] + 1]
            raise StudyError(
                f"{where}: {name} falls from {before:g} to {after:g} at step "
                f"{steps[falls[0] + 1]:g}, which a running count cannot: write 'continued ...' if "
                "it counts anew after a restart, 'cumulative ...' if it counts per step"
            )
        if len(values) > 1 and values[0] == values[-1] and len(np.unique(steps)) > 1:
            raise StudyError(
                f"{where}: {name} is {values[0]:g} at every step from {steps[0]:g} to "
                f"{steps[-1]:g}, which a running count is not: write 'cumulative ...' if it counts "
                "per step"
            )


def slow_counts(table: "pandas.DataFrame") -> list[str]:
    """Notes on running counts that hardly grow while steps do, or are fewer than steps."""
    import numpy as np

    notes = []
    for name in [name for name in COUNTS if name in table]:
        steps, counts = table["step"].to_numpy(float), table[name].to_numpy(float)
        known = (steps > 0) & ~np.isnan(counts)
        steps, counts = steps[known], counts[known]
        few = np.flatnonzero(counts < steps)
        if len(few) and name != "gpu_seconds":
            notes.append(
                f"{name} is {counts[few[0]]:g} at step {steps[few[0]]:g}, less than one a step: in "
                "millions? Then '1e6 * ...'"
            )
        if len(steps) < 2 or counts[0] <= 0:
            continue
        further, grown = steps[-1] / steps[0], counts[-1] / counts[0]
        if further >= 4 and grown < further**0.5:
            notes.append(
                f"{name} grows {grown:.3g} times while steps grow {further:.3g} times: does it "
                "count per step? Then 'cumulative ...'"
            )
    return notes


def summed(name: str, steps: "pandas.Series", values: "pandas.Series") -> list[str]:
    """Notes where what is summed was not logged at every step, or looks summed already.

    Args:
        name: What is summed.
        steps: The run's steps.
        values: What was logged at each of them.
    """
    import pandas

    values = pandas.to_numeric(values, errors="coerce")
    steps = steps[values.notna() & (steps > 0)]
    values = values[steps.index]
    if len(steps) < 2:
        return []
    notes = []
    last, further, grown = steps.max(), steps.max() / steps.min(), values.iloc[-1] / values.iloc[0]
    if len(steps) < last:
        notes.append(
            f"'{name}' is summed over {len(steps)} logged steps of {last:g}: right where each "
            "value covers all steps since the one before"
        )
    if further >= 2 and grown > further**0.75 and values.is_monotonic_increasing:
        notes.append(
            f"'{name}' is summed, but grows {grown:.3g} times while steps grow {further:.3g} "
            f"times: is it a running count already? Then '{name}' without 'cumulative'"
        )
    return notes


def check_sizes(table: "pandas.DataFrame", where: str) -> None:
    """Refuse sizes and numbers of problems that are not above 0 and finite, and sizes in billions.

    Raises:
        StudyError: Names row, column and value.
    """
    import numpy as np

    for name in (*SIZES, "n_problems"):
        if name not in table:
            continue
        values = table[name].to_numpy(float)
        wrong = (values <= 0) | np.isinf(values)
        if name == "n_problems":
            wrong |= np.isfinite(values) & (np.nan_to_num(values) % 1 != 0)
        if wrong.any():
            row, value = table.loc[wrong, ["_row", name]].iloc[0]
            kind = "whole number" if value > 0 and np.isfinite(value) else "number"
            raise StudyError(
                f"{where}: row {row + 1:g}: {name} is {float(value):g}; give a {kind} above 0"
            )
        if name in SIZES and (values < LEAST_SIZE).any():
            row, value = table.loc[values < LEAST_SIZE, ["_row", name]].iloc[0]
            raise StudyError(
                f"{where}: row {row + 1:g}: {name} is {float(value):g}, as if in billions; it is a "
                f"number of parameters: write 1e9 * before the column in --map {name}=..."
            )


def check_loss(
    table: "pandas.DataFrame", expression: str, names: Sequence[str], where: str
) -> list[str]:
    """Refuse a loss outside [0, 1], and an accuracy that is taken for a loss; returns notes.

    Args:
        table: Rows of one run with ``step``, ``loss`` and ``_row`` (of the file, from 0); a loss
            that lies outside by rounding alone is put on the border.
        expression: What the loss is made from.
        names: The file's names in it.
        where: File, for messages.

    Raises:
        StudyError: Names step, value and what to write instead.
    """
    losses = table["loss"].to_numpy(float)
    outside = ~((losses >= -_ROUNDING) & (losses <= 1 + _ROUNDING))
    if outside.any():
        first = table[outside].iloc[0]
        raise StudyError(
            f"{where}: row {first['_row'] + 1:g}, step {first['step']:g}: loss {first['loss']:g} "
            f"is not between 0 and 1{_percent_hint(expression, first['loss'])}"
        )
    table["loss"] = losses.clip(0, 1)
    percent = next((name for name in names if _PERCENT.search(name)), None)
    if percent and not re.search(r"\b0?\.01\b|\b100\b", expression):
        raise StudyError(
            f"{where}: '{percent}' reads like a percentage, but is taken as a share; write "
            f"'0.01 * {percent}' in its place"
        )
    if _OBJECTIVE.fullmatch(expression):
        return [
            f"'{expression}' is taken for the share of wrong answers: trainers call what they "
            "minimise so, which is another thing"
        ]
    if not reads_like_success(expression):
        return []
    plain = f"({expression})" if " - " in expression or " + " in expression else expression
    hint = f"write '1 - {plain}' if it is an accuracy"
    if rises(table):
        raise StudyError(
            f"{where}: '{expression}' is to be the loss, but reads like an accuracy, and rises "
            f"with training; {hint}"
        )
    return [f"'{expression}' is taken for a loss, though it reads like an accuracy; {hint}"]


@dataclass(frozen=True)
class Scaled:
    """Values that an expression takes for percentages: their name, the highest, where they are."""

    name: str
    highest: float
    where: str


def scaled(expression: str, values: "pandas.DataFrame", where: str) -> Iterator[Scaled]:
    """Of a run's values in an expression, those that it divides by 100."""
    for name in values.columns:
        quoted = f"`?{re.escape(name)}`?"
        hundredth = rf"0?\.01 ?\* ?{quoted}|{quoted} ?(?:/ ?100(?![\d.])|\* ?0?\.01(?!\d))"
        highest = values[name].max() if values[name].dtype.kind in "iuf" else float("nan")
        if re.search(hundredth, expression) and highest == highest:
            yield Scaled(name, float(highest), where)


def scaled_shares(found: Sequence[Scaled]) -> list[str]:
    """Notes on runs whose shares are taken for percentages, as other runs' values are.

    Raises:
        StudyError: All runs' are, and the name does not say percent.
    """
    notes = []
    for name in dict.fromkeys(own.name for own in found):
        own = [run for run in found if run.name == name]
        highest = max(run.highest for run in own)
        low = [run for run in own if run.highest <= 1]
        if len(low) == len(own) and not _PERCENT.search(name):
            raise StudyError(
                f"{own[0].where}: '{name}' is divided by 100, but is {highest:g} at most: a share "
                f"already? Then '{name}' as it is; for percentages below 1 write '{name} / 1e2'"
            )
        if len(low) < len(own):
            notes += [
                f"{run.where}: '{name}' is {run.highest:g} at most, in other runs up to "
                f"{highest:g}: a share among percentages?"
                for run in low
            ]
    return notes


def _percent_hint(expression: str, value: float) -> str:
    subtracted = re.fullmatch(r"1(?:\.0*)? - (.+)", expression)
    if subtracted and -99 <= value < 0:
        return f" (a percentage? write '1 - 0.01 * {_factor(subtracted[1])}')"
    if not subtracted and 1 < value <= 100:
        return (
            f" (a percentage? write '1 - 0.01 * {_factor(expression)}' if it counts successes, "
            f"'0.01 * {_factor(expression)}' if it counts errors)"
        )
    return ""


def _factor(expression: str) -> str:
    """An expression as it can stand in a product: sums in brackets."""
    return f"({expression})" if re.search(r" [-+] ", expression) else expression


def reads_like_success(expression: str) -> bool:
    if _TAKEN_FROM.search(expression):
        return False
    found = any(_SUCCESS.fullmatch(word) for word in _words(expression))
    return found and not reads_like_failure(expression)


def reads_like_failure(expression: str) -> bool:
    return any(_FAILURE.fullmatch(word) for word in _words(expression))


def _words(expression: str) -> list[str]:
    return re.findall(r"[A-Za-z]+", expression)
