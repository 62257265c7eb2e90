"""Is a law good enough to forecast the rest of a run? Tried on what was seen."""

from dataclasses import replace

import numpy as np

from rlscale.laws.arrays import Array
from rlscale.laws.fitting import fit_points
from rlscale.laws.law import Fit, Law
from rlscale.laws.points import Points

ORIGINS = (1 / 4, 1 / 2, 2 / 3)
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
    seen = points.present & (order <= np.ceil(share * order[:, -1:]))
    rest = points.present & ~seen
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
