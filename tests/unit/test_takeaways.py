"""The sentence above a figure says what its verdicts found, and is not there where they do not."""

import pandas
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from rlscale.report.figures import takeaways
from rlscale.report.figures.style import headline


def entry(rises="yes", saturates="identified", bends="no", misfit=0.5, p_law=0.41, variant="base"):
    interval = {"low": 0.1, "high": 0.2, "status": "ok"}
    return {
        "family": "q",
        "variant": variant,
        "scope": "fixed",
        "verdicts": {"rises": rises, "saturates": saturates, "bends": bends},
        "identification": {"p_misfit": misfit, "p_law": p_law},
        "contrast": {"difference": {"estimate": 0.15, "intervals": {"fixed": interval}}},
    }


@pytest.mark.parametrize(
    ("found", "said"),
    [
        ({}, "k rises with N and saturates: a power law fits worse (P(saturating) = .41)."),
        ({"saturates": "not_identified"},
         "k rises with N; a power law does as well as saturation (P(saturating) = .41)."),
        ({"saturates": "power", "p_law": 0.04},
         "k rises with N; a power law fits better than saturation (P(saturating) = .04)."),
        ({"misfit": 0.001},
         "k rises with N, but the slopes miss the law by more than their errors."),
        ({"saturates": "not_asked"}, "k rises with N."),
        ({"rises": "no"}, "k falls with N."),
        ({"rises": "undecided"}, ""),
        ({"rises": "no_replicates", "saturates": "no_replicates"}, ""),
    ],
)  # fmt: skip
def test_slopes_say_what_the_verdicts_allow(found, said):
    assert takeaways.of_slopes({"base": [entry(**found), entry(**found)]}) == said


def test_slopes_on_two_abscissas_must_agree():
    other = entry(saturates="power")
    assert takeaways.of_slopes({"base": [entry(), other]}) == ""
    shares = [entry(p_law=0.4), entry(p_law=0.6)]
    assert takeaways.of_slopes({"base": shares}) == (
        "k rises with N and saturates: a power law fits worse."
    )
    assert takeaways.of_slopes({"base": [entry() | {"verdicts": None}] * 2}) == ""


def test_variants_that_say_alike_are_named_together_and_silent_ones_not():
    alike = {"base": [entry()], "instruct": [entry()]}
    assert takeaways.of_slopes(alike).startswith("k rises with N and saturates")
    one = {"base": [entry(saturates="not_asked")], "instruct": [entry(rises="undecided")]}
    assert takeaways.of_slopes(one) == "Base: k rises with N."


def test_the_largest_size_is_faster_slower_or_nothing_is_said():
    assert takeaways.of_contrast([entry()]) == (
        "The largest size learns faster per FLOP than the smallest: Δk = 0.150 [0.100, 0.200]."
    )
    assert "more slowly" in takeaways.of_contrast([entry(rises="no")])
    assert takeaways.of_contrast([entry(rises="undecided")]) == ""
    assert takeaways.of_contrast([entry() | {"contrast": None}]) == ""


def test_bends_are_said_of_each_variant():
    alone = "The mean curvature in log-log is not told from 0."
    assert takeaways.of_bends([entry()]) == alone
    both = takeaways.of_bends([entry(bends="yes"), entry(variant="instruct")])
    assert both.startswith("Base: the curves bend in log-log")
    assert both.endswith("Instruct: the mean curvature in log-log is not told from 0.")
    assert takeaways.of_bends([entry(bends="no_replicates")]) == ""
    silent = entry(variant="instruct", bends="no_replicates")
    assert takeaways.of_bends([entry(), silent]) == f"Base: t{alone[1:]}"


def scores(**errors):
    rows = [{"family": "q", "variant": "base", "model": "all", "law": law, "rmse": error}
            for law, error in errors.items()]  # fmt: skip
    return pandas.DataFrame([*rows, rows[0] | {"model": "7b", "rmse": 9.0}])


@pytest.mark.parametrize(
    ("errors", "said"),
    [
        ({"saturating": 0.1, "constant": 0.3, "last_value": 0.2},
         "The largest size is forecast better than by naive guesses: error in ln L 0.100, theirs "
         "0.200."),
        ({"saturating": 0.1, "power": 0.05, "constant": 0.3},
         "The largest size is forecast better than by naive guesses: error in ln L 0.100, theirs "
         "0.300; power does best, 0.050."),
        ({"saturating": 0.265, "constant": 0.27},
         "The largest size is forecast little better than by naive guesses: error in ln L 0.265, "
         "theirs 0.270."),
        ({"saturating": 0.4, "constant": 0.3},
         "The largest size is forecast no better than by naive guesses: error in ln L 0.400, "
         "theirs 0.300; constant does best, 0.300."),
        ({"saturating": float("nan"), "constant": 0.3}, ""),
        ({"saturating": 0.1}, ""),
        ({"power": 0.1, "constant": 0.3}, ""),
    ],
)  # fmt: skip
def test_forecasts_stand_beside_naive_ones_and_the_best(errors, said):
    assert takeaways.of_forecast("inter", scores(**errors), "saturating") == said


def test_a_headline_makes_room_for_itself_and_keeps_clear_of_the_legend():
    for legend in (False, True):
        figure = Figure(figsize=(3.3, 2), layout="constrained")
        axes = figure.subplots()
        axes.plot([0, 1], [0, 1], label="law")
        axes.set_title("panel")
        if legend:
            figure.legend(loc="outside upper left")
        headline(figure, "A sentence that is long enough to take two lines of this column.")
        assert figure.get_size_inches()[1] > 2.2
        canvas = FigureCanvasAgg(figure)
        canvas.draw()
        renderer = canvas.get_renderer()
        panel = axes.title.get_window_extent(renderer)
        above = figure.legends[0] if legend else figure._suptitle
        assert above.get_window_extent(renderer).y0 >= panel.y1
