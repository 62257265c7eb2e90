"""Coverage over simulated studies: a small version here, the full one in `make test-long`."""

import numpy as np
import pytest

from rlscale.answers.coverage import cover_study
from rlscale.laws.designs import Design, draw_study
from rlscale.laws.simulate import floor_truth, power_truth, saturating_truth
from rlscale.laws.spec import Bootstrap, FitSpec, Settings
from rlscale.laws.study import fit_group

SEED = 31  # Of the small version only; benchmarks/coverage.py has the campaign's.


def campaign(make, runs, studies, seed=SEED, replicates=300):
    hits, verdicts = {}, []
    for study in range(studies):
        found, verdict = cover_study([seed, runs, study], make, runs, replicates=replicates)
        verdicts.append(verdict)
        for key, values in found.items():
            hits.setdefault(key, []).append(np.mean(values))
    return {key: np.array(values) for key, values in hits.items()}, verdicts


def fitted(design, study):
    """One small study of a design: its truth, and its fit."""
    drawn = draw_study(np.random.default_rng([SEED, study]), design)
    settings = Settings(bootstrap=Bootstrap(100, study))
    return drawn, fit_group(drawn.group, FitSpec(settings=settings))[0]


@pytest.mark.parametrize("runs", [(2,) * 7, (5, 5, 3, 3, 2, 1, 1)])
def test_slopes_are_covered_in_a_small_campaign(runs):
    inside = []
    for study in range(20):
        drawn, found = fitted(Design(runs=runs), study)
        for k, size in zip(drawn.k, found.sizes, strict=True):
            ends = size.k.intervals["fixed"]
            inside.append(ends.low <= k <= ends.high)
    # 140 intervals; those of one study share their standard error's trend.
    assert 0.83 <= np.mean(inside) <= 0.97


def test_k_at_an_unseen_size_is_covered_whatever_the_scatter():
    for scatter in (0.0, 0.2):
        design, inside = Design(scatter=scatter), []
        for study in range(20):
            _, found = fitted(design, study)
            rng = np.random.default_rng([SEED, study, 1])
            k = design.law(np.array([found.beyond[0].n])) * (1 + scatter * rng.standard_normal())
            inside.append(found.beyond[0].low <= k[0] <= found.beyond[0].high)
        assert np.mean(inside) >= 0.75


@pytest.mark.parametrize(
    ("design", "said"), [(Design(truth="power"), "power"), (Design(bend="plateau"), "bends")]
)
def test_the_verdict_says_when_the_law_is_wrong(design, said):
    found = [fitted(design, study)[1].verdicts for study in range(10)]
    assert sum(said == own.saturates or (said, own.bends) == ("bends", "yes") for own in found) >= 8


def test_one_whole_study_is_judged_in_every_scope():
    hits, verdicts = campaign(saturating_truth, runs=3, studies=1, replicates=60)
    assert {scope for scope, _ in hits} == {"redrawn", "fixed", "forecast"}
    assert verdicts == ["identified"]


@pytest.mark.long
def test_nominal_90_percent_intervals_cover_in_a_campaign_of_minutes():
    hits, verdicts = campaign(saturating_truth, runs=3, studies=60)
    for key, values in hits.items():
        # Three Monte-Carlo errors of 60 studies; a plain percentile bootstrap reaches 0.63.
        error = max(0.039, values.std() / np.sqrt(60))
        assert 0.87 - 3 * error < values.mean() < 1, (key, values.mean())
    assert np.mean([v in ("power", "bends") for v in verdicts]) <= 0.10


@pytest.mark.long
@pytest.mark.parametrize(("make", "said"), [(power_truth, "power"), (floor_truth, "bends")])
def test_the_verdict_says_when_the_law_is_wrong_for_answers_drawn_one_by_one(make, said):
    _, verdicts = campaign(make, runs=3, studies=20)
    assert np.mean([v == said for v in verdicts]) >= 0.8


@pytest.mark.long
@pytest.mark.parametrize("runs", [3, 5])
def test_nominal_90_percent_intervals_cover_between_87_and_94_percent(runs):
    hits, verdicts = campaign(saturating_truth, runs, studies=1000, seed=20261124, replicates=400)
    for key, values in hits.items():
        assert 0.87 <= values.mean() <= 0.94, (key, values.mean())
    assert np.mean([v in ("power", "bends") for v in verdicts]) <= 0.10
