"""Fit a law to points: closed-form inner parameters, analytic gradients, many fits at once.

A slope law in squared log loss needs only each size's free slope: with E(N) projected out,

    sum w (y - E + k u)^2  =  constant + sum_N S_N (k_N - k(N))^2,   S_N = sum w (u - mean u)^2,

so that the scale of k(N) is linear too and one number (log N0, or a) is left to search: a grid,
then bisection of the analytic derivative. Other laws go through a batched Levenberg-Marquardt.
"""

from dataclasses import dataclass, replace

import numpy as np

from rlscale.laws.equations import BASELINES, CURVE_LAWS, LAWS, SLOPE_LAWS
from rlscale.laws.points import Group, weights
from rlscale.laws.solver import levenberg

_GRID = 64
_BISECTIONS = 50
HUBER = 1.345  # Threshold in standard deviations: 95 % efficiency under normal noise.


@dataclass(frozen=True)
class Points:
    """Points of B fits: M sizes, T steps; weight 0 marks a point that was not measured.

    Attributes:
        models: Names of the sizes (M).
        n: Sizes N, ascending (M).
        u: log x (M, T).
        y: log of the metric (B, M, T).
        w: Weights (M, T), or (B, M, T) after reweighting.
    """

    models: tuple[str, ...]
    n: np.ndarray
    u: np.ndarray
    y: np.ndarray
    w: np.ndarray

    @property
    def centre(self) -> np.ndarray:
        """Unweighted mean of u over each size's points (M)."""
        present = self.present
        return (self.u * present).sum(1) / present.sum(1)

    @property
    def present(self) -> np.ndarray:
        """Measured points (M, T)."""
        return self.w > 0 if self.w.ndim == 2 else self.w[0] > 0


@dataclass(frozen=True)
class Fit:
    """B fits of one law; index 0 is the estimate where replicates follow.

    Attributes:
        law: Name of the law.
        points: What was fitted.
        theta: Internal parameters: (B, 2) scale and shape of a slope law, (B, M, p) of a curve law,
            (B, p) of a pooled one; (B, M) level of a baseline.
        level: log of the metric at ``points.centre`` (B, M) by the law's own line (slope laws).
        slope: k of every size by a free line, whatever the law (B, M).
        free_level: log of the metric at ``points.centre`` by that line (B, M).
        objective: Least weighted sum of squares (B).
        converged: Whether the search ended (B).
    """

    law: str
    points: Points
    theta: np.ndarray
    level: np.ndarray
    slope: np.ndarray
    free_level: np.ndarray
    objective: np.ndarray
    converged: np.ndarray

    def k(self, n: np.ndarray) -> np.ndarray:
        """Learning efficiency that a slope law gives to sizes n (B, len(n))."""
        if self.law == "free_slopes":
            return carry_on(self.points.n, self.slope, n)
        shape, _ = LAWS[self.law].shape(n, self.theta[:, 1], self.points.n.max())
        return self.theta[:, :1] * shape

    def k_law(self) -> np.ndarray | None:
        """k of the fitted sizes by the law (B, M); None for laws that are not straight."""
        if self.law == "free_slopes":
            return self.slope
        return self.k(self.points.n) if self.law in SLOPE_LAWS else None

    def predict(self, u: np.ndarray) -> np.ndarray:
        """log of the metric (B, M, G) at u (M, G) for the fitted sizes."""
        centred = u - self.points.centre[:, None]
        if self.law in SLOPE_LAWS:
            return self.level[..., None] - self.k_law()[..., None] * centred
        if self.law in BASELINES:
            return np.broadcast_to(self.theta[..., None], (*self.theta.shape, u.shape[1]))
        law = LAWS[self.law]
        if law.shared:
            middle, log_n = _pooled_frame(self.points)
            flat = (u - middle).reshape(1, -1)
            y, _ = law.log_loss(self.theta, flat, np.repeat(log_n, u.shape[1])[None])
            return y.reshape(len(y), *u.shape)
        b, m, p = self.theta.shape
        rows = np.broadcast_to(centred, (b, *u.shape)).reshape(b * m, -1)
        y, _ = law.log_loss(self.theta.reshape(b * m, p), rows)
        return y.reshape(b, m, -1)

    def predict_new(self, n: float, u: np.ndarray) -> np.ndarray:
        """log of the metric (B, G) at u (G) for a size that was not fitted.

        What a law says nothing about is carried on along a straight line in log N, fitted with
        equal weight to the sizes: the level of a slope law, the whole curve of a curve law, and the
        centre of u that both are taken from.
        """
        sizes, new = self.points.n, np.array([n])
        centred = u - carry_on(sizes, self.points.centre[None], new)
        if self.law in SLOPE_LAWS:
            return carry_on(sizes, self.level, new) - self.k(new) * centred
        if self.law in BASELINES:
            return np.repeat(carry_on(sizes, self.theta, new), len(u), axis=1)
        law = LAWS[self.law]
        if law.shared:
            middle, _ = _pooled_frame(self.points)
            log_n = np.log(n) - np.log(sizes).mean()
            return law.log_loss(self.theta, (u - middle)[None], np.full((1, len(u)), log_n))[0]
        curves = self.predict(self.points.centre[:, None] + centred)
        each = np.moveaxis(curves, 1, 2).reshape(-1, len(sizes))
        return carry_on(sizes, each, new).reshape(len(curves), len(u))

    def shared_parameters(self) -> dict[str, np.ndarray]:
        """Parameters that the sizes share, as users read them: name -> (B)."""
        law = LAWS[self.law]
        if self.law in SLOPE_LAWS:
            return law.report(*self.theta.T) if law.parameters else {}
        if self.law in BASELINES or not law.shared:
            return {}
        middle, _ = _pooled_frame(self.points)
        return law.report(self.theta, middle, np.log(self.points.n).mean())

    def size_parameters(self) -> dict[str, np.ndarray]:
        """Parameters of single sizes, as users read them: name -> (B, M)."""
        if self.law in SLOPE_LAWS:
            return {"E": self.level + self.k_law() * self.points.centre}
        if self.law in BASELINES:
            return {"E": self.theta}
        law = LAWS[self.law]
        return {} if law.shared else law.report(self.theta, self.points.centre)

    def residuals(self) -> np.ndarray:
        """log of the metric minus its fit (B, M, T); 0 where nothing was measured."""
        return np.where(self.points.present, self.points.y - self.predict(self.points.u), 0.0)

    def n_parameters(self) -> int:
        """Parameters fitted, levels included."""
        if self.law in SLOPE_LAWS:
            k = len(LAWS[self.law].parameters) or len(self.points.n)
            return len(self.points.n) + k
        return int(np.prod(self.theta.shape[1:]))


