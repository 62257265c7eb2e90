"""How the runs of a size differ: in level, in slope, and in the rest.

A run's curve, relative to its size's, is level + slope * (u - mean u) + rest. Slopes spread the
more, the more a size learns: their variance is a trend alpha + beta k^2 over sizes, to which each
size's own variance is shrunk. Levels cancel in slopes; the rest is noise of neighbouring steps.
"""

from dataclasses import dataclass

import numpy as np
from scipy.optimize import nnls

from rlscale.laws.arrays import Array, Bools
from rlscale.laws.groups import Group, run_variance
from rlscale.laws.points import Points, free_lines

_PRIOR = 4  # Degrees of freedom that the trend over sizes counts for, beside a size's own.
# ASSUME half of the pooled degrees of freedom count: sizes share one trend only roughly. Chosen
# on simulated studies with seeds of their own (docs/law.md), not on those that report coverage.
_EFFECTIVE = 0.5
_FEWEST = 3  # Degrees of freedom that a size borrows from the trend at least, however far it lies.


@dataclass(frozen=True)
class RunSpread:
    """Spread of the runs of C cells about the curves of M sizes.

    Attributes:
        known: Whether a run was measured (C, T).
        du: log x minus its weighted mean, per size (M, T); 0 where not measured.
        influence: What makes a size's slope k of its curve: k = sum influence * y (M, T).
        level: Standard deviation of a run's level (M).
        slope: Standard deviation of a run's slope (M).
        rest: Standardised rest of every run (C, T), NaN where not known.
        scale: What the rest is multiplied by (M, T).
        freedom: Pooled degrees of freedom, sum of (runs - 1).
        each: Degrees of freedom that a size's interval counts with (M): ``effective``, or fewer
            where the trend is carried on to a size that has no runs to tell, or too few.
    """

    known: Bools
    du: Array
    influence: Array
    level: Array
    slope: Array
    rest: Array
    scale: Array
    freedom: int
    each: Array

    @property
    def effective(self) -> float:
        """Degrees of freedom that what rests on all sizes counts with."""
        return _effective(self.freedom)


def _effective(freedom: int) -> float:
    return max(1.0, _EFFECTIVE * freedom)


def run_spread(group: Group, points: Points) -> RunSpread | None:
    """Split the runs' deviations; None where no size has two runs."""
    w = points.w if points.w.ndim == 2 else points.w[0]
    cells = np.bincount(group.size_of, minlength=len(group.models))
    if (cells < 2).all():
        return None
    mean_u = (w * points.u).sum(1) / w.sum(1)
    du = np.where(points.present, points.u - mean_u[:, None], 0.0)
    weighted = (w * du**2).sum(1)
    known = np.isfinite(group.value) & points.present[group.size_of]
    level, slope, share, rest = _lines(group, points, w, du, known)
    scale = _scale(group)
    with np.errstate(invalid="ignore"):
        rest = rest / scale[group.size_of]
    k = free_lines(points, w[None]).slope[0]
    freedom = int((cells - 1).clip(0).sum())
    levels, _ = _shrunk(group, level, np.ones_like(share), np.zeros_like(k))
    slopes, each = _shrunk(group, slope, share, k**2)
    return RunSpread(
        known=known,
        du=du,
        influence=-w * du / weighted[:, None],
        level=np.sqrt(levels),
        slope=np.sqrt(slopes),
        rest=rest,
        scale=scale,
        freedom=freedom,
        each=np.minimum(_effective(freedom), np.maximum(_FEWEST, each)),
    )


def _lines(
    group: Group, points: Points, w: Array, du: Array, known: Bools
) -> tuple[Array, Array, Array, Array]:
    """Level, slope, share of the size's spread of u (C), and rest (C, T) of every run."""
    count = len(group.cells)
    level, slope, share = np.zeros(count), np.zeros(count), np.zeros(count)
    rest = np.full(known.shape, np.nan)
    runs = np.bincount(group.size_of)[group.size_of]
    for c in np.flatnonzero(runs > 1):
        m, own = group.size_of[c], known[c]
        if not own.any():
            continue
        deviation = group.value[c, own] / np.exp(points.y[0, m, own]) - 1
        weight, v = w[m, own], du[m, own]
        middle = (weight * v).sum() / weight.sum()
        spread = (weight * (v - middle) ** 2).sum()
        share[c] = spread / (w[m] * du[m] ** 2).sum()
        if spread > 0:
            slope[c] = (weight * (v - middle) * deviation).sum() / spread
        mean = (weight * deviation).sum() / weight.sum()
        level[c] = mean - slope[c] * middle
        left = deviation - mean - slope[c] * (v - middle)
        if len(left) > 2:
            rest[c, own] = left * np.sqrt(runs[c] / (runs[c] - 1) * len(left) / (len(left) - 2))
    return level, slope, share, rest


def _scale(group: Group) -> Array:
    """Expected noise of one run at every point (M, T); alike where nothing is known."""
    pooled, _ = run_variance(group)
    sampling = group.per_size(group.variance)
    variance = np.where(np.isfinite(sampling), sampling, 0.0) + pooled
    return np.sqrt(np.where(variance > 0, variance, 1.0))


