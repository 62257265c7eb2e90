"""Figures come out of whole and of broken studies, with the data and the chain behind them."""

import copy
import json
import re
from dataclasses import replace
from fnmatch import fnmatch
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas
import pytest
from curve_tables import fit_document, straight_curves
from matplotlib.collections import PolyCollection
from matplotlib.container import ErrorbarContainer

from rlscale.answers.forecast import Split, forecast_curves, split_curves
from rlscale.answers.passes import pass_at_k
from rlscale.answers.ranking import score_forecasts
from rlscale.core.errors import StudyError
from rlscale.core.tables import read_curves, write_curves
from rlscale.laws.groups import build_groups
from rlscale.laws.spec import FitSpec, Settings
from rlscale.laws.study import fit_study, rounded
from rlscale.report.figures.curves import loss_vs_compute
from rlscale.report.figures.draw import draw
from rlscale.report.figures.inputs import Inputs, fixed
from rlscale.report.figures.means import bar_words, mean_points
from rlscale.report.figures.registry import FORECAST_LAWS, all_figures
from rlscale.report.figures.style import (
    INK,
    PALETTES,
    colours,
    human,
    label_ends,
    log_ticks,
    panels,
)
from rlscale.report.figures.sweeps import group_size
from rlscale.report.figures.transfer import _carried, _changes, _evidence
from rlscale.study.lineage import read_provenance

STEPS = (0, 1, 2, 4, 8, 16, 32)
FIT = {"bootstrap": {"replicates": 200}, "select": {"tau": [1], "group_size": [8]}}
SETTINGS = {
    "palette": "viridis", "benchmark": "held_out", "size": "n_params",
    "select": FIT["select"], "level": 0.9, "margin": 0.02,
}  # fmt: skip
PASSES = {key: SETTINGS[key] for key in ("select", "size", "benchmark", "level")}
X = ("data", "compute", "compute_full")
PROTOCOLS = {
    "intra": {"kind": "intra", "first_share": 0.25},
    "inter": {"kind": "inter", "held_out_sizes": 1, "intercept_from_target": False},
}

DATA_REPORT = {
    "waterfall": [
        {"stage": "read", "reason": "", "rows": 100, "left": 100},
        {"stage": "duplicates", "reason": "duplicate", "rows": -10, "left": 90},
        {"stage": "train", "reason": "", "rows": 70, "left": 70},
        {"stage": "held_out", "reason": "", "rows": 20, "left": 20},
    ],
    "pass_rate": {
        part: [{"from": 0.0, "rows": rows}, {"from": None, "rows": 10}]
        for part, rows in (("before", 90), ("train", 60), ("held_out", 10))
    },
}


def full_curves(runs=3):
    """Curves with every optional column, a tau and a G sweep and a second benchmark."""
    table = straight_curves(noise=0.01, runs=runs, steps=STEPS)
    swept = table[table["model"] == "3b"]
    parts = [table]
    for axis, value in (("tau", 4), ("group_size", 16)):
        cells = swept["cell"].str.replace("tau1-g8", f"{axis}{value}")
        parts.append(swept.assign(cell=cells, **{axis: value}))
    table = pandas.concat(parts)
    harder = table.assign(benchmark="harder", loss=0.5 + table["loss"] / 2)
    table = pandas.concat([table, harder], ignore_index=True)
    samples = 2000
    correct = ((1 - table["loss"]) * samples).round()
    return table.assign(
        n_samples=samples, n_correct=correct, loss=1 - correct / samples, n_unparsed=0, n_timeout=0,
        loss_se=0.01, compute_flops_full=2.5 * table["compute_flops"] * table["step"] ** 0.1,
        response_length=50 + table["step"],
    )  # fmt: skip


def answers(curves):
    """Counts of 8 samples of each of 160 problems: by training, half are mastered and half lost."""
    rng = np.random.default_rng(6)
    own = curves[curves["benchmark"] == "held_out"][["cell", "step", "benchmark"]]
    half = pandas.DataFrame({"problem_id": [f"p{i}" for i in range(160)], "mastered": [0, 1] * 80})
    rows = own.merge(half, how="cross")
    chance = 0.25 + np.log1p(rows["step"]) / 6 * np.where(rows["mastered"], 1.0, -0.4)
    return rows.assign(n=8, n_correct=rng.binomial(8, chance.clip(0, 0.98))).drop(
        columns="mastered"
    )


