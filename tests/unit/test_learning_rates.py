"""Learning rates: the best of a grid, and a warning where it lies at the edge."""

import pandas
import pytest

from rlscale.answers.checks import check_results
from rlscale.answers.learning_rates import SETTING, best_rates


def curves_of(finals):
    """Curves whose loss at the last step is given by (model, rate, seed)."""
    rows = []
    for (model, rate, seed), final in finals.items():
        cell = f"lr{rate}/{model}-base/tau1-g8/seed{seed}"
        for step, loss in ((0, 0.9), (8, final)):
            rows.append(
                {"cell": cell, "recipe": f"lr{rate}", "family": "tiny", "model": model,
                 "variant": "base", "tau": 1, "group_size": 8, "seed": seed, "step": step,
                 "benchmark": "held_out", "loss": loss}
            )  # fmt: skip
            rows.append(rows[-1] | {"benchmark": "other", "loss": 1 - loss})
    return pandas.DataFrame(rows)


def protocols_of(curves):
    """The rows that results/protocols.csv has for their rates, and one for another setting."""
    cells = curves.groupby("recipe")["cell"].unique()
    rows = [
        (SETTING, recipe.removeprefix("lr"), len(c), " ".join(c)) for recipe, c in cells.items()
    ]
    rows.append(("recipe.steps", "8", 1, curves["cell"].iloc[0]))
    return pandas.DataFrame(rows, columns=["setting", "value", "cells", "which"])


@pytest.fixture
def sweep():
    """Three rates, two seeds: for `a` the middle one is best on average, for `b` the largest."""
    finals = {}
    for rate, a, b in ((1e-5, 0.6, 0.8), (1e-4, 0.4, 0.7), (1e-3, 0.5, 0.6)):
        for seed, noise in ((1, -0.15), (2, 0.15)):
            finals["a", rate, seed] = a + noise * (rate == 1e-3)
            finals["b", rate, seed] = b + noise
    return curves_of(finals)


def test_the_best_rate_of_each_size_and_whether_it_lies_at_the_edge(sweep):
    best = best_rates(sweep, protocols_of(sweep), "held_out").set_index("model")
    assert best.loc["a", "rates"] == (1e-5, 1e-4, 1e-3)
    assert best["best"].to_dict() == {"a": 1e-4, "b": 1e-3}
    assert best["edge"].to_dict() == {"a": False, "b": True}
    assert best.loc["b", "loss"] == pytest.approx(0.6)


def test_the_best_rate_is_told_from_the_next_or_not():
    """By Student's t over runs: scipy's, where all rates have as many runs."""
    from scipy import stats

    runs = {1e-4: (0.40, 0.42, 0.41), 1e-3: (0.50, 0.53, 0.52)}
    finals = {("a", rate, i): loss for rate, own in runs.items() for i, loss in enumerate(own)}
    finals |= {("b", rate, i): 10 * (loss - 0.4) for (_, rate, i), loss in finals.items()}
    finals |= {("b", 1e-4, 0): 1.3}
    table = curves_of(finals)
    best = best_rates(table, protocols_of(table), "held_out").set_index("model")
    assert best.loc["a", "p"] == pytest.approx(stats.ttest_ind(*runs.values()).pvalue)
    assert best["second"].to_dict() == {"a": 1e-3, "b": 1e-3}
    assert best.loc["a", "p"] < 0.01 < 0.1 < best.loc["b", "p"]


def test_one_run_of_each_rate_tells_nothing(sweep):
    one = sweep[sweep["seed"] == 1]
    assert best_rates(one, protocols_of(one), "held_out")["p"].isna().all()


def test_one_rate_is_no_sweep(sweep):
    one = sweep[sweep["recipe"] == "lr0.0001"]
    assert best_rates(one, protocols_of(one).iloc[:0], "held_out").empty
    assert best_rates(one, protocols_of(one), "held_out").empty


def test_the_report_is_warned(sweep):
    checks = check_results(
        sweep.assign(n_samples=None, n_correct=None, compute_flops=None, data_samples=None),
        {},
        expected=[],
        outcomes=None,
        ledger=None,
        protocols=protocols_of(sweep),
        seen={},
        benchmark="held_out",
        allow_missing=False,
    )
    (check,) = [check for check in checks if "learning rate" in check.check]
    assert check.status == "listed"
    assert "b base (tau 1, G 8): 0.001 is the largest of 3; widen it" in check.detail
    assert "not told from 0.0001, p = " in check.detail
    assert "a base" not in check.detail
