"""What a fit says of a size at an x, with an interval."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from rlscale.laws.arrays import Array
from rlscale.laws.law import Fit
from rlscale.laws.unseen import Slopes, at_drawn_x, centre_of, scatter_of_k, scatter_of_level

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


def predict(
    estimate: Fit, replicated: Fit | None, slopes: Slopes | None, n: float, x: float, level: float
) -> Prediction:
    """Predict one point.

    Args:
        estimate: The fit.
        replicated: The same and, after it, its replicates; None where there are none.
        slopes: What is known of the sizes' slopes; None where there are no replicates.
        n, x: Where.
        level: Coverage of the interval.
    """
    fits, u = replicated or estimate, np.log([x])
    seen = np.flatnonzero(np.isclose(estimate.points.n, n, rtol=1e-9))
    drawn = own_curves(fits, u)[:, seen[0]] if len(seen) else fits.predict_new(n, u)
    low = high = None
    if replicated is not None and slopes is not None:
        ends = [(1 - level) / 2, (1 + level) / 2]
        if len(seen):
            low, high = np.quantile(drawn[1:, 0], ends)
        else:
            low, high = _ends_unseen(replicated, slopes, n, u, ends)
        low, high = float(np.exp(low)), float(np.exp(high))
    return Prediction(n, x, float(np.exp(drawn[0, 0])), low, high, level, bool(len(seen)))


def own_curves(fits: Fit, u: Array) -> Array:
    """log of the metric (B, M, G) at log x (G) of the fitted sizes, each by its own curve.

    Of a straight law that is a size's free line: a law of k(N) holds over sizes as far as it is
    true, a size's own line without it.
    """
    points = fits.points
    every = np.broadcast_to(u, (len(points.n), len(u)))
    if not fits.law.straight:
        return fits.predict(every)
    centred = every - points.centre[:, None]
    return np.asarray(fits.free_intercept[..., None] - fits.slope[..., None] * centred)


def _ends_unseen(
    fits: Fit, slopes: Slopes, n: float, u: Array, ends: Sequence[float]
) -> tuple[float, float]:
    """Ends of the interval of a size that was not fitted, as a study's forecasts have them."""
    rng = np.random.default_rng(_SEED)
    drawn = fits.predict_new(n, u)[1:] + scatter_of_level(fits, n, u, rng)
    drawn = drawn + scatter_of_k(fits, slopes, n, u - centre_of(fits, n), rng)
    low, high = np.quantile(drawn[:, 0], ends)
    other = at_drawn_x(fits, slopes, n, u, rng)
    if other is not None:
        more = np.quantile(other[:, 0], ends)
        low, high = min(low, more[0]), max(high, more[1])
    return low, high
