import copy

import pytest
from curve_tables import fit_document, straight_curves

from rlscale.answers.compare import compare_fits
from rlscale.core.errors import StudyError

SETTINGS = {"bootstrap": {"replicates": 300}}


def fit(table, law="saturating"):
    return fit_document(table, law=law, x="data", metric="loss", settings=SETTINGS)


@pytest.fixture(scope="module")
def one():
    return fit(straight_curves(0.005, runs=3))


def test_a_study_does_not_differ_from_itself(one):
    table = compare_fits(one, one)
    assert set(table["verdict"]) == {"cannot be told apart"}
    assert table["difference"].abs().max() == 0
    assert table["quantity"].tolist()[:3] == ["K_max", "N0", "k(1b)"]


def test_a_slope_twice_as_steep_is_told_apart(one):
    curves = straight_curves(0.005, runs=3, study="steep")
    steep = fit(curves.assign(loss=curves["loss"] ** 2))
    row = compare_fits(one, steep).set_index("quantity").loc["K_max"]
    assert row["verdict"] == "differ"
    assert row["low"] < row["difference"] < row["high"]
    assert (row["one"], row["other"]) == ("test", "steep")


def test_different_laws_are_not_compared(one):
    with pytest.raises(StudyError, match="has law saturating"):
        compare_fits(one, fit(straight_curves(0.005, runs=3), "power"))


def test_a_fit_of_an_older_version_is_to_be_made_again(one):
    older = {key: value for key, value in one.items() if key != "problems"} | {"study": "other"}
    with pytest.raises(StudyError, match="the fit of other is of an older version; fit it again"):
        compare_fits(one, older)


@pytest.mark.parametrize("key", ["benchmark", "size"])
def test_other_benchmarks_and_sizes_are_not_compared(one, key):
    with pytest.raises(StudyError, match=f"has {key} .*, other"):
        compare_fits(one, {**one, "study": "other", key: "another"})


@pytest.mark.parametrize(("problems", "scope"), [("same", "fixed"), ("others", "redrawn")])
def test_what_problems_add_counts_only_where_they_are_others(one, problems, scope):
    """With the same problems on both sides, intervals are those over runs, not those over both."""
    first, second = (over_problems(one, name) for name in ("same", problems))
    row = compare_fits(first, second).set_index("quantity").loc["K_max"]
    assert (row["scope_one"], row["scope_other"]) == (scope, scope)
    runs = compare_fits(one, one).set_index("quantity").loc["K_max"]
    wider = (row["high"] - row["low"]) / (runs["high"] - runs["low"])
    assert wider == pytest.approx(1 if scope == "fixed" else 2)


def over_problems(fit, problems):
    """A fit whose intervals over runs and problems are twice as wide as those over runs."""
    found = copy.deepcopy({**fit, "problems": problems})
    for group in found["groups"]:
        group["scope"] = "redrawn"
        for own in [*group["parameters"].values(), *(size["k"] for size in group["sizes"])]:
            ends = own["intervals"]["fixed"]
            own["intervals"]["redrawn"] = ends | {
                side: 2 * ends[side] - own["estimate"] for side in ("low", "high")
            }
    return found


def test_the_figure_draws_what_the_table_says(one, tmp_path):
    from rlscale.report.figures.compare import compared
    from rlscale.report.figures.output import save
    from rlscale.report.figures.style import style

    other = fit(straight_curves(0.005, runs=3, study="steep").assign(loss=lambda t: t["loss"] ** 2))
    with style():
        drawing = compared(one, other)
        save(drawing, "steep", tmp_path, {"figure": "steep"})
    both, differences = drawing.figure.axes
    names = [text.get_text() for text in both.get_legend().get_texts()]
    assert [name.split(":")[0] for name in names] == ["test", "steep"]
    slopes = drawing.table[drawing.table["quantity"].str.startswith("k(")]
    assert len(differences.texts) == len(slopes) > 0
    assert "base K_max" in drawing.caption
    assert "differ." in drawing.caption
    assert all((tmp_path / f"steep.{suffix}").stat().st_size for suffix in ("pdf", "png", "csv"))


def test_studies_without_a_common_size_show_both_curves(one):
    from rlscale.report.figures.compare import compared

    curves = straight_curves(0.005, runs=3, study="others")
    drawing = compared(one, fit(curves.assign(model="other-" + curves["model"])))
    _, differences = drawing.figure.axes
    assert [text.get_text() for text in differences.texts] == ["no size in common"]
    assert drawing.table["quantity"].tolist() == ["K_max", "N0"]
