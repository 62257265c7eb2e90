"""results/report.html: the study on one page that needs no network, from question to files.

What the page says stands in the study's own files; this module arranges it, and the template
(workflow/report/report.html.j2) escapes every text, as names are their authors' own.
"""

import base64
import platform
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from rlscale.core.digests import package_versions
from rlscale.core.files import read_json
from rlscale.report.advice import advice, as_html
from rlscale.report.beforehand import Row
from rlscale.report.design import design, limits
from rlscale.report.figures.output import NOT_JUDGED
from rlscale.report.figures.registry import CLAIMS, Figure, all_figures
from rlscale.report.figures.tables import numeric

if TYPE_CHECKING:
    import pandas
    from markupsafe import Markup

TEMPLATE = "report.html.j2"
_FIRST = "fig_k_of_N"  # The figure of the first screen.
_WEIGHT = 120_000  # Bytes up to which an SVG is taken whatever the PNG weighs.
_WORDY = 420  # Characters above which computed words are folded.
_SAID = {  # Findings of a fit -> the answer to the question at the head of their column.
    "identified": "yes",
    "not_identified": "undecided",
    "power": "no",
    "no_replicates": NOT_JUDGED,
    "not_asked": "–",
}
_FIELDS = ("rises", "saturates", "bends", "forecasts")
_SCORES = {"rmse": "{:.3f}", "noise": "{:.3f}", "coverage": "{:.0%}", "points": "{:g}"}
_PARTS = re.compile(r"\$?\b([A-Za-z])_\{?([A-Za-z0-9]+)\}?\$?|\b(N)(0)\b|\$([A-Za-z])\$")


@dataclass(frozen=True)
class Sources:
    """What the page is made from.

    Attributes:
        study: Name of the study.
        size: Column that holds N.
        benchmark: The benchmark that the fits are of.
        curves: curves.csv.
        checks: results/checks.json.
        fits: Fit documents by name.
        scores: Scores of forecasts by protocol.
        recommendation: results/recommendation.md.
        folder: Where the figures are.
        captions: Where their findings (json) are.
        static: Where the template and the fixed captions (rst) are.
        claims: What the study claimed before its runs, judged by its own rule.
        registered: What it forecast before, beside what was measured.
    """

    study: str
    size: str
    benchmark: str
    curves: "pandas.DataFrame"
    checks: Sequence[Mapping[str, str]]
    fits: Mapping[str, Mapping[str, Any]]
    scores: Mapping[str, "pandas.DataFrame"]
    recommendation: str
    folder: Path
    captions: Path
    static: Path
    claims: Sequence[Row] = ()
    registered: Sequence[Row] = ()


def report_page(sources: Sources) -> str:
    """The page, as HTML."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(sources.static, encoding="utf-8"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["symbols"] = symbols
    environment.tests["numeric"] = numeric
    figures = [_figure(figure, sources) for figure in all_figures().values()]
    shown = {figure["name"]: figure for figure in figures}
    first = shown[_FIRST]
    said = {"own claims": sources.claims, "registered forecasts": sources.registered}
    before = {title: rows for title, rows in said.items() if rows}
    return environment.get_template(TEMPLATE).render(
        study=sources.study,
        level=next((f"{100 * fit['level']:g} % " for fit in sources.fits.values()), ""),
        design=design(sources.curves, sources.size, sources.benchmark),
        first=first if first["supports"] != "no data" else shown["fig_loss_vs_data"],
        claims=_claims(figures),
        beforehand=before,
        before={title: _counted(rows) for title, rows in before.items()},
        registered=bool(sources.registered),
        silent=[claim for claim in CLAIMS if claim != "Study" and not _judged(figures, claim)],
        limits=limits(sources.checks, sources.fits, sources.curves, sources.size),
        advice=advice(sources.recommendation),
        sections=_sections(figures),
        verdicts=_verdicts(sources.fits),
        forecasts=_forecasts(sources.scores),
        recommendation=as_html(sources.recommendation),
        checks=sources.checks,
        versions={"Python": platform.python_version(), **package_versions()},
    )


def symbols(text: str) -> "Markup":
    """Symbols of mathematics in a text (``$K_{max}$``, ``K_max``, ``$N$``) as HTML, all escaped."""
    from markupsafe import Markup, escape

    parts, end = [], 0
    for found in _PARTS.finditer(text):
        letter, index = (found[1], found[2]) if found[1] else (found[3] or found[5], found[4])
        parts += [escape(text[end : found.start()]), Markup("<i>{}</i>").format(letter)]
        parts.append(Markup("<sub>{}</sub>" if index else "").format(index))
        end = found.end()
    return Markup("").join([*parts, escape(text[end:])])


def _figure(figure: Figure, sources: Sources) -> dict[str, Any]:
    """One figure: what it shows (fixed), what this study says (computed), its files."""
    finding = read_json(sources.captions / f"{figure.name}.json")
    supports = finding["supports"]
    drawn = supports != "no data" and not finding["cells"]
    width, height = _inches(sources.folder / f"{figure.name}.png")
    words = finding["caption"]
    return {
        "name": figure.name,
        "title": figure.title,
        "claim": figure.claim,
        "paper": figure.paper,
        "shows": _plain(figure.shown(sources.static)),
        "supports": supports,
        "answers": _told_apart(finding.get("answers", {})),  # older captions have none
        "headline": _headline(finding),
        "criterion": figure.criterion,
        "words": words,
        "wordy": len(words) > _WORDY,
        "evidence": finding["evidence"],
        "cells": finding["cells"],
        "picture": _picture(sources.folder, figure.name) if drawn else "",
        "width": round(96 * width * 1.25),
        "height": round(96 * height * 1.25),
        "provenance": finding["provenance"],
        "fits": _fits(finding["provenance"]["inputs"]),
    }


def _fits(inputs: Iterable[str]) -> list[str]:
    """Names of the fit documents among a figure's inputs: its numbers and intervals stand there."""
    return [path.stem for path in map(PurePosixPath, inputs) if path.parent.name == "fits"]


