"""results/explore.html: curves, laws and forecasts in one page that needs no network.

The page holds the curves as columns, the fitted lines with their bands, continued beyond the data
where a law is straight in log-log, and Vega (through vl-convert) to draw them. The data are packed
(deflate, base64), which the browser unpacks: about ten bytes a row.
"""

import base64
import html
import re
import zlib
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from rlscale.core.digests import canonical_json
from rlscale.core.tables import k_of, pass_columns
from rlscale.laws.groups import X_COLUMNS
from rlscale.laws.registry import law_named
from rlscale.report.figures.style import colours, human

if TYPE_CHECKING:
    import pandas

_REACH = 10.0  # How many times beyond the last x straight laws are continued.
_TESTED = (
    4.0  # How many times ahead ``verdicts.forecasts`` has tried the law: from a first quarter.
)
_LABELS = {
    "data": "problems seen D",
    "compute": "training compute C (FLOPs, 6NT)",
    "compute_full": "compute of all passes (FLOPs)",
    "steps": "step",
    "tokens": "tokens",
}
_METRICS = {"loss": "loss", "response_length": "response length"}  # those of pass@k follow
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
        "labels": _LABELS,
        "metrics": _metrics(curves),
        "sizes": _sizes(curves, size),
        "curves": _columns(curves, size),
        "fits": [entry for document in fits.values() for entry in _lines(document)],
    }
    libraries = vl_convert.javascript_bundle()  # type: ignore[call-arg]  # its stub lacks defaults
    marks = {
        "__STUDY__": html.escape(study),
        # base64 has no "<": no name can end the script that holds it.
        "__DATA__": base64.b64encode(zlib.compress(canonical_json(data).encode(), 9)).decode(),
        "__VEGA__": libraries.replace("</script", "<\\/script"),
    }
    return re.sub("|".join(marks), lambda mark: marks[mark.group()], template)


def _metrics(curves: "pandas.DataFrame") -> dict[str, str]:
    """What can be drawn upwards: columns of the curves, in words."""
    passes = {name: f"1 \u2212 pass@{k_of(name)}" for name in pass_columns(curves.columns)}
    return {
        name: words for name, words in (_METRICS | passes).items() if curves[name].notna().any()
    }


def _sizes(curves: "pandas.DataFrame", size: str) -> list[dict[str, Any]]:
    """Sizes in the order of their numbers, with names and colours."""
    numbers = sorted(float(n) for n in curves[size].dropna().unique())
    names = dict.fromkeys(human(n) for n in numbers)
    shades = colours(len(names), "viridis")
    found = [{"name": name, "colour": shade} for name, shade in zip(names, shades, strict=True)]
    return found + [{"name": "?", "colour": "#666666"}] * bool(curves[size].isna().any())


def _columns(curves: "pandas.DataFrame", size: str) -> dict[str, Any]:
    """The curves as columns; cells and benchmarks by their index in a list."""
    rows = curves.sort_values(["benchmark", "cell", "step"], kind="stable")
    cells = rows.drop_duplicates("cell").set_index("cell")
    benchmarks = sorted(rows["benchmark"].unique())
    described = []
    for cell, row in cells.iterrows():
        known = {key: None if _absent(row[key]) else row[key] for key in _KEYS}
        name = "?" if _absent(row[size]) else human(float(row[size]))
        described.append({"cell": cell, "size": name} | known)
    order = {cell: i for i, cell in enumerate(cells.index)}
    columns: dict[str, list[Any]] = {
        "cell": [order[cell] for cell in rows["cell"]],
        "benchmark": [benchmarks.index(name) for name in rows["benchmark"]],
    }
    for name in (*dict.fromkeys(X_COLUMNS.values()), *_metrics(rows)):
        if rows[name].notna().any():
            values = 1 - rows[name] if k_of(name) else rows[name]
            columns[name] = [_short(value) for value in values]
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
    # A fit of another benchmark is named by it; what it is fitted to is the loss there.
    named = document["metric"]
    metric = named if named in _METRICS or k_of(named) else "loss"
    for group in document["groups"]:
        doubt = _doubt(group)
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
                    "metric": metric,
                    "benchmark": document["benchmark"],
                    "family": group["family"],
                    "variant": group["variant"],
                    "scope": group["scope"],
                    "level": document["level"],
                    "select": document["selection"],
                    "size": human(size["n"]),
                    "last": _short(last),
                    "supported": _short(last * (_TESTED if doubt == "" else 1)),
                    "doubt": doubt,
                    "grid": [
                        [None if value is None else _short(value) for value in column]
                        for column in (x, fitted, low, high)
                    ],
                }
            )
    return entries


def _doubt(group: Mapping[str, Any]) -> str:
    """Why a law is not to be believed beyond the data; empty where it has been tried and held."""
    verdicts = group["verdicts"]
    if group["status"] != "ok":
        return f"fit {group['status'].replace('_', ' ')}"
    if verdicts is None:
        return "nothing is known of it"
    if verdicts["bends"] == "yes":
        return "the curves bend"
    said = {"no": "it failed on the rest of these runs", "yes": ""}
    return said.get(verdicts["forecasts"], "not shown to forecast")


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
