"""Scaling laws: what is fitted, one frozen dataclass per law, its equation first.

Glossary. N size (parameters; or tau or the group size where that is swept), x the abscissa (data D,
compute C, steps or tokens), L loss, y = log L, u = log x, k = -dy/du learning efficiency, E
intercept. Every law works for any positive metric in the place of L.

Three kinds, by how the sizes share parameters:

- *slope laws* are straight in log-log, y = E(N) - k(N) u, and say how k depends on N;
- *curve laws* give every size its own parameters;
- *pooled laws* have no parameter of a single size.

Everything is vectorised over fits: bootstrap replicates or starts on a leading axis.
"""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from scipy.special import expit


@dataclass(frozen=True)
class Saturating:
    """log L = E(N) - k(N) log x,  k(N) = K_max / (1 + N0 / N).

    The law of arXiv 2509.25300: E is free per size, K_max and N0 are shared.
    """

    name: ClassVar[str] = "saturating"
    equation: ClassVar[str] = "log L = E(N) - K_max / (1 + N0/N) log x"
    parameters: ClassVar[tuple[str, ...]] = ("K_max", "N0")

    def shape_bounds(self, n: np.ndarray) -> tuple[float, float]:
        """Searched range of the shape s = log N0: two decades beyond the sizes on either side."""
        return float(np.log(n.min() / 100)), float(np.log(n.max() * 100))

    def shape(self, n: np.ndarray, s: np.ndarray, largest: float) -> tuple[np.ndarray, np.ndarray]:
        """k / scale and its derivative in s, each of shape (*s.shape, sizes)."""
        g = expit(np.log(n) - s[..., None])
        return g, -g * (1 - g)

    def report(self, scale: np.ndarray, s: np.ndarray) -> dict[str, np.ndarray]:
        """Parameters as users read them."""
        return {"K_max": scale, "N0": np.exp(s)}


@dataclass(frozen=True)
class Paper(Saturating):
    """L = exp(E(N)) x^(-k(N)),  k(N) = K_max / (1 + N0 / N): the paper's own protocol.

    # PAPER mean squared error in linear L, equal weight per size, N0 within 0.1e9 .. 100e9.
    """

    name: ClassVar[str] = "paper"
    equation: ClassVar[str] = "L = exp(E(N)) x^(-K_max / (1 + N0/N)), least squares in L"

    def shape_bounds(self, n: np.ndarray) -> tuple[float, float]:
        """The paper's bounds on N0."""
        return float(np.log(1e8)), float(np.log(1e11))


@dataclass(frozen=True)
class Power:
    """log L = E(N) - k(N) log x,  k(N) = k_1 (N / N_1)^a,  N_1 the largest size fitted.

    The rival without saturation: learning efficiency grows with size for ever.
    """

    name: ClassVar[str] = "power"
    equation: ClassVar[str] = "log L = E(N) - k_1 (N/N_1)^a log x, N_1 the largest size fitted"
    parameters: ClassVar[tuple[str, ...]] = ("k_1", "a")

    def shape_bounds(self, n: np.ndarray) -> tuple[float, float]:
        """Searched range of the exponent a."""
        return -4.0, 4.0

    def shape(self, n: np.ndarray, s: np.ndarray, largest: float) -> tuple[np.ndarray, np.ndarray]:
        """k / scale and its derivative in a, each of shape (*s.shape, sizes)."""
        u = np.log(n / largest)
        g = np.exp(s[..., None] * u)
        return g, g * u

    def report(self, scale: np.ndarray, s: np.ndarray) -> dict[str, np.ndarray]:
        """Parameters as users read them."""
        return {"k_1": scale, "a": s}


@dataclass(frozen=True)
class FreeSlopes:
    """log L = E(N) - k(N) log x,  k free per size.

    Says nothing about unseen sizes; there, k is carried on along a straight line in log N.
    """

    name: ClassVar[str] = "free_slopes"
    equation: ClassVar[str] = "log L = E(N) - k(N) log x, k free per size"
    parameters: ClassVar[tuple[str, ...]] = ()


@dataclass(frozen=True)
class Constant:
    """log L = E(N): no learning at all, a baseline."""

    name: ClassVar[str] = "constant"
    equation: ClassVar[str] = "log L = E(N)"
    size_parameters: ClassVar[tuple[str, ...]] = ("E",)


