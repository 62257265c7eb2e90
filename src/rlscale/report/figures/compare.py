"""Two studies in one figure: their k(N), and the difference with its interval."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from rlscale.answers.compare import compare_fits
from rlscale.report.figures.inputs import interval, size_label, span
from rlscale.report.figures.output import Drawing
from rlscale.report.figures.style import (
    ACCENT,
    DOUBLE,
    INK,
    MUTED,
    RIVAL,
    SMALL,
    human,
    log_ticks,
    note,
    panels,
    say,
    spread,
    widen,
)

if TYPE_CHECKING:
    import pandas
    from matplotlib.axes import Axes

LOOKS = ((ACCENT, "o"), (RIVAL, "s"))


def compared(one: Mapping[str, Any], other: Mapping[str, Any]) -> Drawing:
    """Slopes of both studies over N (left) and their differences at shared sizes (right).

    Args:
        one: Fit document of this study.
        other: Fit document of the other study, of the same law, x and metric.

    Returns:
        The drawing; its table holds the rows of ``rlscale.answers.compare.compare_fits``.

    Raises:
        StudyError: The fits cannot be compared.
    """
    table = compare_fits(one, other)
    variants = list(dict.fromkeys(table["variant"]))
    figure, grid = panels(
        len(variants), 2, width=DOUBLE, height=0.6 + 2.1 * len(variants), sharex=True
    )
    sizes = [
        size["n"] for fit in (one, other) for entry in fit["groups"] for size in entry["sizes"]
    ]
    for (left, right), variant in zip(grid, variants, strict=True):
        entries = [_entry(fit, variant) for fit in (one, other)]
        for name, entry, look in zip((one["study"], other["study"]), entries, LOOKS, strict=True):
            _slopes(left, entry, name, *look)
        left.set_title(f"{variant}: both studies")
        left.set_ylabel(f"learning efficiency $k$ ({one['x']})")
        low, high = left.get_ylim()
        left.set_ylim(low, high + 0.3 * (high - low))  # Room for the legend.
        left.legend(loc="upper left")
        right.set_title(f"{variant}: {other['study']} − {one['study']}")
        right.set_ylabel("difference of $k$")
        _differences(right, table[table["variant"] == variant], entries[0])
        for axes in (left, right):
            axes.axhline(0, color=MUTED, lw=0.6)
            axes.set(xscale="log", xlim=widen(sizes))
            log_ticks(axes.xaxis, human)
    for axes in grid[-1]:
        axes.set_xlabel("model size $N$")
    level = f"{100 * one['level']:g} %"
    scopes = " and ".join(dict.fromkeys([*table["scope_one"], *table["scope_other"]]))
    note(figure, [f"Law: {one['law']}. Bars: {level} intervals, scope {scopes}; other runs each."])
    return Drawing(figure, table, " ".join(_sentence(row, level) for _, row in table.iterrows()))


def _entry(fit: Mapping[str, Any], variant: str) -> Mapping[str, Any]:
    return next(entry for entry in fit["groups"] if entry["variant"] == variant)


def _slopes(axes: "Axes", entry: Mapping[str, Any], study: str, colour: str, marker: str) -> None:
    import pandas

    rows = []
    for size in entry["sizes"]:
        low, high, _ = interval(size["k"], entry["scope"])
        rows.append({"n": size["n"], "value": size["k"]["estimate"], "low": low, "high": high})
    points = pandas.DataFrame(rows).replace([np.inf, -np.inf], np.nan)  # No bar to an open end.
    parameters = ", ".join(
        f"{symbol} {write(entry['parameters'][key]['estimate'])}"
        + span(entry["parameters"][key], entry["scope"], write)
        for key, symbol, write in (("K_max", "$K_{max}$", "{:.3f}".format), ("N0", "$N_0$", human))
        if key in entry["parameters"]
    )
    bars: dict[str, Any] = {
        "fmt": marker,
        "mfc": "white",
        "ms": 4,
        "elinewidth": 0.8,
        "capsize": 1.6,
    }
    label = f"{study}: {parameters}" if parameters else study
    axes.errorbar(
        points["n"], points["value"], yerr=spread(points), color=colour, label=label, **bars
    )
    curve = pandas.DataFrame(entry["curve"])
    if len(curve):
        axes.plot(curve["n"], curve["k"], color=colour)


def _differences(axes: "Axes", table: "pandas.DataFrame", entry: Mapping[str, Any]) -> None:
    """The rows of shared sizes; their N is this study's."""
    rows = table.set_index("quantity")
    shared = [size for size in entry["sizes"] if f"k({size['model']})" in rows.index]
    if not shared:
        say(axes, "no size in common")
        return
    part = rows.loc[[f"k({size['model']})" for size in shared]].assign(
        n=[size["n"] for size in shared], value=lambda found: found["difference"]
    )
    bars: dict[str, Any] = {"fmt": "D", "color": INK, "ms": 3.4, "elinewidth": 0.8, "capsize": 1.6}
    axes.errorbar(part["n"], part["value"], yerr=spread(part), **bars)
    for size, (_, row) in zip(shared, part.iterrows(), strict=True):
        axes.annotate(
            size_label(size["model"], size["n"], "n_params"),
            (size["n"], row["value"]),
            xytext=(4, 3),
            textcoords="offset points",
            fontsize=SMALL,
        )


def _sentence(row: "pandas.Series", level: str) -> str:
    ends = "" if row["low"] is None else f" [{row['low']:.3g}, {row['high']:.3g}]"
    return (
        f"{row['variant']} {row['quantity']}: {row['difference']:.3g}{ends} ({level}), "
        f"{row['verdict']}."
    )