FIGURES = all_figures()


class Folder:
    """A study's results folder with curves, fits, forecasts and ledger."""

    def __init__(self, root: Path, curves: pandas.DataFrame, cells=None):
        self.root = root
        self.curves = root / "curves.csv"
        write_curves(curves, self.curves)
        curves = read_curves(self.curves)
        self.cells = root / "cells.txt"
        self.cells.write_text("\n".join(sorted(set(curves["cell"])) if cells is None else cells))
        self.fits = []
        for law in ("free_slopes", "saturating", "paper"):
            for x in X:
                found = fit_document(curves, law=law, x=x, metric="loss", settings=FIT)
                self.fits.append(root / f"{law}-{x}-loss.json")
                self.fits[-1].write_text(json.dumps(rounded(found)))
        self.tables = {}

    def add_tables(self, curves):
        """Forecasts, their scores, and a ledger."""
        for name, protocol in PROTOCOLS.items():
            split, fit = Split.of(protocol), Settings.of(FIT)
            seen, targets = split_curves(curves, split, fit, "loss")
            specs = [FitSpec(law, settings=fit) for law in FORECAST_LAWS]
            made = [forecast_curves(seen, targets, spec, split) for spec in specs]
            for law, document in zip(FORECAST_LAWS, made, strict=True):
                path = self.root / f"{name}_{law}.txt"
                path.write_text(json.dumps(document))
                self.tables[f"{name}_{law}"] = path
            self.tables[f"scores_{name}"] = self.root / f"{name}.csv"
            score_forecasts(curves, made, name, fit).to_csv(self.tables[f"scores_{name}"])
        rows = curves[(curves["benchmark"] == "held_out") & (curves["step"] > 0)]
        phases = pandas.DataFrame({"phase": ["generation", "update", "evaluation"]})
        ledger = rows[["cell", "step", "compute_flops"]].merge(phases, how="cross")
        timings = ledger[["cell", "step", "phase"]].assign(seconds=1)
        self.tables["pass_at_k"] = self.root / "pass_at_k.csv"
        pass_at_k(curves, answers(curves), **PASSES).to_csv(self.tables["pass_at_k"], index=False)
        self.tables["data_toy"] = self.root / "report.json"
        self.tables["data_toy"].write_text(json.dumps(DATA_REPORT))
        for name, table in (("ledger", ledger.assign(flops=1e9)), ("timings", timings)):
            self.tables[name] = self.root / f"{name}.csv"
            table.to_csv(self.tables[name], index=False)

    def draw(self, name, folder="out", compute="compute", **settings):
        spec = FIGURES[name]
        return draw(
            name,
            curves=self.curves,
            fits=[path for path in self.fits if path.stem in spec.fits_on(compute)],
            tables={
                key: path
                for key, path in self.tables.items()
                if any(fnmatch(key, pattern) for pattern in spec.tables)
            },
            cells=self.cells,
            settings=SETTINGS | {"compute": compute} | settings,
            configuration="abc",
            folder=self.root / folder,
            caption=self.root / folder / f"{name}.rst",
        )


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A study with data for every figure but the decomposition."""
    curves = full_curves()
    folder = Folder(tmp_path_factory.mktemp("whole"), curves)
    folder.add_tables(curves)
    return folder


@pytest.mark.parametrize("name", FIGURES)
def test_every_figure_comes_out_with_its_data(whole, name):
    drawing = whole.draw(name)
    for suffix in ("pdf", "png", "csv", "rst", "json"):
        assert (whole.root / "out" / f"{name}.{suffix}").stat().st_size > 0
    if name == "fig_loss_decomposition":  # no such fit here
        assert drawing.supports == "no data"
        assert "decomposition-data-loss" in drawing.caption
    else:
        assert drawing.supports != "no data"
        assert len(drawing.table) > 0


def test_csv_holds_what_is_drawn(whole):
    table = whole.draw("fig_k_of_N").table
    slopes = table[(table["mark"] == "free slope") & (table["x"] == "data")]
    document = json.loads((whole.root / "free_slopes-data-loss.json").read_text())
    expected = [size["k"]["estimate"] for size in document["groups"][0]["sizes"]]
    assert slopes["k"].tolist() == expected
    points = whole.draw("fig_loss_vs_data").table.query("mark == 'point'")
    curves = pandas.read_csv(whole.curves)
    chosen = curves.query("benchmark == 'held_out' and tau == 1 and group_size == 8 and step > 0")
    means = chosen.groupby(["n_params", "step"])["loss"].mean()
    assert np.allclose(points.set_index(["n", "step"])["value"], means)


def test_compute_can_be_the_full_count(whole):
    """Points lie at the ledger's count, and lines and slopes are those of the fit against it."""
    curves = pandas.read_csv(whole.curves)
    own = curves.query("benchmark == 'held_out' and tau == 1 and group_size == 8 and step > 0")
    x = own.groupby(["n_params", "step"])["compute_flops_full"].mean()
    drawing = whole.draw("fig_loss_vs_compute", compute="compute_full")
    points = drawing.table.query("mark == 'point'").set_index(["n", "step"])["x"]
    assert np.allclose(points.sort_index(), x)
    lines = drawing.table.query("mark == 'line'")["x"]
    assert x.min() / 2 < lines.min() < x.min() * 2
    assert "all passes" in drawing.figure.axes[0].get_xlabel()
    found = whole.draw("fig_k_of_N", compute="compute_full").table.query("mark == 'free slope'")
    assert set(found["x"]) == {"compute_full", "data"}
    document = json.loads((whole.root / "free_slopes-compute_full-loss.json").read_text())
    slopes = [size["k"]["estimate"] for size in document["groups"][0]["sizes"]]
    assert found.query("x == 'compute_full'")["k"].tolist() == slopes
    groups = whole.draw("fig_group_size", compute="compute_full").table
    assert set(groups["against"]) == {"data", "compute_full"}


