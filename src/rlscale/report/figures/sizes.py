"""Panels of curves with one colour and marker per size (or per value of tau or G)."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rlscale.report.figures.inputs import X_LABELS, size_label
from rlscale.report.figures.means import CROWDED
from rlscale.report.figures.style import (
    COLUMN,
    DOUBLE,
    MARKERS,
    colours,
    human,
    label_ends,
    log_ticks,
    note,
    panels,
    plain,
    scientific,
    spread,
    widen,
)

if TYPE_CHECKING:
    import pandas
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

LOSS = "test loss $L$ = 1 − pass@1"
_WRITERS = {"compute": scientific, "compute_full": scientific, "tokens": human, "data": human}


def curve_panels(
    parts: Sequence[tuple[str, str, "pandas.DataFrame"]],
    *,
    size: str,
    palette: str,
    notes: Sequence[str],
    columns: int = 2,
    ylabel: str = LOSS,
    log_y: bool = True,
    shared: bool = True,
) -> "Figure":
    """A grid of panels of curves.

    Args:
        parts: (title, key of ``X_LABELS``, table) of each panel; the table has model, n, x, value,
            low, high and mark (``point``, ``line`` or ``median``).
        size: What the curves differ in: an n_params column, tau or group_size.
        palette: Name of the palette.
        notes: Sentences below the panels.
        columns: Panels per row at most.
        ylabel: Label of the vertical axes.
        log_y: Logarithmic vertical axis.
        shared: The same limits in all panels that share their x.
    """
    columns = min(columns, len(parts))
    rows = -(-len(parts) // columns)
    height = 0.45 + (2.25 if columns < 3 else 1.75) * rows
    figure, grid = panels(rows, columns, width=COLUMN if columns == 1 else DOUBLE, height=height)
    for axes in grid.flat[len(parts) :]:
        axes.set_axis_off()
    for axes, (title, x, part) in zip(grid.flat, parts, strict=False):
        alike = [other for _, key, other in parts if key == x] if shared else [part]
        _limits(axes, alike, log_y)
        axes.set_title(title)
        axes.set_xlabel(X_LABELS[x])
        draw_sizes(axes, part, palette)
        log_ticks(axes.xaxis, _WRITERS.get(x, plain), most=5 if columns < 3 else 4)
        if log_y:
            log_ticks(axes.yaxis)
    for axes in grid[:, 0]:
        axes.set_ylabel(ylabel)
    note(figure, notes)
    figure.draw_without_rendering()
    for axes, (_, _, part) in zip(grid.flat, parts, strict=False):
        label_ends(axes, _ends(part, size, palette))
    return figure


def _limits(axes: "Axes", tables: Sequence["pandas.DataFrame"], log_y: bool) -> None:
    axes.set(xscale="log", xlim=widen([x for table in tables for x in table["x"]]))
    if log_y:
        ends = [v for t in tables for name in ("value", "low", "high") for v in t[name]]
        axes.set(yscale="log", ylim=widen(ends))


def draw_sizes(axes: "Axes", part: "pandas.DataFrame", palette: str) -> None:
    """Points with bars and fitted lines with bands, one colour and marker per size."""
    sizes = part[["model", "n"]].drop_duplicates().sort_values("n")["model"]
    for model, colour, marker in zip(sizes, colours(len(sizes), palette), MARKERS, strict=False):
        own = part[part["model"] == model]
        points, line = own[own["mark"] == "point"], own[own["mark"] == "line"]
        crowded = len(points) > CROWDED
        median = own[own["mark"] == "median"]
        if len(median):
            axes.plot(points["x"], points["value"], ".", color=colour, ms=1.2, mew=0, alpha=0.35)
        elif len(line) == 0:
            axes.plot(points["x"], points["value"], color=colour, lw=0.7, alpha=0.7)
        drawn = line if len(line) else median
        band = drawn.dropna(subset=["low", "high"])
        if len(band):
            axes.fill_between(band["x"], band["low"], band["high"], color=colour, alpha=0.18, lw=0)
        axes.plot(drawn["x"], drawn["value"], color=colour)
        if len(median):
            continue
        axes.errorbar(
            points["x"],
            points["value"],
            yerr=spread(points),
            fmt="o" if crowded else marker,
            color=colour,
            ms=1.6 if crowded else 3.6,
            mew=0,
            elinewidth=0.25 if crowded else 0.7,
            alpha=0.3 if crowded else 1.0,
        )


def _ends(part: "pandas.DataFrame", size: str, palette: str) -> list[tuple[float, float, str, str]]:
    """Where each size's line (or its last point) ends, with its label and colour."""
    ends = []
    groups = part.groupby(["n", "model"], sort=True)
    for ((_, model), own), colour in zip(groups, colours(len(groups), palette), strict=True):
        line = own[own["mark"].isin(["line", "median"])]
        last = (line if len(line) else own).sort_values("x").iloc[-1]
        label = size_label(str(model), last["n"], size)
        ends.append((last["x"], last["value"], label, colour))
    return ends
