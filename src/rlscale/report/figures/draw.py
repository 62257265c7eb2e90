"""Draw one figure of the registry and write its files."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rlscale.core.code import code_digest
from rlscale.core.files import write_json, write_text
from rlscale.core.manifests import input_fingerprints
from rlscale.report.figures.inputs import NothingToDraw, read_inputs
from rlscale.report.figures.output import Drawing, no_data, save
from rlscale.report.figures.registry import CLAIMS, Figure, all_figures
from rlscale.report.figures.style import headline, style

VERDICTS = {
    "yes": "This study supports the claim.",
    "consistent": "This study is consistent with the claim.",
    "no": "This study contradicts the claim.",
    "undecided": "This study does not decide the claim.",
    "not judged": "One run a size judges nothing.",
    "no data": "This study has no data on the claim.",
}


def draw(
    name: str,
    *,
    curves: Path | None,
    fits: Sequence[Path],
    tables: Mapping[str, Path],
    cells: Path,
    settings: Mapping[str, Any],
    configuration: str,
    folder: Path,
    caption: Path,
) -> Drawing:
    """Draw a figure: PDF, SVG, PNG and CSV into ``folder``, the computed caption beside them.

    Args:
        name: Name of a figure of the registry.
        curves: curves.csv, or None where the figure does not read it.
        fits: Fit documents.
        tables: Further tables by name.
        cells: List of the study's cells, one path per line.
        settings: The ``figures`` section, with ``benchmark`` and ``level`` of the fits.
        configuration: Digest of the study's configuration.
        folder: Where the figure goes.
        caption: Where the caption goes, as reStructuredText; beside it as JSON.
    """
    figure = all_figures()[name]
    inputs = read_inputs(curves, fits, tables, settings, cells.read_text(encoding="utf-8").split())
    read = [curves, *fits, *tables.values(), cells]
    paths = {str(path): path for path in read if path is not None}
    provenance = {
        "figure": name,
        "configuration": configuration,
        "code": {"module": figure.module, "digest": code_digest(figure.module)},
        "inputs": input_fingerprints(paths),
    }
    with style():
        try:
            drawing = figure.function()(inputs)
        except NothingToDraw as nothing:
            drawing = no_data(str(nothing))
        if drawing.takeaway:
            headline(drawing.figure, drawing.takeaway)
        save(drawing, name, folder, provenance)
    write_text(caption, caption_text(figure, drawing))
    write_json(
        caption.with_suffix(".json"),
        {
            "supports": drawing.supports,
            "answers": dict(drawing.answers),
            "takeaway": drawing.takeaway,
            "caption": drawing.caption,
            "evidence": [asdict(one) for one in drawing.evidence],
            "cells": asdict(drawing.cells) if drawing.cells else None,
            "provenance": provenance,
        },
    )
    return drawing


def caption_text(figure: Figure, drawing: Drawing) -> str:
    """What this study's data say, for the report: the claim, the verdict, the numbers."""
    lines = []
    if figure.claim.startswith("C"):
        lines.append(f"*Claim {figure.claim}: {CLAIMS[figure.claim]}.*")
    if drawing.supports in VERDICTS:
        lines.append(f"**{verdict_words(drawing)}**")
    lines.append(escape(drawing.caption))
    return "\n\n".join(line for line in lines if line) + "\n"


def verdict_words(drawing: Drawing) -> str:
    """The verdict in words; where its groups or parts differ, each by itself."""
    if len(set(drawing.answers.values())) < 2:
        return VERDICTS[drawing.supports]
    parts = "; ".join(f"{name}: {answer}" for name, answer in drawing.answers.items())
    return f"{VERDICTS[drawing.supports]} {escape(parts)}."


def escape(text: str) -> str:
    """Plain text as reStructuredText: one paragraph, no character of it markup."""
    return "".join(f"\\{c}" if c in "\\*`_|<>" else c for c in " ".join(text.split()))
