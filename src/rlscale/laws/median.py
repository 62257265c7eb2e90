"""The rest of a curve by the median of five simple laws: where one explodes, the others hold."""

from dataclasses import replace
from typing import ClassVar

import numpy as np

from rlscale.laws.arrays import Array
from rlscale.laws.curved import LOG_FLOOR, Sigmoid, SizeCurve, carry_curves
from rlscale.laws.law import Fit, Law, Solution
from rlscale.laws.points import Lines, Points, weighted_mean

_WINDOW = np.log(3.0)  # Of the damped line: the last factor 3 of x.
_LAST = 10  # Points whose mean says that nothing changes any more.


class Approach(SizeCurve):
    """L = F(N) + A(N) exp(-x / x_0(N)): an exponential approach to a floor."""

    name = "approach"
    equation = "L = F(N) + A(N) exp(-x/x_0(N))"
    words = "an exponential approach"
    least_points = 3
    lower = (LOG_FLOOR, LOG_FLOOR, -12.0)
    upper = (3.0, 3.0, 12.0)

    def starts(self, y: Array, u: Array) -> Array:
        """Starts (starts, 3) in (log F, log A, log x_0 from the centre)."""
        low, high = np.exp(y.min()), np.exp(y.max())
        drop = np.log(max(high - low, 0.02 * low))
        return np.array([[np.log(share * low), drop, x0] for share in (0.5, 0.95) for x0 in (0, 1)])

    def log_loss(self, theta: Array, u: Array, n: Array | None = None) -> tuple[Array, Array]:
        """log L (fits, points) and its Jacobian (fits, points, 3); u is centred."""
        floor = np.exp(theta[:, :1])
        z = np.exp(u - theta[:, 2:])
        falling = np.exp(theta[:, 1:2] - z)
        loss = floor + falling
        jacobian = np.stack([floor + 0 * u, falling, falling * z], axis=-1)
        return np.log(loss), jacobian / loss[..., None]

    def report(self, theta: Array, centre: Array) -> dict[str, Array]:
        """Parameters as users read them; ``centre`` is the log x that u was centred at."""
        f, a, x0 = np.moveaxis(theta, -1, 0)
        return {"F": np.exp(f), "A": np.exp(a), "x_0": np.exp(x0 + centre)}


class Median(Law):
    """log L = the median of a log-log line, a sigmoid, an exponential approach, a line that is
    damped from its end on, and the mean of the last ten points, free per size.

    Internal parameters: four of the sigmoid, three of the approach, then value, slope and log x at
    the damped line's start, and the mean of the last points.
    """

    name = "median"
    equation = "log L = median of line, sigmoid, exponential approach, damped line, last mean"
    words = "the median of five simple laws"
    least_points = 4
    curved: ClassVar[bool] = True
    conformal: ClassVar[bool] = True

    def solve(self, points: Points, w: Array, lines: Lines, start: Fit | None) -> Solution:
        """Each of the five by itself."""
        parts, converged = [], np.ones(len(points.y), bool)
        for law, own in ((Sigmoid(), slice(0, 4)), (Approach(), slice(4, 7))):
            first = replace(start, law=law, theta=start.theta[..., own]) if start else None
            found = law.solve(points, w, lines, first)
            parts.append(found.theta)
            converged &= found.converged
        parts += [_damped(points, w), _last(points, w)]
        return Solution(np.concatenate(parts, axis=-1), lines.intercept, converged)

    def predict(self, fit: Fit, u: Array) -> Array:
        """The median at every u."""
        centred = u - fit.points.centre[:, None]
        line = fit.free_intercept[..., None] - fit.slope[..., None] * centred
        value, slope, end, last = (fit.theta[..., [i]] for i in range(7, 11))
        ahead = u - end
        damped = value + slope * np.where(ahead > 0, -np.expm1(-np.maximum(ahead, 0.0)), ahead)
        members = [
            line,
            Sigmoid().predict(replace(fit, theta=fit.theta[..., :4]), u),
            Approach().predict(replace(fit, theta=fit.theta[..., 4:7]), u),
            damped,
            np.broadcast_to(last, line.shape),
        ]
        return np.asarray(np.median(np.stack(members), axis=0))

    def predict_new(self, fit: Fit, n: float, u: Array) -> Array:
        """The whole curve, and its centre, carried on in log N."""
        return carry_curves(fit, n, u)

    def n_parameters(self, fit: Fit) -> int:
        """As many as its largest member has."""
        return 4 * len(fit.points.n)


def _damped(points: Points, w: Array) -> Array:
    """Value, slope and log x at the end of a line through the last factor 3 of x (B, M, 3)."""
    b, m, _ = points.y.shape
    result = np.empty((b, m, 3))
    for i, present in enumerate(points.present):
        u = points.u[i]
        end = u[present].max()
        own = present & (u >= end - _WINDOW)
        if len(np.unique(u[own])) < 4:
            own = present & (u >= np.sort(u[present])[-4:][0])
        weight = w[:, i, own]
        mean_u = weighted_mean(u[None, own], weight)
        mean_y = weighted_mean(points.y[:, i, own], weight)
        away = u[own] - mean_u[:, None]
        spread = (weight * away**2).sum(-1)
        slope = (weight * away * points.y[:, i, own]).sum(-1) / np.where(spread > 0, spread, 1.0)
        result[:, i] = np.stack([mean_y + slope * (end - mean_u), slope, 0 * slope + end], axis=-1)
    return result


def _last(points: Points, w: Array) -> Array:
    """Mean of the last points (B, M, 1)."""
    order = points.present[:, ::-1].cumsum(1)[:, ::-1]
    own = np.where(points.present & (order <= _LAST), w, 0.0)
    return weighted_mean(points.y, own)[..., None]
