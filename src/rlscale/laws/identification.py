"""Do these data identify K_max and N0, or would a pure power law, or no straight line, do as well?

Everything rests on the free slopes k_m of the sizes and their covariance over replicates, so that
correlated steps and shared problems are allowed for. Replicates are spread as Student's t is, so
that the quantiles of known variances (chi-squared) apply.
"""

from dataclasses import dataclass

import numpy as np
from scipy import stats

from rlscale.laws.arrays import Array
from rlscale.laws.points import Points
from rlscale.laws.straight import SlopeLaw

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
        p_straight: Chance of curves as bent as these if all were straight lines in log-log.
        verdict: identified, not_identified, power or bends.
    """

    n0: Array
    k_max: Array
    deviance: Array
    low: float | None
    high: float | None
    delta_aic: float
    curvature: Array
    p_straight: float
    verdict: str


def identify(
    points: Points, slope: Array, level: float, contest: tuple[SlopeLaw, SlopeLaw]
) -> Identification:
    """Judge a law of k(N) against its rival from free slopes.

    Args:
        points: Points, the estimate first, then replicates (1 + B).
        slope: Free slopes (1 + B, M).
        level: Coverage of the profile interval.
        contest: The law and its rival.
    """
    n = points.n
    covariance = np.cov(slope[1:].T)
    precision = np.linalg.pinv(covariance, rcond=1e-8, hermitian=True)
    law, other = contest
    grid = np.linspace(*law.shape_bounds(n), _GRID)
    deviance, scale = _profile(law, n, grid, slope[0], precision)
    rival_grid = np.linspace(*other.shape_bounds(n), 8 * _GRID)
    rival, _ = _profile(other, n, rival_grid, slope[0], precision)
    delta = float(rival.min() - deviance.min())
    reach = float(stats.chi2.ppf(level, 1))
    inside = np.flatnonzero(deviance - deviance.min() <= reach)
    lower = None if inside[0] == 0 else _crossing(grid, deviance, inside[0] - 1, reach)
    upper = None if inside[-1] == _GRID - 1 else _crossing(grid, deviance, inside[-1], reach)
    bend = bends_of(points)
    p_straight = _wald(bend)
    if p_straight < _ALARM:
        verdict = "bends"
    elif delta <= -_BETTER:
        verdict = "power"
    elif delta >= _BETTER and lower is not None and upper is not None:
        verdict = "identified"
    else:
        verdict = "not_identified"
    k_max, n0 = law.report(scale, grid).values()
    return Identification(
        n0,
        k_max,
        deviance - deviance.min(),
        lower,
        upper,
        delta,
        bend[:, 0],
        p_straight,
        verdict,
    )


def _wald(bend: Array) -> float:
    """Chance of a mean bend as large as the first row, if its mean were zero."""
    covariance = np.cov(bend[1:].T)
    if not np.any(covariance):
        return 1.0
    statistic = bend[0] @ np.linalg.pinv(covariance, hermitian=True) @ bend[0]
    return float(stats.chi2.sf(statistic, 2))


def _profile(
    law: SlopeLaw, n: Array, grid: Array, k: Array, precision: Array
) -> tuple[Array, Array]:
    """Generalised least squares of k on scale * shape(n, s), for every s of the grid."""
    g, _ = law.shape(n, grid, n.max())
    weighted = g @ precision
    scale = (weighted @ k) / (weighted * g).sum(1)
    rest = k - scale[:, None] * g
    return np.einsum("gm,mn,gn->g", rest, precision, rest), scale


def _crossing(grid: Array, deviance: Array, i: int, reach: float) -> float:
    rise = deviance - deviance.min()
    share = (reach - rise[i]) / (rise[i + 1] - rise[i])
    return float(np.exp(grid[i] + share * (grid[i + 1] - grid[i])))


def bends_of(points: Points) -> Array:
    """How far the curves are from straight lines in log-log, averaged over sizes (1 + B, 2).

    Per size, the coefficients of the curve on the quadratic and the cubic polynomial that are
    orthogonal to lines over its weighted points, then the mean over sizes with their precision
    over replicates. Both are zero when the law holds. The first is in units of a second
    derivative of log L in log x; the second sees learning that starts late and ends early.
    """
    w = points.w if points.w.ndim == 2 else points.w[0]
    total, precision = np.zeros((len(points.y), 2)), np.zeros(2)
    for m, present in enumerate(points.present):
        if present.sum() < 5:
            continue
        u = points.u[m, present]
        root = np.sqrt(w[m, present])
        u = u - np.average(u, weights=root**2)
        columns = root[:, None] * np.stack([u**power for power in range(4)], axis=1)
        basis, triangle = np.linalg.qr(columns)
        influence = root[:, None] * basis[:, 2:] / np.diag(triangle)[2:]
        bend = points.y[:, m, present] @ influence * [2, 6]
        weight = 1 / bend[1:].var(axis=0, ddof=1)
        total += weight * bend
        precision += weight
    return total / precision if precision.all() else total