def test_a_gain_that_turns_into_a_loss_is_named_with_its_place(whole):
    drawing = whole.draw("fig_pass_at_k")
    table = drawing.table
    assert sorted(set(table["k"])) == [1, 2, 4, 8]
    ends = table[table["k"].isin([1, 8])].set_index(["k", "model"])
    assert (ends.loc[1, "low"] > 0).all()
    assert (ends.loc[8, "high"] < 0).all()
    assert np.allclose(table["value"], table["last"] - table["first"])
    assert "base 27B: the gain turns into a loss at k = " in drawing.caption
    assert "pass@1 is shown to rise and pass@4 to fall from step" in drawing.caption
    axes = drawing.figure.axes[0]
    assert [tick.get_text() for tick in axes.get_xticklabels()] == ["1", "2", "4", "8"]


def test_pass_at_k_of_one_sample_a_problem_is_not_drawn(whole):
    folder = copy.copy(whole)
    curves = full_curves(runs=2)
    once = pass_at_k(curves, answers(curves).assign(n=1, n_correct=1), **PASSES)
    folder.tables = whole.tables | {"pass_at_k": whole.root / "once.csv"}
    once.to_csv(folder.tables["pass_at_k"], index=False)
    assert "no size has two samples" in folder.draw("fig_pass_at_k", "once").caption


def test_published_values_are_drawn_where_asked_for(tmp_path):
    folder = Folder(tmp_path, full_curves(runs=2))
    assert "published" not in set(folder.draw("fig_k_of_N").table["mark"])
    folder.tables["published"] = tmp_path / "published.csv"
    folder.tables["published"].write_text(
        "variant,x,protocol,K_max,N0_b\nbase,data,inter,0.2,3\ninstruct,data,inter,0.9,9\n"
    )
    drawing = folder.draw("fig_k_of_N")
    lines = drawing.table[drawing.table["mark"] == "published"]
    assert set(lines["variant"]) == {"base"}
    assert set(lines["x"]) == {"data"}
    assert np.allclose(lines["k"], 0.2 / (1 + 3e9 / lines["n"].astype(float)))
    assert "dashed inter" in drawing.figure.get_supxlabel()
    rows = folder.draw("table_parameters").table.query("fit == 'published (inter)'")
    assert rows[["K_max", "N0"]].to_numpy().tolist() == [[0.2, 3e9]]


