"""Where on the curve the levels of sizes lie along a straight line in log N.

A level that is a line in log N at one x is none at another, as slopes are no line in log N. Which x
that is nobody says: where training begins, if pretraining decides; later, if not. So it is drawn,
the likelier the closer the sizes fitted lie to a line there.
"""

import numpy as np

from rlscale.laws.arrays import Array
from rlscale.laws.law import Fit
from rlscale.laws.straight import carry_on, line_error

_PIVOTS = 9
_LEAST = 4  # Sizes: two of them fix a line, and any two would do at any x.


def draw_curves(fit: Fit, n: float, u: Array, k: Array, rng: np.random.Generator) -> Array | None:
    """Curves of a size that was not fitted, their levels carried on at drawn x.

    Args:
        fit: The fit, its first entry the estimate.
        n: The size.
        u: log x (G).
        k: Draws of its learning efficiency (B).
        rng: Random numbers.

    Returns:
        log of the metric (B, G); None where too few sizes were fitted to tell.
    """
    points, sizes = fit.points, fit.points.n
    if len(sizes) < _LEAST:
        return None
    seen = points.u[points.present]
    pivots = np.linspace(seen.min(), seen.max(), _PIVOTS)
    levels = fit.free_intercept[0] + fit.slope[0] * (points.centre - pivots[:, None])
    apart = levels - carry_on(sizes, levels, sizes)
    freedom = len(sizes) - 2
    likely = -freedom / 2 * np.log(np.maximum((apart**2).sum(1), 1e-12))
    weight = np.exp(likely - likely.max())
    errors = np.array([line_error(sizes, own, n)[0] for own in apart])
    drawn = rng.choice(_PIVOTS, size=len(k), p=weight / weight.sum())
    level = carry_on(sizes, levels, np.array([n]))[drawn, 0]
    level = level + errors[drawn] * rng.standard_t(freedom, len(k))
    return np.asarray(level[:, None] - k[:, None] * (u - pivots[drawn][:, None]))
