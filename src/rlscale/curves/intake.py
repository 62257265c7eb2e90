"""What was read, for people: what each column is made from, a line per run, every note."""

from collections.abc import Hashable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from rlscale.core.tables import SIZES

if TYPE_CHECKING:
    import pandas

    from rlscale.curves.ingest import Account, Intake

HEADS = (
    "run", "N", "benchmark", "steps", "points", "widest gap", "tokens", "loss",
    "rows", "used", "without loss", "superseded",
)  # fmt: skip
_RANGED = ("step", "loss", "tokens", "data_samples", "compute_flops")


def intake_page(intake: "Intake", settings: Mapping[str, Any]) -> str:
    """What it was taken for, the runs as a table of text, then the notes."""
    rows = run_lines(intake)
    widths = [max(len(row[i]) for row in (HEADS, *rows)) for i in range(len(HEADS))]
    lines = [
        "  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip()
        for row in (HEADS, *rows)
    ]
    said = [f"- {note}" for note in said_notes(intake)]
    taken = taken_for(intake, settings)
    return "\n".join([*taken, "", *lines, "", "Noted:", *said, ""])


def said_notes(intake: "Intake") -> list[str]:
    return intake.notes or ["every row that holds a loss is used as it is"]


def taken_for(intake: "Intake", settings: Mapping[str, Any]) -> list[str]:
    """The format, and of each column that counts the expression and the range that came of it."""
    columns = {"step": "step", **settings.get("columns", {})}
    if "loss" not in columns:
        columns["loss"] = "by benchmark"
    lines = [f"read as {settings['format']}"]
    for name in _RANGED:
        values = intake.table[name].dropna()
        if name in columns and len(values):
            unit = ", a share of 1" if name == "loss" else ""
            lines.append(
                f"  {name} = {columns[name]}: {values.min():.6g} to {values.max():.6g}{unit}"
            )
    return lines


def run_lines(intake: "Intake") -> list[tuple[str, ...]]:
    """Of each run and benchmark, texts under ``HEADS``."""
    shown = intake.table[["cell", "benchmark", "step", *SIZES, "tokens", "loss"]]
    runs = shown.groupby(["cell", "benchmark"], sort=False)
    return [
        (*_line(cell, benchmark, run), *_counts(intake.accounts[str(cell), str(benchmark)]))
        for (cell, benchmark), run in runs
    ]


def _counts(account: "Account") -> Iterator[str]:
    counts = (account.rows, account.used, account.without_loss, account.superseded)
    return (str(count) for count in counts)


def _line(cell: Hashable, benchmark: Hashable, run: "pandas.DataFrame") -> tuple[str, ...]:
    steps = run["step"].to_numpy()  # ascending, as runs are made
    gaps = np.diff(steps)
    sizes = (run[name].iloc[0] for name in SIZES)
    size = next((f"{value:.4g}" for value in sizes if value == value), "")
    tokens = run["tokens"].iloc[-1]
    return (
        str(cell),
        size,
        str(benchmark),
        f"{steps[0]:g} to {steps[-1]:g}",
        str(len(run)),
        f"{gaps.max():g}" if len(gaps) else "",
        f"{tokens:.4g}" if tokens == tokens else "",
        f"{run['loss'].iloc[0]:.4f} to {run['loss'].iloc[-1]:.4f}",
    )
