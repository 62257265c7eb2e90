"""Laws with one surface over sizes and x: no parameter belongs to a single size."""

from abc import abstractmethod

import numpy as np
from scipy.special import expit

from rlscale.laws.arrays import Array
from rlscale.laws.curved import LOG_FLOOR, CurveLaw, search_all
from rlscale.laws.law import Fit, Parameter, Solution
from rlscale.laws.points import Lines, Points


class Surface(CurveLaw):
    """One surface over log N and log x."""

    least_sizes = 3

    @abstractmethod
    def report(self, theta: Array, centre: float, log_nc: float) -> dict[str, Array]:
        """Parameters as users read them.

        Args:
            theta: Internal parameters (B, p).
            centre: log x that u was centred at.
            log_nc: log N that n was centred at.
        """

    def solve(self, points: Points, w: Array, lines: Lines, start: Fit | None) -> Solution:
        """Search the surface of each fit."""
        b, m, t = points.y.shape
        middle, log_n = frame(points)
        u = np.broadcast_to((points.u - middle).reshape(1, -1), (b, m * t))
        root = np.broadcast_to(np.sqrt(w), points.y.shape).reshape(b, -1)
        y, seen = points.y.reshape(b, -1), points.present.reshape(-1)
        theta, converged = search_all(
            self, y, u, root, np.repeat(log_n, t)[None], [(y[0, seen], u[0, seen])], start
        )
        return Solution(theta, lines.intercept, converged)

    def predict(self, fit: Fit, u: Array) -> Array:
        """The surface at the fitted sizes."""
        middle, log_n = frame(fit.points)
        flat = (u - middle).reshape(1, -1)
        y, _ = self.log_loss(fit.theta, flat, np.repeat(log_n, u.shape[1])[None])
        return y.reshape(len(y), *u.shape)

    def predict_new(self, fit: Fit, n: float, u: Array) -> Array:
        """The surface at another size."""
        middle, _ = frame(fit.points)
        log_n = np.log(n) - np.log(fit.points.n).mean()
        return self.log_loss(fit.theta, (u - middle)[None], np.full((1, len(u)), log_n))[0]

    def shared_parameters(self, fit: Fit) -> dict[str, Array]:
        """As users read them."""
        middle, _ = frame(fit.points)
        return self.report(fit.theta, middle, float(np.log(fit.points.n).mean()))

    def n_parameters(self, fit: Fit) -> int:
        """All internal ones."""
        return int(fit.theta.shape[1])

    def at_end(self, fit: Fit) -> list[str]:
        """Parameters whose internal value ended at a bound."""
        at = (fit.theta[0] <= self.lower) | (fit.theta[0] >= self.upper)
        return [own.name for own, found in zip(self.parameters, at, strict=True) if found]

    def scatter(self, fit: Fit) -> Array:
        """Mean residual of each size."""
        present = fit.points.present
        return np.asarray((fit.residuals()[0] * present).sum(1) / present.sum(1))


def frame(points: Points) -> tuple[float, Array]:
    """Centre of u over all points, and log N from the sizes' geometric mean (M)."""
    middle = points.u[points.present].mean()
    return float(middle), np.log(points.n) - np.log(points.n).mean()


class Decomposition(Surface):
    """L = L_inf + (N0/N)^a + lambda(N) / (1 + (x / x0(N))^b),  power laws for lambda and x0.

    The paper's second law (Appendix, Fig. 13).
    """

    # ASSUME lambda(N) = lambda_1 (N/N_c)^l and x0(N) = x0_1 (N/N_c)^d with N_c the geometric mean
    # of the sizes: the paper's text does not give their form.
    name = "decomposition"
    equation = "L = L_inf + (N0/N)^a + lambda_1 N^l / (1 + (x / (x0_1 N^d))^b)"
    words = "a surface of size and training"
    label = "the second law"
    parameters = (
        Parameter("L_inf", r"$L_\infty$"),
        Parameter("N0", "$N_0$", "size"),
        Parameter("a", "$a$"),
        Parameter("lambda_1", r"$\lambda_1$"),
        Parameter("l", "$l$"),
        Parameter("x0_1", "$x_{0,1}$", "x"),
        Parameter("d", "$d$"),
        Parameter("b", "$b$"),
    )
    lower = (LOG_FLOOR, LOG_FLOOR, 0.05, LOG_FLOOR, -2, -12, -4, -4)
    upper = (1.0, 2.0, 3.0, 2.0, 2.0, 12.0, 4.0, 2.0)

    def starts(self, y: Array, u: Array) -> Array:
        """Starts (starts, 8): log L_inf, log (N0/N_c)^a, a, log lambda_1, l, log x0_1, d, log b."""
        low, high = np.exp(y.min()), np.exp(y.max())
        middle = np.sqrt(low * high)
        return np.array(
            [
                [
                    np.log(low / 2),
                    np.log(middle / 2),
                    a,
                    np.log(high - middle / 2),
                    0.0,
                    x0,
                    0.0,
                    0.0,
                ]
                for a in (0.1, 0.5)
                for x0 in (0.0, 3.0)
            ]
        )

    def log_loss(self, theta: Array, u: Array, n: Array | None = None) -> tuple[Array, Array]:
        """log L (fits, points) and its Jacobian; ``n`` is log N - log N_c of each point."""
        assert n is not None
        inf, size, a, scale, slope, middle, shift, power = (theta[:, [i]] for i in range(8))
        endless = np.exp(inf)
        capacity = np.exp(size - a * n)
        b = np.exp(power)
        z = b * (u - middle - shift * n)
        rest = expit(-z)
        learnt = np.exp(scale + slope * n) * rest
        loss = endless + capacity + learnt
        bend = learnt * (1 - rest)
        jacobian = np.stack(
            [
                endless + 0 * u, capacity, -capacity * n, learnt, learnt * n,
                bend * b, bend * b * n, -bend * z,
            ],
            axis=-1,
        )  # fmt: skip
        return np.log(loss), jacobian / loss[..., None]

    def report(self, theta: Array, centre: float, log_nc: float) -> dict[str, Array]:
        """Parameters as users read them, lambda_1 and x0_1 at N_c = exp(log_nc)."""
        inf, size, a, scale, slope, middle, shift, power = np.moveaxis(theta, -1, 0)
        return {
            "L_inf": np.exp(inf), "N0": np.exp(log_nc + size / a), "a": a,
            "lambda_1": np.exp(scale), "l": slope, "x0_1": np.exp(middle + centre), "d": shift,
            "b": np.exp(power),
        }  # fmt: skip
