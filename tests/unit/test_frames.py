"""Data frames and scalars at the border of the API: checked as a CSV is, refused by a sentence."""

import numpy as np
import pandas
import pytest
from curve_tables import straight_curves

import rlscale
from rlscale.core.errors import StudyError

FIT = {"weighting": "equal", "bootstrap": {"replicates": 20}}
DOCUMENTED = [
    "study", "cell", "model", "variant", "step", "benchmark", "loss", "n_params", "data_samples",
]  # fmt: skip
LABELS = ["study", "cell", "model", "variant", "benchmark"]


@pytest.fixture(scope="module")
def curves():
    return straight_curves(0.01, runs=2, steps=range(0, 33, 4))


def numbers(table):
    """What a fit says: estimate, sizes and verdicts."""
    (found,) = rlscale.fit(table, **FIT)
    sizes = [(size.model, size.n) for size in found.sizes]
    return found.parameters["K_max"].estimate, sizes, found.verdicts


def through_csv(table, folder):
    path = folder / "curves.csv"
    table.to_csv(path, index=False)
    return rlscale.read_curves(path)


def one(table, row, **values):
    """A table in which one row has other values."""
    changed = table.astype(dict.fromkeys(values, object))
    for name, value in values.items():
        changed.loc[row, name] = value
    return changed


def categories(table):
    return table.assign(**{name: table[name].astype("category") for name in LABELS})


GOOD = {
    "as it is": lambda t: t,
    "text": lambda t: t.assign(n_params=t["n_params"].map(str), step=t["step"].map(str)),
    "groups of thousands": lambda t: t.assign(n_params=t["n_params"].map("{:,.0f}".format)),
    "objects": lambda t: t.astype(object),
    "nullable": lambda t: t.convert_dtypes(),
    "categories": categories,
    "an unused category": lambda t: categories(t).assign(
        model=t["model"].astype("category").cat.add_categories(["70b"])
    ),
    "an index named cell": lambda t: t.set_index("cell", drop=False),
    "columns in the index": lambda t: t.set_index(["seed", "step"]),
    "columns and index": lambda t: t.set_index(["seed", "step"], drop=False),
    "one index for all": lambda t: t.set_axis([0] * len(t)),
    "shuffled": lambda t: t.sample(frac=1, random_state=1),
    "documented columns alone": lambda t: t[DOCUMENTED],
    "empty texts": lambda t: t.assign(source="", n_correct=""),
}


@pytest.mark.parametrize("change", GOOD.values(), ids=GOOD)
def test_a_frame_gives_the_numbers_of_a_csv_and_stays_as_it_was(curves, change, tmp_path):
    frame = change(curves)
    before = frame.copy(deep=True)
    k, sizes, verdicts = numbers(frame)
    pandas.testing.assert_frame_equal(frame, before)
    kept = curves[DOCUMENTED] if len(frame.columns) == len(DOCUMENTED) else curves
    expected = numbers(through_csv(kept, tmp_path))
    assert k == pytest.approx(expected[0], rel=1e-9)
    assert (sizes, verdicts) == expected[1:]


BAD = {
    "percentages": (lambda t: t.assign(loss=100 * t["loss"]), "row 2: loss .* a percentage"),
    "an infinite loss": (lambda t: one(t, 5, loss=np.inf), "row 7: loss inf"),
    "an empty loss": (lambda t: one(t, 5, loss=np.nan), "row 7: loss nan"),
    "a loss below 0": (lambda t: one(t, 5, loss=-0.1), "row 7: loss -0.1"),
    "a truth value": (
        lambda t: t.assign(loss=t["loss"] > 0.5),
        "loss (is 'True'|holds text or truth)",
    ),
    "no step": (lambda t: one(t, 5, step=np.nan), "row 7: step is empty"),
    "a negative step": (lambda t: one(t, 5, step=-4), "row 7: step -4"),
    "no model": (lambda t: one(t, 5, model=None), "row 7: model is empty"),
    "an empty variant": (lambda t: one(t, 5, variant=""), "row 7: variant is empty"),
    "a size below 0": (lambda t: t.assign(n_params=-t["n_params"]), "row 2: n_params -1e"),
    "a size in words": (lambda t: one(t, 5, n_params="7B"), "row 7: n_params is '7B'"),
    "a row twice": (lambda t: pandas.concat([t, t[5:6]]), "row 74 repeats study=test"),
    "an unknown status": (lambda t: t.assign(status="fine"), "status 'fine' is none of"),
    "an unknown column": (lambda t: t.assign(acc=1), r"unknown column\(s\) acc"),
    "no rows": (lambda t: t[:0], "no rows"),
    "no cell": (lambda t: t.drop(columns="cell"), r"column\(s\) cell missing"),
    "capitals": (lambda t: t.rename(columns=str.upper), r"column\(s\) study, cell"),
}


@pytest.mark.parametrize(("change", "message"), BAD.values(), ids=BAD)
def test_what_a_csv_may_not_hold_a_frame_may_not(curves, change, message, tmp_path):
    frame = change(curves)
    with pytest.raises(StudyError, match=message):
        through_csv(frame, tmp_path)
    for use in (
        rlscale.fit,
        rlscale.recommend,
        lambda table: rlscale.forecast(table, rlscale.Split("intra")),
    ):
        with pytest.raises(StudyError, match=message):
            use(frame)


