"""The page to explore: data, lines continued as straight laws are, one file of bounded size."""

import base64
import json
import re
import zlib
from pathlib import Path

import numpy as np
import pandas
import pytest
from curve_tables import fit_document, straight_curves

from rlscale.report.explore import continued, explore_page

TEMPLATE = Path(__file__).parents[2] / "workflow/report/explore.html"


def test_a_straight_line_is_continued_with_its_band():
    u = np.linspace(0, 4, 41)
    line, half = -0.3 - 0.2 * u, np.sqrt(0.01**2 + (0.02 * (u - 2)) ** 2)
    edges = np.exp(line - half), np.exp(line + half)
    x, y, low, high = (np.array(c) for c in continued(np.exp(u), np.exp(line), *edges))
    assert x[-1] == pytest.approx(np.exp(4) * 10)
    v = np.log(x)
    assert np.allclose(np.log(y), -0.3 - 0.2 * v)
    width = np.sqrt(0.01**2 + (0.02 * (v - 2)) ** 2)
    assert np.allclose(np.log(high) - np.log(y), width)
    assert np.allclose(np.log(y) - np.log(low), width)


def unpacked(page: str) -> dict:
    """The data that a page holds."""
    packed = re.search(r'<script id="packed" type="text/plain">(.*?)</script>', page)[1]
    return json.loads(zlib.decompress(base64.b64decode(packed)))


@pytest.fixture(scope="module")
def curves():
    return straight_curves(noise=0.01, runs=2, steps=(0, 1, 2, 4, 8, 12, 16, 24, 32))


@pytest.fixture(scope="module")
def fit(curves):
    settings = {"bootstrap": {"replicates": 200}}
    return fit_document(curves, law="saturating", x="data", metric="loss", settings=settings)


def test_the_page_holds_every_row_and_asks_for_nothing_else(curves, fit):
    page = explore_page(TEMPLATE.read_text(), "a study", curves, {"f": fit}, "n_params")
    data = unpacked(page)
    assert len(data["curves"]["columns"]["loss"]) == len(curves)
    assert len(data["curves"]["cells"]) == 8
    assert [line["size"] for line in data["fits"]] == ["1B", "3B", "9B", "27B"]
    assert [size["name"] for size in data["sizes"]] == ["1B", "3B", "9B", "27B"]  # not as text
    assert not re.search(r"<(script|link|img)[^>]+(src|href)=[\"']?http", page)
    assert len(page) < 2_000_000


def test_a_law_of_pass_at_k_is_no_law_of_the_loss(curves, fit):
    """Each line says what it was fitted to; pass@k is drawn as what is fitted, 1 - pass@k."""
    more = curves.assign(pass_at_4=1 - curves["loss"] ** 2)
    other = fit | {"metric": "pass_at_4"}
    named = fit | {"metric": "held_out"}  # a benchmark's name: the loss on it
    page = explore_page(
        TEMPLATE.read_text(), "s", more, {"a": fit, "b": other, "c": named}, "n_params"
    )
    data = unpacked(page)
    assert [line["metric"] for line in data["fits"][::4]] == ["loss", "pass_at_4", "loss"]
    assert data["metrics"]["pass_at_4"] == "1 \u2212 pass@4"
    drawn, losses = (np.array(data["curves"]["columns"][n]) for n in ("pass_at_4", "loss"))
    assert drawn == pytest.approx(losses**2, rel=1e-3)


@pytest.mark.parametrize(
    ("changed", "times", "doubt"),
    [
        ({"bends": "no", "forecasts": "yes"}, 4, ""),
        ({"bends": "yes", "forecasts": "yes"}, 1, "the curves bend"),
        ({"bends": "no", "forecasts": "no"}, 1, "it failed on the rest of these runs"),
        ({"bends": "no", "forecasts": "too_few_points"}, 1, "not shown to forecast"),
    ],
)
def test_a_law_is_supported_as_far_as_it_was_tried(curves, fit, changed, times, doubt):
    groups = [
        group | {"status": "ok", "verdicts": group["verdicts"] | changed} for group in fit["groups"]
    ]
    page = explore_page(
        TEMPLATE.read_text(), "s", curves, {"f": fit | {"groups": groups}}, "n_params"
    )
    for line in unpacked(page)["fits"]:
        assert line["supported"] == pytest.approx(times * line["last"], rel=1e-4)
        assert line["doubt"] == doubt
        assert line["grid"][0][-1] == pytest.approx(10 * line["last"], rel=1e-3)


def test_a_study_s_name_is_no_markup(curves):
    page = explore_page("__STUDY__ __DATA__", "</title><script>x</script>", curves, {}, "n_params")
    assert "<script>" not in page


def test_rows_are_small(curves):
    """A hundred cells more cost some ten bytes a row."""
    many = pandas.concat(
        [curves.assign(cell=curves["cell"] + str(i), seed=curves["seed"] + i) for i in range(100)]
    )
    noise = np.random.default_rng(0).uniform(0.9, 1, len(many))
    many = many.assign(loss=many["loss"] * noise)
    few, all_rows = (
        len(explore_page("__DATA__", "s", rows, {}, "n_params")) for rows in (curves, many)
    )
    assert (all_rows - few) / (len(many) - len(curves)) < 20
