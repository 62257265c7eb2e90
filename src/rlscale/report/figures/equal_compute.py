"""Settings of one axis against a reference at equal compute, within and beyond what was seen."""

from typing import TYPE_CHECKING, Any

import numpy as np

from rlscale.report.figures.inputs import Inputs, NothingToDraw
from rlscale.report.figures.output import Drawing
from rlscale.report.figures.style import (
    COLUMN,
    DOUBLE,
    MARKERS,
    MUTED,
    colours,
    label_ends,
    note,
    panels,
    spread,
)

if TYPE_CHECKING:
    import pandas
    from matplotlib.axes import Axes

_ALL = "all sizes"
_DODGE = 1.05  # bars of one budget stand beside each other
_NAMES = {"tau": "τ = ", "group_size": "G = "}
_X = {"compute": "compute", "data": "problems"}


def equal_compute(inputs: Inputs) -> Drawing:
    """Difference in ln L from a reference against the common budget, per axis and group."""
    import pandas

    table = inputs.table("equal_compute")
    if table.empty:
        raise NothingToDraw("no cells differ in one of recipe, variant, tau and group size alone")
    x = "compute" if (table["x"] == "compute").any() else table["x"].iloc[0]
    rows = table[(table["x"] == x) & (table["quantity"] == "ln_loss")].fillna({"family": ""})
    keys = ["axis", "family", "recipe", "variant", "tau", "group_size"]
    parts = [_one_size(own) for _, own in rows.groupby(keys, dropna=False, sort=False)]
    columns = min(2, len(parts))
    lines = -(-len(parts) // columns)
    figure, grid = panels(
        lines, columns, width=COLUMN if columns == 1 else DOUBLE, height=0.6 + 2.2 * lines
    )
    for axes in grid.flat[len(parts) :]:
        axes.set_axis_off()
    ends = [
        _panel(axes, part, inputs.palette) for axes, part in zip(grid.flat, parts, strict=False)
    ]
    for axes in grid[:, 0]:
        axes.set_ylabel("difference in ln $L$")
    for axes in list(grid.flat)[: len(parts)][-columns:]:
        axes.set_xlabel(f"multiple of the largest common {_X.get(x, x)}")
    drawn = pandas.concat(parts, ignore_index=True)
    note(figure, [_bars(drawn, inputs.settings["level"]), inputs.missing()])
    figure.draw_without_rendering()
    for axes, own in zip(grid.flat, ends, strict=False):
        label_ends(axes, own)
    words = " ".join(_words(part) for part in parts)
    return Drawing(figure, drawn, words)


def _one_size(rows: "pandas.DataFrame") -> "pandas.DataFrame":
    """The mean over sizes where there is one, else the size itself."""
    mean = rows[rows["model"] == _ALL]
    return mean if len(mean) else rows[rows["model"] == rows["model"].iloc[0]]


def _panel(
    axes: "Axes", rows: "pandas.DataFrame", palette: str
) -> list[tuple[float, float, str, str]]:
    """Draw one panel; what stands at the ends of its lines."""
    first = rows.iloc[0].to_dict()
    ends = []
    values = rows["value"].unique()
    shades = colours(len(values), palette)
    axes.set_xscale("log")
    axes.axhline(0, color=MUTED, lw=0.7, zorder=1)
    for place, (value, shade) in enumerate(zip(values, shades, strict=True)):
        own = rows[rows["value"] == value].sort_values("multiple")
        at = own["multiple"] * _DODGE ** (place - (len(values) - 1) / 2)
        marker = MARKERS[place % len(MARKERS)]
        own = own.assign(at=at)
        axes.plot(at, own["difference"], color=shade, lw=0.7)
        for measured, part in own.groupby("measured"):
            face = shade if measured == "yes" else "white"
            bars = spread(part, "difference")
            axes.errorbar(
                part["at"], part["difference"], yerr=bars, fmt=marker, color=shade, mfc=face,
                ms=4, elinewidth=0.8, lw=0.7,
            )  # fmt: skip
        last = own.iloc[-1].to_dict()
        ends.append((last["at"], last["difference"], _name(first["axis"], value), shade))
    ticks = sorted(set(rows["multiple"]))
    axes.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    axes.set_xticks([], minor=True)
    axes.set_title(_title(first))
    return ends


def _title(row: dict[Any, Any]) -> str:
    others = [str(row["model"])] + [str(row["variant"])] * (row["axis"] != "variant")
    return f"{', '.join(others)}: against {_name(row['axis'], row['reference'])}"


def _name(axis: str, value: Any) -> str:
    return f"{_NAMES.get(axis, '')}{value}"


def _bars(rows: "pandas.DataFrame", level: float) -> str:
    if not np.isfinite(rows["low"]).any():
        return "No error bars: nothing tells how sure."
    over = "over other runs"
    if (rows["scope"] == "residuals").any():
        over += ", where there is one run of each by its points' scatter alone"
    return f"Bars = {100 * level:g} % intervals {over}; hollow = beyond what was measured."


def _words(rows: "pandas.DataFrame") -> str:
    """The verdict of every setting at the largest budget that all have, and at the last."""
    said = []
    for value, own in rows.groupby("value", sort=False):
        name = _name(own["axis"].iloc[0], value)
        told = [
            f"at {row.multiple:g} times {row.difference:+.3f} [{row.low:+.3f}, {row.high:+.3f}], "
            f"{row.verdict}"
            for row in own[own["multiple"].isin([1, own["multiple"].max()])].itertuples()
        ]
        said.append(f"{_title(own.iloc[0].to_dict())}, {name}: {'; '.join(told)}.")
    return " ".join(said)
