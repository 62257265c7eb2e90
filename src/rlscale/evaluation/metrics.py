"""Scores from samples: loss, pass@k, maj@k, worst@k, with standard errors clustered by problem.

Problems are crossed with checkpoints and cells: the same ones are asked everywhere. So a standard
error is taken over problems, and two checkpoints are compared by the differences of their
problems.
"""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from rlscale.laws.pass_at_k import check_draws, pass_at_k

if TYPE_CHECKING:
    import pandas
    from numpy.typing import ArrayLike

Estimate = tuple[float, float]
_RIGHT = "right"  # the answer for which all right samples vote


def clustered_mean(values: "ArrayLike", weights: "ArrayLike | None" = None) -> Estimate:
    """Mean over samples and its standard error when samples cluster in problems.

    Args:
        values: Mean of each problem, shape (problems,).
        weights: Samples of each problem; equal when absent.

    Returns:
        Weighted mean, and the standard error of a ratio estimator over problems (linearised,
        with the factor P / (P - 1)); nan with fewer than two problems.
    """
    means = np.asarray(values, float)
    sizes = np.ones_like(means) if weights is None else np.asarray(weights, float)
    count = len(means)
    if not count:
        return math.nan, math.nan
    mean = float(np.average(means, weights=sizes))
    if count < 2:
        return mean, math.nan
    residuals = sizes * (means - mean) / sizes.mean()
    return mean, float(math.sqrt((residuals**2).sum() / (count * (count - 1))))


def sampling_error(correct: "ArrayLike", n: "ArrayLike") -> float:
    """Standard error of the pooled rate for these very problems: what more samples would remove.

    Args:
        correct: Correct samples of each problem, shape (problems,).
        n: Samples of each problem; nan unless all are at least 2.
    """
    sizes = np.asarray(n, float)
    if not len(sizes) or sizes.min() < 2:
        return math.nan
    rates = np.asarray(correct, float) / sizes
    variances = rates * (1 - rates) / (sizes - 1)  # of each rate, unbiased
    return float(math.sqrt((sizes**2 * variances).sum()) / sizes.sum())


def worst_at_k(correct: Sequence[int], n: Sequence[int], k: int) -> np.ndarray:
    """Unbiased probability that all of k draws are correct: C(c, k) / C(n, k), per problem."""
    check_draws(n, k)
    return np.array([math.comb(c, k) / math.comb(m, k) for c, m in zip(correct, n, strict=True)])


def maj_at_k(answers: Sequence[str | None], correct: Sequence[bool], k: int) -> float:
    """Probability that the most frequent answer of k samples is right, for one problem.

    Averaged over the disjoint blocks of k consecutive samples, which are independent votes.
    Samples without an answer do not vote; tied answers win with equal probability. Right answers
    are one answer, however they are written; of wrong ones those are that are the same text
    (``rlscale.evaluation.votes``).

    Args:
        answers: Extracted answer of each sample, in sample order.
        correct: Whether each sample is correct.
        k: Votes.
    """
    check_draws([len(answers)], k)
    blocks = range(0, len(answers) - k + 1, k)
    wins = []
    for start in blocks:
        block = range(start, start + k)
        said = [_RIGHT if correct[i] else answers[i] and f"wrong: {answers[i]}" for i in block]
        votes = Counter(answer for answer in said if answer is not None)
        most = max(votes.values(), default=0)
        top = [answer for answer, count in votes.items() if count == most]
        wins.append((_RIGHT in top) / len(top) if top else 0.0)
    return sum(wins) / len(wins)


def metric_rows(samples: "pandas.DataFrame") -> list[dict[str, Any]]:
    """All metrics of one checkpoint on one benchmark.

    Args:
        samples: Columns problem_id, sample, outcome and answer; unusable golds left out.

    Returns:
        Rows with ``metric``, ``k``, ``value`` and ``se``; k runs over powers of two, 10 and 100, up
        to the least number of samples of a problem, and that number.
    """
    answers: dict[str, list[str | None]] = {}
    verdicts: dict[str, list[bool]] = {}
    columns = samples.sort_values(["problem_id", "sample"])[["problem_id", "answer", "outcome"]]
    for problem, answer, outcome in columns.itertuples(index=False, name=None):
        answers.setdefault(problem, []).append(answer if isinstance(answer, str) else None)
        verdicts.setdefault(problem, []).append(outcome == "correct")
    n = [len(votes) for votes in verdicts.values()]
    correct = [sum(votes) for votes in verdicts.values()]
    least = min(n, default=0)
    wanted = {2**i for i in range(least.bit_length())} | {10, 100, least}
    ks = sorted(k for k in wanted if 1 <= k <= least)
    rows = []
    for k in ks:
        votes = [maj_at_k(answers[problem], verdicts[problem], k) for problem in answers]
        for metric, values in (
            ("pass", pass_at_k(correct, n, k)),
            ("worst", worst_at_k(correct, n, k)),
            ("maj", votes),
        ):
            value, error = clustered_mean(values)
            rows.append({"metric": metric, "k": k, "value": value, "se": error})
    return rows


def suite(scores: Mapping[str, Estimate], weights: Mapping[str, float]) -> Estimate:
    """Weighted mean of benchmarks' scores; their problems differ, so their errors add squared."""
    total = sum(weights.values())
    value = sum(weight * scores[name][0] for name, weight in weights.items()) / total
    squares = sum((weight * scores[name][1]) ** 2 for name, weight in weights.items())
    return value, math.sqrt(squares) / total