@dataclass(frozen=True)
class LastValue:
    """log L = log L at the last step seen, a baseline that knows learning but not its future."""

    name: ClassVar[str] = "last_value"
    equation: ClassVar[str] = "log L = log L(last step seen)"
    size_parameters: ClassVar[tuple[str, ...]] = ("E",)


_LOG_FLOOR = -9.0  # A floor or a drop below e^-9 cannot be told from none.


@dataclass(frozen=True)
class Floor:
    """L = F(N) + A(N) x^(-b(N)): a power law with an irreducible loss, free per size."""

    name: ClassVar[str] = "floor"
    equation: ClassVar[str] = "L = F(N) + A(N) x^-b(N)"
    size_parameters: ClassVar[tuple[str, ...]] = ("F", "A", "b")
    shared: ClassVar[bool] = False
    lower: ClassVar[tuple[float, ...]] = (_LOG_FLOOR, _LOG_FLOOR, -3.0)
    upper: ClassVar[tuple[float, ...]] = (3.0, 12.0, 3.0)

    def starts(self, y: np.ndarray, u: np.ndarray) -> np.ndarray:
        """Starts (starts, 3) in (log F, log A at the centre of u, b) from a curve's range."""
        low, high = np.exp(y.min()), np.exp(y.max())
        return np.array(
            [
                [np.log(share * low), np.log(high - share * low), b]
                for share, b in ((0.01, 0.05), (0.5, 0.2), (0.9, 0.7))
            ]
        )

    def log_loss(self, theta: np.ndarray, u: np.ndarray, n=None) -> tuple[np.ndarray, np.ndarray]:
        """log L (fits, points) and its Jacobian (fits, points, 3); u is centred."""
        floor = np.exp(theta[:, :1])
        falling = np.exp(theta[:, 1:2] - theta[:, 2:] * u)
        loss = floor + falling
        jacobian = np.stack([floor + 0 * u, falling, -falling * u], axis=-1)
        return np.log(loss), jacobian / loss[..., None]

    def report(self, theta: np.ndarray, centre: np.ndarray) -> dict[str, np.ndarray]:
        """Parameters as users read them; ``centre`` is the log x that u was centred at."""
        f, a, b = np.moveaxis(theta, -1, 0)
        return {"F": np.exp(f), "A": np.exp(a + b * centre), "b": b}


@dataclass(frozen=True)
class Sigmoid:
    """R - R0 = (A - R0) / (1 + (x_mid / x)^B),  R = 1 - L, free per size (ScaleRL's law)."""

    name: ClassVar[str] = "sigmoid"
    equation: ClassVar[str] = "R - R0 = (A - R0) / (1 + (x_mid/x)^B), R = 1 - L"
    size_parameters: ClassVar[tuple[str, ...]] = ("R0", "A", "x_mid", "B")
    shared: ClassVar[bool] = False
    lower: ClassVar[tuple[float, ...]] = (_LOG_FLOOR, _LOG_FLOOR, -12.0, -2.5)
    upper: ClassVar[tuple[float, ...]] = (3.0, 3.0, 12.0, 2.5)

    def starts(self, y: np.ndarray, u: np.ndarray) -> np.ndarray:
        """Starts (starts, 4) in (log end, log drop, log x_mid from the centre, log B)."""
        low, high = np.exp(y.min()), np.exp(y.max())
        drop = max(high - low, 0.02 * low)
        return np.array(
            [
                [np.log(0.95 * low), np.log(drop), 0.0, 0.0],
                [np.log(0.7 * low), np.log(2 * drop), u.max(), -0.7],
                [np.log(0.95 * low), np.log(2 * drop), u.min(), -0.7],
            ]
        )

    def log_loss(self, theta: np.ndarray, u: np.ndarray, n=None) -> tuple[np.ndarray, np.ndarray]:
        """log L (fits, points) and its Jacobian (fits, points, 4); u is centred."""
        end, drop = np.exp(theta[:, :1]), np.exp(theta[:, 1:2])
        power = np.exp(theta[:, 3:])
        z = power * (u - theta[:, 2:3])
        rest = expit(-z)  # Share of the drop still ahead.
        slope = drop * rest * (1 - rest)
        loss = end + drop * rest
        jacobian = np.stack([end + 0 * u, drop * rest, slope * power, -slope * z], axis=-1)
        return np.log(loss), jacobian / loss[..., None]

    def report(self, theta: np.ndarray, centre: np.ndarray) -> dict[str, np.ndarray]:
        """Parameters as users read them; ``centre`` is the log x that u was centred at."""
        end, drop, mid, power = np.moveaxis(theta, -1, 0)
        return {
            "R0": 1 - np.exp(end) - np.exp(drop),
            "A": 1 - np.exp(end),
            "x_mid": np.exp(mid + centre),
            "B": np.exp(power),
        }


