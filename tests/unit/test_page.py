"""The report's page: what stands on it, in HTML that anybody can read and no name can break."""

import json
import re
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path

import pandas
import pytest
from curve_tables import fit_document, straight_curves

from rlscale.report.advice import advice, as_html
from rlscale.report.beforehand import Row
from rlscale.report.design import design, limits
from rlscale.report.figures.registry import all_figures
from rlscale.report.page import Sources, report_page, symbols

STATIC = Path(__file__).parents[2] / "workflow/report"
HOSTILE = '</style><script>alert("x")</script><img src=x onerror=alert(1)>'
RECOMMENDATION = """# Recommendation for the study toy

## f base

With 1e+12 FLOP, train **9b**: expected loss 0.412 [0.400, 0.424].

| compute | best size |
| --- | --- |
| 1e+12 FLOP | 9b |
"""
EVIDENCE = {"group": "base", "quantity": "k(27b) − k(1b)", "value": "0.135",
            "interval": "[0.120, 0.150]", "n": "8 runs of 4 sizes"}  # fmt: skip
PNG = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + (990).to_bytes(4, "big") + (600).to_bytes(4, "big")


def _inputs(figure) -> list[str]:
    return ["results/curves.csv", *(f"results/fits/{name}.json" for name in figure.fits)]


def finding(figure) -> dict:
    """What a figure of the toy study says."""
    cells = {"heads": ["variant", "$K_{max}$"], "rows": [["base", "0.129 [0.117, 0.143]"]],
             "note": "Runs of base 1B spread."}  # fmt: skip
    table = figure.name.startswith("table_")
    return {
        "supports": "no data" if figure.claim == "C7" else "yes" if figure.criterion else "",
        "caption": "No data in this study: one benchmark." if figure.claim == "C7" else "Words.",
        "answers": {"base": "yes", "instruct": "undecided"} if figure.claim == "C2" else {},
        "evidence": [EVIDENCE] if figure.name == "fig_loss_vs_compute" else [],
        "cells": cells if table else None,
        "provenance": {"inputs": dict.fromkeys(_inputs(figure), "ab" * 32),
                       "code": {"module": figure.module, "digest": "cd" * 8}},
    }  # fmt: skip


def page_of(folder: Path, name: str = "toy", recommendation: str = RECOMMENDATION) -> str:
    """The page of a toy study, whose name, models and checks may be anything."""
    for figure in all_figures().values():
        (folder / f"{figure.name}.png").write_bytes(PNG)
        (folder / f"{figure.name}.svg").write_text("<svg/>")
        (folder / f"{figure.name}.json").write_text(json.dumps(finding(figure)))
    curves = straight_curves(noise=0.01, runs=2, steps=(0, 1, 2, 4, 8, 16))
    curves = curves.assign(variant=name if "<" in name else "base", n_samples=2000)
    settings = {"bootstrap": {"replicates": 200}}
    scores = {"model": "all", "variant": "base", "law": name, "rank": 1, "is_forecast": True,
              "rmse": 0.05, "noise": 0.02, "coverage": 0.9, "points": 12}  # fmt: skip
    return report_page(
        Sources(
            study=name,
            size="n_params",
            benchmark="held_out",
            curves=curves,
            checks=[
                {"check": "losses lie in [0, 1]", "status": "passed", "detail": "48 rows"},
                {"check": "at least two runs", "status": "listed", "detail": name},
            ],
            fits={"saturating-data-loss": fit_document(curves, settings=settings)},
            scores={"inter": pandas.DataFrame([scores])},
            recommendation=recommendation,
            folder=folder,
            captions=folder,
            static=STATIC,
            claims=[Row("R1 k rises", name, "holds", "what it says")],
            registered=[Row("base 27B", "forecast 0.4 [0.3, 0.5], measured 0.6", "outside")],
        )
    )


class Outline(HTMLParser):
    """Tags of a page, with their attributes, and its headings' levels."""

    def __init__(self, page: str):
        super().__init__()
        self.tags = []
        self.feed(page)

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))

    def of(self, *names):
        return [attributes for tag, attributes in self.tags if tag in names]


@pytest.fixture(scope="module")
def page(tmp_path_factory) -> str:
    return page_of(tmp_path_factory.mktemp("page"))


def test_first_screen_asks_answers_doubts_and_advises_before_any_section(page):
    text = re.sub(r"<style>.*?</style>", "", page, flags=re.DOTALL)
    order = [
        "Asked:",
        "Design:",
        "4 sizes of base (1B to 27B parameters), trained for 16 steps in 8 runs",
        "0.135",
        "[0.120, 0.150]",
        "8 runs of 4 sizes",
        "if its interval lies above 0",
        "Sizes span 1.4 decades",
        "train <strong>9b</strong>",
        "C1. Larger models",
    ]
    places = [text.index(words) for words in order]
    assert places == sorted(places)


def test_an_answer_leads_to_the_file_that_holds_its_interval(page):
    claims = page[page.index('id="claims"') : page.index("</tbody>")]
    figure = all_figures()["fig_loss_vs_compute"]
    assert figure.fits
    row = claims[claims.index(f'href="{figure.name}.csv"') :].partition("</tr>")[0]
    linked = re.findall(r'href="fits/(.+?)\.json"', row)
    assert linked == list(figure.fits)


