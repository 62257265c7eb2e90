"""Coverage over simulated studies: a small version here, the full one in `make test-long`."""

import numpy as np
import pytest

from rlscale.answers.coverage import cover_study
from rlscale.laws.simulate import floor_truth, power_truth, saturating_truth

SEED = 31  # Of the small version only; benchmarks/coverage.py has the campaign's.


def campaign(make, runs, studies, seed=SEED, replicates=300):
    hits, verdicts = {}, []
    for study in range(studies):
        found, verdict = cover_study([seed, runs, study], make, runs, replicates=replicates)
        verdicts.append(verdict)
        for key, values in found.items():
            hits.setdefault(key, []).append(np.mean(values))
    return {key: np.array(values) for key, values in hits.items()}, verdicts


@pytest.mark.slow
def test_nominal_90_percent_intervals_cover_in_a_small_campaign():
    hits, verdicts = campaign(saturating_truth, runs=3, studies=60)
    for key, values in hits.items():
        # Three Monte-Carlo errors of 60 studies; a plain percentile bootstrap reaches 0.63.
        error = max(0.039, values.std() / np.sqrt(60))
        assert 0.87 - 3 * error < values.mean() < 1, (key, values.mean())
    assert np.mean([v in ("power", "bends") for v in verdicts]) <= 0.10


@pytest.mark.parametrize(("make", "said"), [(power_truth, "power"), (floor_truth, "bends")])
def test_the_verdict_says_when_the_law_is_wrong(make, said):
    _, verdicts = campaign(make, runs=3, studies=20)
    assert np.mean([v == said for v in verdicts]) >= 0.8


@pytest.mark.long
@pytest.mark.parametrize("runs", [3, 5])
def test_nominal_90_percent_intervals_cover_between_87_and_94_percent(runs):
    hits, verdicts = campaign(saturating_truth, runs, studies=1000, seed=20261124, replicates=400)
    for key, values in hits.items():
        assert 0.87 <= values.mean() <= 0.94, (key, values.mean())
    assert np.mean([v in ("power", "bends") for v in verdicts]) <= 0.10
