"""Figures come out of whole and of broken studies, with the data and the chain behind them."""

import copy
import json
import re
import shutil

import numpy as np
import pandas
import pytest
from curve_tables import straight_curves
from figure_folder import FIGURES, PASSES, Folder, answers, full_curves
from matplotlib.collections import PolyCollection
from matplotlib.container import ErrorbarContainer

from rlscale.answers.equal_compute import compare_all
from rlscale.answers.passes import pass_at_k
from rlscale.core.errors import StudyError
from rlscale.core.tables import read_curves
from rlscale.study.lineage import read_provenance
from rlscale.study.upkeep import why


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


def test_settings_at_equal_compute_are_filled_where_measured_and_hollow_beyond(whole):
    drawing = whole.draw("fig_equal_compute")
    table = drawing.table
    assert {"tau", "group_size"} <= set(table["axis"])
    assert set(table["x"]) == {"compute"}
    beyond = table["measured"] == "beyond"
    assert beyond.any()
    assert (table.loc[beyond, "multiple"] > 1).all()
    assert (table["low"] <= table["difference"]).all()
    assert "at 10 times" in drawing.caption
    assert "beyond what was measured" in drawing.caption


def test_a_study_of_one_setting_has_nothing_to_compare(whole):
    folder = copy.copy(whole)
    folder.tables = whole.tables | {"equal_compute": whole.root / "none.csv"}
    one = full_curves(runs=2).query("tau == 1 and group_size == 8 and variant == 'base'")
    compare_all(one)[0].to_csv(folder.tables["equal_compute"], index=False)
    assert "no cells differ" in folder.draw("fig_equal_compute", "none").caption


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


def test_what_the_verdicts_found_stands_above_the_panels(whole, bare):
    for name in ("fig_k_of_N", "fig_loss_vs_compute", "fig_loss_vs_data", "fig_forecast_inter"):
        drawing = whole.draw(name)
        caption = json.loads((whole.root / "out" / f"{name}.json").read_text(encoding="utf-8"))
        assert caption["takeaway"] == drawing.takeaway
        legends = drawing.figure.legends
        words = legends[0].get_title().get_text() if legends else drawing.figure.get_suptitle()
        assert " ".join(words.split()) == drawing.takeaway
        assert drawing.takeaway.endswith(".")
    assert bare.draw("fig_k_of_N").takeaway == ""  # one run per size


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


def test_a_copy_of_a_study_still_says_what_its_figures_were_made_from(
    whole, tmp_path, monkeypatch, capsys
):
    whole.draw("fig_k_of_N")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "results").mkdir()
    for suffix in ("pdf", "csv"):
        name = f"fig_k_of_N.{suffix}"
        shutil.copy(whole.root / "out" / name, tmp_path / "results" / name)
    for suffix in ("pdf", "csv"):
        why(f"results/fig_k_of_N.{suffix}")
        first, second, *rest = capsys.readouterr().out.splitlines()
        assert "no step has made it here; what results/fig_k_of_N.pdf carries" in first
        assert second.startswith("results/fig_k_of_N.pdf, configuration ")
        assert any("free_slopes-compute-loss.json" in line for line in rest)
    with pytest.raises(StudyError, match="In a copy of a study name a figure"):
        why("results/curves.csv")


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


def test_outcomes_have_a_panel_for_each_size_that_was_measured(tmp_path):
    """Variants of other sizes leave no empty panels, and many sizes take a second row."""
    base = full_curves(runs=1)
    tuned = base[base["model"] == "3b"].assign(variant="instruct", cell=lambda t: t["cell"] + "i")
    folder = Folder(tmp_path, pandas.concat([base, tuned], ignore_index=True))
    panels = [axes for axes in folder.draw("fig_outcomes").figure.axes if axes.axison]
    assert [axes.get_title(loc="left") for axes in panels] == [
        "1B, base", "3B, base", "9B, base", "27B, base", "3B, instruct",
    ]  # fmt: skip
    assert all(axes.collections for axes in panels)


def test_a_dotted_line_that_is_named_is_in_view(whole):
    for axes in whole.draw("fig_law_ranking").figure.axes:
        (noise,) = {line.get_xdata()[0] for line in axes.lines if line.get_linestyle() == ":"}
        low, high = axes.get_xlim()
        assert low <= noise <= high


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


def test_that_single_runs_show_no_bend_judges_nothing(tmp_path):
    """C2: residuals of one run say how straight that one was; several runs are judged."""
    curves = full_curves()
    for seeds, verdict in ((None, "consistent"), ([1], "not judged")):
        kept = curves if seeds is None else curves[curves["seed"].isin(seeds)]
        folder = Folder(tmp_path / str(seeds), kept)
        drawing = folder.draw("fig_loss_vs_data")
        assert set(drawing.answers.values()) == {verdict}
        assert drawing.supports == verdict
