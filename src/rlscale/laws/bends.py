"""Are the curves straight in log-log?"""

from dataclasses import dataclass

import numpy as np
from scipy import stats

from rlscale.laws.arrays import Array, Bools, Indices
from rlscale.laws.groups import Group
from rlscale.laws.points import Points
from rlscale.laws.spread import RunSpread

_ENDLESS = 1e6  # Degrees of freedom of what is as good as known.
_FULL = 0.8  # Share of a size's steps that a run must have to say how its curve bends.


@dataclass(frozen=True)
class Bends:
    """How far curves are from straight lines in log-log, averaged over sizes.

    Attributes:
        curvature: Mean second derivative of log of the metric in log x; 0 when the law holds.
        se: Its standard error; None where nothing is known of other runs.
        freedom: Degrees of freedom of the standard error.
        p_straight: Chance of curves as bent as these if all were straight; None without an error.
    """

    curvature: float
    se: float | None
    freedom: float
    p_straight: float | None

    @property
    def words(self) -> str:
        """Which way they bend, and how sure that is; asked where ``p_straight`` is known."""
        late = "steeper" if self.curvature < 0 else "flatter"
        return (
            f"{late} late on average: mean second derivative {self.curvature:+.3g}, "
            f"p = {self.p_straight:.2g} if straight"
        )


def influences(points: Points) -> Array:
    """What makes the bends of a size's curve: bend = sum influence * y (2, M, T).

    Per size, the coefficients of the curve on the quadratic and the cubic polynomial that are
    orthogonal to lines over its weighted points, in units of a second and a third derivative. Both
    are zero when the law holds; the second sees learning that starts late and ends early. Sizes
    with fewer than five points have none.
    """
    w = points.w if points.w.ndim == 2 else points.w[0]
    result = np.zeros((2, *points.u.shape))
    for m, present in enumerate(points.present):
        if len(np.unique(points.u[m, present])) < 5:
            continue
        u, root = points.u[m, present], np.sqrt(w[m, present])
        u = u - np.average(u, weights=root**2)
        columns = root[:, None] * np.stack([u**power for power in range(4)], axis=1)
        basis, triangle = np.linalg.qr(columns)
        result[:, m, present] = (root[:, None] * basis[:, 2:] / np.diag(triangle)[2:] * [2, 6]).T
    return result


def bends(
    group: Group,
    points: Points,
    spread: RunSpread | None,
    problems: Array | None = None,
    blocks: Array | None = None,
) -> Bends:
    """Judge bends by how the runs' own bends differ (Hotelling's T-squared).

    Args:
        group: The curves.
        points: What is fitted of them, the estimate.
        spread: How runs differ; None where no size has two.
        problems: What each problem adds to log of the metric (P, M, T); None for these problems.
        blocks: Deviations of the mean curves by residual blocks (B, M, T), where ``spread`` is
            None.
    """
    influence = influences(points)
    size = np.abs(influence).sum((0, 2)) > 0
    own = np.einsum("imt,mt->mi", influence, points.y[0])
    if spread is None and blocks is not None and size.any():
        return _alone(points, own, influence, blocks, np.flatnonzero(size))
    if spread is None or not size.any():
        mean = own[size].mean(0) if size.any() else np.zeros(2)
        return Bends(float(mean[0]), None, _ENDLESS, None)
    noise = np.sqrt(np.einsum("imt,mt->mi", influence**2, spread.scale**2))
    standard, runs, freedom = _between_runs(group, points, spread, influence, noise)
    use = size & (runs > 0)
    if freedom < 2 or not use.any():
        return Bends(float(own[size].mean(0)[0]), None, float(freedom), None)
    weight = np.where(use[:, None], runs[:, None] / np.where(use[:, None], noise, 1.0) ** 2, 0.0)
    weight = weight / weight.sum(0)
    mean = (weight * own).sum(0)
    parts = np.where(use[:, None], weight * noise / np.sqrt(runs.clip(1))[:, None], 0.0)
    covariance = standard * (parts.T @ parts)
    if problems is not None:
        each = np.einsum("imt,pmt,mi->pi", influence, problems, weight)
        covariance = covariance + each.T @ each / len(each) ** 2
    if not np.any(covariance):
        return Bends(float(mean[0]), 0.0, float(freedom), 1.0)
    squared = float(mean @ np.linalg.pinv(covariance, hermitian=True) @ mean)
    f = (freedom - 1) / (2 * freedom) * squared
    p = float(stats.f.sf(f, 2, freedom - 1))
    return Bends(float(mean[0]), float(np.sqrt(covariance[0, 0])), float(freedom), p)


