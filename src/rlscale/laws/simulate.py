"""Simulated studies with known answers: the paper's parameters with its noise.

Size m, run r, step t, problem p: the answer is correct with probability

    Phi(a_mt + difficulty_p + interaction_mp + rate_p (u_t - mean u) + drift_r g_t),

u = log x, g growing from 0 at the first step to 1 at the last. Difficulties, interactions and rates
belong to the problems and are the same in all runs and steps; a drift belongs to a run; every
evaluation then draws one answer per problem. a_mt is chosen so that the loss averaged over the
populations of problems and runs is exactly the law's.
"""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from scipy.special import ndtr, ndtri

from rlscale.laws.arrays import Array
from rlscale.laws.groups import Group

PAPER_SIZES = np.array([0.5e9, 1.5e9, 3e9, 7e9, 14e9, 32e9, 72e9])
# Standard deviations in probits. The drift makes final losses of runs differ by about 0.01.
_DIFFICULTY, _INTERACTION, _RATE, _DRIFT = 2.0, 0.5, 0.3, 0.08
# log L at the centre of log x: a line in log N near the published base curves, with scatter.
_LEVEL, _LEVEL_SLOPE, _LEVEL_SPREAD = -0.36, -0.11, 0.01


@dataclass(frozen=True)
class Truth:
    """What a simulated study is made from: log L = level - k (u - mean u), possibly bent.

    Attributes:
        n: Sizes (M).
        x: Abscissa, the same for every size (T).
        k: Slopes (M).
        level: log L at the centre of log x (M).
        floor: Share of each size's final loss that is irreducible; 0 when the law holds.
    """

    n: Array
    x: Array
    k: Array
    level: Array
    floor: float = 0.0

    def log_loss(self) -> Array:
        """log L (M, T)."""
        u = np.log(self.x)
        line = self.level[:, None] - self.k[:, None] * (u - u.mean())
        if not self.floor:
            return line
        final = self.floor * np.exp(line[:, -1:])
        # What lies above the floor falls as a power of x, from the same first loss.
        above = np.exp(line[:, :1]) - final
        rate = self.k[:, None] / (1 - self.floor)
        return np.log(final + above * np.exp(-rate * (u - u[0])))


@dataclass(frozen=True)
class Study:
    """One simulated study.

    Attributes:
        group: Curves of all runs.
        shares: Whether each problem was answered correctly (P, C, T).
        expected: log of the expected loss on these very problems (M, T).
    """

    group: Group
    shares: Array
    expected: Array


def saturating_truth(
    rng: np.random.Generator,
    k_max: float = 0.135,
    n0: float = 11.5e9,
    n: Array = PAPER_SIZES,
    steps: int = 105,
) -> Truth:
    """The paper's base models against data; levels scatter around a line in log N."""
    return _truth(rng, k_max / (1 + n0 / n), n, steps)


def power_truth(
    rng: np.random.Generator,
    k_1: float = 0.135,
    a: float = 0.5,
    n: Array = PAPER_SIZES,
    steps: int = 105,
) -> Truth:
    """k = k_1 (N / N_1)^a, N_1 the largest size: no saturation."""
    return _truth(rng, k_1 * (n / n.max()) ** a, n, steps)


def floor_truth(rng: np.random.Generator, floor: float = 0.8, **options: Any) -> Truth:
    """The saturating law with a floor under every curve: straight lines that bend."""
    return replace(saturating_truth(rng, **options), floor=floor)


def _truth(rng: np.random.Generator, k: Array, n: Array, steps: int) -> Truth:
    line = _LEVEL + _LEVEL_SLOPE * (np.log(n) - np.log(PAPER_SIZES).mean())
    level = line + _LEVEL_SPREAD * rng.standard_normal(len(n))
    return Truth(n, 512 * np.arange(1, steps + 1, dtype=np.float64), k, level)


def simulate_study(
    rng: np.random.Generator, truth: Truth, problems: int = 500, runs: int = 3
) -> Study:
    """Draw problems, runs and answers."""
    sizes, steps = len(truth.n), len(truth.x)
    u = np.log(truth.x)
    rate = _RATE * (u - u.mean())
    grown = _DRIFT * (u - u[0]) / (u[-1] - u[0])
    spread = np.sqrt(1 + _DIFFICULTY**2 + _INTERACTION**2 + rate**2 + grown**2)
    middle = -ndtri(np.exp(truth.log_loss())) * spread
    difficulty = _DIFFICULTY * rng.standard_normal(problems)
    rates = rng.standard_normal(problems)
    shares = np.empty((problems, sizes * runs, steps), dtype=bool)
    expected = np.empty((sizes, steps))
    for m in range(sizes):
        own = difficulty + _INTERACTION * rng.standard_normal(problems)
        latent = middle[m] + own[:, None] + rates[:, None] * rate
        expected[m] = np.log1p(-ndtr(latent / np.sqrt(1 + grown**2)).mean(0))
        for r in range(runs):
            drift = rng.standard_normal()
            answers = rng.standard_normal(latent.shape)
            shares[:, m * runs + r] = answers < latent + drift * grown
    value = 1 - shares.mean(0)
    smooth = (value * problems + 0.5) / (problems + 1)
    group = Group(
        family="simulated",
        variant="base",
        models=tuple(f"{b / 1e9:g}b" for b in truth.n),
        n=truth.n,
        cells=tuple(f"{b / 1e9:g}b/seed{r}" for b in truth.n for r in range(runs)),
        size_of=np.repeat(np.arange(sizes), runs),
        steps=np.arange(1, steps + 1, dtype=np.float64),
        x=np.tile(truth.x, (sizes * runs, 1)),
        value=value,
        variance=(1 - smooth) / (smooth * problems),
        draws=np.full_like(value, problems),
    )
    return Study(group, shares.astype(float), expected)
