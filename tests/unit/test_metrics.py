"""Metrics against brute-force enumeration; standard errors against simulation."""

import itertools
import math

import numpy as np
import pandas
import pytest

from rlscale.evaluation import metrics
from rlscale.laws.pass_at_k import pass_at_k


def subsets(flags, k):
    return itertools.combinations(flags, k)


@pytest.mark.parametrize("n", [1, 2, 5, 8])
def test_pass_and_worst_at_k_equal_enumeration(n):
    for correct in range(n + 1):
        flags = [True] * correct + [False] * (n - correct)
        for k in range(1, n + 1):
            draws = list(subsets(flags, k))
            share_any = sum(map(any, draws)) / len(draws)
            share_all = sum(map(all, draws)) / len(draws)
            assert pass_at_k([correct], [n], k) == pytest.approx([share_any], abs=1e-15)
            assert metrics.worst_at_k([correct], [n], k) == pytest.approx([share_all], abs=1e-15)


def test_pass_at_k_is_unbiased_where_the_plug_in_is_not():
    rng = np.random.default_rng(1)
    rate, n, k = 0.3, 6, 4
    correct = rng.binomial(n, rate, 20_000)
    ours = pass_at_k(correct.tolist(), [n] * len(correct), k)
    truth = 1 - (1 - rate) ** k
    error = ours.std() / math.sqrt(len(ours))
    assert abs(ours.mean() - truth) < 4 * error
    plug_in = 1 - (1 - correct / n) ** k
    assert abs(plug_in.mean() - truth) > 10 * error


def test_large_n_stays_exact():
    assert pass_at_k([1], [10_000], 5_000)[0] == pytest.approx(0.5, abs=1e-12)


def test_k_beyond_the_samples_is_refused():
    with pytest.raises(ValueError, match="k = 3"):
        pass_at_k([1, 1], [4, 2], 3)


def brute_majority(answers, right, k):
    """Expected share of right winners over all equally likely tie breaks, block by block."""
    shares = []
    for start in range(0, len(answers) - k + 1, k):
        votes = [a for a in answers[start : start + k] if a is not None]
        best = max((votes.count(a) for a in votes), default=0)
        top = {a for a in votes if votes.count(a) == best}
        shares.append(len(top & right) / len(top) if top else 0.0)
    return sum(shares) / len(shares)


@pytest.mark.parametrize("k", [1, 2, 3, 5])
def test_majority_equals_enumeration(k):
    for answers in itertools.product(["4", "5", "6", None], repeat=5):
        correct = [answer == "4" for answer in answers]
        assert metrics.maj_at_k(answers, correct, k) == pytest.approx(
            brute_majority(answers, {"4"}, k)
        )


def test_clustered_error_against_simulation():
    """Problems differ in difficulty and in their number of samples; both are drawn anew."""
    rng = np.random.default_rng(2)
    means, errors = [], []
    for _ in range(3_000):
        rates = rng.beta(0.7, 1.3, 60)
        n = rng.choice([2, 4, 16], 60)
        mean, error = metrics.clustered_mean(rng.binomial(n, rates) / n, n)
        means.append(mean)
        errors.append(error)
    assert np.mean(errors) == pytest.approx(np.std(means), rel=0.06)


def test_sampling_error_against_simulation():
    """The problems are the same each time; only the samples are drawn anew."""
    rng = np.random.default_rng(5)
    rates, n = rng.beta(0.7, 1.3, 50), rng.choice([2, 4, 16], 50)
    draws = rng.binomial(n, rates, (4_000, 50))
    squares = [metrics.sampling_error(draw, n) ** 2 for draw in draws]
    assert np.mean(squares) == pytest.approx((draws.sum(1) / n.sum()).var(), rel=0.06)
    assert math.isnan(metrics.sampling_error([1, 0], [1, 2]))


def test_a_naive_error_would_be_too_small():
    """Samples of one problem are not independent: counting them as such halves the error."""
    rng = np.random.default_rng(3)
    correct = rng.binomial(16, rng.choice([0.05, 0.95], 100))
    _, clustered = metrics.clustered_mean(correct / 16)
    rate = correct.sum() / 1600
    assert clustered > 2 * math.sqrt(rate * (1 - rate) / 1600)


def test_degenerate_inputs():
    assert all(map(math.isnan, metrics.clustered_mean([])))
    assert metrics.clustered_mean([0.5])[0] == 0.5
    assert math.isnan(metrics.clustered_mean([0.5])[1])


def test_right_answers_written_otherwise_vote_together():
    answers = ["1/2", "0.5", "3", "3", None]
    assert metrics.maj_at_k(answers[:4], [True, True, False, False], 4) == 0.5
    assert metrics.maj_at_k(["1/2", "0.5", "3"], [True, True, False], 3) == 1.0
    assert metrics.maj_at_k(["right", None, None], [False] * 3, 3) == 0.0


def test_suites_weigh_benchmarks():
    value, error = metrics.suite({"a": (0.2, 0.03), "b": (0.6, 0.04)}, {"a": 3, "b": 1})
    assert value == pytest.approx(0.3)
    assert error == pytest.approx(math.hypot(3 * 0.03, 0.04) / 4)


def test_metric_rows_of_a_table():
    samples = pandas.DataFrame(
        {
            "problem_id": ["p"] * 3 + ["q"] * 3,
            "sample": [2, 1, 0, 0, 1, 2],
            "answer": ["4", "4", "5", "7", None, "7"],
            "outcome": ["correct", "correct", "wrong", "wrong", "unparsed", "wrong"],
        }
    )
    rows = {(row["metric"], row["k"]): row["value"] for row in metrics.metric_rows(samples)}
    assert {k for _, k in rows} == {1, 2, 3}
    assert rows["pass", 1] == pytest.approx(1 / 3)
    assert rows["pass", 2] == pytest.approx(1 / 2)
    assert rows["worst", 2] == pytest.approx(1 / 6)
    assert rows["maj", 3] == pytest.approx(1 / 2)
