"""What a figure function returns, and how it becomes PDF, SVG, PNG and CSV, byte for byte."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rlscale.core.files import write_text

if TYPE_CHECKING:
    import pandas
    from matplotlib.figure import Figure

NOT_JUDGED = "not judged"  # One run a size: nothing says what another run would give.
KEY = "rlscale"  # Name of the provenance in a PNG's text chunks.


@dataclass(frozen=True)
class Evidence:
    """One number that a verdict rests on, as text to read.

    Attributes:
        group: What it is of: a variant, or a model.
        quantity: What was measured.
        value: Its estimate.
        interval: Its interval in brackets; empty where there is none.
        n: What it rests on: runs, sizes or points; empty where the line before says it.
        over: What would be drawn again for the interval; empty where there is none.
    """

    group: str
    quantity: str
    value: str
    interval: str
    n: str
    over: str = ""


@dataclass(frozen=True)
class Cells:
    """A table as it is read: heads, rows of texts, and what a reader must know of these numbers."""

    heads: Sequence[str]
    rows: Sequence[Sequence[str]]
    note: str = ""


@dataclass(frozen=True)
class Drawing:
    """A figure with all that belongs to it.

    Attributes:
        figure: The picture.
        table: Exactly what it draws, one row per mark.
        caption: Sentences computed from this study's data, as plain text.
        supports: Whether this study supports the claim the figure bears on: ``yes``,
            ``consistent``, ``no``, ``undecided``, ``not judged`` (single runs), ``no data`` or
            ``not a claim``.
        answers: Variant, model or part of the claim -> its own verdict, in the same words; empty
            where the figure asks one question.
        evidence: The numbers that this rests on.
        cells: What a table says, for pages that show tables as tables; None for pictures.
        takeaway: What the verdicts found, in a sentence above the panels; empty where they allow
            none.
    """

    figure: "Figure"
    table: "pandas.DataFrame"
    caption: str
    supports: str = "not a claim"
    evidence: Sequence[Evidence] = ()
    cells: Cells | None = None
    takeaway: str = ""
    answers: Mapping[str, str] = field(default_factory=dict)


def agreed(answers: Iterable[str]) -> str:
    """One verdict from several: theirs where they agree, else undecided.

    What is not judged has no say where another is.
    """
    told = set(answers)
    judged = told - {NOT_JUDGED} or told
    return judged.pop() if len(judged) == 1 else "undecided"


def no_data(reason: str) -> Drawing:
    """The drawing of a figure for which this study has nothing to show."""
    import pandas

    from rlscale.report.figures.style import blank

    sentence = f"No data in this study: {reason}."
    return Drawing(blank(sentence), pandas.DataFrame(), sentence, "no data")


def save(drawing: Drawing, name: str, folder: Path, provenance: Mapping[str, Any]) -> None:
    """Write ``<folder>/<name>.{pdf,svg,png,csv}``; equal drawings give equal bytes.

    The provenance stands in the PDF's Keywords and in a text chunk of the PNG, as JSON. No dates.
    """
    folder.mkdir(parents=True, exist_ok=True)
    text = json.dumps(provenance, sort_keys=True)
    information = {"Title": name, "Keywords": text, "CreationDate": None, "Creator": "rlscale"}
    drawing.figure.savefig(folder / f"{name}.pdf", metadata=information)
    drawing.figure.savefig(folder / f"{name}.svg", metadata={"Title": name, "Date": None})
    drawing.figure.savefig(folder / f"{name}.png", metadata={"Title": name, KEY: text})
    write_text(folder / f"{name}.csv", drawing.table.to_csv(index=False, float_format="%.10g"))