def test_published_values_without_a_column_are_refused(tmp_path):
    folder = Folder(tmp_path, full_curves(runs=2))
    folder.tables["published"] = tmp_path / "published.csv"
    folder.tables["published"].write_text("variant,x,protocol,K_max\n")
    with pytest.raises(StudyError, match=r"published\.csv: no column N0_b"):
        folder.draw("fig_k_of_N")


def test_benchmarks_asked_before_and_after_only_show_the_transfer(tmp_path):
    curves = full_curves(runs=2)
    ends = (curves["benchmark"] == "held_out") | curves["step"].isin([0, 32])
    folder = Folder(tmp_path, curves[ends])
    assert set(folder.draw("fig_domain_transfer").table["benchmark"]) == {"held_out", "harder"}
    assert set(folder.draw("fig_benchmarks_vs_data").table["benchmark"]) == {"held_out"}


def drawn(figure) -> tuple[bool, bool]:
    """Whether a figure has error bars, and whether it has bands."""
    axes = figure.axes
    bars = [c for a in axes for c in a.containers if isinstance(c, ErrorbarContainer)]
    ends = [s for bar in bars for lines in bar[2] for s in lines.get_segments()]
    bands = [c for a in axes for c in a.collections if isinstance(c, PolyCollection)]
    barred = any(len(s) and np.isfinite(s).all() for s in ends)
    return barred, any(band.get_paths() for band in bands)


@pytest.fixture(scope="module")
def bare(tmp_path_factory):
    """The same study with one run and no counts but the problems'."""
    curves = full_curves(runs=1).drop(columns=["n_samples", "n_correct", "loss_se"])
    folder = Folder(tmp_path_factory.mktemp("bare"), curves)
    folder.add_tables(read_curves(folder.curves))
    return folder


@pytest.mark.parametrize("study", ["whole", "bare"])
@pytest.mark.parametrize("name", [name for name in FIGURES if name.startswith("fig_")])
def test_footnotes_name_what_is_drawn(request, study, name):
    """Bars and bands are explained where they are, and nowhere else."""
    drawing = request.getfixturevalue(study).draw(name)
    said = drawing.figure.get_supxlabel().replace("\n", " ")
    if drawing.supports == "no data" or name in ("fig_data_waterfall", "fig_outcomes"):
        return  # Bars of counts and areas of shares: no intervals.
    bars, bands = drawn(drawing.figure)
    assert bars == bool(re.search(r"(?<!no )(?<!no error )\bbars( and band)?( =|:)", said, re.I))
    assert bands == bool(re.search(r"\bbands?( =|:)", said, re.I))


@pytest.mark.parametrize(
    ("value", "digits", "text"),
    [(-0.00004, 3, "0.000"), (-0.0006, 3, "-0.001"), (0.0, 4, "0.0000"), (12.3456, 2, "12.35")],
)
def test_what_rounds_to_zero_has_no_sign(value, digits, text):
    assert fixed(value, digits) == text


def test_many_steps_are_drawn_by_their_median_and_band(tmp_path):
    """Few steps stand as points with bars; of many, the curve that they scatter about is drawn."""
    table = straight_curves(noise=0.02, runs=1, steps=range(101))
    table = table.assign(compute_flops_full=table["compute_flops"])
    swept = table[table["model"] == "3b"]
    again = swept.assign(cell=swept["cell"].str.replace("tau1", "tau4"), tau=4)
    drawing = Folder(tmp_path, pandas.concat([table, again])).draw("fig_data_reuse")
    medians = drawing.table.query("mark == 'median'")
    points = drawing.table.query("mark == 'point'")
    assert set(medians["model"].astype(str)) == {"1", "4"}
    assert (medians["low"] <= medians["value"]).all()
    assert (medians["value"] <= medians["high"]).all()
    assert points["value"].min() <= medians["value"].min()
    assert len(points) == 200
    said = drawing.figure.get_supxlabel().replace("\n", " ")
    assert "medians of neighbouring steps" in said
    bars, bands = drawn(drawing.figure)
    assert (bars, bands) == (False, True)


