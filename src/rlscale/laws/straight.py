"""Laws that are straight in log-log, log L = E(N) - k(N) log x, and differ in k(N).

In squared log loss they need only each size's free slope: with E(N) projected out,

    sum w (y - E + k u)^2  =  constant + sum_N S_N (k_N - k(N))^2,   S_N = sum w (u - mean u)^2,

so that the scale of k(N) is linear too and one number (log N0, or a) is left to search: a grid,
then bisection of the analytic derivative.
"""

from abc import abstractmethod
from typing import ClassVar

import numpy as np
from scipy.special import expit

from rlscale.laws.arrays import Array, Bools
from rlscale.laws.law import Fit, Law, Parameter, Solution
from rlscale.laws.points import Lines, Points, weighted_mean

_GRID = 64
_BISECTIONS = 50


class StraightLaw(Law):
    """A line per size: its intercept, and a slope k that a subclass gives."""

    straight: ClassVar[bool] = True

    def predict(self, fit: Fit, u: Array) -> Array:
        """The line of every size."""
        centred = u - fit.points.centre[:, None]
        k = self.k_fitted(fit)
        assert k is not None
        return fit.intercept[..., None] - k[..., None] * centred

    def predict_new(self, fit: Fit, n: float, u: Array) -> Array:
        """Intercept and centre carried on in log N, slope as the law says."""
        sizes, new = fit.points.n, np.array([n])
        centred = u - carry_on(sizes, fit.points.centre[None], new)
        return carry_on(sizes, fit.intercept, new) - self.k(fit, new) * centred

    def size_parameters(self, fit: Fit) -> dict[str, Array]:
        """E at log x = 0."""
        k = self.k_fitted(fit)
        assert k is not None
        return {"E": fit.intercept + k * fit.points.centre}


class FreeSlopes(StraightLaw):
    """log L = E(N) - k(N) log x,  k free per size.

    Says nothing about unseen sizes; there, k is carried on along a straight line in log N, and the
    interval holds what laws of k(N) say.
    """

    name = "free_slopes"
    equation = "log L = E(N) - k(N) log x, k free per size"
    words = "a free line per size"

    def solve(self, points: Points, w: Array, lines: Lines, start: Fit | None) -> Solution:
        """The free lines themselves."""
        count = len(lines.slope)
        intercept = intercepts_for(lines.slope, points, w)
        return Solution(np.zeros((count, 2)), intercept, np.ones(count, bool))

    def mixed(self) -> "list[SlopeLaw]":
        """Laws of k(N) with saturation and without."""
        return [Saturating(), Power()]

    def k(self, fit: Fit, n: Array) -> Array:
        """Slopes carried on in log N."""
        return carry_on(fit.points.n, fit.slope, n)

    def k_fitted(self, fit: Fit) -> Array:
        """The free slopes."""
        return fit.slope

    def n_parameters(self, fit: Fit) -> int:
        """Two per size."""
        return 2 * len(fit.points.n)


class SlopeLaw(StraightLaw):
    """k(N) = scale * shape(N, s) with one number s to search."""

    least_sizes: ClassVar[int] = 3

    @abstractmethod
    def shape_bounds(self, n: Array) -> tuple[float, float]:
        """Searched range of s for sizes n."""

    def likely(self, n: Array) -> tuple[float, float]:
        """Range of s that counts as likely, all alike, before the data; ``n`` the sizes fitted."""
        return self.shape_bounds(n)

    @abstractmethod
    def shape(self, n: Array, s: Array, largest: float) -> tuple[Array, Array]:
        """k / scale and its derivative in s, each of shape (*s.shape, sizes)."""

    @abstractmethod
    def report(self, scale: Array, s: Array) -> dict[str, Array]:
        """Parameters as users read them, the scale's first."""

    def solve(self, points: Points, w: Array, lines: Lines, start: Fit | None) -> Solution:
        """Scale and shape from free slopes: exact, needs no start."""
        theta, k = fit_shape(self, points.n, lines.slope, lines.spread)
        return Solution(theta, intercepts_for(k, points, w), np.ones(len(theta), bool))

    def mixed(self) -> "list[SlopeLaw]":
        """This law with saturation and without."""
        known = [Saturating(), Power()]
        return known if type(self) in (Saturating, Power) else [self, *known]

    def k(self, fit: Fit, n: Array) -> Array:
        """scale * shape."""
        shape, _ = self.shape(n, fit.theta[:, 1], fit.points.n.max())
        return fit.theta[:, :1] * shape

    def n_parameters(self, fit: Fit) -> int:
        """An intercept per size, scale and shape."""
        return len(fit.points.n) + 2

    def shared_parameters(self, fit: Fit) -> dict[str, Array]:
        """Scale and shape as users read them."""
        return self.report(*fit.theta.T)

    def unbounded(self, fit: Fit) -> dict[str, tuple[Bools, Bools]]:
        """Fits whose shape lies at an end of its range."""
        low, high = self.shape_bounds(fit.points.n)
        s, close = fit.theta[:, 1], 1e-6 * (high - low)
        return {self.parameters[1].name: (s - low < close, high - s < close)}

    def at_end(self, fit: Fit) -> list[str]:
        """The shape's parameter, where the estimate ended at a bound."""
        name = self.parameters[1].name
        return [name] if any(ends[0] for ends in self.unbounded(fit)[name]) else []


