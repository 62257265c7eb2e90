"""A law: learning efficiency that rises with the logarithm of the size."""

import numpy as np

from rlscale.laws.arrays import Array
from rlscale.laws.law import Parameter
from rlscale.laws.straight import SlopeLaw


class Logarithmic(SlopeLaw):
    """log L = E(N) - k(N) log x,  k(N) = k_1 (1 + b log(N / N_1)),  N_1 the largest size fitted."""

    name = "logarithmic"
    equation = "log L = E(N) - k_1 (1 + b log(N/N_1)) log x, N_1 the largest size fitted"
    words = "one that rises with log N"
    parameters = (Parameter("k_1", "$k_1$"), Parameter("b", "$b$"))

    def shape_bounds(self, n: Array) -> tuple[float, float]:
        """Searched range of s = b: k(N) stays positive at every size."""
        return 0.0, float(1 / np.log(n.max() / n.min()))

    def shape(self, n: Array, s: Array, largest: float) -> tuple[Array, Array]:
        """1 + b log(N / N_1)."""
        u = np.log(n / largest)
        return 1 + s[..., None] * u, np.broadcast_to(u, (*s.shape, len(n)))

    def report(self, scale: Array, s: Array) -> dict[str, Array]:
        """k_1 and b."""
        return {"k_1": scale, "b": s}