def test_models_are_in_the_order_of_their_sizes(tmp_path):
    folder = Folder(tmp_path, full_curves(runs=1).assign(n_params_nominal=lambda t: t["n_params"]))
    assert folder.draw("table_models").table["model"].tolist() == ["1b", "3b", "9b", "27b"]


@pytest.mark.slow
def test_equal_inputs_give_equal_bytes(whole):
    for name in ("fig_k_of_N", "fig_forecast_intra", "table_models"):
        whole.draw(name, "first")
        whole.draw(name, "second")
        for suffix in ("pdf", "png", "csv", "rst"):
            first, second = (
                (whole.root / folder / f"{name}.{suffix}").read_bytes()
                for folder in ("first", "second")
            )
            assert first == second


def test_a_colour_changes_the_picture_and_not_the_data(whole):
    whole.draw("fig_loss_vs_data", "plain")
    whole.draw("fig_loss_vs_data", "grey", palette="Greys")
    path = "fig_loss_vs_data.{}".format
    assert (whole.root / "plain" / path("png")).read_bytes() != (
        whole.root / "grey" / path("png")
    ).read_bytes()
    assert (whole.root / "plain" / path("csv")).read_text() == (
        whole.root / "grey" / path("csv")
    ).read_text()


@pytest.mark.parametrize("suffix", ["pdf", "png"])
def test_figures_carry_their_provenance(whole, suffix):
    whole.draw("fig_k_of_N")
    found = read_provenance(whole.root / "out" / f"fig_k_of_N.{suffix}")
    assert found["configuration"] == "abc"
    assert found["code"]["module"] == "rlscale.report.figures.efficiency"
    assert str(whole.curves) in found["inputs"]
    assert len(found["inputs"]) == 6  # curves, cells, four fits


# What is broken -> the figures that it concerns, and words that must stand in the caption or note.
BROKEN = {
    "one run": lambda table: table[table["seed"] == 0],
    "one size": lambda table: table[table["model"] == "3b"],
    "one step": lambda table: table[table["step"].isin([0, 1])],
    "all wrong": lambda table: table.assign(loss=1.0, n_correct=0),
    "no counts": lambda table: table.drop(columns=["n_samples", "n_correct", "n_unparsed"]),
    "answers counted, right ones not": lambda table: table.drop(columns=["n_correct"]),
}


@pytest.mark.slow
@pytest.mark.parametrize("broken", BROKEN)
def test_figures_of_broken_studies_come_out_and_say_so(tmp_path, broken):
    folder = Folder(tmp_path, BROKEN[broken](full_curves(runs=2)))
    verdicts = {}
    for name in ("fig_k_of_N", "fig_loss_vs_data", "fig_data_reuse", "fig_reuse_cost",
                 "fig_final_loss_vs_size", "fig_outcomes", "table_uncertainty",
                 "table_parameters"):  # fmt: skip
        verdicts[name] = folder.draw(name).supports
        assert (tmp_path / "out" / f"{name}.pdf").stat().st_size > 0
    if broken != "one run":
        assert verdicts["fig_k_of_N"] != "yes"
    if broken in ("no counts", "answers counted, right ones not"):
        assert verdicts["fig_outcomes"] == "no data"


def test_missing_cells_are_named(tmp_path):
    curves = full_curves(runs=2)
    lost = "main/9b-base/tau1-g8/seed1"
    folder = Folder(tmp_path, curves[curves["cell"] != lost], cells=sorted(set(curves["cell"])))
    figure = folder.draw("fig_loss_vs_data").figure
    assert lost in figure.get_supxlabel().replace("\n", " ")


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
    assert loss_vs_compute(inputs).supports == "yes"
    alone = {**document, "groups": [g for g in document["groups"] if g["variant"] == "instruct"]}
    inputs = Inputs(curves, {"saturating-compute-loss": alone}, settings=settings)
    assert loss_vs_compute(inputs).supports == "undecided"


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
    late, *best = drawing.evidence
    assert late.quantity == "change of the late loss from G = 8 to 16"
    assert -0.13 < float(late.value) < -0.07
    assert [one.value for one in best] == ["16", "16"]
    swapped = curves.assign(group_size=curves["group_size"].map({8: 16, 16: 8}))
    assert group_size(replace(inputs, curves=swapped)).supports == "no"


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
