"""What a fit says of a size at an x, with an interval."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from rlscale.laws.arrays import Array
from rlscale.laws.law import Fit
from rlscale.laws.points import weighted_mean
from rlscale.laws.unseen import Slopes, at_drawn_x, centre_of, scatter_of_k, scatter_of_level

_SEED = 6
_LEAST = 4  # Points that a line through neighbours takes.
_NEAR = 0.25  # Share of the range of log x within which points are neighbours.
_LAST = 10


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


@dataclass(frozen=True)
class Known:
    """What a fit knows of its curves.

    Attributes:
        estimate: The fit.
        replicated: The same and, after it, its replicates; None where there are none.
        slopes: What is known of the sizes' slopes; None where there are no replicates.
        bent: Whether the curves bend.
    """

    estimate: Fit
    replicated: Fit | None
    slopes: Slopes | None
    bent: bool


def predict(known: Known, n: float, x: float, level: float) -> Prediction:
    """Predict one point.

    Args:
        known: What is known.
        n, x: Where.
        level: Coverage of the interval.
    """
    fits, u = known.replicated or known.estimate, np.log([x])
    seen = np.flatnonzero(np.isclose(fits.points.n, n, rtol=1e-9))
    drawn = _drawn_seen(fits, int(seen[0]), u, known.bent) if len(seen) else fits.predict_new(n, u)
    low = high = None
    if known.replicated is not None and known.slopes is not None:
        ends = [(1 - level) / 2, (1 + level) / 2]
        if len(seen):
            each = np.quantile(drawn[1:], ends, axis=0)
            low, high = each[0].min(), each[1].max()
        else:
            low, high = _ends_unseen(known.replicated, known.slopes, n, u, ends)
        low, high = float(np.exp(low)), float(np.exp(high))
    return Prediction(n, x, float(np.exp(np.median(drawn[0]))), low, high, level, bool(len(seen)))


def _drawn_seen(fits: Fit, m: int, u: Array, bent: bool) -> Array:
    """log of the metric of size ``m`` at log x ``u`` (1), by all that may be true (B, 1 or 3).

    That is its own curve. A line where curves bend is wrong within its points too: there the line
    through neighbouring points stands for it; beyond the last of them there are the whole line,
    that of the last points, and no change after the mean of the last ten.
    """
    whole, points = own_curves(fits, u)[:, m], fits.points
    known = points.present[m]
    own, y = points.u[m, known], points.y[:, m, known]
    if not (bent and fits.law.straight) or len(own) < _LEAST or u[0] < own.min():
        return whole
    away = np.abs(own - min(u[0], own.max()))
    near = away <= max(np.ptp(own) * _NEAR, np.sort(away)[_LEAST - 1])
    w = np.broadcast_to(points.w, points.y.shape)[:, m, known]
    local = _about_points(_line_at(own[near], y[:, near], w[:, near], u[0]))
    if u[0] <= own.max():
        return local
    last = np.argsort(own)[-min(_LAST, int(near.sum())) :]
    unchanged = _about_points(weighted_mean(y[:, last], w[:, last])[:, None])
    return np.concatenate([whole, local, unchanged], axis=1)


def _about_points(drawn: Array) -> Array:
    """Values by the points and by replicates (B, 1), whose middle is moved to that of the points.

    Residual blocks are laid about a size's whole line: where curves bend they say how far points
    scatter, not where they lie.
    """
    middle = np.median(drawn[1:], axis=0) if len(drawn) > 1 else drawn[0]
    return np.concatenate([drawn[:1], drawn[1:] + (drawn[0] - middle)])


def _line_at(own: Array, y: Array, w: Array, u: float) -> Array:
    """Lines through log x ``own`` (T) and ``y`` (B, T), weighted, at ``u`` (B, 1)."""
    mean = weighted_mean(own, w)[:, None]
    away = own - mean
    rise = (w * away * y).sum(1, keepdims=True) / (w * away**2).sum(1, keepdims=True)
    return np.asarray(weighted_mean(y, w)[:, None] + rise * (u - mean))


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
