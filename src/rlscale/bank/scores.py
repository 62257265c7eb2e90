"""How good forecasts were: error, log score, interval score and coverage, a row per curve."""

from typing import TYPE_CHECKING

import numpy as np
from scipy.special import ndtri

from rlscale.bank.forecasts import POINT

if TYPE_CHECKING:
    import pandas

LEVEL = 0.9  # Of the intervals that laws give.
CURVE = POINT[:-1]  # What tells curves of a source apart.
_LEAST_SPREAD = 1e-6  # In log loss; an interval of no width says that all is known.


def curve_scores(points: "pandas.DataFrame") -> "pandas.DataFrame":
    """Mean scores of every curve, and of its intervals were they wider.

    Args:
        points: ``rlscale.bank.forecasts.answers``.

    Returns:
        A row per law and curve (``CURVE``): mse of log loss; log_score, minus the mean log density
        of a normal law with the forecast's value and interval (less is better); interval_score,
        width plus 2 / (1 - level) times what lies outside (less is better); coverage; and reach,
        the points' distances in half-widths of their interval (an array).
    """
    error, low, high = (points[name].to_numpy() for name in ("error", "low", "high"))
    spread = np.maximum((high - low) / (2 * ndtri((1 + LEVEL) / 2)), _LEAST_SPREAD)
    outside = np.maximum(low, 0) + np.maximum(-high, 0)
    half = np.maximum(np.where(error < 0, high - error, error - low), _LEAST_SPREAD)
    scored = points[[*CURVE, "law"]].assign(
        mse=error**2,
        log_score=0.5 * (error / spread) ** 2 + np.log(spread * np.sqrt(2 * np.pi)),
        interval_score=high - low + 2 / (1 - LEVEL) * outside,
        coverage=(low <= 0) & (high >= 0),
        reach=np.abs(error) / half,
    )
    each = scored.groupby([*CURVE, "law"], sort=True)
    means = each[["mse", "log_score", "interval_score", "coverage"]].mean()
    return means.assign(reach=each["reach"].apply(np.array)).reset_index()
