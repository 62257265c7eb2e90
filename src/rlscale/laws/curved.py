"""Laws that bend in log-log, every size with parameters of its own."""

from abc import abstractmethod
from collections.abc import Callable
from typing import ClassVar

import numpy as np
from scipy.special import expit

from rlscale.laws.arrays import Array, Bools, Indices
from rlscale.laws.law import Fit, Law, Solution
from rlscale.laws.points import Lines, Points
from rlscale.laws.solver import levenberg
from rlscale.laws.straight import carry_on

LOG_FLOOR = -9.0  # A floor or a drop below e^-9 cannot be told from none.
_BLOCK = 400_000  # Points fitted at once: bounds the memory of the Jacobian.


class CurveLaw(Law):
    """A curve with bounded internal parameters, searched by least squares in log of the metric.

    Attributes:
        lower, upper: Bounds of the internal parameters (p).
    """

    curved: ClassVar[bool] = True
    lower: ClassVar[tuple[float, ...]]
    upper: ClassVar[tuple[float, ...]]

    @abstractmethod
    def starts(self, y: Array, u: Array) -> Array:
        """Starts of the search (starts, p) from one curve's points."""

    @abstractmethod
    def log_loss(self, theta: Array, u: Array, n: Array | None = None) -> tuple[Array, Array]:
        """log L (fits, points) and its Jacobian (fits, points, p) at centred u.

        ``n`` is log N, centred, of each point; None where every size has its own parameters.
        """


class SizeCurve(CurveLaw):
    """Every size has its own curve."""

    @abstractmethod
    def report(self, theta: Array, centre: Array) -> dict[str, Array]:
        """Parameters as users read them; ``centre`` is the log x that u was centred at."""

    def solve(self, points: Points, w: Array, lines: Lines, start: Fit | None) -> Solution:
        """Search each curve of each fit."""
        b, m, t = points.y.shape
        root = np.broadcast_to(np.sqrt(w), points.y.shape).reshape(b * m, t)
        u = np.broadcast_to(points.u - points.centre[:, None], points.y.shape).reshape(b * m, t)
        y = points.y.reshape(b * m, t)
        seen = [(y[i, p], u[i, p]) for i, p in enumerate(points.present)]
        theta, converged = search_all(self, y, u, root, None, seen, start)
        return Solution(
            theta.reshape(b, m, -1), lines.intercept, np.asarray(converged.reshape(b, -1).all(1))
        )

    def predict(self, fit: Fit, u: Array) -> Array:
        """Each size's own curve."""
        b, m, p = fit.theta.shape
        centred = u - fit.points.centre[:, None]
        rows = np.broadcast_to(centred, (b, *u.shape)).reshape(b * m, -1)
        y, _ = self.log_loss(fit.theta.reshape(b * m, p), rows)
        return y.reshape(b, m, -1)

    def predict_new(self, fit: Fit, n: float, u: Array) -> Array:
        """The whole curve, and its centre, carried on in log N."""
        return carry_curves(fit, n, u)

    def size_parameters(self, fit: Fit) -> dict[str, Array]:
        """As users read them."""
        return self.report(fit.theta, fit.points.centre)

    def n_parameters(self, fit: Fit) -> int:
        """All of each size."""
        return int(np.prod(fit.theta.shape[1:]))


class Floor(SizeCurve):
    """L = F(N) + A(N) x^(-b(N)): a power law with an irreducible loss, free per size."""

    name = "floor"
    words = "a power law above a floor"
    equation = "L = F(N) + A(N) x^-b(N)"
    least_points = 3
    lower = (LOG_FLOOR, LOG_FLOOR, -3.0)
    upper = (3.0, 12.0, 3.0)

    def starts(self, y: Array, u: Array) -> Array:
        """Starts (starts, 3) in (log F, log A at the centre of u, b) from a curve's range."""
        low, high = np.exp(y.min()), np.exp(y.max())
        return np.array(
            [
                [np.log(share * low), np.log(high - share * low), b]
                for share, b in ((0.01, 0.05), (0.5, 0.2), (0.9, 0.7))
            ]
        )

    def log_loss(self, theta: Array, u: Array, n: Array | None = None) -> tuple[Array, Array]:
        """log L (fits, points) and its Jacobian (fits, points, 3); u is centred."""
        floor = np.exp(theta[:, :1])
        falling = np.exp(theta[:, 1:2] - theta[:, 2:] * u)
        loss = floor + falling
        jacobian = np.stack([floor + 0 * u, falling, -falling * u], axis=-1)
        return np.log(loss), jacobian / loss[..., None]

    def report(self, theta: Array, centre: Array) -> dict[str, Array]:
        """Parameters as users read them; ``centre`` is the log x that u was centred at."""
        f, a, b = np.moveaxis(theta, -1, 0)
        return {"F": np.exp(f), "A": np.exp(a + b * centre), "b": b}


