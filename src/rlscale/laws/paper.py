"""The paper's own protocol for its law: least squares in linear L."""

import numpy as np

from rlscale.laws.arrays import Array, Indices
from rlscale.laws.law import Fit, Solution
from rlscale.laws.points import Lines, Points
from rlscale.laws.solver import levenberg
from rlscale.laws.straight import Saturating, fit_shape


class Paper(Saturating):
    """L = exp(E(N)) x^(-k(N)),  k(N) = K_max / (1 + N0 / N): the paper's own protocol.

    # PAPER mean squared error in linear L, equal weight per size, N0 within 0.1e9 .. 100e9.
    """

    name = "paper"
    equation = "L = exp(E(N)) x^(-K_max / (1 + N0/N)), least squares in L"
    label = "the paper's protocol"
    weighting = "equal"

    def shape_bounds(self, n: Array) -> tuple[float, float]:
        """The paper's bounds on N0."""
        return float(np.log(1e8)), float(np.log(1e11))

    def solve(self, points: Points, w: Array, lines: Lines, start: Fit | None) -> Solution:
        """Variable projection: exp(E) is linear, two numbers remain."""
        # PAPER bounds K_max [0, 2], N0 [0.1, 100] B.
        # DIFFERS CMA-ES there, Levenberg-Marquardt with an exact gradient here.
        loss = np.exp(points.y)
        centred = np.where(points.present, points.u - points.centre[:, None], 0.0)
        root = np.sqrt(np.broadcast_to(w, loss.shape))
        low, high = self.shape_bounds(points.n)
        first, _ = fit_shape(self, points.n, lines.slope, lines.spread)

        def project(theta: Array, rows: Indices) -> tuple[Array, Array, Array]:
            g, dg = self.shape(points.n, theta[:, 1], points.n.max())
            basis = root[rows] * np.exp(-(theta[:, :1] * g)[..., None] * centred)
            norm = (basis**2).sum(-1, keepdims=True)
            amplitude = (basis * root[rows] * loss[rows]).sum(-1, keepdims=True) / norm
            # Kaufman's Jacobian: the derivative of the basis, less its part along the basis.
            moved = -amplitude * centred * basis
            moved -= basis * ((basis * moved).sum(-1, keepdims=True) / norm)
            jacobian = np.stack(
                [moved * g[..., None], moved * (theta[:, :1] * dg)[..., None]], axis=-1
            )
            residual = root[rows] * loss[rows] - amplitude * basis
            count = len(theta)
            return residual.reshape(count, -1), jacobian.reshape(count, -1, 2), amplitude[..., 0]

        def residual(theta: Array, rows: Indices) -> tuple[Array, Array]:
            r, jacobian, _ = project(theta, rows)
            return r, -jacobian

        theta, objective, converged = levenberg(
            residual, first, np.array([0.0, low]), np.array([2.0, high])
        )
        _, _, amplitude = project(theta, np.arange(len(theta)))
        return Solution(theta, np.log(amplitude), converged, objective)

    def tuned_intercept(self, shape: Array, y: Array, w: Array) -> Array:
        """Least squares in linear L."""
        basis = np.exp(shape)
        return np.asarray(np.log((w * basis * np.exp(y)).sum(1) / (w * basis**2).sum(1)))
