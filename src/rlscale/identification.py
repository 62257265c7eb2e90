"""Do these data identify K_max and N0, or would a pure power law, or no straight line, do as well?

Everything rests on the free slopes k_m of the sizes and their covariance over replicates, so that
correlated steps and shared problems are allowed for.
"""

from dataclasses import dataclass

import numpy as np
from scipy import stats

from rlscale.fitting import Points
from rlscale.laws import LAWS

_GRID = 241
_BETTER = 4.0  # Difference in AIC (two parameters each) that counts as better: odds of e^2.
_ALARM = 0.05  # Chance of calling straight curves bent.


@dataclass(frozen=True)
class Identification:
    """Profile likelihood of N0 and the comparison with a pure power law.

    Attributes:
        n0: Grid of N0 (G).
        k_max: Best K_max at each N0 (G).
        deviance: Rise of -2 log likelihood over its least value (G).
        low, high: Profile interval of N0; None where open within the searched range.
        delta_aic: AIC(power) - AIC(saturating).
        curvature: Mean second derivative of log L in log x, estimate and replicates (1 + B).
        bends: Whether that differs from zero.
        verdict: identified, not_identified, power or bends.
    """

    n0: np.ndarray
    k_max: np.ndarray
    deviance: np.ndarray
    low: float | None
    high: float | None
    delta_aic: float
    curvature: np.ndarray
    bends: bool
    verdict: str


def identify(
    points: Points, slope: np.ndarray, freedom: int | None, level: float
) -> Identification:
    """Judge the saturating law from free slopes.

    Args:
        points: Points, the estimate first, then replicates (1 + B).
        slope: Free slopes (1 + B, M).
        freedom: Degrees of freedom of the slopes' covariance; None when it counts as known.
        level: Coverage of the profile interval.
    """
    n = points.n
    covariance = np.cov(slope[1:].T)
    precision = np.linalg.pinv(covariance, rcond=1e-8, hermitian=True)
    low, high = LAWS["saturating"].shape_bounds(n)
    grid = np.linspace(low, high, _GRID)
    deviance, k_max = _profile(LAWS["saturating"], n, grid, slope[0], precision)
    exponents = np.linspace(*LAWS["power"].shape_bounds(n), 8 * _GRID)
    rival, _ = _profile(LAWS["power"], n, exponents, slope[0], precision)
    delta = float(rival.min() - deviance.min())
    reach = _quantile(level, freedom)
    inside = np.flatnonzero(deviance - deviance.min() <= reach)
    lower = None if inside[0] == 0 else _crossing(grid, deviance, inside[0] - 1, reach)
    upper = None if inside[-1] == _GRID - 1 else _crossing(grid, deviance, inside[-1], reach)
    curvature = mean_curvature(points)
    spread = curvature[1:].std(ddof=1)
    bends = bool(abs(curvature[0]) > spread * np.sqrt(_quantile(1 - _ALARM, freedom)))
    if bends:
        verdict = "bends"
    elif delta <= -_BETTER:
        verdict = "power"
    elif delta >= _BETTER and lower is not None and upper is not None:
        verdict = "identified"
    else:
        verdict = "not_identified"
    return Identification(
        np.exp(grid),
        k_max,
        deviance - deviance.min(),
        lower,
        upper,
        delta,
        curvature,
        bends,
        verdict,
    )


def _quantile(level: float, freedom: int | None) -> float:
    if freedom is None:
        return float(stats.chi2.ppf(level, 1))
    return float(stats.f.ppf(level, 1, freedom))


def _profile(law, n, grid, k, precision) -> tuple[np.ndarray, np.ndarray]:
    """Generalised least squares of k on scale * shape(n, s), for every s of the grid."""
    g, _ = law.shape(n, grid, n.max())
    weighted = g @ precision
    scale = (weighted @ k) / (weighted * g).sum(1)
    rest = k - scale[:, None] * g
    return np.einsum("gm,mn,gn->g", rest, precision, rest), scale


def _crossing(grid, deviance, i, reach) -> float:
    rise = deviance - deviance.min()
    share = (reach - rise[i]) / (rise[i + 1] - rise[i])
    return float(np.exp(grid[i] + share * (grid[i + 1] - grid[i])))


def mean_curvature(points: Points) -> np.ndarray:
    """Second derivative of log L in log x, averaged over sizes with their precision (1 + B).

    Zero when the curves are straight; positive when learning slows down.
    """
    w = points.w if points.w.ndim == 2 else points.w[0]
    total, precision = 0.0, 0.0
    for m, present in enumerate(points.present):
        if present.sum() < 4:
            continue
        u = points.u[m, present]
        root = np.sqrt(w[m, present])
        u = u - np.average(u, weights=root**2)
        basis = np.stack([np.ones_like(u), u, u**2], axis=1)
        influence = 2 * np.linalg.pinv(root[:, None] * basis)[2] * root
        curvature = points.y[:, m, present] @ influence
        weight = 1 / curvature[1:].var(ddof=1) if len(curvature) > 2 else 1.0
        total = total + weight * curvature
        precision += weight
    return total / precision if precision else np.zeros(len(points.y))
