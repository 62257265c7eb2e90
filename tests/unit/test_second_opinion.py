"""The generator of `make coverage`: that it is what it says, and a small campaign."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest

import rlscale

PATH = Path(__file__).parents[2] / "benchmarks/second_opinion.py"
SEED = 20261201  # Of these tests alone; docs/law.md has the campaign's.


@pytest.fixture(scope="module")
def opinion():
    spec = importlib.util.spec_from_file_location("second_opinion", PATH)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def asked(opinion, name, studies, replicates=100):
    return [
        opinion.ask(
            opinion.Study(opinion.PLANS[name], np.random.default_rng([SEED, i])), i, replicates
        )
        for i in range(studies)
    ]


def test_table_and_arrays_are_the_same_curves(opinion):
    """A run that stops early, and a size on other steps."""
    for name in ("one of 2 runs of 7B stops at 30", "2 runs, 14B on every 7th step"):
        study = opinion.Study(opinion.PLANS[name], np.random.default_rng(SEED))
        (by_table,) = rlscale.fit(study.curves, bootstrap={"replicates": 2})
        by_arrays, _ = opinion.fit_group(study.group, opinion.FitSpec())
        for name, found in by_table.parameters.items():
            assert found.estimate == pytest.approx(by_arrays.parameters[name].estimate, rel=1e-9)
        assert by_table.verdicts == by_arrays.verdicts


def test_what_is_to_be_covered_is_the_truth_where_the_law_holds(opinion):
    study = opinion.Study(opinion.BASE, np.random.default_rng(SEED))
    found, _ = opinion.fit_group(study.group, opinion.FitSpec())
    best = opinion.best_fit(study, found)
    assert best["N0"] == pytest.approx(study.shape, rel=1e-3)
    assert best["K_max"] == pytest.approx(study.top * (1 + study.shape / 72e9), rel=1e-3)


@pytest.mark.parametrize("name", ["2 runs", "one of 2 runs of 7B stops at 30", "4 x 7, 3 runs"])
def test_intervals_hold_in_a_small_campaign(opinion, name):
    found = asked(opinion, name, 10)
    for column in ("K_max", "N0", "k(top)", "k at 2x"):
        # Of 10, 9 on average; 5 or fewer by chance in .2 % of campaigns.
        assert sum(one[column][0] for one in found) >= 6, column
    widths = [one["k at 2x"][1] for one in found]
    assert np.median(widths) < (0.6 if name == "2 runs" else 2.5)  # Not by saying nothing.


@pytest.mark.parametrize(
    ("name", "verdict"),
    [("power, scatter 20 %", "identified"), ("scatter 20 %", "power"), ("2 runs", "power")],
)
def test_scatter_is_hardly_taken_for_the_other_law(opinion, name, verdict):
    said = [one["saturates"] for one in asked(opinion, name, 40, replicates=2)]
    # At 5 %, more than 6 of 40 come by chance in .3 % of campaigns.
    assert said.count(verdict) <= 6


@pytest.mark.long
def test_nominal_90_percent_hold_in_every_design(opinion):
    for name, plan in opinion.PLANS.items():
        found = asked(opinion, name, 200, replicates=200)
        bends = np.mean([one["bends"] == "yes" for one in found])
        assert plan.bend or bends <= 0.07 + 3 * 0.018, (name, bends)
        for column in ("K_max", "N0", "k(top)", "k at 2x"):
            own = [one[column][0] for one in found if column in one]
            least = 0.85 if column == "k at 2x" else 0.87
            assert not own or np.mean(own) >= least - 3 * 0.024, (name, column, np.mean(own))
