"""What training does to pass@k of each size, as the table that ``fig_pass_at_k`` draws.

Outcomes of single problems are too many for git; this table is small, so that the figure can be
drawn again where they are not.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from rlscale.laws.groups import select_rows
from rlscale.laws.pass_at_k import Passes, passes_of

if TYPE_CHECKING:
    import pandas

COLUMNS = (
    "family", "variant", "n", "model", "k", "n_runs", "first_step", "last_step", "first", "last",
    "change", "low", "high", "turn", "turn_low", "turn_high", "falls_from", "falls_to",
)  # fmt: skip
_REPLICATES, _SEED = 1000, 1


def pass_at_k(
    curves: "pandas.DataFrame",
    outcomes: "pandas.DataFrame",
    *,
    select: Mapping[str, Any],
    size: str,
    benchmark: str,
    level: float,
) -> "pandas.DataFrame":
    """Change of pass@k from the first step to the last, per size and k.

    Args:
        curves: Rows of all cells.
        outcomes: Samples and correct ones of every problem and step.
        select: The rows that compare sizes.
        size: The column that tells sizes apart.
        benchmark: The benchmark.
        level: Level of intervals, which hold for all k and pairs of steps of a size at once.

    Returns:
        ``COLUMNS``: ``turn`` is the k at which a gain turns into a loss (infinite: at none),
        ``falls_from`` and ``falls_to`` are steps between which pass@1 is shown to rise and this
        pass@k to fall. A size is left out that has no two samples of each problem at two steps.
    """
    import pandas

    rows = select_rows(curves, select).fillna({"family": ""})
    rows = rows[(rows["benchmark"] == benchmark) & (rows["status"] == "ok")]
    outcomes = outcomes[outcomes["benchmark"] == benchmark]
    label = "model" if size.startswith("n_params") else size
    parts = []
    for _, own in rows.groupby(["family", "variant", size, label]):
        found = _passes(outcomes, own, level)
        if found:
            part = _points(found)
            part[["family", "variant", "n"]] = own[["family", "variant", size]].iloc[0].tolist()
            part["model"] = str(own[label].iloc[0])
            parts.append(part[[*COLUMNS]])
    return pandas.concat(parts) if parts else pandas.DataFrame(columns=[*COLUMNS])


def _passes(outcomes: "pandas.DataFrame", rows: "pandas.DataFrame", level: float) -> Passes | None:
    """pass@k of one size, at the steps and problems that all its runs have; None with one k."""
    cells = sorted(rows["cell"].unique())
    own = outcomes[outcomes["cell"].isin(cells)]
    wide = own.pivot(index=["step", "problem_id"], columns="cell", values=["n", "n_correct"])
    wide = wide.reindex(columns=cells, level="cell").dropna()
    if set(own["cell"]) != set(cells):
        return None
    steps = wide.index.get_level_values("step").unique().sort_values()
    asked = wide.groupby(level="problem_id")["n"].transform("size")
    wide = wide[asked == len(steps)]
    least = int(wide["n"].to_numpy().min()) if len(wide) else 0
    if least < 2 or len(steps) < 2:
        return None
    counts = {
        name: wide[name].sort_index().to_numpy().reshape(len(steps), -1, len(cells))
        for name in ("n_correct", "n")
    }
    correct, n = (np.moveaxis(values, -1, 0) for values in counts.values())
    draws = {2**i for i in range(least.bit_length())} | {least}
    return passes_of(
        correct, n, steps.tolist(), sorted(draws), level=level, replicates=_REPLICATES, seed=_SEED
    )


def _points(found: Passes) -> "pandas.DataFrame":
    """A row per k."""
    import pandas

    change, low, high = (ends[:, 0, -1] for ends in found.changes())
    turn, turn_low, turn_high = found.crossing()
    falls = {k: (start, end) for k, start, end in found.divergences()}
    spans = np.array([falls.get(k, (np.nan, np.nan)) for k in found.k])
    return pandas.DataFrame(
        {
            "k": found.k, "n_runs": found.runs,
            "first_step": found.steps[0], "last_step": found.steps[-1],
            "first": found.value[:, 0], "last": found.value[:, -1],
            "change": change, "low": low, "high": high,
            "turn": turn, "turn_low": turn_low, "turn_high": turn_high,
            "falls_from": spans[:, 0], "falls_to": spans[:, 1],
        }
    )  # fmt: skip