def carry_on(n: np.ndarray, values: np.ndarray, new: np.ndarray) -> np.ndarray:
    """Straight line in log N through values (B, M), read off at new sizes (B, len(new))."""
    u = np.log(n) - np.log(n).mean()
    spread = (u**2).sum()
    slope = values @ u / spread if spread else np.zeros(len(values))
    return values.mean(1, keepdims=True) + slope[:, None] * (np.log(new) - np.log(n).mean())


def points_of(group: Group, weighting: str) -> Points:
    """Average a group's runs (log of the mean metric, mean of log x) and weight the points.

    A mean of exactly zero has no logarithm and gets no weight; ``results.trouble`` refuses it.
    """
    w = weights(group, weighting)
    value = group.per_size(group.value)
    u = group.per_size(np.log(group.x))
    present = (w > 0) & (value > 0)
    w = np.where(present, w, 0.0)
    return Points(
        models=group.models,
        n=group.n,
        u=np.where(present, u, 0.0),
        y=np.log(np.where(present, value, 1.0))[None],
        w=w,
    )


def fit_law(law: str, points: Points, robust: bool = False, start: Fit | None = None) -> Fit:
    """Fit a law to every one of the B sets of points.

    Args:
        law: Name of the law.
        points: Points; each size has at least two distinct u.
        robust: Huber loss on the weighted residuals (iteratively reweighted) instead of squares.
        start: Fit of the same law whose first entry starts the search, in the place of the law's
            own starts: for bootstrap replicates.
    """
    fit = _fit_squares(law, points, start)
    if not robust:
        return fit
    base = points.w if points.w.ndim == 3 else points.w[None]
    scaled = np.sqrt(base) * fit.residuals()
    inside = np.where(points.present, np.abs(scaled), np.nan)
    sigma = 1.4826 * np.nanmedian(inside, axis=(1, 2))[:, None, None]
    for _ in range(50):
        ratio = HUBER * sigma / np.maximum(np.abs(scaled), 1e-300)
        weighted = replace(points, w=base * np.minimum(1.0, ratio))
        fit = _fit_squares(law, weighted, fit if law in CURVE_LAWS else None)
        previous, scaled = scaled, np.sqrt(base) * fit.residuals()
        if np.abs(scaled - previous).max() <= 1e-10 * np.abs(scaled).max():
            break
    return fit


