"""Joint laws of several groups: do variants or families share K_max, N0, or both.

Each group's free slopes k are set against K_max / (1 + N0/N) with their own covariance. Every
sharing is tested against the law with parameters of their own for all.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

from rlscale.laws.arrays import Array
from rlscale.laws.straight import Saturating

SHARINGS = ("none", "K_max", "N0", "both")
_GRID = 400


@dataclass(frozen=True)
class Slopes:
    """Free slopes of one group.

    Attributes:
        name: Its name.
        n: Sizes (M).
        k: Slopes (M).
        covariance: Their covariance (M, M).
        freedom: Its degrees of freedom.
    """

    name: str
    n: Array
    k: Array
    covariance: Array
    freedom: float


@dataclass(frozen=True)
class Joint:
    """One sharing fitted to all groups.

    Attributes:
        sharing: One of ``SHARINGS``.
        k_max, n0: Of each group; alike where shared.
        misfit: Chi-squared of the slopes.
        freedom: Slopes minus parameters.
        p: Chance of a misfit so much above that of parameters of their own, if they are shared;
            NaN for those themselves.
        aic: AIC above that of the best sharing, misfit per degree of freedom counted out.
    """

    sharing: str
    k_max: tuple[float, ...]
    n0: tuple[float, ...]
    misfit: float
    freedom: int
    p: float
    aic: float


def fit_joint(groups: Sequence[Slopes]) -> list[Joint]:
    """Fit every sharing, on a grid of K_max and N0.

    Sizes do not lie on the law exactly: chi-squared is divided by that per degree of freedom of
    parameters of their own, where it is above 1, and judged by F.
    """
    n = np.concatenate([group.n for group in groups])
    top = max(float(np.abs(group.k).max()) for group in groups)
    shapes = np.linspace(*Saturating().shape_bounds(n), _GRID)
    scales = np.geomspace(top / 5, 20 * top, _GRID)
    q = np.stack([_chi_squared(group, shapes, scales) for group in groups])
    count, total = len(groups), len(n)
    found = {name: _least(name, q) for name in SHARINGS}
    free = {"none": total - 2 * count, "K_max": total - count - 1, "N0": total - count - 1,
            "both": total - 2}  # fmt: skip
    misfit = {
        name: float(sum(q[g, i, j] for g, (i, j) in enumerate(at))) for name, at in found.items()
    }
    known = min(min(group.freedom for group in groups), free["none"])
    unit = max(1.0, misfit["none"] / free["none"])
    aic = {name: misfit[name] / unit - 2 * free[name] for name in SHARINGS}
    result = []
    for name, at in found.items():
        fewer = free[name] - free["none"]
        p = np.nan
        if fewer:
            gained = (misfit[name] - misfit["none"]) / fewer / unit
            p = float(stats.f.sf(max(0.0, gained), fewer, known))
        result.append(
            Joint(
                name,
                tuple(float(scales[i]) for i, _ in at),
                tuple(float(np.exp(shapes[j])) for _, j in at),
                misfit[name],
                free[name],
                p,
                aic[name] - min(aic.values()),
            )
        )
    return result


def _chi_squared(group: Slopes, shapes: Array, scales: Array) -> Array:
    """Chi-squared of a group's slopes (scales, shapes)."""
    g, _ = Saturating().shape(group.n, shapes, group.n.max())
    precision = np.linalg.pinv(group.covariance, hermitian=True)
    weighted = g @ precision
    square, cross = (weighted * g).sum(1), weighted @ group.k
    return np.asarray(
        group.k @ precision @ group.k - 2 * scales[:, None] * cross + scales[:, None] ** 2 * square
    )


def _least(sharing: str, q: Array) -> list[tuple[int, int]]:
    """Place (scale, shape) of each group at the least sum of chi-squared (groups, S, G)."""
    if sharing == "none":
        return [_place(own) for own in q]
    if sharing == "both":
        return [_place(q.sum(0))] * len(q)
    if sharing == "K_max":
        i = int(q.min(2).sum(0).argmin())
        return [(i, int(own[i].argmin())) for own in q]
    j = int(q.min(1).sum(0).argmin())
    return [(int(own[:, j].argmin()), j) for own in q]


def _place(q: Array) -> tuple[int, int]:
    i, j = np.unravel_index(int(q.argmin()), q.shape)
    return int(i), int(j)
