"""What figures are made of: words, colours, axes, labels, means, and what evidence says."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pandas
import pytest
from curve_tables import straight_curves
from figure_folder import SETTINGS, STEPS, Folder, full_curves

from rlscale.laws.groups import build_groups
from rlscale.laws.spec import FitSpec
from rlscale.laws.study import fit_study, rounded
from rlscale.report.figures.benchmarks import _falls
from rlscale.report.figures.curves import loss_vs_compute, off_band
from rlscale.report.figures.draw import verdict_words
from rlscale.report.figures.inputs import Inputs, fixed
from rlscale.report.figures.means import bar_words, mean_points
from rlscale.report.figures.output import Drawing, agreed
from rlscale.report.figures.style import (
    INK,
    PALETTES,
    colours,
    human,
    label_ends,
    log_ticks,
    panels,
)
from rlscale.report.figures.sweeps import _parts, _verdict, group_size
from rlscale.report.figures.tables import _pooled_words
from rlscale.report.figures.takeaways import of_ends, of_reuse
from rlscale.report.figures.transfer import _carried, _changes, _evidence


@pytest.mark.parametrize(
    ("value", "digits", "text"),
    [(-0.00004, 3, "0.000"), (-0.0006, 3, "-0.001"), (0.0, 4, "0.0000"), (12.3456, 2, "12.35")],
)
def test_what_rounds_to_zero_has_no_sign(value, digits, text):
    assert fixed(value, digits) == text


def test_models_are_in_the_order_of_their_sizes(tmp_path):
    folder = Folder(tmp_path, full_curves(runs=1).assign(n_params_nominal=lambda t: t["n_params"]))
    assert folder.draw("table_models").table["model"].tolist() == ["1b", "3b", "9b", "27b"]


def test_palettes_are_ordered_in_grey():
    weights = np.array([0.299, 0.587, 0.114])
    for palette in PALETTES:
        shades = [
            weights @ [int(colour[i : i + 2], 16) for i in (1, 3, 5)]
            for colour in colours(7, palette)
        ]
        assert all(a - b > 8 for a, b in pairwise(shades)), palette
        assert shades[0] < 225


@pytest.mark.parametrize(
    ("value", "text"), [(31_000, "31k"), (1.2e6, "1.2M"), (5e8, "0.5B"), (72e9, "72B"), (8, "8")]
)
def test_counts_are_written_as_people_do(value, text):
    assert human(value) == text


@pytest.mark.parametrize(
    "limits", [(0.26, 1.02), (0.93, 0.97), (64, 4096), (1e15, 3e20), (0.4, 0.99), (512, 53_760)]
)
def test_log_axes_have_few_round_labels_within_them(limits):
    _, grid = panels(1, 1, width=3, height=2)
    axes = grid[0, 0]
    axes.set(xscale="log", xlim=limits)
    log_ticks(axes.xaxis)
    ticks = axes.xaxis.get_majorticklocs()
    assert 2 <= len(ticks) <= 6
    assert all(limits[0] <= tick <= limits[1] for tick in ticks)
    assert all(float(f"{tick:.3g}") == pytest.approx(tick) for tick in ticks)


def test_a_group_of_single_runs_has_no_say_where_another_decides():
    single = straight_curves(0.005, runs=1).assign(variant="instruct")
    single["cell"] = single["cell"] + "-instruct"
    curves = pandas.concat([straight_curves(0.005, runs=3), single], ignore_index=True)
    document = rounded(fit_study(curves, FitSpec("saturating", "compute")).to_json())
    rises = {group["variant"]: group["verdicts"]["rises"] for group in document["groups"]}
    assert rises == {"base": "yes", "instruct": "no_replicates"}
    settings = {"palette": "viridis", "compute": "compute"}
    inputs = Inputs(curves, {"saturating-compute-loss": document}, settings=settings)
    drawing = loss_vs_compute(inputs)
    assert drawing.supports == "yes"
    assert drawing.answers == {"base": "yes", "instruct": "not judged"}
    assert drawing.takeaway.startswith("Base: ")
    assert drawing.evidence[0].n == "6 runs of 2 sizes"
    alone = {**document, "groups": [g for g in document["groups"] if g["variant"] == "instruct"]}
    inputs = Inputs(curves, {"saturating-compute-loss": alone}, settings=settings)
    assert loss_vs_compute(inputs).supports == "not judged"


def test_sizes_that_end_outside_the_laws_band_are_named():
    rows = [
        ("base", model, mark, x, value, low, high)
        for model, last in (("small", 0.51), ("large", 0.53))
        for mark, x, value, low, high in (
            ("point", 1, 0.9, None, None), ("point", 2, last, None, None),
            ("line", 1, 0.7, 0.69, 0.71), ("line", 2, 0.5, 0.48, 0.52),
        )
    ]  # fmt: skip
    names = ["variant", "model", "mark", "x", "value", "low", "high"]
    table = pandas.DataFrame(rows, columns=names)
    assert off_band(table, "base") == ["large"]
    assert off_band(table.assign(low=None, high=None), "base") == []


def transfer(changes: dict[str, tuple[float, ...]]) -> pandas.DataFrame:
    """A size's loss before and after training on a held-out set and on benchmarks."""
    rows = [
        {"variant": "base", "n": 7e9, "benchmark": name, "when": when, "value": 0.9 + change}
        for name, own in {"held_out": (0.0, -0.3), **changes}.items()
        for when, change in (("before", own[0]), ("after", own[1]))
    ]
    return pandas.DataFrame(rows)


