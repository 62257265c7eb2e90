"""results/explore.html: curves, laws and forecasts in one page that needs no network.

The page holds the curves as columns, the fitted lines with their bands, continued beyond the data
where a law is straight in log-log, and Vega (through vl-convert) to draw them.
"""

import html
import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from rlscale.core.digests import canonical_json
from rlscale.laws.groups import X_COLUMNS
from rlscale.laws.registry import law_named

if TYPE_CHECKING:
    import pandas

_REACH = 100.0  # How far beyond the last x straight laws are continued.
_LABELS = {
    "data": "problems seen D",
    "compute": "training compute C (FLOPs, 6NT)",
    "compute_full": "compute of all passes (FLOPs)",
    "steps": "step",
    "tokens": "tokens",
}
_KEYS = ("family", "model", "variant", "tau", "group_size", "recipe", "seed")


def explore_page(
    template: str,
    study: str,
    curves: "pandas.DataFrame",
    fits: Mapping[str, dict[str, Any]],
    size: str,
) -> str:
    """Fill the page's template.

    Args:
        template: workflow/report/explore.html, with the marks ``__STUDY__``, ``__DATA__`` and
            ``__VEGA__``.
        study: Name of the study.
        curves: curves.csv.
        fits: Fit documents by name.
        size: Column that holds N.
    """
    import vl_convert

    data = {
        "study": study,
        "labels": _LABELS,
        "curves": _columns(curves, size),
        "fits": [entry for document in fits.values() for entry in _lines(document)],
    }
    libraries = vl_convert.javascript_bundle()  # type: ignore[call-arg]  # its stub lacks defaults
    marks = {
        "__STUDY__": html.escape(study),
        # "</script>" and "<!--<script>" inside the data would change where the script ends.
        "__DATA__": canonical_json(data).replace("<", "\\u003c"),
        "__VEGA__": libraries.replace("</script", "<\\/script"),
    }
    return re.sub("|".join(marks), lambda mark: marks[mark.group()], template)


def _columns(curves: "pandas.DataFrame", size: str) -> dict[str, Any]:
    """The curves as columns; cells and benchmarks by their index in a list."""
    rows = curves.sort_values(["benchmark", "cell", "step"], kind="stable")
    cells = rows.drop_duplicates("cell").set_index("cell")
    benchmarks = sorted(rows["benchmark"].unique())
    described = []
    for cell, row in cells.iterrows():
        known = {key: None if _absent(row[key]) else row[key] for key in _KEYS}
        described.append({"cell": cell, "n": None if _absent(row[size]) else row[size]} | known)
    order = {cell: i for i, cell in enumerate(cells.index)}
    columns: dict[str, list[Any]] = {
        "cell": [order[cell] for cell in rows["cell"]],
        "benchmark": [benchmarks.index(name) for name in rows["benchmark"]],
    }
    for name in (*dict.fromkeys(X_COLUMNS.values()), "loss", "response_length"):
        if rows[name].notna().any():
            columns[name] = [_short(value) for value in rows[name]]
    x = {key: name for key, name in X_COLUMNS.items() if name in columns}
    return {"cells": described, "benchmarks": benchmarks, "columns": columns, "x": x}


def _absent(value: Any) -> bool:
    import pandas

    return value is None or bool(pandas.isna(value))


def _short(value: float) -> float | int | None:
    """A number at 5 significant digits."""
    if not np.isfinite(value):
        return None
    short = float(f"{value:.5g}")
    return int(short) if short == int(short) else short


def _lines(document: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Fitted lines of a document: one entry per group and size, with band and reach."""
    entries = []
    for group in document["groups"]:
        for size in group["sizes"]:
            grid = [point for point in group["fitted"] if point["model"] == size["model"]]
            if not grid:
                continue
            x, fitted, low, high = (
                [point[name] for point in grid] for name in ("x", "fitted", "low", "high")
            )
            last = x[-1]
            if law_named(document["law"]).straight:
                x, fitted, low, high = continued(x, fitted, low, high)
            entries.append(
                {
                    "law": document["law"],
                    "equation": document["equation"],
                    "x": document["x"],
                    "metric": document["metric"],
                    "benchmark": document["benchmark"],
                    "family": group["family"],
                    "variant": group["variant"],
                    "scope": group["scope"],
                    "level": document["level"],
                    "select": document["selection"],
                    "model": size["model"],
                    "n": size["n"],
                    "last": _short(last),
                    "grid": [
                        [None if value is None else _short(value) for value in column]
                        for column in (x, fitted, low, high)
                    ],
                }
            )
    return entries


def continued(
    x: Sequence[float],
    fitted: Sequence[float],
    low: Sequence[float | None],
    high: Sequence[float | None],
) -> tuple[list[float], list[float], list[float | None], list[float | None]]:
    """Continue a line that is straight in log-log, with its band, to ``_REACH`` times the last x.

    The half-width of the band of a straight line is sqrt(a + b (u - c)^2) in u = log x; a, b and c
    are read off the band's own half-widths (a parabola through their squares), above and below.
    """
    u, y = np.log(x), np.log(fitted)
    more = np.linspace(u[-1], u[-1] + np.log(_REACH), 21)[1:]
    slope = (y[-1] - y[0]) / (u[-1] - u[0])
    line = y[-1] + slope * (more - u[-1])
    ends: list[list[float | None]] = []
    for edge, sign in ((low, -1), (high, 1)):
        if edge[0] is None:
            ends.append([*edge, *[None] * len(more)])
            continue
        square = (sign * (np.log(np.asarray(edge, float)) - y)) ** 2
        middle = u.mean()
        width = np.sqrt(np.maximum(np.polyval(np.polyfit(u - middle, square, 2), more - middle),
                                   square[-1]))  # fmt: skip
        ends.append([*edge, *np.exp(line + sign * width)])
    return [*x, *np.exp(more)], [*fitted, *np.exp(line)], ends[0], ends[1]