class Saturating(SlopeLaw):
    """log L = E(N) - k(N) log x,  k(N) = K_max / (1 + N0 / N).

    The law of arXiv 2509.25300: E is free per size, K_max and N0 are shared.
    """

    name = "saturating"
    equation = "log L = E(N) - K_max / (1 + N0/N) log x"
    words = "a saturating one"
    parameters = (Parameter("K_max", "$K_{max}$"), Parameter("N0", "$N_0$", "size"))

    def shape_bounds(self, n: Array) -> tuple[float, float]:
        """Searched range of s = log N0: two decades beyond the sizes on either side."""
        return float(np.log(n.min() / 100)), float(np.log(n.max() * 100))

    def likely(self, n: Array) -> tuple[float, float]:
        """N0 from half the smallest size to 30 times the largest."""
        return float(np.log(n.min() / 2)), float(np.log(30 * n.max()))

    def shape(self, n: Array, s: Array, largest: float) -> tuple[Array, Array]:
        """1 / (1 + N0 / N)."""
        g = expit(np.log(n) - s[..., None])
        return g, -g * (1 - g)

    def report(self, scale: Array, s: Array) -> dict[str, Array]:
        """K_max and N0."""
        return {"K_max": scale, "N0": np.exp(s)}

    def unbounded(self, fit: Fit) -> dict[str, tuple[Bools, Bools]]:
        """Beyond the sizes K_max grows with N0, so that where one is open, so is the other."""
        low, high = super().unbounded(fit)["N0"]
        falls = fit.theta[:, 0] < 0
        return {"K_max": (high & falls, high & ~falls), "N0": (low, high)}

    def contest(self) -> tuple[SlopeLaw, SlopeLaw]:
        """Saturation against none."""
        return Saturating(), Power()


class Power(SlopeLaw):
    """log L = E(N) - k(N) log x,  k(N) = k_1 (N / N_1)^a,  N_1 the largest size fitted.

    The rival without saturation: learning efficiency grows with size for ever.
    """

    name = "power"
    equation = "log L = E(N) - k_1 (N/N_1)^a log x, N_1 the largest size fitted"
    words = "a pure power law in N"
    parameters = (Parameter("k_1", "$k_1$"), Parameter("a", "$a$"))

    def shape_bounds(self, n: Array) -> tuple[float, float]:
        """Searched range of s = a."""
        return -4.0, 4.0

    def likely(self, n: Array) -> tuple[float, float]:
        """From no dependence on size to more than proportional."""
        return 0.0, 1.5

    def shape(self, n: Array, s: Array, largest: float) -> tuple[Array, Array]:
        """(N / N_1)^a."""
        u = np.log(n / largest)
        g = np.exp(s[..., None] * u)
        return g, g * u

    def report(self, scale: Array, s: Array) -> dict[str, Array]:
        """k_1 and a."""
        return {"k_1": scale, "a": s}


def carry_on(n: Array, values: Array, new: Array) -> Array:
    """Straight line in log N through values (B, M), read off at new sizes (B, len(new))."""
    u = np.log(n) - np.log(n).mean()
    spread = (u**2).sum()
    slope = values @ u / spread if spread else np.zeros(len(values))
    return np.asarray(
        values.mean(1, keepdims=True) + slope[:, None] * (np.log(new) - np.log(n).mean())
    )


def line_error(n: Array, apart: Array, new: float) -> tuple[float, int]:
    """Standard error of a value that ``carry_on`` gives a new size, and its degrees of freedom.

    Args:
        n: Sizes (M).
        apart: How far the value of each lies from the line (M).
        new: The new size.
    """
    sizes, freedom = np.log(n), max(1, len(n) - 2)
    away = sizes - sizes.mean()
    leverage = 1 / len(sizes) + (np.log(new) - sizes.mean()) ** 2 / (away**2).sum()
    return float(np.sqrt((apart**2).sum() / freedom * (1 + leverage))), freedom


def intercepts_for(k: Array, points: Points, w: Array) -> Array:
    """Best log of the metric at the points' centre for lines of slope -k (B, M)."""
    return weighted_mean(points.y, w) + k * (weighted_mean(points.u[None], w) - points.centre)


def fit_shape(law: SlopeLaw, n: Array, slope: Array, spread: Array) -> tuple[Array, Array]:
    """Scale and shape (B, 2) and k (B, M) of a slope law from free slopes.

    Args:
        law: The law.
        n: Sizes (M).
        slope: Free slopes (B, M).
        spread: Their weights S_N (B, M).
    """
    low, high = law.shape_bounds(n)
    grid = np.linspace(low, high, _GRID + 1)
    g, _ = law.shape(n, grid, n.max())
    gain = (spread * slope) @ g.T
    gain = gain**2 / (spread @ (g**2).T)
    best = gain.argmax(1)
    left, right = grid[np.maximum(best - 1, 0)], grid[np.minimum(best + 1, _GRID)]

    def scaled(s: Array) -> tuple[Array, Array, Array]:
        g, dg = law.shape(n, s, n.max())
        return (spread * slope * g).sum(1) / (spread * g**2).sum(1), g, dg

    for _ in range(_BISECTIONS):
        middle = (left + right) / 2
        scale, g, dg = scaled(middle)
        # Sign of the fall of the objective as s grows.
        up = scale * (spread * (slope - scale[:, None] * g) * dg).sum(1) > 0
        left, right = np.where(up, middle, left), np.where(up, right, middle)
    s = (left + right) / 2
    scale, g, _ = scaled(s)
    return np.stack([scale, s], axis=1), scale[:, None] * g