def _counted(rows: Sequence[Row]) -> str:
    """How many of what was said before have which verdict."""
    counts = Counter(row.said for row in rows)
    return ", ".join(f"{number} {verdict}" for verdict, number in counts.items())


def _headline(finding: Mapping[str, Any]) -> list[Mapping[str, str]]:
    """The number that a verdict rests on; where parts have their own, each one's that is judged."""
    evidence, answers = finding["evidence"], _told_apart(finding.get("answers", {}))
    if len(evidence) == len(answers):  # parts of a claim, in their order
        parts = list(zip(answers, evidence, strict=True))
    else:
        parts = [(one["group"], one) for one in evidence]
    judged = [(part, one) for part, one in parts if answers.get(part) != NOT_JUDGED]
    first = dict(reversed(judged))
    return list({part: first[part] for part, _ in judged}.values())[: max(1, len(answers))]


def _told_apart(answers: Mapping[str, str]) -> Mapping[str, str]:
    """Verdicts by group or part, where they are not all one."""
    return answers if len(set(answers.values())) > 1 else {}


def _plain(caption: Path) -> str:
    """The fixed part of a caption, one line."""
    text = caption.read_text(encoding="utf-8").split(".. include::")[0]
    return " ".join(text.split())


def _inches(png: Path) -> tuple[float, float]:
    """Width and height in print, from the header of a PNG at 300 dpi."""
    head = png.read_bytes()[16:24]
    return int.from_bytes(head[:4], "big") / 300, int.from_bytes(head[4:], "big") / 300


def _picture(folder: Path, name: str) -> str:
    """The lighter of SVG and PNG as a data URI; SVG, which prints sharp, where both are light."""
    svg, png = ((folder / f"{name}.{suffix}").read_bytes() for suffix in ("svg", "png"))
    kind, data = ("svg+xml", svg) if len(svg) <= max(_WEIGHT, len(png)) else ("png", png)
    return f"data:image/{kind};base64,{base64.b64encode(data).decode()}"


def _judged(figures: Sequence[Mapping[str, Any]], claim: str) -> list[Mapping[str, Any]]:
    """Figures that judge a claim and have data on it."""
    return [
        figure
        for figure in figures
        if figure["claim"] == claim
        and figure["criterion"]
        and figure["supports"] not in ("no data", "not a claim")
    ]


def _claims(figures: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The claims that this study has data on, each with the figures that judge it."""
    return [
        {"key": claim, "sentence": sentence, "judged": judged}
        for claim, sentence in CLAIMS.items()
        if claim != "Study" and (judged := _judged(figures, claim))
    ]


def _sections(figures: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Figures by the claim that they bear on; those without data are only named."""
    sections = []
    for claim, sentence in CLAIMS.items():
        own = [figure for figure in figures if figure["claim"] == claim]
        title = sentence if claim == "Study" else f"{claim}. {sentence}"
        drawn = [figure for figure in own if figure["supports"] != "no data"]
        absent = [figure for figure in own if figure["supports"] == "no data"]
        sections.append({"key": claim, "title": title, "drawn": drawn, "absent": absent})
    return sections


def _verdicts(fits: Mapping[str, Mapping[str, Any]]) -> list[list[str]]:
    """What each fit finds, field by field: fit, variant, rises, saturates, bends, forecasts."""
    rows = []
    for name, document in fits.items():
        for entry in document["groups"]:
            if entry["verdicts"]:
                said = [str(entry["verdicts"][field]) for field in _FIELDS]
                found = [_SAID.get(word, word.replace("_", " ")) for word in said]
                rows.append([name, entry["variant"], *found])
    return rows


def _forecasts(scores: Mapping[str, "pandas.DataFrame"]) -> list[list[str]]:
    """Scores over all targets: protocol, variant, law, error, noise, coverage, points."""
    rows = []
    for protocol, table in scores.items():
        whole = table[table["model"] == "all"].sort_values(["variant", "rank"])
        for row in whole.to_dict("records"):
            name = protocol if row["is_forecast"] else f"{protocol} (tuned on its target)"
            numbers = [
                form.format(row[column]) if row[column] == row[column] else "–"
                for column, form in _SCORES.items()
            ]
            law = str(row["law"]).replace("_", " ")
            rows.append([name.replace("_", " "), str(row["variant"]), law, *numbers])
    return rows