def _shrunk(group: Group, value: Array, share: Array, square: Array) -> tuple[Array, Array]:
    """Variance of a run's ``value`` per size (M), shrunk to a trend alpha + beta ``square``.

    Also how many degrees of freedom it is known with (M), by Satterthwaite's rule.

    Args:
        group: The curves.
        value: One number per run (C).
        share: How much of its size's steps a run has (C).
        square: What the variance grows with (M).
    """
    members = group.members
    freedom = members @ share - 1
    freedom = np.where((members.sum(1) > 1) & (freedom > 0.05), freedom, 0.0)
    own = members @ (share * value**2) / np.where(freedom > 0, freedom, 1.0)
    pooled = (freedom * own).sum() / freedom.sum() if freedom.any() else 0.0
    if pooled == 0:
        return np.zeros(len(own)), np.full(len(own), np.inf)
    trend = np.full(len(own), pooled)
    columns = np.stack([np.ones(len(own)), square / (square.mean() or 1.0)], axis=1)
    for _ in range(5):
        root = np.sqrt(freedom) / trend  # A variance's own variance is 2 variance^2 / freedom.
        found, _ = nnls(columns * root[:, None], own * root)
        trend = np.maximum(columns @ found, 0.05 * pooled)
    normal = columns.T @ (columns * (freedom / (2 * trend**2))[:, None])
    of_trend = np.einsum("mi,ij,mj->m", columns, np.linalg.pinv(normal, hermitian=True), columns)
    # A size's own variance is a part of what the trend was fitted to.
    error = _PRIOR * (_PRIOR + 2 * freedom) * of_trend + 2 * freedom * trend**2
    known = 2 * trend**2 * (_PRIOR + freedom) ** 2 / error
    return (_PRIOR * trend + freedom * own) / (_PRIOR + freedom), known


def mean_operator(known: Bools) -> Array:
    """What run curves of one size do to its mean curve: (T, R, T), applied to (R, T) curves.

    For runs that have all steps it is their mean; otherwise the curve of an additive model, level
    of the run + curve of the size.
    """
    runs, steps = known.shape
    count = known.sum(0)
    identity = np.eye(steps)
    curves = (known * identity[:, None, :]) / count[:, None, None]  # Means at each step (T, R, T).
    if known.all():
        return curves
    overlap = np.diag(known.sum(1).astype(float)) - (known / count) @ known.T
    # Level of each run: sum over its steps of (own value - mean), through the overlaps.
    own = known[:, None, :] * np.eye(runs)[:, :, None]
    right = own - np.einsum("qt,trs->qrs", known.astype(float), curves)
    levels = np.einsum("pq,qrs->prs", np.linalg.pinv(overlap, rcond=1e-10), right)
    levels = levels - levels.mean(0)
    return curves - np.einsum("qt,qrs->trs", known / count, levels)


def draw_runs(group: Group, spread: RunSpread, count: int, rng: np.random.Generator) -> Array:
    """Deviations of the sizes' mean curves if the runs were others (count, M, T)."""
    measured = group.runs > 0
    result = np.zeros((count, *measured.shape))
    donors = np.flatnonzero(np.isfinite(spread.rest).any(1))
    for m in range(len(group.models)):
        cells, steps = group.size_of == m, measured[m]
        known = spread.known[cells][:, steps]
        runs = int(cells.sum())
        level = spread.level[m] * rng.standard_normal((count, runs, 1))
        slope = spread.slope[m] * rng.standard_normal((count, runs, 1))
        drawn = level + slope * spread.du[m, steps]
        if len(donors):
            rests = np.stack([_at(spread.rest[c], int(steps.sum())) for c in donors])
            picked = rests[rng.integers(len(donors), size=(count, runs))]
            sign = rng.choice([-1.0, 1.0], size=(count, runs, 1))
            drawn = drawn + sign * picked * spread.scale[m, steps]
        if known.all():
            result[:, m, steps] = drawn.mean(1)
        else:
            result[:, m, steps] = np.einsum("trs,brs->bt", mean_operator(known), drawn * known)
    return result


def _at(rest: Array, steps: int) -> Array:
    """A run's rest at another number of steps, neighbours kept together."""
    own = rest[np.isfinite(rest)]
    return own[np.round(np.linspace(0, len(own) - 1, steps)).astype(int)]


def slope_variance(group: Group, spread: RunSpread) -> Array:
    """Variance of each size's free slope over runs (M)."""
    result = np.empty(len(group.models))
    for m in range(len(result)):
        cells, steps = group.size_of == m, group.runs[m] > 0
        known = spread.known[cells][:, steps]
        influence, du = spread.influence[m, steps], spread.du[m, steps]
        if known.all():
            result[m] = spread.slope[m] ** 2 / len(known)
            continue
        moved = np.einsum("t,trs->rs", influence, mean_operator(known)) * known
        slopes = spread.slope[m] ** 2 * ((moved @ du) ** 2).sum()
        result[m] = slopes + ((moved * spread.scale[m, steps]) ** 2).sum() * _noise(spread)
    return result


def _noise(spread: RunSpread) -> float:
    """Variance of the standardised rest, as neighbouring steps add up."""
    rests = spread.rest[np.isfinite(spread.rest).any(1)]
    if not len(rests):
        return 0.0
    known = np.isfinite(rests)
    filled = np.where(known, rests, 0.0)
    ahead = (filled[:, 1:] * filled[:, :-1]).sum() / max(1, (known[:, 1:] & known[:, :-1]).sum())
    variance = (filled**2).sum() / known.sum()
    correlation = np.clip(ahead / variance, 0.0, 0.9) if variance > 0 else 0.0
    return float(variance * (1 + correlation) / (1 - correlation))