MATHEMATICS = {"MATH-500": (0, -0.20), "gsm8k": (0, -0.22), "AIME2024": (0, -0.21)}


@pytest.mark.parametrize(
    ("beyond", "verdict"),
    [
        ({"HumanEval": (0, -0.01), "ZebraLogic": (0, 0.01), "SuperGPQA": (0, 0.0)}, "yes"),
        ({"HumanEval": (0, -0.51), "ZebraLogic": (0, -0.50), "SuperGPQA": (0, -0.52)}, "no"),
        ({"HumanEval": (0, -0.4), "ZebraLogic": (0, 0.0), "SuperGPQA": (0, -0.2)}, "undecided"),
        ({"HumanEval": (0, -0.01)}, "undecided"),  # one benchmark has no interval
    ],
)
def test_gains_carry_over_where_mathematics_falls_by_more_than_the_rest(beyond, verdict):
    table = transfer(MATHEMATICS | beyond)
    change = _changes(table, ["held_out", *MATHEMATICS, *beyond], "held_out")
    assert _carried(change) == verdict
    within, further = _evidence(change)
    assert within.value == "-0.210"
    assert within.n == "3 benchmarks"
    assert further.n.startswith(str(len(beyond)))


def test_larger_groups_are_judged_at_equal_problems_and_the_best_is_shown_per_flop():
    """Loss falls by 0.02 with G = 16 against G = 8, by 16 times the noise of runs."""
    curves = full_curves().query("benchmark == 'held_out'")
    large = curves["group_size"] == 16
    curves.loc[large, "loss"] -= 0.1
    curves.loc[large, ["compute_flops", "compute_flops_full"]] *= 2
    inputs = Inputs(curves, {}, settings=SETTINGS | {"compute": "compute"})
    drawing = group_size(inputs)
    assert drawing.supports == "consistent"
    assert drawing.answers == {"more per problem": "consistent", "best G per FLOP": "undecided"}
    late, *best = drawing.evidence
    assert late.quantity == f"change of the loss at step {STEPS[-1]} from G = 8 to 16"
    assert -0.13 < float(late.value) < -0.07
    assert [one.value for one in best] == ["16", "16"]
    swapped = curves.assign(group_size=curves["group_size"].map({8: 16, 16: 8}))
    assert group_size(replace(inputs, curves=swapped)).supports == "no"


def costs(*rows: tuple[float, float, float]) -> pandas.DataFrame:
    """Late loss by tau against tau = 1: tau, and the ends of the cost's interval."""
    table = pandas.DataFrame([(1, 0, 0), *rows], columns=["tau", "cost_low", "cost_high"])
    return table.assign(cost=(table["cost_low"] + table["cost_high"]) / 2)


