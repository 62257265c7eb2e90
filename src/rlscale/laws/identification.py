"""Do these data tell a law of k(N) from its rival, and does either fit?

Everything rests on the free slopes k_m of the sizes and their covariance over runs and problems,
so that correlated steps and shared problems are allowed for; none of it is drawn, so that no seed
decides. Where the slopes miss the law by more than their errors, differences are divided by the
misfit, and laws are weighed with scatter about them (``rlscale.laws.mixture``).
"""

from dataclasses import dataclass

import numpy as np
from scipy import stats

from rlscale.laws.arrays import Array
from rlscale.laws.mixture import Mixture, mix
from rlscale.laws.straight import SlopeLaw

_GRID = 241
_ALARM = 0.0455  # Chance of calling for one law where both do as well: 4 AIC in large samples.
_MISFIT = 0.05
# ASSUME share that a law needs in the mixture, in which sizes scatter about it, to be called for.
# Of few sizes the misfit shows no scatter: four on a power law that scatter by 20 % were called
# identified in 6.1 % of studies without it, in 4.4 % with it (docs/law.md; seeds of its own).
SHARE = 0.8


@dataclass(frozen=True)
class Identification:
    """Profile likelihood of the law's shape and the comparison with its rival.

    Attributes:
        n0: Grid of N0, or of what stands for it (G).
        k_max: Best scale at each N0 (G).
        deviance: Rise of -2 log likelihood over its least value (G).
        low, high: Profile interval of N0; None where open within the searched range.
        delta_aic: AIC(rival) - AIC(law).
        misfit: -2 log likelihood of the law above that of free slopes: chi-squared if it holds.
        misfit_freedom: Its degrees of freedom, sizes - 2.
        p_misfit: Chance of a misfit as large if the law held without scatter.
        mixture: Both laws with scatter, weighed.
        verdict: identified, not_identified or power.
    """

    n0: Array
    k_max: Array
    deviance: Array
    low: float | None
    high: float | None
    delta_aic: float
    misfit: float
    misfit_freedom: int
    p_misfit: float
    mixture: Mixture
    verdict: str

    @property
    def inflation(self) -> float:
        """Misfit per degree of freedom of the better of the two, at least 1."""
        return _inflation(self.misfit, self.delta_aic, self.misfit_freedom)


def identify(
    n: Array,
    slope: Array,
    covariance: Array,
    freedom: float,
    level: float,
    contest: tuple[SlopeLaw, SlopeLaw],
) -> Identification:
    """Judge a law of k(N) against its rival from free slopes.

    Args:
        n: Sizes (M).
        slope: Free slopes (M).
        covariance: Their covariance (M, M).
        freedom: Its degrees of freedom.
        level: Coverage of the profile interval.
        contest: The law and its rival.
    """
    law, other = contest
    if not np.any(covariance):  # Runs that do not differ at all: sizes count alike.
        covariance = 1e-12 * np.eye(len(n)) * (slope**2).mean()
    precision: Array = np.asarray(
        np.linalg.pinv(covariance, rcond=1e-8, hermitian=True), dtype=np.float64
    )
    grid = np.linspace(*law.shape_bounds(n), _GRID)
    deviance, scale = _profile(law, n, grid, slope, precision)
    rival_grid = np.linspace(*other.shape_bounds(n), 8 * _GRID)
    rival, _ = _profile(other, n, rival_grid, slope, precision)
    delta, misfit = float(rival.min() - deviance.min()), float(deviance.min())
    spare = len(n) - 2
    p_misfit = float(stats.f.sf(misfit / max(1, spare), max(1, spare), freedom))
    inflation = _inflation(misfit, delta, spare)
    # A misfit that is estimated from few sizes is known no better than they allow.
    scattered = stats.f.sf(inflation, max(1, spare), freedom) < _MISFIT
    judge = min(freedom, max(1, spare)) if scattered else freedom
    better = float(stats.f.isf(_ALARM, 1, judge))
    reach = inflation * float(stats.f.ppf(level, 1, judge))
    lower, upper = _ends(grid, deviance, reach)
    k_max, n0 = law.report(scale, grid).values()
    mixture = mix(contest, n, slope, covariance, freedom)
    verdict, apart = "not_identified", delta / inflation
    if apart <= -better and mixture.share(1) >= SHARE:
        verdict = "power"
    elif apart >= better and mixture.share(0) >= SHARE and None not in (lower, upper):
        verdict = "identified"
    return Identification(
        n0, k_max, deviance - misfit, lower, upper, delta, misfit, spare, p_misfit, mixture, verdict
    )


def _ends(grid: Array, deviance: Array, reach: float) -> tuple[float | None, float | None]:
    """Where a profile rises by ``reach``, on either side; None where that is beyond the grid."""
    inside = np.flatnonzero(deviance - deviance.min() <= reach)
    lower = None if inside[0] == 0 else _crossing(grid, deviance, inside[0] - 1, reach)
    upper = None if inside[-1] == len(grid) - 1 else _crossing(grid, deviance, inside[-1], reach)
    return lower, upper


def _inflation(misfit: float, delta: float, spare: int) -> float:
    """How many times their errors the slopes scatter about the better law, at least 1."""
    return max(1.0, min(misfit, misfit + delta) / max(1, spare))


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
