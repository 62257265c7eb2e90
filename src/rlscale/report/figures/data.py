"""What the data stage did to each set: rows lost on the way, and pass rates before and after."""

import textwrap
from collections.abc import Iterator
from typing import Any

import numpy as np

from rlscale.core.files import read_json
from rlscale.report.figures.inputs import Inputs, NothingToDraw
from rlscale.report.figures.output import Drawing
from rlscale.report.figures.style import (
    ACCENT,
    DOUBLE,
    FAINT,
    INK,
    MUTED,
    RIVAL,
    SMALL,
    note,
    panels,
)

_PARTS = {"before": MUTED, "train": ACCENT, "held_out": RIVAL}


def data_waterfall(inputs: Inputs) -> Drawing:
    """Rows read, each loss, rows left, per data set."""
    import pandas

    table = pandas.DataFrame(
        [{"set": name, **row} for name, report in _reports(inputs) for row in report["waterfall"]]
    )
    sets = list(table.groupby("set", sort=False))
    most = max(len(part) for _, part in sets)
    figure, grid = panels(len(sets), 1, width=DOUBLE, height=(0.7 + 0.24 * most) * len(sets))
    words = []
    for axes, (name, part) in zip(grid[:, 0], sets, strict=True):
        _bars(axes, part)
        read, kept = part.iloc[0]["rows"], part.iloc[-2:]["rows"].sum()
        axes.set_title(f"{name}: {read:,} rows read, {read - kept:,} lost")
        words.append(
            f"{name}: {read:,} rows read, {read - kept:,} lost, {part.iloc[-2]['rows']:,} for "
            f"training and {part.iloc[-1]['rows']:,} held out"
        )
    note(figure, ["Bars of losses begin where the rows left end; dropped.csv names every row."])
    return Drawing(figure, table, "; ".join(words) + ".")


def _bars(axes: Any, part: Any) -> None:
    places = np.arange(len(part))
    lost = part["rows"] < 0
    axes.barh(
        places, part["rows"].abs(), left=part["left"].where(lost, 0), height=0.68,
        color=np.select([lost, part["stage"].eq("read")], [RIVAL, MUTED], ACCENT),
    )  # fmt: skip
    for place, row in zip(places, part.itertuples(), strict=True):
        end = row.left + max(-row.rows, 0)
        axes.annotate(f"{row.rows:,}", (end, place), (3, 0), textcoords="offset points",
                      va="center", color=INK, fontsize=SMALL)  # fmt: skip
    labels = [f"{r.stage}: {r.reason}" if r.reason else r.stage for r in part.itertuples()]
    axes.set_yticks(places, [textwrap.shorten(label, 60, placeholder=" …") for label in labels])
    axes.invert_yaxis()
    axes.set_xlim(0, 1.1 * part["left"].max())
    axes.set_xlabel("rows")
    axes.grid(axis="y", visible=False)


def pass_rates(inputs: Inputs) -> Drawing:
    """Shares of rows by tenth of the pass rate, before and after the stage, per data set."""
    import pandas
    import seaborn

    table = pandas.DataFrame(
        [
            {"set": name, "part": part, **row}
            for name, report in _reports(inputs)
            for part, histogram in report["pass_rate"].items()
            for row in histogram
        ]
    )
    table["share"] = table["rows"] / table.groupby(["set", "part"])["rows"].transform("sum")
    known = table[table["from"].notna()].groupby("set", sort=False)["rows"].sum()
    sets = list(known[known > 0].index)
    if not sets:
        raise NothingToDraw("its problems have no pass rates")
    figure, grid = panels(1, len(sets), width=DOUBLE, height=2.5, sharey=True)
    for axes, name in zip(grid[0], sets, strict=True):
        rows = table[table["set"] == name]
        tenth = rows["from"].map("{:g}".format).where(rows["from"].notna(), "none")
        seaborn.barplot(
            rows.assign(tenth=tenth, part=rows["part"].str.replace("_", " ")),
            x="tenth", y="share", hue="part", ax=axes, errorbar=None, saturation=1, linewidth=0,
            palette={part.replace("_", " "): colour for part, colour in _PARTS.items()},
        )  # fmt: skip
        axes.set(title=name, xlabel="pass rate from (none: not given)", ylabel="share of rows")
        axes.axvline(tenth.nunique() - 1.5, color=FAINT, lw=0.7)
        axes.legend(title=None).set_visible(axes is grid[0, 0])
    words = (
        f"{name}: {known[name] / table.loc[table['set'] == name, 'rows'].sum():.0%} of the rows "
        "have a pass rate"
        for name in sets
    )
    return Drawing(figure, table, "; ".join(words) + ".")


def _reports(inputs: Inputs) -> Iterator[tuple[str, dict[str, Any]]]:
    """The report of each data set, by the set's name."""
    found = [(name.removeprefix("data_"), path) for name, path in inputs.tables.items()]
    if not found:
        raise NothingToDraw("it prepares no data set")
    for name, path in found:
        yield name, read_json(path)
