"""Means over runs with their intervals: what figures draw as points with bars."""

from typing import TYPE_CHECKING

import numpy as np
from scipy.special import stdtrit

from rlscale.laws.groups import run_variance

if TYPE_CHECKING:
    import pandas

    from rlscale.laws.groups import Group


CROWDED = 30  # Points of a size above which they are noise to the eye.
_PARTS = 16


def mean_points(group: "Group", level: float) -> "pandas.DataFrame":
    """Mean over runs of every (size, step), with its interval over runs (these problems).

    The variance between runs is pooled over sizes and steps, so that two or three runs give an
    honest t interval; without a second run anywhere, the interval is sampling noise alone.

    Returns:
        model, n, step, x, value, low, high, n_runs, one row per measured point.
    """
    import pandas

    pooled, freedom = run_variance(group)
    quantile = float(stdtrit(freedom or np.inf, 0.5 + level / 2))
    value, runs = group.per_size(group.value), group.runs
    x = np.exp(group.per_size(np.log(group.x)))
    sampling = group.per_size(group.variance)
    total = np.where(np.isfinite(sampling), sampling, 0.0) + pooled
    half = quantile * np.sqrt(np.divide(total, runs, out=np.zeros_like(total), where=runs > 0))
    known = np.isfinite(sampling) | (freedom > 0)
    # A loss, which alone has a sampling variance here, cannot exceed 1.
    most = 1.0 if np.isfinite(group.variance).any() else np.inf
    rows = []
    for m, model in enumerate(group.models):
        for t, step in enumerate(group.steps):
            if runs[m, t] == 0:
                continue
            spread = half[m, t] if known[m, t] else np.nan
            rows.append(
                {
                    "family": group.family,
                    "variant": group.variant,
                    "model": model,
                    "n": group.n[m],
                    "step": int(step),
                    "x": x[m, t],
                    "value": value[m, t],
                    "low": value[m, t] * np.exp(-spread),
                    "high": min(value[m, t] * np.exp(spread), most),
                    "n_runs": int(runs[m, t]),
                }
            )
    return pandas.DataFrame(rows)


def bars_mean(group: "Group", level: float) -> str:
    """One sentence on what the error bars of ``mean_points`` are."""
    _, freedom = run_variance(group)
    if freedom:
        return (
            f"bars = {100 * level:g} % intervals of the mean over runs "
            f"(variance between runs pooled, {freedom} degrees of freedom)."
        )
    if np.isfinite(group.variance).any():
        return f"bars = {100 * level:g} % sampling noise only (one run per size)."
    return "one curve per size and no counts, so no error bars."


def with_medians(points: "pandas.DataFrame") -> "pandas.DataFrame":
    """Points, and for sizes of more than ``CROWDED`` the median of neighbours with its band.

    Args:
        points: Rows of ``mean_points`` with their ``mark``.

    Returns:
        The rows, and below them those marked ``median``: value is the median and low and high hold
        the middle 80 % of the points of each of ``_PARTS`` equal parts of log x.
    """
    import pandas

    parts = [points]
    for _, own in points.groupby("model", sort=False):
        if len(own) <= CROWDED:
            continue
        place = np.log(own["x"])
        part = pandas.cut(place, _PARTS, labels=False)
        found = own.groupby(part)["value"].quantile(np.array([0.1, 0.5, 0.9])).unstack()
        rows = own.iloc[: len(found)].assign(
            x=np.exp(place.groupby(part).mean().to_numpy()), step=np.nan, mark="median",
            value=found[0.5].to_numpy(), low=found[0.1].to_numpy(), high=found[0.9].to_numpy(),
        )  # fmt: skip
        parts.append(rows)
    return pandas.concat(parts, ignore_index=True)


def summary_words(table: "pandas.DataFrame", otherwise: str) -> str:
    """What stands for the points of ``with_medians``; ``otherwise`` where they stand themselves."""
    if (table["mark"] == "median").any():
        return "Lines: medians of neighbouring steps. Bands: their middle 80 %."
    return otherwise


def bar_words(table: "pandas.DataFrame", level: float, over: str) -> str:
    """One sentence on the bars of a table of means (low, high, n_runs), or on their absence."""
    if np.isfinite(table["low"].astype(float)).any():
        if (table["n_runs"] < 2).all():
            return f"Bars: {100 * level:g} % sampling noise only (one run each)."
        return f"Bars: {100 * level:g} % intervals over {over}."
    return "No bars: nothing is known of other runs."


def means_by(
    rows: "pandas.DataFrame", keys: list[str], value: str, level: float
) -> "pandas.DataFrame":
    """Mean of a column over the runs that share ``keys``, with an interval.

    For comparisons that the fits do not make (other benchmarks, step 0). The interval covers other
    runs on other problems: the problems' standard error (``loss_se``, clustered by problem; the
    problems are the same in all runs, so it does not shrink with them) plus the variance between
    runs, pooled over all keys with at least two runs.

    Returns:
        ``keys``, value, low, high, n_runs; low and high NaN where nothing is known of the spread.
    """
    groups = rows.groupby(keys, sort=True, dropna=False)
    table = groups[value].agg(value="mean", n_runs="count", spread="var").reset_index()
    freedom = int((table["n_runs"] - 1).clip(lower=0).sum())
    pooled = 0.0
    if freedom:
        weights = (table["n_runs"] - 1).clip(lower=0)
        pooled = float((weights * table["spread"].fillna(0)).sum() / freedom)
    problems: np.ndarray = np.zeros(len(table))
    if value == "loss":
        problems = groups["loss_se"].agg(lambda se: (se**2).mean()).to_numpy()
    known = np.isfinite(problems) & ((problems > 0) | (freedom > 0))
    variance = np.where(np.isfinite(problems), problems, 0) + pooled / table["n_runs"].to_numpy()
    quantile = stdtrit(freedom or np.inf, 0.5 + level / 2)
    half = np.where(known, quantile * np.sqrt(variance), np.nan)
    table = table.assign(low=table["value"] - half, high=table["value"] + half)
    if value == "loss":
        table = table.assign(low=table["low"].clip(lower=0), high=table["high"].clip(upper=1))
    return table[[*keys, "value", "low", "high", "n_runs"]]
