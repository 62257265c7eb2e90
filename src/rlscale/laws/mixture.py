"""k at a size that was not fitted: a mixture over laws, their shapes, and scatter about them.

Sizes do not lie on any law exactly: k_N = k(N) (1 + eta z_N). Given a law, its shape s and eta, the
free slopes are normal around scale * shape(N, s) with their own covariance plus (eta k(N))^2, so
that the scale is linear and is integrated out; law, shape and eta are summed over a grid. k is
written relative to its value at the largest size, so that laws with other scales are comparable.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from rlscale.laws.arrays import Array
from rlscale.laws.straight import SlopeLaw

_SHAPES = 81
# ASSUME no scatter at all with chance .18, else between 2 % and 50 %, all alike likely: the
# published slopes have 20-27 %. Without the first, sizes on the law itself get intervals twice as
# wide as they need; with more of it, scatter of 5 % is taken for none (docs/law.md).
_SCATTER = np.r_[0.0, np.linspace(0.02, 0.5, 13)]
_LIKELY = np.r_[0.18, np.full(13, 0.82 / 13)]


@dataclass(frozen=True)
class Mixture:
    """Posterior over (law, shape, scatter).

    Attributes:
        laws: The laws.
        n: Sizes fitted (M).
        shapes: Grid of the shape, per law (laws, G).
        weight: Posterior of (law, shape, scatter), summing to 1 (laws, G, S).
        scale: k at the largest size given all three (laws, G, S).
        spread: Its standard deviation (laws, G, S).
        freedom: Degrees of freedom of the slopes' covariance.
    """

    laws: Sequence[SlopeLaw]
    n: Array
    shapes: Array
    weight: Array
    scale: Array
    spread: Array
    freedom: float

    def share(self, law: int) -> float:
        """Posterior of a law."""
        return float(self.weight[law].sum())

    @property
    def scatter(self) -> float:
        """Posterior mean of the scatter."""
        return float((self.weight.sum((0, 1)) * _SCATTER).sum())

    def draw(self, n: float, count: int, rng: np.random.Generator) -> Array:
        """Draws of k at size n (count)."""
        picked = rng.choice(self.weight.size, size=count, p=self.weight.ravel())
        law, shape, scatter = np.unravel_index(picked, self.weight.shape)
        ratio = np.empty(count)
        for i, own in enumerate(self.laws):
            mine = law == i
            g, _ = own.shape(np.array([n, self.n.max()]), self.shapes[i], self.n.max())
            ratio[mine] = (g[:, 0] / g[:, 1])[shape[mine]]
        at = (law, shape, scatter)
        scale = self.scale[at] + self.spread[at] * rng.standard_t(self.freedom, count)
        return scale * ratio * (1 + _SCATTER[scatter] * rng.standard_normal(count))


def mix(
    laws: Sequence[SlopeLaw], n: Array, slope: Array, covariance: Array, freedom: float
) -> Mixture:
    """Weigh laws, shapes and scatters by the free slopes.

    Args:
        laws: The laws, alike likely before the data.
        n: Sizes (M).
        slope: Free slopes (M).
        covariance: Their covariance (M, M).
        freedom: Its degrees of freedom.
    """
    parts = [_grid(law, n, slope, covariance) for law in laws]
    shapes, log_weight, scale, spread = (np.stack(part) for part in zip(*parts, strict=True))
    weight = np.exp(log_weight - log_weight.max())
    return Mixture(laws, n, shapes, weight / weight.sum(), scale, spread, freedom)


def _grid(
    law: SlopeLaw, n: Array, slope: Array, covariance: Array
) -> tuple[Array, Array, Array, Array]:
    """Shapes (G), log weights, scales and their standard deviations (G, S) of one law."""
    shapes = np.linspace(*law.likely(n), _SHAPES)
    g, _ = law.shape(n, shapes, n.max())
    g = g / g[:, -1:]
    # Scatter is relative to the law's own k, for which the fit without scatter stands.
    rough = (g @ slope) / (g**2).sum(1)
    k = rough[:, None] * g
    # Runs that do not differ at all, and sizes that do not learn, still leave something to invert.
    least = 1e-12 * (np.trace(covariance) + (slope**2).mean()) + 1e-24
    own = covariance + least * np.eye(len(n))
    total = own + (_SCATTER[:, None] * k[:, None, :])[..., None] ** 2 * np.eye(len(n))
    precision = np.linalg.inv(total)
    weighted = np.einsum("gm,gsmn->gsn", g, precision)
    information = np.einsum("gsn,gn->gs", weighted, g)
    scale = (weighted @ slope) / information
    rest = slope - scale[..., None] * g[:, None, :]
    misfit = np.einsum("gsm,gsmn,gsn->gs", rest, precision, rest)
    _, logdet = np.linalg.slogdet(total)
    log_weight = np.log(_LIKELY) - 0.5 * (misfit + logdet + np.log(information))
    return shapes, log_weight, scale, 1 / np.sqrt(information)
