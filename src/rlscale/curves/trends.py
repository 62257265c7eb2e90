"""What the course of the loss warns of: an accuracy taken for a loss, a run that collapsed."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import pandas

_MEAN = 3  # Points of a running mean, and of the last mean.
_LEAST = 6  # Points that say whether a run collapsed.
# ASSUME a rise of ln L by .05, by half of what had been learnt and by 5 standard errors is no noise
# and no overfitting: of 460 real curves of the bank 3 are named, none of them held out.
_RISE, _SHARE, _ERRORS = 0.05, 0.5, 5.0


def trends(table: "pandas.DataFrame") -> list[str]:
    """Warnings about the course of the loss; empty where there is none."""
    runs = list(_runs(table))
    if runs and all(rises(rows) for _, rows in runs):
        return ["the loss rises with training in every run: is it an accuracy? Then it is 1 - loss"]
    return [
        f"{name}: the loss rises again after step {step:g}, from {low:.3g} to {last:.3g}: if the "
        "run collapsed, leave it out (a `status` other than ok), or select the steps before"
        for name, step, low, last in collapsed(table)
    ]


def collapsed(table: "pandas.DataFrame") -> list[tuple[str, float, float, float]]:
    """Runs whose loss rises back by half of what they had learnt, or more.

    Args:
        table: Curves; cells that did not end ``ok`` are named elsewhere and left out here.

    Returns:
        Of each such run on a benchmark: its name, the step of its lowest loss, that loss and the
        last one, both means of neighbouring points.
    """
    found = []
    for name, rows in _runs(table[table["status"].eq("ok")] if "status" in table else table):
        loss = rows["loss"].to_numpy(float)
        if len(loss) < _LEAST or not (loss > 0).all():
            continue
        running = np.convolve(np.log(loss), np.full(_MEAN, 1 / _MEAN), mode="valid")
        lowest = int(running.argmin())
        rise, learnt = running[-1] - running[lowest], running[0] - running[lowest]
        if rise > max(_RISE, _SHARE * learnt, _ERRORS * _noise(rows, np.log(loss))):
            step = float(rows["step"].iloc[lowest + _MEAN // 2])
            low, last = np.exp(running[[lowest, -1]])
            found.append((name, step, float(low), float(last)))
    return found


def _noise(rows: "pandas.DataFrame", y: np.ndarray) -> float:
    """Standard error of a difference of two running means of ln L.

    Of the sampling of answers, or of how neighbours differ, whichever is more.
    """
    variance = float((np.diff(y, 2) ** 2).mean()) / 6  # White noise: a second difference has six.
    loss, answers = np.exp(y), rows["n_samples"].fillna(rows["n_problems"]).to_numpy(float)
    if np.isfinite(answers).all():
        variance = max(variance, float(((1 - loss) / (loss * answers)).max()))
    return float(np.sqrt(2 * variance / _MEAN))


def rises(rows: "pandas.DataFrame") -> bool:
    """Whether the loss of a run is higher late than early, over three points or more."""
    values = rows.sort_values("step")["loss"].to_numpy(float)
    third = max(1, len(values) // 3)
    return len(values) >= 3 and bool(values[-third:].mean() > values[:third].mean())


def _runs(table: "pandas.DataFrame") -> Iterator[tuple[str, "pandas.DataFrame"]]:
    """Name and rows, by step, of every run on a benchmark with three points or more."""
    measured = table[table["loss"].notna()].sort_values("step")
    several = table["benchmark"].nunique() > 1
    for (cell, benchmark), rows in measured.groupby(["cell", "benchmark"], sort=True):
        if len(rows) >= 3:
            yield f"{cell} on {benchmark}" if several else str(cell), rows
