"""Runs whose loss rises back are named; noise, plateaus and overfitting by little are not."""

import numpy as np
import pytest
from curve_tables import straight_curves

from rlscale.answers.checks import check_results
from rlscale.core.tables import read_curves
from rlscale.curves.trends import collapsed, trends

RUN = "main/9b-base/tau1-g8/seed1"
STEPS = range(1, 65)


def study(rise=0.0, since=40, noise=0.01):
    """Curves of which one run's ln L rises by ``rise`` after a step, over eight steps."""
    table = straight_curves(noise=noise, runs=2, steps=STEPS)
    own = table["cell"] == RUN
    share = ((table["step"] - since) / 8).clip(0, 1)
    table.loc[own, "loss"] = (table["loss"] * np.exp(rise * share))[own].clip(upper=1.0)
    return table


@pytest.mark.parametrize(("rise", "named"), [(0.0, []), (0.15, []), (0.4, [RUN]), (2.0, [RUN])])
def test_a_run_is_named_that_loses_half_of_what_it_had_learnt(rise, named):
    found = collapsed(study(rise))
    assert [name for name, *_ in found] == named
    for _, step, low, last in found:
        assert 30 <= step <= 42
        assert np.log(last / low) > 0.25


@pytest.mark.parametrize("noise", [0.03, 0.1])
def test_noise_alone_collapses_nobody(noise):
    assert collapsed(study(noise=noise)) == []


def test_few_points_collapse_nobody():
    table = study(2.0)
    assert collapsed(table[table["step"].isin([1, 8, 30, 50, 64])]) == []


def test_a_cell_that_was_left_out_is_not_named_again():
    table = study(2.0)
    assert (
        collapsed(table.assign(status=table["cell"].eq(RUN).map({True: "diverged", False: "ok"})))
        == []
    )


def test_the_warning_names_run_step_and_remedy():
    (text,) = trends(study(2.0))
    assert text.startswith(f"{RUN}: the loss rises again after step")
    assert "status" in text


def test_a_loss_that_is_an_accuracy_is_one_warning_not_many():
    table = study()
    (text,) = trends(table.assign(loss=1 - table["loss"]))
    assert "is it an accuracy?" in text


def test_checks_list_it_and_do_not_fail():
    (found,) = (
        check
        for check in check_results(
            study(2.0), {}, expected=[], outcomes=None, ledger=None, protocols=None, seen={},
            benchmark="held_out", allow_missing=False,
        )
        if "rises back" in check.check
    )  # fmt: skip
    assert found.status == "listed"
    assert RUN in found.detail


@pytest.mark.parametrize(
    ("source", "named"),
    [
        ("embedded", 0),
        ("tan2025_7b", 0),
        ("tan2025_instruct", 0),
        ("tan2025_base", 1),
        ("reference", 2),
    ],
)
def test_of_real_curves_only_skills_that_were_lost_are_named(source, named):
    """Three of 460; none of them is held out."""
    found = collapsed(read_curves(f"resources/bank/{source}/curves.csv"))
    assert len(found) == named
    assert all("held_out" not in name for name, *_ in found)