@pytest.mark.parametrize("name", ["n_params", "data_samples"])
def test_a_column_that_this_fit_needs_is_asked_for(curves, name):
    with pytest.raises(StudyError, match=f"column {name} is empty"):
        rlscale.fit(curves.drop(columns=name), **FIT)


def test_a_recommendation_does_without_compute(curves):
    text = rlscale.recommend(curves.drop(columns="compute_flops"), **FIT)
    assert text.startswith("# Recommendation for the study test")


def test_columns_that_stand_twice_or_have_no_name_are_refused(curves):
    for odd in (
        pandas.concat([curves, curves[["loss"]]], axis=1),
        curves.assign(x=1).rename(columns={"x": 3}),
    ):
        with pytest.raises(StudyError, match="stands twice or is no name"):
            rlscale.fit(odd)


@pytest.mark.parametrize("table", [None, "curves.csv", [{"loss": 1}], {"loss": [1]}])
def test_what_is_no_frame_is_refused(table, curves):
    for use in (
        rlscale.fit,
        rlscale.recommend,
        lambda given: rlscale.forecast(given, rlscale.Split("intra")),
    ):
        with pytest.raises(StudyError, match=r"curves: a pandas\.DataFrame"):
            use(table)
    if table is not None:
        with pytest.raises(StudyError, match="outcomes"):
            rlscale.fit(curves, outcomes=pandas.DataFrame(table if table != "curves.csv" else []))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"level": 2}, "fit.level: 2"),
        ({"level": "0.9"}, "fit.level: '0.9'"),
        ({"law": None}, "law: a name"),
        ({"x": ["data"]}, "x: a name"),
        ({"bootstrap": 3}, "fit.bootstrap: a mapping"),
        ({"bootstrap": {"repeats": 3}}, r"fit.bootstrap: unknown key\(s\) repeats"),
        ({"bootstrap": {"replicates": 0}}, "fit.bootstrap.replicates: 0"),
        ({"select": "main"}, "fit.select: a mapping"),
        ({"allow_differences": "seed"}, "fit.allow_differences: a list"),
        ({"robust": "no"}, "fit.robust"),
    ],
)
def test_settings_of_another_kind_are_refused(curves, settings, message):
    with pytest.raises(StudyError, match=message):
        rlscale.fit(curves, **settings)


def test_predictions_ask_for_numbers_above_0(curves):
    (found,) = rlscale.fit(curves, **FIT)
    for bad, name in (
        ((-1, 1e4), "n"), ((7e9, 0), "x"), (("7e9", 1e4), "n"), ((np.nan, 1e4), "n"),
        ((7e9, np.inf), "x"), ((7e9, [1e4]), "x"), ((7e9, 1e4, 1.5), "level"),
    ):  # fmt: skip
        with pytest.raises(StudyError, match=f"predict: {name}: "):
            found.predict(*bad)
    assert found.predict(np.int64(7e9), np.float32(1e4)).estimate > 0


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"kind": "foo"}, "kind 'foo' is none of intra, inter"),
        ({"kind": "intra", "first_share": 2.0}, "first_share: 2.0"),
        ({"kind": "inter", "held_out_sizes": 0}, "held_out_sizes: 0"),
        ({"kind": "inter", "probe": 1.5}, "probe: 1.5"),
    ],
)
def test_what_is_no_split_is_refused(given, message):
    with pytest.raises(StudyError, match=message):
        rlscale.Split(**given)


def test_names_in_the_place_of_lists_and_splits_are_refused(curves):
    with pytest.raises(StudyError, match="split: a Split"):
        rlscale.forecast(curves, "inter")
    with pytest.raises(StudyError, match="laws: a list"):
        rlscale.forecast(curves, rlscale.Split("inter"), "saturating")
    with pytest.raises(StudyError, match="laws: none is named"):
        rlscale.forecast(curves, rlscale.Split("inter"), [])
    with pytest.raises(StudyError, match="wishes"):
        rlscale.recommend(curves, {"margin": 0.1})
    with pytest.raises(StudyError, match="files: a list of paths"):
        rlscale.load_runs("a_string.csv", {"loss": "loss"}, {})
    with pytest.raises(StudyError, match="the path of a file"):
        rlscale.read_curves(curves)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"budgets": 1e20}, "budgets: a list"),
        ({"budgets": ["1e20"]}, "budgets: '1e20'"),
        ({"targets": [-1]}, "targets: -1"),
        ({"margin": -1}, "margin: -1"),
        ({"confidence": 2}, "confidence: 2"),
    ],
)
def test_wishes_that_no_configuration_may_have_are_refused(given, message):
    with pytest.raises(StudyError, match=message):
        rlscale.Wishes(**given)


def test_the_deadline_of_a_judge_is_a_number():
    with pytest.raises(StudyError, match="deadline: 'long'"):
        rlscale.verify("7", "7", "math", deadline="long")


@pytest.mark.parametrize(
    ("responses", "golds", "message"),
    [
        ([None], ["7"], r"responses\[0\]: a text"),
        (["7", "8"], ["7", 7], r"golds\[1\]: a text"),
        (["7"], ["7", "8"], "1 responses, 2 golds"),
        ("7", "7", "responses: a list"),
        (None, ["7"], "responses: a list"),
    ],
)
def test_only_pairs_of_texts_are_judged(responses, golds, message):
    with pytest.raises(StudyError, match=message):
        rlscale.judge(responses, golds, "number")
    texts = pandas.Series(["7", "8"])
    assert [v.outcome for v in rlscale.judge(texts, texts, "number")] == ["correct", "correct"]