@pytest.mark.parametrize(
    ("rows", "answers", "verdict", "said"),
    [
        ([(2, -0.01, 0.02), (64, 0.05, 0.1)], ["yes", "yes"], "yes",
         "\u03c4 = 2 costs at most 0.02 of the loss: +0.005 [-0.010, +0.020]; \u03c4 = 64 costs "
         "more than 0.02 of the loss: +0.075 [+0.050, +0.100]"),
        ([(2, -0.01, 0.03), (64, 0.05, 0.1)], ["undecided", "yes"], "undecided",
         "\u03c4 = 64 costs more than 0.02 of the loss: +0.075 [+0.050, +0.100]"),
        ([(2, -0.01, 0.01), (64, 0.0, 0.1)], ["yes", "undecided"], "consistent",
         "\u03c4 = 2 costs at most 0.02 of the loss: +0.000 [-0.010, +0.010]"),
        ([(2, 0.03, 0.05), (64, 0.05, 0.1)], ["no", "yes"], "no", None),
        ([(4, -0.01, 0.01)], ["yes"], "consistent", None),
        # A value between the ends, of whatever cost, does not decide.
        ([(2, -0.1, 0.1), (8, -0.01, 0.0), (64, -0.1, 0.1)], ["undecided"] * 2, "undecided", ""),
    ],
)  # fmt: skip
def test_reuse_is_judged_at_its_least_and_its_most(rows, answers, verdict, said):
    table = costs(*rows)
    parts = _parts(table, 0.02)
    assert list(parts.values()) == answers
    assert _verdict(parts) == verdict
    if said is not None:
        assert of_reuse(table, parts, 0.02) == said


def test_each_variant_has_its_own_verdict_where_they_differ():
    """A final loss that falls for base models only leaves the figure undecided, base decided."""
    ends = {"base": (0.9, 0.5), "instruct": (0.6, 0.6)}
    rows = [(v, n, loss) for v, own in ends.items() for n, loss in zip((1, 2), own, strict=True)]
    table = pandas.DataFrame(rows, columns=["variant", "n", "value"])
    table = table.assign(low=table["value"] - 0.05, high=table["value"] + 0.05, n_runs=2)
    answers = {v: _falls(own) for v, own in table.groupby("variant")}
    assert answers == {"base": "yes", "instruct": "undecided"}
    assert _falls(table[:2].assign(n_runs=1)) == "not judged"
    assert agreed(answers.values()) == "undecided"
    assert agreed(["yes", "not judged"]) == "yes"
    drawing = Drawing(None, table, "", "undecided", answers=answers)
    assert verdict_words(drawing).endswith("claim. base: yes; instruct: undecided.")
    assert of_ends(table[:2], "yes") == (
        "the largest size ends lower than the smallest: loss 0.500 against 0.900"
    )
    assert of_ends(table[2:], "undecided") == ""


def test_runs_that_spread_more_than_the_pool_are_named():
    table = pandas.DataFrame(
        {"variant": "base", "n": [1e4, 2e4, 3e4, 4e4], "n_runs": 5,
         "sd_between_runs": [0.02, 0.02, 0.02, 0.02]}
    )  # fmt: skip
    assert "spread" not in _pooled_words(table)
    table.loc[1, "sd_between_runs"] = 0.09  # pooled: 0.048
    assert "Runs of base 20k spread by more than chance allows" in _pooled_words(table)
    table["n_runs"] = 2  # so few runs spread so by chance
    assert "spread" not in _pooled_words(table)
    assert _pooled_words(table.assign(n_runs=1, sd_between_runs=np.nan)) == ""


def test_a_label_that_had_to_move_is_tied_to_its_line():
    _, grid = panels(1, 1, width=3, height=2)
    label_ends(grid[0, 0], [(0.9, 0.5, "a", INK), (0.9, 0.51, "b", INK), (0.9, 0.9, "c", INK)])
    tied = {text.get_text(): text.arrow_patch is not None for text in grid[0, 0].texts}
    assert tied["b"]
    assert not tied["c"]


def test_colours_are_dark_enough_on_white():
    for palette in PALETTES:
        for colour in colours(7, palette):
            channels = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)]) / 255
            linear = np.where(
                channels < 0.04, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4
            )
            assert 1.05 / (linear @ [0.2126, 0.7152, 0.0722] + 0.05) >= 2.95, (palette, colour)


def test_one_run_a_size_has_no_intervals_over_runs():
    """Bars of a study with counts and single runs are sampling noise, and are called so."""
    table = straight_curves(noise=0.01, runs=1, steps=STEPS)
    group = build_groups(table, x="data", column="loss", size="n_params")[0]
    assert "sampling noise only" in bar_words(mean_points(group, 0.9), 0.9, "runs")
    table = straight_curves(noise=0.01, runs=2, steps=STEPS)
    group = build_groups(table, x="data", column="loss", size="n_params")[0]
    assert "over runs" in bar_words(mean_points(group, 0.9), 0.9, "runs")