class Sigmoid(SizeCurve):
    """R - R0 = (A - R0) / (1 + (x_mid / x)^B),  R = 1 - L, free per size (ScaleRL's law)."""

    name = "sigmoid"
    words = "a sigmoid"
    equation = "R - R0 = (A - R0) / (1 + (x_mid/x)^B), R = 1 - L"
    least_points = 4
    lower = (LOG_FLOOR, LOG_FLOOR, -12.0, -2.5)
    upper = (3.0, 3.0, 12.0, 2.5)

    def starts(self, y: Array, u: Array) -> Array:
        """Starts (starts, 4) in (log end, log drop, log x_mid from the centre, log B)."""
        low, high = np.exp(y.min()), np.exp(y.max())
        drop = max(high - low, 0.02 * low)
        return np.array(
            [
                [np.log(0.95 * low), np.log(drop), 0.0, 0.0],
                [np.log(0.7 * low), np.log(2 * drop), u.max(), -0.7],
                [np.log(0.95 * low), np.log(2 * drop), u.min(), -0.7],
            ]
        )

    def log_loss(self, theta: Array, u: Array, n: Array | None = None) -> tuple[Array, Array]:
        """log L (fits, points) and its Jacobian (fits, points, 4); u is centred."""
        end, drop = np.exp(theta[:, :1]), np.exp(theta[:, 1:2])
        power = np.exp(theta[:, 3:])
        z = power * (u - theta[:, 2:3])
        rest = expit(-z)  # Share of the drop still ahead.
        slope = drop * rest * (1 - rest)
        loss = end + drop * rest
        jacobian = np.stack([end + 0 * u, drop * rest, slope * power, -slope * z], axis=-1)
        return np.log(loss), jacobian / loss[..., None]

    def report(self, theta: Array, centre: Array) -> dict[str, Array]:
        """Parameters as users read them; ``centre`` is the log x that u was centred at."""
        end, drop, mid, power = np.moveaxis(theta, -1, 0)
        return {
            "R0": 1 - np.exp(end) - np.exp(drop),
            "A": 1 - np.exp(end),
            "x_mid": np.exp(mid + centre),
            "B": np.exp(power),
        }


def carry_curves(fit: Fit, n: float, u: Array) -> Array:
    """Whole curves, with their centres, carried on in log N to a size n (B, len(u))."""
    sizes, new = fit.points.n, np.array([n])
    centred = u - carry_on(sizes, fit.points.centre[None], new)
    curves = fit.predict(fit.points.centre[:, None] + centred)
    each = np.moveaxis(curves, 1, 2).reshape(-1, len(sizes))
    return carry_on(sizes, each, new).reshape(len(curves), len(u))


def search_all(
    law: CurveLaw,
    y: Array,
    u: Array,
    root: Array,
    n: Array | None,
    seen: list[tuple[Array, Array]],
    start: Fit | None,
) -> tuple[Array, Bools]:
    """Internal parameters (fits, p) and convergence (fits) of many curves of one law.

    Args:
        law: The law.
        y: log of the metric (fits, points).
        u: Centred log x (fits, points).
        root: Square roots of the weights (fits, points).
        n: Centred log N (1, points), or None.
        seen: y and u of the measured points of the first fits, one per curve: their best start is
            searched for, and the other fits begin where it ended.
        start: Fit whose first entry starts the search in the place of the law's own starts.
    """
    fits = len(y)
    u = np.where(root > 0, u, 0.0)
    residual = _residual(law, y, u, root, n)
    lower, upper = np.array(law.lower), np.array(law.upper)

    def search(first: Array, rows: Indices) -> tuple[Array, Array, Bools]:
        return levenberg(
            lambda theta, active: residual(theta, rows[active]),
            np.clip(first, lower, upper),
            lower,
            upper,
        )

    def best(fit: int, starts: Array) -> tuple[Array, bool]:
        found, objective, done = search(starts, np.full(len(starts), fit))
        return found[objective.argmin()], bool(done[objective.argmin()])

    if start is None:
        first = [best(i, law.starts(yi, ui)) for i, (yi, ui) in enumerate(seen)]
        theta = np.tile(np.array([found for found, _ in first]), (fits // len(first), 1))
        converged = np.tile(np.array([done for _, done in first]), fits // len(first))
        rest = np.arange(len(first), fits)
    else:
        theta = start.theta.reshape(-1, start.theta.shape[-1])
        if len(theta) != fits:
            theta = np.tile(theta[: len(seen)], (fits // len(seen), 1))
        converged, rest = np.ones(fits, bool), np.arange(fits)
    for block in np.array_split(rest, max(1, len(rest) * y.shape[1] // _BLOCK)):
        if len(block):
            theta[block], _, converged[block] = search(theta[block], block)
    return theta, converged


def _residual(
    law: CurveLaw, y: Array, u: Array, root: Array, n: Array | None
) -> Callable[[Array, Indices], tuple[Array, Array]]:
    def residual(theta: Array, rows: Indices) -> tuple[Array, Array]:
        value, jacobian = law.log_loss(theta, u[rows], n)
        return root[rows] * (y[rows] - value), -root[rows][..., None] * jacobian

    return residual