def _alone(points: Points, own: Array, influence: Array, blocks: Array, use: Indices) -> Bends:
    """Judge by mean curves alone, which know nothing of other runs.

    Two errors: of residual blocks, and of noise that hangs together for longer than a block, as far
    as neighbours tell (AR(1)). The one that leaves curves straighter counts.

    Args:
        points: What is fitted.
        own: Bends of each size (M, 2).
        influence: What makes them (2, M, T).
        blocks: Deviations of the mean curves by residual blocks (B, M, T).
        use: Sizes that have enough points.
    """
    drawn = np.einsum("imt,bmt->bmi", influence[:, use], blocks[:, use])
    weight = 1 / np.maximum(drawn.var(0, ddof=1), 1e-300)
    weight = weight / weight.sum(0)
    mean = (weight * own[use]).sum(0)
    found = []
    for covariance in (
        np.cov((weight * drawn).sum(1).T),
        np.einsum("mi,mij,mj->ij", weight, _by_neighbours(points, influence, use), weight),
    ):
        if not np.any(covariance):
            return Bends(float(mean[0]), 0.0, _ENDLESS, 1.0)
        squared = float(mean @ np.linalg.pinv(covariance, hermitian=True) @ mean)
        p = float(stats.chi2.sf(squared, 2))
        found.append(Bends(float(mean[0]), float(np.sqrt(covariance[0, 0])), _ENDLESS, p))
    return max(found, key=lambda bend: bend.p_straight or 0.0)


def _by_neighbours(points: Points, influence: Array, use: Indices) -> Array:
    """Covariance of each size's bends (len(use), 2, 2) if its noise is AR(1), alike in all sizes.

    The correlation is the one whose residuals about cubics would correlate as these do: such
    residuals correlate less than the noise itself.
    """
    w = points.w if points.w.ndim == 2 else points.w[0]
    grid, expected, seen, parts = np.linspace(0.0, 0.99, 12), [], [], []
    for m in use:
        present = points.present[m]
        u, root = points.u[m, present], np.sqrt(w[m, present])
        basis, _ = np.linalg.qr(root[:, None] * np.vander((u - u.mean()) / np.ptp(u), 4))
        inner = basis / root[:, None], basis * root[:, None]
        maker = np.eye(len(u)) - inner[0] @ inner[1].T
        rest = maker @ points.y[0, m, present]
        apart = np.abs(np.subtract.outer(np.arange(len(u)), np.arange(len(u))))
        left = [maker @ rho**apart @ maker.T for rho in grid]
        expected.append([np.diag(own, 1).sum() / np.trace(own) for own in left])
        total = rest @ rest
        seen.append(rest[1:] @ rest[:-1] / total if total > 0 else 0.0)
        parts.append((influence[:, m, present], apart, maker, total))
    rho = float(np.interp(np.mean(seen), np.mean(expected, axis=0), grid))
    result = []
    for own, apart, maker, total in parts:
        noise = rho**apart
        result.append(own @ noise @ own.T * total / np.trace(maker @ noise @ maker.T))
    return np.array(result)


def _between_runs(
    group: Group, points: Points, spread: RunSpread, influence: Array, noise: Array
) -> tuple[Array, Array, int]:
    """Covariance of one run's standardised bends (2, 2), runs per size (M), degrees of freedom."""
    total, runs, freedom = np.zeros((2, 2)), np.zeros(len(group.models)), 0
    for m in range(len(group.models)):
        cells = np.flatnonzero((group.size_of == m) & _full(spread.known, points.present, group))
        runs[m] = max(len(cells), 1 if (group.size_of == m).any() else 0)
        if len(cells) < 2 or not noise[m].all():
            continue
        deviation = group.value[cells] / np.exp(points.y[0, m]) - 1
        deviation = np.where(spread.known[cells], deviation, 0.0)
        own = deviation @ influence[:, m].T / noise[m]
        own = own - own.mean(0)
        total += own.T @ own
        freedom += len(cells) - 1
    return total / max(freedom, 1), runs, freedom


def _full(known: Bools, present: Bools, group: Group) -> Bools:
    return np.asarray(known.sum(1) >= _FULL * present.sum(1)[group.size_of])