def _fit_squares(law: str, points: Points, start: Fit | None) -> Fit:
    w = points.w if points.w.ndim == 3 else points.w[None]
    level, slope, spread = _lines(points, w)
    if law in SLOPE_LAWS:
        if law == "free_slopes":
            theta, converged = np.zeros((len(slope), 2)), np.ones(len(slope), bool)
            k = slope
        elif law == "paper":
            return _fit_paper(points, w, level, slope, spread)
        else:
            theta, k = _slope_law(LAWS[law], points.n, slope, spread)
            converged = np.ones(len(slope), bool)
        own = _weighted_mean(points.y, w) + k * (_weighted_mean(points.u[None], w) - points.centre)
    elif law in BASELINES:
        theta = _baseline(law, points, w)
        own, converged = theta, np.ones(len(slope), bool)
    else:
        theta, converged = _curve_law(LAWS[law], points, w, start)
        own = level
    fit = Fit(law, points, theta, own, slope, level, np.zeros(len(slope)), converged)
    return replace(fit, objective=(w * fit.residuals() ** 2).sum((1, 2)))


def _weighted_mean(values: np.ndarray, w: np.ndarray) -> np.ndarray:
    return (w * values).sum(-1) / w.sum(-1)


def _lines(points: Points, w: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Free line of each size: level at the centre, k = -slope, and spread S of u (B, M)."""
    mean_u = _weighted_mean(points.u[None], w)
    du = w * (points.u - mean_u[..., None])
    spread = (du * points.u).sum(-1)
    slope = -(du * points.y).sum(-1) / spread
    level = _weighted_mean(points.y, w) + slope * (mean_u - points.centre)
    return level, slope, np.broadcast_to(spread, slope.shape)


def _slope_law(law, n, slope, spread) -> tuple[np.ndarray, np.ndarray]:
    """Scale and shape (B, 2) and k (B, M) of a slope law from free slopes."""
    low, high = law.shape_bounds(n)
    grid = np.linspace(low, high, _GRID + 1)
    g, _ = law.shape(n, grid, n.max())
    gain = (spread * slope) @ g.T
    gain = gain**2 / (spread @ (g**2).T)
    best = gain.argmax(1)
    left, right = grid[np.maximum(best - 1, 0)], grid[np.minimum(best + 1, _GRID)]

    def rise(s):
        """Sign of the fall of the objective as s grows."""
        g, dg = law.shape(n, s, n.max())
        scale = (spread * slope * g).sum(1) / (spread * g**2).sum(1)
        return scale * (spread * (slope - scale[:, None] * g) * dg).sum(1)

    for _ in range(_BISECTIONS):
        middle = (left + right) / 2
        up = rise(middle) > 0
        left, right = np.where(up, middle, left), np.where(up, right, middle)
    s = (left + right) / 2
    g, _ = law.shape(n, s, n.max())
    scale = (spread * slope * g).sum(1) / (spread * g**2).sum(1)
    return np.stack([scale, s], axis=1), scale[:, None] * g


def _fit_paper(points: Points, w, level, slope, spread) -> Fit:
    """Least squares in linear L by variable projection: exp(E) is linear, two numbers remain."""
    # PAPER bounds K_max [0, 2], N0 [0.1, 100] B.
    # DIFFERS CMA-ES there, Levenberg-Marquardt with an exact gradient here.
    law = LAWS["paper"]
    loss = np.exp(points.y)
    centred = np.where(points.present, points.u - points.centre[:, None], 0.0)
    root = np.sqrt(np.broadcast_to(w, loss.shape))
    low, high = law.shape_bounds(points.n)
    start, _ = _slope_law(law, points.n, slope, spread)

    def project(theta, rows):
        g, dg = law.shape(points.n, theta[:, 1], points.n.max())
        basis = root[rows] * np.exp(-(theta[:, :1] * g)[..., None] * centred)
        norm = (basis**2).sum(-1, keepdims=True)
        amplitude = (basis * root[rows] * loss[rows]).sum(-1, keepdims=True) / norm
        # Kaufman's Jacobian: the derivative of the basis, less its part along the basis.
        moved = -amplitude * centred * basis
        moved -= basis * ((basis * moved).sum(-1, keepdims=True) / norm)
        jacobian = np.stack([moved * g[..., None], moved * (theta[:, :1] * dg)[..., None]], axis=-1)
        residual = root[rows] * loss[rows] - amplitude * basis
        count = len(theta)
        return residual.reshape(count, -1), jacobian.reshape(count, -1, 2), amplitude[..., 0]

    def residual(theta, rows):
        r, jacobian, _ = project(theta, rows)
        return r, -jacobian

    theta, objective, converged = levenberg(
        residual, start, np.array([0.0, low]), np.array([2.0, high])
    )
    _, _, amplitude = project(theta, np.arange(len(theta)))
    return Fit("paper", points, theta, np.log(amplitude), slope, level, objective, converged)


def _baseline(law: str, points: Points, w: np.ndarray) -> np.ndarray:
    if law == "constant":
        return _weighted_mean(points.y, w)
    last = points.u.shape[1] - 1 - points.present[:, ::-1].argmax(1)
    return points.y[:, np.arange(len(points.n)), last]


def _pooled_frame(points: Points) -> tuple[float, np.ndarray]:
    """Centre of u over all points, and log N from the sizes' geometric mean (M)."""
    middle = points.u[points.present].mean()
    return float(middle), np.log(points.n) - np.log(points.n).mean()


def _curve_law(law, points: Points, w, start: Fit | None) -> tuple[np.ndarray, np.ndarray]:
    """Internal parameters of a curve law (B, M, p) or a pooled law (B, p), and convergence (B)."""
    b, m, t = points.y.shape
    root = np.broadcast_to(np.sqrt(w), points.y.shape)
    if law.shared:
        middle, log_n = _pooled_frame(points)
        u = np.broadcast_to((points.u - middle).reshape(1, -1), (b, m * t))
        n = np.repeat(log_n, t)[None]
        y, root = points.y.reshape(b, -1), root.reshape(b, -1)
        seen = points.present.reshape(-1)
        starts = [(y[0, seen], u[0, seen])]
    else:
        u = np.broadcast_to(points.u - points.centre[:, None], points.y.shape).reshape(b * m, t)
        n = None
        y, root = points.y.reshape(b * m, t), root.reshape(b * m, t)
        starts = [(y[i, p], u[i, p]) for i, p in enumerate(points.present)]
    u = np.where(root > 0, u, 0.0)
    fits = len(y)

    def residual(theta, rows):
        value, jacobian = law.log_loss(theta, u[rows], n)
        return root[rows] * (y[rows] - value), -root[rows][..., None] * jacobian

    def search(first, rows):
        return levenberg(
            lambda theta, active: residual(theta, rows[active]),
            np.clip(first, law.lower, law.upper),
            np.array(law.lower),
            np.array(law.upper),
        )

    if start is None:
        # The estimate's best of the law's starts; the other fits begin where it ended.
        theta0 = []
        converged0 = []
        for i, (yi, ui) in enumerate(starts):
            first = law.starts(yi, ui)
            found, objective, done = search(first, np.full(len(first), i))
            theta0.append(found[objective.argmin()])
            converged0.append(done[objective.argmin()])
        theta = np.tile(np.array(theta0), (fits // len(theta0), 1))
        converged = np.tile(np.array(converged0), fits // len(theta0))
        rest = np.arange(len(theta0), fits)
    else:
        theta = start.theta.reshape(-1, start.theta.shape[-1])
        if len(theta) != fits:
            theta = np.tile(theta[: len(starts)], (fits // len(starts), 1))
        converged, rest = np.ones(fits, bool), np.arange(fits)
    for block in np.array_split(rest, max(1, len(rest) * y.shape[1] // 400_000)):
        if len(block):
            theta[block], _, converged[block] = search(theta[block], block)
    shape = (b, -1) if law.shared else (b, m, theta.shape[1])
    return theta.reshape(shape), converged.reshape(b, -1).all(1)
