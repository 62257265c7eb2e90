"""What a fit says of a size at an x, with an interval."""

from dataclasses import dataclass

import numpy as np

from rlscale.laws.arrays import Array
from rlscale.laws.law import Fit
from rlscale.laws.straight import carry_on, line_error

_SEED = 6


@dataclass(frozen=True)
class Prediction:
    """The metric at one size and x.

    Attributes:
        n, x: Where.
        estimate: The metric.
        low, high: Interval; None without replicates.
        level: Its coverage.
        seen: Whether the size was fitted.
    """

    n: float
    x: float
    estimate: float
    low: float | None
    high: float | None
    level: float
    seen: bool


def predict(estimate: Fit, replicated: Fit | None, n: float, x: Array, level: float) -> Prediction:
    """Predict one point; ``replicated`` holds the estimate, then its replicates."""
    fits, u = replicated or estimate, np.log(x)
    seen = np.flatnonzero(np.isclose(estimate.points.n, n, rtol=1e-9))
    if len(seen):
        y = fits.predict(np.broadcast_to(u, (len(estimate.points.n), 1)))[:, seen[0], 0]
    else:
        y = fits.predict_new(n, u)[:, 0]
        if replicated is not None:
            y[1:] += unseen_size(fits, n, u, np.random.default_rng(_SEED))[:, 0]
    low = high = None
    if replicated is not None:
        ends = np.quantile(y[1:], [(1 - level) / 2, (1 + level) / 2])
        low, high = (float(np.exp(end)) for end in ends)
    return Prediction(n, float(x[0]), float(np.exp(y[0])), low, high, level, bool(len(seen)))


def unseen_size(fits: Fit, n: float, u: Array, rng: np.random.Generator) -> Array:
    """Scatter of intercepts about their line in log N, and the runs of the size itself (B, G)."""
    points, count = fits.points, len(fits.theta) - 1
    spread, freedom = line_error(points.n, fits.law.scatter(fits), n)
    scatter = spread * rng.standard_t(freedom, (count, 1))
    # ASSUME the runs of an unseen size drift like those of the largest size seen.
    drawn = 1 + rng.permutation(count)
    intercept = fits.free_intercept[drawn, -1:] - fits.free_intercept[:1, -1:]
    slope = fits.slope[drawn, -1:] - fits.slope[:1, -1:]
    centre = carry_on(points.n, points.centre[None], np.array([n]))[0, 0]
    return np.asarray(scatter + intercept - slope * (u - centre))
