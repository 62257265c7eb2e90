"""Simulated studies under real conditions: few and unequal runs, scatter, curves that bend.

log L of size m, run r, step t = level_m - k_m (u - mean u) + bend + level_r + slope_r (u - mean u)
+ noise, u = log x. Noise is that of an evaluation on 500 problems, correlated between neighbouring
steps; a run's slope spreads by an absolute part and one that grows with k.
"""

from dataclasses import dataclass

import numpy as np

from rlscale.laws.arrays import Array
from rlscale.laws.groups import Group
from rlscale.laws.simulate import PAPER_SIZES

_HIGHEST = -1e-3  # log of the loss of who answers one problem in a thousand.
_PROBLEMS, _SHARED = 500, 0.6  # Of the binomial variance, what is left on fixed problems.


@dataclass(frozen=True)
class Design:
    """How a study is made.

    Attributes:
        n: Sizes.
        x: Abscissa of every step.
        runs: Runs of every size.
        truth: saturating or power.
        scatter: Standard deviation of k about the law, relative.
        absolute, relative: Standard deviation of a run's slope = absolute + relative * k.
        level: Standard deviation of a run's level.
        correlation: Of the noise of neighbouring steps.
        bend: none, plateau (learning stops half-way) or onset (it starts late).
        stops: (size, run, share): a run that stops at a share of its steps.
        first: Whether levels are a line in log N at the first x, not in the middle of log x.
    """

    n: tuple[float, ...] = tuple(PAPER_SIZES)
    x: tuple[float, ...] = tuple(512.0 * np.arange(1, 106))
    runs: tuple[int, ...] = (3,) * 7
    truth: str = "saturating"
    scatter: float = 0.0
    absolute: float = 0.0015
    relative: float = 0.03
    level: float = 0.01
    correlation: float = 0.0
    bend: str = "none"
    stops: tuple[tuple[int, int, float], ...] = ()
    first: bool = False

    def law(self, n: Array) -> Array:
        """k by the law, without scatter."""
        if self.truth == "power":
            return np.asarray(0.135 * (n / 72e9) ** 0.5)
        return np.asarray(0.135 / (1 + 11.5e9 / n))


@dataclass(frozen=True)
class Drawn:
    """A study and its truth.

    Attributes:
        group: Its curves.
        expected: log of the loss without runs and noise (M, T).
        k: Slopes of the sizes, scatter included (M).
    """

    group: Group
    expected: Array
    k: Array


def draw_study(rng: np.random.Generator, design: Design) -> Drawn:
    """Draw one study."""
    n, x = np.array(design.n), np.array(design.x)
    u = np.log(x)
    du = u - u.mean()
    k = design.law(n) * (1 + design.scatter * rng.standard_normal(len(n)))
    level = -0.36 - 0.11 * (np.log(n) - np.log(PAPER_SIZES).mean())
    level = level + 0.01 * rng.standard_normal(len(n))
    # A loss is at most 1: steep sizes start flat, and so does what is to be covered.
    learnt = _learnt(design.bend, u) - (du[0] if design.first else 0.0)
    expected = np.minimum(level[:, None] - k[:, None] * learnt, _HIGHEST)
    size_of = np.repeat(np.arange(len(n)), design.runs)
    slope = (design.absolute + design.relative * k[size_of]) * rng.standard_normal(len(size_of))
    value = expected[size_of] + slope[:, None] * du
    value = value + design.level * rng.standard_normal((len(size_of), 1))
    loss = np.exp(np.minimum(value, _HIGHEST))
    noise = rng.standard_normal(value.shape)
    for t in range(1, len(u)):
        fresh = np.sqrt(1 - design.correlation**2) * noise[:, t]
        noise[:, t] = design.correlation * noise[:, t - 1] + fresh
    value = value + np.sqrt(_SHARED * (1 - loss) / (loss * _PROBLEMS)) * noise
    loss = np.exp(np.minimum(value, 0.0))
    for m, run, share in design.stops:
        cell = np.flatnonzero(size_of == m)[run]
        loss[cell, int(share * len(u)) :] = np.nan
    smooth = (loss * _PROBLEMS + 0.5) / (_PROBLEMS + 1)
    names = tuple(f"{b / 1e9:g}b" for b in n)
    group = Group(
        family="simulated", variant="base", models=names, n=n,
        cells=tuple(f"{names[m]}/{c}" for c, m in enumerate(size_of)), size_of=size_of,
        steps=np.arange(1, len(u) + 1, dtype=np.float64), x=np.tile(x, (len(size_of), 1)),
        value=loss, variance=(1 - smooth) / (smooth * _PROBLEMS),
        draws=np.full(loss.shape, float(_PROBLEMS)),
    )  # fmt: skip
    return Drawn(group, expected, k)


def _learnt(bend: str, u: Array) -> Array:
    """What log x is replaced by, centred."""
    middle = u.mean()
    if bend == "plateau":
        u = np.minimum(u, u[len(u) // 2])
    elif bend == "onset":
        u = np.maximum(u, u[len(u) // 5])
    return np.asarray(u - middle)
