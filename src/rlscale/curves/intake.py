"""What was read, for people: a line per run, and every note."""

from collections.abc import Hashable, Sequence
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import pandas

_HEADS = ("run", "N", "benchmark", "steps", "points", "widest gap", "tokens", "loss")


def intake_page(table: "pandas.DataFrame", notes: Sequence[str]) -> str:
    """The runs as a table of text, then the notes."""
    rows = [
        _line(cell, benchmark, run)
        for (cell, benchmark), run in table.groupby(["cell", "benchmark"], sort=False)
    ]
    widths = [max(len(row[i]) for row in (_HEADS, *rows)) for i in range(len(_HEADS))]
    lines = [
        "  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip()
        for row in (_HEADS, *rows)
    ]
    said = [f"- {note}" for note in notes] or ["- every row that holds a loss is used as it is"]
    return "\n".join([*lines, "", "Noted:", *said, ""])


def _line(cell: Hashable, benchmark: Hashable, run: "pandas.DataFrame") -> tuple[str, ...]:
    run = run.sort_values("step")
    steps = run["step"].to_numpy()
    gaps = np.diff(steps)
    sizes = (run[name].iloc[0] for name in ("n_params", "n_params_total", "n_params_nominal"))
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
