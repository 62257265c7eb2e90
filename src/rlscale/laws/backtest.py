"""Is a law good enough to forecast the rest of a run? Tried on what was seen."""

from dataclasses import replace

import numpy as np

from rlscale.laws.arrays import Array, Bools
from rlscale.laws.fitting import fit_points
from rlscale.laws.law import Fit, Law
from rlscale.laws.points import Points

ORIGINS = (1 / 4, 1 / 2, 2 / 3)
_PAST = (0.5, 0.65, 0.8)  # Origins of past errors.
_LAST = 10  # Points whose mean is the baseline: one alone is noise.


def judge_forecasts(fit: Fit) -> str:
    """Whether a law beats the mean of the last ten points seen, at every origin (``Verdicts``)."""
    points = replace(fit.points, y=fit.points.y[:1])
    better = []
    for share in ORIGINS:
        errors = origin_errors(fit.law, points, share)
        if errors is None:
            return "too_few_points"
        own, baseline = (float((error**2).mean()) for error in errors)
        better.append(own < baseline)
    return "yes" if all(better) else "undecided" if any(better) else "no"


def origin_errors(law: Law, points: Points, share: float) -> tuple[Array, Array] | None:
    """Errors about the rest of all curves, of the law and of the baseline, from one origin.

    None where the first part of a size has too few points for the law, or nothing is left.
    """
    order = np.cumsum(points.present, axis=1)
    rest = _rest(points, share)
    seen = points.present & ~rest
    least = max(3, law.least_points)
    if (seen.sum(1) < least).any() or not rest.any():
        return None
    w = points.w if points.w.ndim == 2 else points.w[0]
    early = replace(points, w=np.where(seen, w, 0.0))
    predicted = fit_points(law, early).predict(points.u)[0]
    late = seen & (order > seen.sum(1, keepdims=True) - _LAST)
    baseline = (points.y[0] * late).sum(1) / late.sum(1)
    m, _ = np.nonzero(rest)
    return (predicted - points.y[0])[rest], baseline[m] - points.y[0][rest]


def _rest(points: Points, share: float) -> Bools:
    """The points behind the first share of each curve (M, T)."""
    order = np.cumsum(points.present, axis=1)
    return np.asarray(points.present & (order > np.ceil(share * order[:, -1:])))


def conformal_reach(law: Law, points: Points, level: float) -> float | None:
    """How far a law's forecasts err, by its past errors: the quantile of |error| / ``reach_of``.

    Errors are those from origins within what was seen, pooled over sizes. The quantile is that of
    split conformal forecasts (Lei et al. 2018): of n points that were forecast, one more lies
    within the ceil((n + 1) level)-th of their errors; where n is too small for the level, the
    largest stands. None where no origin has enough points.
    """
    sizes = []
    forecast = np.zeros(points.present.shape, bool)
    for share in _PAST:
        errors = origin_errors(law, replace(points, y=points.y[:1]), share)
        if errors is not None:
            own, _ = errors
            rest = _rest(points, share)
            forecast |= rest
            last = np.where(points.present & ~rest, points.u, -np.inf).max(1, keepdims=True)
            ahead = (points.u - last)[rest]
            sizes.append(np.abs(own) / reach_of(points.y[0][rest], ahead))
    if not sizes:
        return None
    n = forecast.sum()
    return float(np.quantile(np.concatenate(sizes), min(1.0, level * (n + 1) / n)))


def reach_of(y: Array, ahead: Array) -> Array:
    """What errors of a forecast are in proportion to: sqrt((1 - L) / L) (1 + 2 ahead).

    Args:
        y: log L; the first factor is how sampling errors of log L go.
        ahead: log of x over the last x seen.
    """
    # ASSUME errors grow in a straight line with log x: three times as large at a factor e.
    loss = np.exp(np.minimum(y, -1e-3))
    return np.asarray(np.sqrt((1 - loss) / loss) * (1 + 2 * np.maximum(ahead, 0.0)))
