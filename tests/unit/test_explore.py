"""The page to explore: data, lines continued as straight laws are, one file of bounded size."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
from curve_tables import fit_document, straight_curves

from rlscale.report.explore import continued, explore_page

TEMPLATE = Path(__file__).parents[2] / "workflow/report/explore.html"


def test_a_straight_line_is_continued_with_its_band():
    u = np.linspace(0, 4, 41)
    line, half = -0.3 - 0.2 * u, np.sqrt(0.01**2 + (0.02 * (u - 2)) ** 2)
    edges = np.exp(line - half), np.exp(line + half)
    x, y, low, high = (np.array(c) for c in continued(np.exp(u), np.exp(line), *edges))
    assert x[-1] == pytest.approx(np.exp(4) * 100)
    v = np.log(x)
    assert np.allclose(np.log(y), -0.3 - 0.2 * v)
    width = np.sqrt(0.01**2 + (0.02 * (v - 2)) ** 2)
    assert np.allclose(np.log(high) - np.log(y), width)
    assert np.allclose(np.log(y) - np.log(low), width)


def test_the_page_holds_every_row_and_asks_for_nothing_else():
    curves = straight_curves(noise=0.01, runs=2, steps=(0, 1, 2, 4, 8))
    settings = {"bootstrap": {"replicates": 200}}
    fit = fit_document(curves, law="saturating", x="data", metric="loss", settings=settings)
    page = explore_page(TEMPLATE.read_text(), "a study", curves, {"f": fit}, "n_params")
    data = json.loads(re.search(r"^const DATA = (.*);$", page, re.MULTILINE)[1])
    assert len(data["curves"]["columns"]["loss"]) == len(curves)
    assert len(data["curves"]["cells"]) == 8
    assert {line["model"] for line in data["fits"]} == {"1b", "3b", "9b", "27b"}
    assert not re.search(r"<(script|link|img)[^>]+(src|href)=[\"']?http", page)
    assert len(page) < 2_000_000
