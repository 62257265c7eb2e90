"""Laws that know nothing of learning: what a forecast must beat."""

from abc import abstractmethod

import numpy as np

from rlscale.laws.arrays import Array
from rlscale.laws.law import Fit, Law, Solution
from rlscale.laws.points import Lines, Points, weighted_mean
from rlscale.laws.straight import carry_on


class Baseline(Law):
    """One value per size."""

    @abstractmethod
    def value(self, points: Points, w: Array) -> Array:
        """log of the metric of every size (B, M)."""

    def solve(self, points: Points, w: Array, lines: Lines, start: Fit | None) -> Solution:
        """The values."""
        value = self.value(points, w)
        return Solution(value, value, np.ones(len(value), bool))

    def predict(self, fit: Fit, u: Array) -> Array:
        """The value, at every u."""
        return np.broadcast_to(fit.theta[..., None], (*fit.theta.shape, u.shape[1]))

    def predict_new(self, fit: Fit, n: float, u: Array) -> Array:
        """The value carried on in log N."""
        return np.repeat(carry_on(fit.points.n, fit.theta, np.array([n])), len(u), axis=1)

    def size_parameters(self, fit: Fit) -> dict[str, Array]:
        """The value."""
        return {"E": fit.theta}

    def n_parameters(self, fit: Fit) -> int:
        """One per size."""
        return len(fit.points.n)


class Constant(Baseline):
    """log L = E(N): no learning at all."""

    name = "constant"
    equation = "log L = E(N)"
    words = "a constant"

    def value(self, points: Points, w: Array) -> Array:
        """The mean."""
        return weighted_mean(points.y, w)


class LastValue(Baseline):
    """log L = log L at the last step seen: knows learning but not its future."""

    name = "last_value"
    equation = "log L = log L(last step seen)"
    words = "the last value"

    def value(self, points: Points, w: Array) -> Array:
        """The last measured point."""
        last = points.u.shape[1] - 1 - points.present[:, ::-1].argmax(1)
        return points.y[:, np.arange(len(points.n)), last]