def test_tables_are_tables_and_figures_without_data_take_one_line(page):
    assert '<td class="num">0.129 [0.117, 0.143]</td>' in page
    assert "<i>K</i><sub>max</sub>" in page
    assert "Without data here: Loss before and after training on every benchmark" in page
    assert 'id="fig_domain_transfer"' not in page
    assert "results/fig_k_of_N.csv" in page


def test_variants_that_differ_each_have_their_verdict_and_a_table_its_warning(page):
    row = re.search(r'href="#C2".*?</tr>', page, re.DOTALL)[0]
    chips = re.findall(r'class="part">(\w+): \s*<span class="chip [\w-]+">(\w+)<', row)
    assert chips == [("base", "supported"), ("instruct", "undecided")]
    assert "Runs of base 1B spread." in page
    alone = re.search(r'href="#C1".*?</tr>', page, re.DOTALL)[0]
    assert 'class="part"' not in alone
    assert 'href="explore.html"' in page


def test_what_was_said_before_stands_in_the_first_screen(page):
    top, first = (page[: page.index(end)] for end in ('id="claims"', "<nav"))
    assert "own claims</a>: 1 supported; " in top
    assert "registered forecasts</a>: 1 outside." in top
    assert '<b>R1 k rises</b> what it says <span class="chip yes">supported</span> toy' in first
    assert '<span class="chip no">outside</span> forecast 0.4' in first
    assert "None was registered" not in page


def test_page_can_be_read_without_eyes_or_mouse(page):
    outline = Outline(page)
    assert outline.of("html")[0]["lang"] == "en"
    assert all(attributes["alt"] for attributes in outline.of("img"))
    assert all(attributes.get("scope") for attributes in outline.of("th"))
    levels = [int(tag[1]) for tag, _ in outline.tags if re.fullmatch("h[1-6]", tag)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(b <= a + 1 for a, b in pairwise(levels))
    names = [attributes["id"] for _, attributes in outline.tags if "id" in attributes]
    assert len(names) == len(set(names))
    targets = [a["href"][1:] for a in outline.of("a") if a["href"].startswith("#")]
    assert set(targets) <= set(names)


def test_no_name_is_markup(tmp_path):
    page = page_of(tmp_path, HOSTILE, f"# {HOSTILE}\n\n## {HOSTILE}\n\n**{HOSTILE}** x\n")
    outline = Outline(page)
    assert not outline.of("script")
    assert not any("onerror" in attributes for _, attributes in outline.tags)
    assert all(a["src"].startswith("data:image/") for a in outline.of("img"))
    assert "alert(" in page


def test_page_asks_for_nothing_elsewhere(page):
    outline = Outline(page)
    addresses = [a.get("href", a.get("src")) for a in outline.of("a", "img", "link", "script")]
    assert not [address for address in addresses if re.match("(https?:)?//", address)]


def test_advice_is_what_has_something_in_bold():
    ((section, sentence),) = advice(RECOMMENDATION)
    assert section == "f base"
    assert sentence.startswith("With 1e+12 FLOP, train <strong>9b</strong>")


def test_recommendation_keeps_tables_and_neither_links_nor_html():
    text = RECOMMENDATION + "\n<b>x</b> ![p](http://a/b.png) [l](javascript:x)\n"
    html = as_html(text)
    assert '<th scope="col">best size</th>' in html
    assert "<h3>f base</h3>" in html
    assert not re.search("<(b|img|a)[ >]", html)


@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("$K_{max}$ of <b>", "<i>K</i><sub>max</sub> of &lt;b&gt;"),
        ("K_max and N0", "<i>K</i><sub>max</sub> and <i>N</i><sub>0</sub>"),
        ("$N$", "<i>N</i>"),
        ("held_out and at_bound", "held_out and at_bound"),
    ],
)
def test_symbols_are_set_and_all_else_escaped(text, html):
    assert symbols(text) == html


def test_design_counts_runs_and_responses():
    curves = straight_curves(runs=3, steps=(0, 1, 2)).assign(n_samples=2000)
    curves = curves[~curves["cell"].str.endswith("27b-base/tau1-g8/seed2")]
    said = design(curves, "n_params", "held_out")
    assert "in 11 runs, 2 to 3 of each setting" in said
    assert "Every problem is used τ times (1). A step asks G responses" in said
    assert "500 problems × 4 responses of held_out" in said
    assert "scoring" not in said  # curves made elsewhere name none
    scored = design(curves.assign(scoring="lm_eval"), "n_params", "held_out")
    assert "of held_out, scoring lm_eval" in scored


def test_limits_put_failures_first_and_say_what_the_fits_found():
    curves = straight_curves(noise=0.01, steps=(0, 1, 2, 4, 8, 16))  # one run a size
    fit = fit_document(curves, settings={"bootstrap": {"replicates": 200}})
    checks = [
        {"check": "two runs", "status": "listed", "detail": "none"},
        {"check": "no cell is missing", "status": "failed", "detail": "2 are"},
        {"check": "losses", "status": "passed", "detail": ""},
    ]
    said = limits(checks, {"saturating-data-loss": fit}, curves, "n_params")
    assert said[0] == "Failed check: “no cell is missing”: 2 are"
    assert "base (data): one run a size: whether k(N) saturates is not judged." in said
    assert not any("losses" in words for words in said)
