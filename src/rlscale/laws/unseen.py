"""What a fit does not know of a size that was not fitted: its k, its level, and its runs."""

from dataclasses import dataclass

import numpy as np

from rlscale.laws.arrays import Array
from rlscale.laws.law import Fit
from rlscale.laws.mixture import mix
from rlscale.laws.pivots import draw_curves
from rlscale.laws.straight import carry_on, line_error

_LEAST = 3  # Sizes: two of them lie on any line.


@dataclass(frozen=True)
class Slopes:
    """Covariance of the sizes' free slopes (M, M), and its degrees of freedom."""

    covariance: Array
    freedom: float


def scatter_of_level(fits: Fit, n: float, u: Array, rng: np.random.Generator) -> Array:
    """Scatter of intercepts about their line in log N, and the runs of the size itself (B, G)."""
    points, count = fits.points, len(fits.theta) - 1
    spread, freedom = line_error(points.n, fits.law.scatter(fits), n)
    scatter = spread * rng.standard_t(freedom, (count, 1))
    # ASSUME the runs of an unseen size drift like those of the largest size seen.
    drawn = 1 + rng.permutation(count)
    intercept = fits.free_intercept[drawn, -1:] - fits.free_intercept[:1, -1:]
    slope = fits.slope[drawn, -1:] - fits.slope[:1, -1:]
    return np.asarray(scatter + intercept - slope * (u - centre_of(fits, n)))


def scatter_of_k(
    fits: Fit, slopes: Slopes, n: float, away: Array, rng: np.random.Generator
) -> Array:
    """What k of a size that was not fitted adds to k by this law's replicates (B, G).

    Args:
        fits: The estimate and, after it, its replicates.
        slopes: What is known of the sizes' slopes.
        n: The size.
        away: log x from where its level is known (G).
        rng: Random numbers.
    """
    k = draw_k(fits, slopes, n, rng)
    if k is None:
        return np.zeros((len(fits.theta) - 1, 1))
    return np.asarray((fits.k(np.array([n]))[1:] - k[:, None]) * away)


def at_drawn_x(
    fits: Fit, slopes: Slopes, n: float, u: Array, rng: np.random.Generator
) -> Array | None:
    """Curves if levels are a line in log N at another x than the middle (B, G).

    None of laws that are not straight, and where too few sizes tell at which x.
    """
    k = draw_k(fits, slopes, n, rng)
    return None if k is None else draw_curves(fits, n, u, k, rng)


def centre_of(fits: Fit, n: float) -> float:
    """Mean log x of a size, carried on from those fitted."""
    return float(carry_on(fits.points.n, fits.points.centre[None], np.array([n]))[0, 0])


def draw_k(fits: Fit, slopes: Slopes, n: float, rng: np.random.Generator) -> Array | None:
    """Draws of k (B) from all laws of k(N) with scatter; None of laws that are not straight."""
    laws, sizes = fits.law.mixed(), fits.points.n
    if not laws or len(sizes) < _LEAST:
        return None
    mixture = mix(laws, sizes, fits.slope[0], slopes.covariance, slopes.freedom)
    return mixture.draw(n, len(fits.theta) - 1, rng)