@dataclass(frozen=True)
class Decomposition:
    """L = L_inf + (N0/N)^a + lambda(N) / (1 + (x / x0(N))^b),  power laws for lambda and x0.

    The paper's second law (Appendix, Fig. 13).
    """

    # ASSUME lambda(N) = lambda_1 (N/N_c)^l and x0(N) = x0_1 (N/N_c)^d with N_c the geometric mean
    # of the sizes: the paper's text does not give their form.
    name: ClassVar[str] = "decomposition"
    equation: ClassVar[str] = "L = L_inf + (N0/N)^a + lambda_1 N^l / (1 + (x / (x0_1 N^d))^b)"
    parameters: ClassVar[tuple[str, ...]] = ("L_inf", "N0", "a", "lambda_1", "l", "x0_1", "d", "b")
    shared: ClassVar[bool] = True
    lower: ClassVar[tuple[float, ...]] = (_LOG_FLOOR, _LOG_FLOOR, 0.05, _LOG_FLOOR, -2, -12, -4, -4)
    upper: ClassVar[tuple[float, ...]] = (1.0, 2.0, 3.0, 2.0, 2.0, 12.0, 4.0, 2.0)

    def starts(self, y: np.ndarray, u: np.ndarray) -> np.ndarray:
        """Starts (starts, 8): log L_inf, log (N0/N_c)^a, a, log lambda_1, l, log x0_1, d, log b."""
        low, high = np.exp(y.min()), np.exp(y.max())
        middle = np.sqrt(low * high)
        return np.array(
            [
                [
                    np.log(low / 2),
                    np.log(middle / 2),
                    a,
                    np.log(high - middle / 2),
                    0.0,
                    x0,
                    0.0,
                    0.0,
                ]
                for a in (0.1, 0.5)
                for x0 in (0.0, 3.0)
            ]
        )

    def log_loss(
        self, theta: np.ndarray, u: np.ndarray, n: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """log L (fits, points) and its Jacobian; ``n`` is log N - log N_c of each point."""
        inf, size, a, scale, slope, middle, shift, power = (theta[:, [i]] for i in range(8))
        endless = np.exp(inf)
        capacity = np.exp(size - a * n)
        b = np.exp(power)
        z = b * (u - middle - shift * n)
        rest = expit(-z)
        learnt = np.exp(scale + slope * n) * rest
        loss = endless + capacity + learnt
        bend = learnt * (1 - rest)
        jacobian = np.stack(
            [
                endless + 0 * u, capacity, -capacity * n, learnt, learnt * n,
                bend * b, bend * b * n, -bend * z,
            ],
            axis=-1,
        )  # fmt: skip
        return np.log(loss), jacobian / loss[..., None]

    def report(self, theta: np.ndarray, centre: np.ndarray, log_nc: float) -> dict[str, np.ndarray]:
        """Parameters as users read them, lambda_1 and x0_1 at N_c = exp(log_nc)."""
        inf, size, a, scale, slope, middle, shift, power = np.moveaxis(theta, -1, 0)
        return {
            "L_inf": np.exp(inf), "N0": np.exp(log_nc + size / a), "a": a,
            "lambda_1": np.exp(scale), "l": slope, "x0_1": np.exp(middle + centre), "d": shift,
            "b": np.exp(power),
        }  # fmt: skip


SLOPE_LAWS = {law.name: law for law in (Saturating(), Paper(), Power(), FreeSlopes())}
CURVE_LAWS = {law.name: law for law in (Floor(), Sigmoid(), Decomposition())}
BASELINES = {law.name: law for law in (Constant(), LastValue())}
LAWS = SLOPE_LAWS | CURVE_LAWS | BASELINES
