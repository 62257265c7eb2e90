"""Result checks find what is wrong and name it."""

import pandas
import pytest
from curve_tables import fit_document, straight_curves

from rlscale.answers.checks import check_results, failures

FIT = {"bootstrap": {"replicates": 200}}


@pytest.fixture(scope="module")
def study():
    """Tables and one fit of a sound study."""
    curves = straight_curves(noise=0.01, runs=2, steps=(0, 1, 2, 4, 8))
    curves["n_samples"] = 500
    curves["n_correct"] = ((1 - curves["loss"]) * 500).round()
    curves["loss"] = 1 - curves["n_correct"] / 500
    curves["n_unparsed"] = curves["n_timeout"] = 0
    fit = fit_document(curves, law="free_slopes", x="data", metric="loss", settings=FIT)
    keys = ["cell", "step", "benchmark"]
    outcomes = curves[keys].assign(problem_id="p", n=500, n_correct=curves["n_correct"],
                                   n_unparsed=0, n_timeout=0)  # fmt: skip
    outcomes["n_wrong"] = outcomes["n"] - outcomes["n_correct"]
    ledger = pandas.DataFrame(
        [
            {"cell": cell, "step": step, "phase": phase}
            for cell in set(curves["cell"])
            for step in range(1, 9)
            for phase in ("update", "evaluation")
        ]
    )
    return {"curves": curves, "fits": {"f": fit}, "outcomes": outcomes, "ledger": ledger,
            "expected": sorted(set(curves["cell"])), "allow_missing": False,
            "protocols": None, "seen": {}, "benchmark": "held_out"}  # fmt: skip


def failed(study, **changes):
    """Texts of the checks that fail."""
    inputs = study | changes
    curves, fits = inputs.pop("curves"), inputs.pop("fits")
    found = failures(check_results(curves, fits, **inputs))
    return [f"{check.check}: {check.detail}" for check in found]


def test_a_sound_study_passes(study):
    assert failed(study) == []


def test_a_missing_cell_fails_unless_it_is_allowed(study):
    expected = [*study["expected"], "main/81b-base/tau1-g8/seed0"]
    (text,) = failed(study, expected=expected)
    assert "81b" in text
    assert failed(study, expected=expected, allow_missing=True) == []


def test_outcomes_that_do_not_add_up_fail(study):
    curves = study["curves"].copy()
    curves.loc[3, "n_unparsed"] = 501
    (text,) = failed(study, curves=curves)
    assert curves.loc[3, "cell"] in text


def test_problems_that_do_not_add_up_fail(study):
    outcomes = study["outcomes"].copy()
    outcomes.loc[0, "n_wrong"] += 1
    assert len(failed(study, outcomes=outcomes)) == 1


def test_a_hole_in_the_ledger_fails(study):
    ledger = study["ledger"]
    hole = (ledger["step"] == 3) & (ledger["phase"] == "update")
    (text,) = failed(study, ledger=ledger[~hole])
    assert "lacks step 3" in text


def test_compute_that_does_not_grow_fails(study):
    curves = study["curves"].copy()
    curves.loc[curves["step"] == 8, "compute_flops"] = 1
    assert len(failed(study, curves=curves)) == 1


def test_an_interval_beside_its_estimate_fails(study):
    import copy

    fit = copy.deepcopy(study["fits"]["f"])
    quantity = fit["groups"][0]["sizes"][1]["k"]
    estimate = quantity["estimate"]
    quantity["intervals"]["fixed"] |= {"low": estimate + 1, "high": estimate + 2}
    (text,) = failed(study, fits={"f": fit})
    assert "[0].sizes[1].k" in text


@pytest.mark.parametrize(
    ("modes", "status", "words"),
    [
        (None, "not applicable", "runs programs"),
        (["namespaces"], "passed", "namespaces: 8 cells"),
        (["landlock", "filter"], "listed", "filter: 4 cells"),
    ],
)
def test_the_isolation_of_programs_is_told(study, modes, status, words):
    outcomes = study["outcomes"]
    if modes:
        cells = sorted(set(outcomes["cell"]))
        by_cell = {cell: modes[i % len(modes)] for i, cell in enumerate(cells)}
        outcomes = outcomes.assign(isolation=outcomes["cell"].map(by_cell))
    inputs = study | {"outcomes": outcomes}
    curves, fits = inputs.pop("curves"), inputs.pop("fits")
    (found,) = (c for c in check_results(curves, fits, **inputs) if "programs" in c.check)
    assert (found.status, words in found.detail) == (status, True)


def test_problems_that_made_models_have_learnt_are_listed(study):
    table = pandas.DataFrame(
        [("held_out", 40, 0), ("more", 20, 2)], columns=["name", "problems", "seen"]
    )
    inputs = study | {"seen": {"pretraining": table}}
    curves, fits = inputs.pop("curves"), inputs.pop("fits")
    (found,) = (check for check in check_results(curves, fits, **inputs) if "learnt" in check.check)
    assert found.status == "listed"
    assert "2 of 20 of more (pretraining)" in found.detail
    assert "held_out" not in found.detail
