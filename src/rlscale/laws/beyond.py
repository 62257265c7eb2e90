"""k at sizes larger than any that was fitted."""

from dataclasses import replace

import numpy as np

from rlscale.laws.arrays import Array
from rlscale.laws.groups import Group
from rlscale.laws.mixture import Mixture, mix
from rlscale.laws.points import Points, free_lines, points_of
from rlscale.laws.spec import FitSpec
from rlscale.laws.spread import run_spread, slope_variance
from rlscale.laws.uncertainty import Replicates

TIMES = (2, 4)  # Times the largest size.
_DRAWS = 20_000
_PARTS = 3  # Of a run, each with slopes of its own where curves bend.
_LEAST = 4  # Points of a size that say what its slope is.


def k_beyond(
    group: Group, spec: FitSpec, replicates: Replicates, mixture: Mixture, bent: bool
) -> list[tuple[float, float, float, float]]:
    """Sizes, and k there: middle and ends of its interval.

    Where curves bend, one slope per size depends on the steps that it is taken over, and an
    interval about it says how well that mean is known, not how fast a size learns. So the thirds
    of the run are fitted by themselves as well, and the interval holds all of theirs.

    Args:
        group: The curves.
        spec: What was fitted, and how.
        replicates: Other runs, problems or residual blocks.
        mixture: Laws of k(N) with scatter, by the slopes of whole curves.
        bent: Whether the curves bend.
    """
    settings, mixtures = spec.settings, [mixture]
    if bent:
        mixtures += _of_parts(group, spec, replicates, mixture)
    ends = [0.5, (1 - settings.level) / 2, (1 + settings.level) / 2]
    rows = []
    for times in TIMES:
        n = times * float(group.n.max())
        drawn = []
        for own in mixtures:
            rng = np.random.default_rng([settings.bootstrap.seed, 7])
            drawn.append(np.quantile(own.draw(n, _DRAWS, rng), ends))
        middle, low, high = np.array(drawn).T
        rows.append((n, float(middle[0]), float(low.min()), float(high.max())))
    return rows


def _of_parts(group: Group, spec: FitSpec, replicates: Replicates, whole: Mixture) -> list[Mixture]:
    """The mixture by each third of the run; thirds with too few points of a size are left out."""
    result = []
    order = np.cumsum(group.runs > 0, axis=1)
    part = np.ceil(_PARTS * order / order[:, -1:])
    for i in range(1, _PARTS + 1):
        own = (part == i)[group.size_of]
        window = replace(group, value=np.where(own, group.value, np.nan))
        if ((window.runs > 0).sum(1) < _LEAST).any():
            continue
        points = points_of(window, spec.weighting)
        slope = free_lines(points, points.w[None]).slope[0]
        covariance = _covariance(window, points, replicates)
        if covariance is not None:
            result.append(mix(whole.laws, group.n, slope, covariance, whole.freedom))
    return result


def _covariance(window: Group, points: Points, replicates: Replicates) -> Array | None:
    """Covariance of a window's free slopes (M, M), as far as the widest scope knows it."""
    if replicates.spread is None:
        drawn = replace(points, y=points.y + replicates.deviations["block"])
        return np.asarray(np.cov(free_lines(drawn, points.w[None]).slope.T), dtype=np.float64)
    spread = run_spread(window, points)
    if spread is None:
        return None
    covariance = np.diag(slope_variance(window, spread))
    if replicates.problems is not None:
        own = np.einsum("pmt,mt->pm", replicates.problems, spread.influence)
        covariance = covariance + own.T @ own / len(own) ** 2
    return covariance
