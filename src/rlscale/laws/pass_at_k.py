"""pass@k: its unbiased estimate, and where pass@1 rises while pass@k falls, with intervals.

Training may make right answers likelier without making more problems solvable, or fewer (Yue et al.
2025, arXiv 2504.13837): then pass@1 rises from one step to another and pass@k falls.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from rlscale.laws.arrays import Array


def pass_at_k(correct: Sequence[int], n: Sequence[int], k: int) -> np.ndarray:
    """Unbiased probability that k draws without replacement hold a correct one, per problem.

    1 - C(n - c, k) / C(n, k), Chen et al. 2021 (arXiv 2107.03374), eq. 1.

    Args:
        correct: Correct samples c of each problem, shape (problems,).
        n: Samples of each problem, at least k.
        k: Draws.

    Raises:
        ValueError: k is below 1, or above the samples of a problem.
    """
    check_draws(n, k)
    return np.array(
        [1 - math.comb(m - c, k) / math.comb(m, k) for c, m in zip(correct, n, strict=True)]
    )


def check_draws(n: Sequence[int], k: int) -> None:
    """Refuse a k that is below 1 or above the samples of a problem."""
    if k < 1 or (len(n) and k > min(n)):
        raise ValueError(f"k = {k} is not between 1 and the number of samples, {min(n)}")


@dataclass(frozen=True)
class Passes:
    """pass@k of one size over training, and its replicates.

    Attributes:
        k: The k, ascending, the first 1 (K).
        steps: The steps, ascending (T).
        value: Mean over runs and problems (K, T).
        drawn: The same under other runs and other problems (B, K, T).
        level: Level of intervals.
        runs: Runs behind the means; with one, nothing is known of other runs.
    """

    k: tuple[int, ...]
    steps: tuple[float, ...]
    value: Array
    drawn: Array
    level: float
    runs: int

    def changes(self) -> tuple[Array, Array, Array]:
        """Change of pass@k from each step (second axis) to each later one (third), (K, T, T).

        Returns:
            Changes, and their lower and upper ends, which hold all changes of all k at once: the
            largest deviation in standard errors over them all is bounded. NaN where not later.
        """
        change = _between(self.value)
        moved = _between(self.drawn) - change
        error = moved.std(0, ddof=1)
        later = np.triu(np.ones(change.shape[1:], bool), 1)
        with np.errstate(invalid="ignore", divide="ignore"):
            apart = np.where(error > 0, np.abs(moved) / error, 0.0)[..., later]
        width = np.quantile(apart.max((1, 2)), self.level) * error
        hidden = np.where(later, 0.0, np.nan)
        return change + hidden, change - width + hidden, change + width + hidden

    def divergences(self) -> list[tuple[int, float, float]]:
        """(k, from step, to step) where pass@1 rises and pass@k falls, both shown at the level.

        Of each k the pair whose fall lies furthest below zero.
        """
        _, low, high = self.changes()
        found = []
        for i, k in enumerate(self.k):
            ends = np.where(low[0] > 0, high[i], np.inf)  # NaN is never above 0
            place = np.unravel_index(np.argmin(ends), ends.shape)
            if ends[place] < 0:
                found.append((k, self.steps[place[0]], self.steps[place[1]]))
        return found

    def crossing(self) -> tuple[float, float, float]:
        """k at which the change from first to last step turns from gain to loss, with interval.

        Between two k the change is taken as linear in log k. Infinite where it never turns, 1 where
        pass@1 falls.
        """
        ends = [values[..., -1] - values[..., 0] for values in (self.value[None], self.drawn)]
        place, drawn = (_turn(change, np.array(self.k, float)) for change in ends)
        tails = (1 - self.level) / 2, (1 + self.level) / 2
        low, high = np.quantile(drawn, tails, method="inverted_cdf")
        return float(place[0]), float(low), float(high)


def _between(values: Array) -> Array:
    """Differences of all steps: later minus earlier, (..., T) to (..., T, T)."""
    return np.asarray(values[..., None, :] - values[..., :, None])


def _turn(change: Array, k: Array) -> Array:
    """First k at which a change (B, K) is negative, interpolated in log k, (B,)."""
    lost = change < 0
    after = np.argmax(lost, axis=1)
    row, before = np.arange(len(change)), np.maximum(after - 1, 0)
    rise, fall = change[row, before], change[row, after]
    share = np.divide(rise, rise - fall, out=np.zeros(len(row)), where=(rise > 0) & (after > 0))
    turn = np.exp(np.log(k[before]) + share * (np.log(k[after]) - np.log(k[before])))
    return np.where(lost.any(1), turn, np.inf)


def passes_of(
    correct: Array,
    n: Array,
    steps: Sequence[float],
    draws: Sequence[int],
    *,
    level: float,
    replicates: int,
    seed: int,
) -> Passes:
    """pass@k of one size, with a crossed bootstrap over runs and problems.

    Problems are drawn once for all runs and steps, and runs independently; the deviations of the
    drawn runs are widened by sqrt(R / (R - 1)), so that their variance is that of the mean of R.

    Args:
        correct: Correct samples (runs R, steps T, problems P), whole numbers.
        n: Samples, likewise, each at least the largest k.
        steps: The steps, ascending.
        draws: The k beside 1.
        level: Level of intervals.
        replicates: Number of replicates.
        seed: Seed of the draws.

    Raises:
        ValueError: A k is above the samples of a problem.
    """
    known = (1, *sorted(set(draws) - {1}))
    counts = np.stack([correct.ravel(), n.ravel()], axis=1).astype(np.int64)
    pairs, place = np.unique(counts, axis=0, return_inverse=True)
    hits, asked = pairs.T.tolist()
    shares = np.stack([pass_at_k(hits, asked, k)[place].reshape(correct.shape) for k in known])
    runs, problems = correct.shape[0], correct.shape[2]
    rng = np.random.default_rng(seed)
    weight = rng.multinomial(problems, np.full(problems, 1 / problems), size=replicates) / problems
    means = np.moveaxis(shares @ weight.T, -1, 0)  # (B, K, R, T)
    drawn = means.mean(2)
    if runs > 1:
        chosen = rng.multinomial(runs, np.full(runs, 1 / runs), size=replicates) / runs
        others = np.einsum("bkrt,br->bkt", means, chosen)
        drawn = drawn + np.sqrt(runs / (runs - 1)) * (others - drawn)
    return Passes(known, tuple(steps), shares.mean((1, 3)), drawn, level, runs)
