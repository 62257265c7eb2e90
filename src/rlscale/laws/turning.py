"""What follows if a curve has just turned: lines through the last points alone.

Past errors say nothing of learning that began, or ended, a moment ago. One size's last few points
say little of it either, but sizes turn together: the change of slope is taken as a straight line
in log N through all sizes.
"""

from dataclasses import dataclass

import numpy as np

from rlscale.laws.arrays import Array
from rlscale.laws.points import Points

_LAST = 0.2  # Share of the points seen that count as the last,
_LEAST = 6  # and how many at least.


@dataclass(frozen=True)
class _Line:
    """Straight line through some points of a size."""

    mean_u: float
    mean_y: float
    slope: float
    spread: float  # Sum of squares of u about its mean.
    noise: float  # Variance of a point about the line.


def turned(points: Points, u: Array) -> tuple[Array, Array] | None:
    """Lines through the last fifth of what was seen, less and plus one standard error.

    Slope: that of the whole curve plus its change in the last fifth, which is fitted over sizes by
    a + b log N, weighted by its errors, and less certain where sizes differ by more than those.

    Args:
        points: What was seen.
        u: log x of what follows (G).

    Returns:
        log of the metric, low and high (M, G); None where a size has too few points.
    """
    counts = points.present.sum(1)
    last = np.maximum(_LEAST, np.ceil(_LAST * counts)).astype(int)
    if (counts < 2 * last).any():
        return None
    whole = [_line(points, m, count) for m, count in enumerate(counts)]
    end = [_line(points, m, count) for m, count in enumerate(last)]
    noise = np.array([own.noise for own in end])
    all_spread = np.array([own.spread for own in whole])
    change = np.array([a.slope - b.slope for a, b in zip(end, whole, strict=True)])
    variance = noise * np.array([1 / a.spread for a in end]) - noise / all_spread
    change, variance = _over_sizes(points.n, change, variance)
    ahead = u - np.array([own.mean_u for own in end])[:, None]
    slope = np.array([own.slope for own in whole]) + change
    middle = np.array([own.mean_y for own in end])[:, None] + slope[:, None] * ahead
    point = noise * (1 + 1 / last)
    error = np.sqrt(point[:, None] + (variance + noise / all_spread)[:, None] * ahead**2)
    return middle - error, middle + error


def _line(points: Points, m: int, count: int) -> _Line:
    seen = np.flatnonzero(points.present[m])[-count:]
    u, y = points.u[m, seen], points.y[0, m, seen]
    away = u - u.mean()
    spread = float((away**2).sum())
    slope = float((away * y).sum() / spread)
    rest = y - y.mean() - slope * away
    noise = float((rest**2).sum() / (count - 2))
    return _Line(float(u.mean()), float(y.mean()), slope, spread, noise)


def _over_sizes(n: Array, change: Array, variance: Array) -> tuple[Array, Array]:
    """Changes of slope along a line in log N (M), and their variance (M)."""
    if len(n) < 3 or not (variance > 0).all():
        return change, variance
    away = np.log(n) - np.log(n).mean()
    columns = np.stack([np.ones_like(away), away], axis=1)
    covariance = np.linalg.inv(columns.T @ (columns / variance[:, None]))
    fitted = columns @ (covariance @ (columns.T @ (change / variance)))
    misfit = ((change - fitted) ** 2 / variance).sum() / (len(n) - 2)
    error = np.einsum("mi,ij,mj->m", columns, covariance, columns)
    return fitted, error * max(1.0, misfit)
