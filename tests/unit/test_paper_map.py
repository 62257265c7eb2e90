"""docs/paper_map.md, the registry, the captions and the rules name the same figures."""

import re
from pathlib import Path

from rlscale.report.figures.registry import CLAIMS, all_figures

FIGURES = all_figures()
ROOT = Path(__file__).parents[2]
MAP = (ROOT / "docs/paper_map.md").read_text()


def rows(heading):
    """Cells of the table below a heading, its first two lines left out."""
    section = MAP.split(f"## {heading}\n")[1].split("\n## ")[0]
    lines = [line for line in section.splitlines() if line.startswith("|")][2:]
    return [[cell.strip().strip("`") for cell in line.strip("|").split("|")] for line in lines]


def test_every_figure_of_the_paper_stands_with_its_rule():
    listed = {
        output: (paper, rule) for paper, rule, output, *_ in rows("Figures and tables of the paper")
    }
    listed |= {output: ("", rule) for rule, output, _ in rows("Ours")}
    made = {
        spec.name: (spec.paper, f"plot_{spec.name.removeprefix('fig_')}")
        for spec in FIGURES.values()
    }
    assert listed == made


def test_claims_name_the_figures_that_judge_them():
    for claim, sentence, judged in rows("Claims"):
        assert sentence == CLAIMS[claim]
        named = re.findall(r"(?:fig|table)_\w+", judged)
        assert named == [spec.name for spec in FIGURES.values() if spec.claim == claim]
    assert {row[0] for row in rows("Claims")} == {claim for claim in CLAIMS if claim != "Study"}


def test_judgement_words_are_the_three_of_the_map():
    assert {row[3] for row in rows("Figures and tables of the paper")} <= {
        "same",
        "different",
        "extended",
    }


def test_every_figure_has_a_caption_that_takes_in_the_computed_part():
    for name in FIGURES:
        text = (ROOT / f"workflow/report/{name}.rst").read_text()
        assert ".. include:: {{ snakemake.output.caption }}" in text
        assert len(text.split()) > 20
