"""The report and the page to explore, made from the published points and driven in Chromium."""

import json
from pathlib import Path

import pytest
from browser import CHROMIUM, Browser

from rlscale.study.lineage import trace

needs_chromium = pytest.mark.skipif(
    CHROMIUM is None, reason="needs Chromium (apt-get install chromium), which is not here"
)
WIDTHS = (390, 1400)
FORECAST = "document.getElementById('forecast').innerText"


@pytest.fixture
def published(published_study) -> Path:
    """The results of the published study, with figures, report and page."""
    return published_study.folder / "results"


def test_figures_without_data_say_so_and_the_others_are_drawn(published):
    findings = {
        path.stem: json.loads(path.read_text()) for path in published.glob("captions/*.json")
    }
    assert findings["fig_ledger"]["caption"].startswith("No data in this study")
    assert findings["fig_outcomes"]["supports"] == "no data"
    for name in ("fig_data_reuse", "fig_response_length", "fig_domain_transfer"):
        assert findings[name]["supports"] != "no data"
    assert findings["fig_k_of_N"]["supports"] != "no data"
    assert (published / "fig_k_of_N.pdf").stat().st_size > 5_000
    assert not any(check["status"] == "failed" for check in _checks(published))


def _checks(results):
    return json.loads((results / "checks.json").read_text())


def test_the_chain_of_a_figure_ends_at_where_its_curves_came_from(published, monkeypatch):
    monkeypatch.chdir(published.parent)
    chain = list(trace(Path("results/fig_k_of_N.pdf")))
    ends = {what for _, what, status in chain if status == "made elsewhere"}
    assert "cell qwen2.5/qwen2.5-72b/base/1/8/main: arXiv 2509.25300, read from figures" in ends
    assert not {status for *_, status in chain} - {"ok", "made elsewhere"}


def test_the_page_to_explore_is_one_small_file(published):
    assert (published / "explore.html").stat().st_size < 5_000_000


@needs_chromium
def test_explore_page_in_a_browser(published):
    with Browser() as browser:
        for width in WIDTHS:
            browser.open(
                published / "explore.html",
                width=width,
                ready="document.body?.dataset.ready === 'yes'",
            )
            assert browser.run("document.documentElement.scrollWidth") <= width
            assert browser.run("document.querySelectorAll('#chart canvas').length") == 1
            # By keyboard alone: the slider takes the focus and the forecast follows it.
            browser.run("document.getElementById('budget').focus()")
            before = browser.run(FORECAST)
            for _ in range(50):
                browser.press("ArrowLeft", 37)
            assert browser.run(FORECAST) != before
            for control in ("metric", "x", "law", "variant", "sweep"):
                browser.run(f"document.getElementById('{control}').focus()")
                assert browser.run("document.activeElement.id") == control
            # Another law draws other lines without an error.
            browser.run(
                "(() => { const law = document.getElementById('law'); law.value = 'sigmoid';"
                " law.dispatchEvent(new Event('change', {bubbles: true})); })()"
            )
            browser.wait("document.getElementById('note').innerText.includes('Intervals')")
        assert browser.errors == []
        assert browser.requests == []


@needs_chromium
def test_report_in_a_browser(published):
    """It fits every width in both schemes, shows every picture and prints to pages."""
    with Browser() as browser:
        for scheme in ("light", "dark"):
            browser.prefer(scheme)
            for width in (390, 768, 1440, 1920):
                browser.open(
                    published / "report.html",
                    width=width,
                    ready="document.readyState === 'complete'",
                )
                assert browser.run("document.documentElement.scrollWidth") <= width
            paper = browser.run("getComputedStyle(document.documentElement).backgroundColor")
            assert (paper == "rgb(255, 255, 255)") == (scheme == "light")
        assert browser.run("[...document.images].every((i) => i.naturalWidth > 0)")
        assert browser.run("document.images.length") > 12
        # By keyboard: the second stop is the first claim, whose link leads to its section.
        for _ in range(2):
            browser.press("Tab", 9)
        assert browser.run("document.activeElement.hash") == "#C1"
        assert 5 < browser.pages() < 40
        assert browser.errors == []
        assert browser.requests == []


def test_report_is_one_small_file_with_the_law_s_numbers(published):
    page = (published / "report.html").read_text()
    assert len(page) < 5_000_000
    fit = json.loads((published / "fits/free_slopes-compute-loss.json").read_text())
    largest = fit["groups"][0]["sizes"][-1]["k"]
    assert f"<b>{largest['estimate']:.3f}</b>" in page
