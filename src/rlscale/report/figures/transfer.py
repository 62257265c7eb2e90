"""Claim C7: what training on one set does to the loss on every benchmark."""

import re
from typing import TYPE_CHECKING

import numpy as np
from scipy.special import stdtrit

from rlscale.report.figures.benchmarks import OVER, bars, by_size, ordered
from rlscale.report.figures.inputs import Inputs, NothingToDraw
from rlscale.report.figures.means import bar_words
from rlscale.report.figures.output import Drawing, Evidence, agreed
from rlscale.report.figures.style import (
    ACCENT,
    DOUBLE,
    MUTED,
    human,
    log_ticks,
    note,
    panels,
    widen,
)
from rlscale.report.figures.takeaways import joined, of_transfer

if TYPE_CHECKING:
    import pandas

# A benchmark's field by its name, as curves have no other word of it; other names have none.
_FIELDS = {
    "mathematics": re.compile(r"math|aime|amc|gsm|olympiad|arithmetic|sum", re.I),
    "beyond": re.compile(r"human_?eval|mbpp|code|zebra|gpqa|mmlu|bbeh|ifeval", re.I),
}


def domain_transfer(inputs: Inputs) -> Drawing:
    """Loss before and after training against size, one panel per benchmark and variant."""
    import pandas

    rows = inputs.size_rows()
    last = rows["step"] == rows.groupby(["cell", "benchmark"])["step"].transform("max")
    kept = rows[last | (rows["step"] == 0)]
    kept = kept.assign(when=np.where(kept["step"] == 0, "before", "after"))
    both = kept.groupby(["cell", "benchmark"])["when"].transform("nunique") == 2
    if not both.any():
        raise NothingToDraw("its curves have no step 0, so nothing before training")
    kept = kept[both]
    benchmarks = ordered(inputs, kept)
    variants = sorted(kept["variant"].unique())
    table = pandas.concat(
        [
            by_size(kept[(kept["benchmark"] == name) & (kept["when"] == when)], inputs).assign(
                benchmark=name, when=when
            )
            for name in benchmarks
            for when in ("before", "after")
        ],
        ignore_index=True,
    )
    columns = min(4, len(benchmarks))
    rows_each = -(-len(benchmarks) // columns)
    height = 0.7 + 1.7 * rows_each * len(variants)
    figure, grid = panels(
        rows_each * len(variants), columns, width=DOUBLE, height=height, sharex=True
    )
    for axes in grid.flat:
        axes.set_axis_off()
    for i, variant in enumerate(variants):
        own_axes = grid[i * rows_each : (i + 1) * rows_each].flat
        for axes, name in zip(own_axes, benchmarks, strict=False):
            own = table[(table["variant"] == variant) & (table["benchmark"] == name)]
            axes.set_axis_on()
            axes.set(xscale="log", xlim=widen(table["n"], 0.1))
            for when, colour, face in (("before", MUTED, "white"), ("after", ACCENT, ACCENT)):
                bars(axes, own[own["when"] == when], "n", color=colour, mfc=face, fmt="o-",
                      lw=0.7, label=f"{when} training")  # fmt: skip
            log_ticks(axes.xaxis, human, most=4)
            axes.set_title(f"{name}, {variant}")
    for axes in grid[-1]:
        axes.set_xlabel("model size $N$")
    for axes in grid[:, 0]:
        axes.set_ylabel("loss $L$")
    handles, labels = grid[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper left", ncols=2)
    note(figure, [bar_words(table, inputs.settings["level"], OVER), inputs.missing()])
    change = _changes(table, benchmarks, inputs.settings["benchmark"])
    answers = {str(variant): _carried(own) for variant, own in change.groupby("variant")}
    said = {str(v): of_transfer(own, answers[str(v)]) for v, own in change.groupby("variant")}
    found = [one for _, own in change.groupby("variant") for one in _evidence(own)]
    return Drawing(
        figure, table, _words(change), agreed(answers.values()), found,
        takeaway=joined(said), answers=answers,
    )  # fmt: skip


def _changes(table: "pandas.DataFrame", benchmarks: list[str], held_out: str) -> "pandas.DataFrame":
    """Change of the loss of every variant's largest size: variant, n, benchmark, field, change."""
    import pandas

    largest = table[table["n"] == table.groupby("variant")["n"].transform("max")]
    wide = largest.pivot_table("value", ["variant", "n", "benchmark"], "when").reset_index()
    change = wide.assign(change=wide["after"] - wide["before"])
    change["field"] = change["benchmark"].map(_field)
    change.loc[change["benchmark"] == held_out, "field"] = ""  # What was trained on.
    order = pandas.Categorical(change["benchmark"], benchmarks)
    return change.assign(order=order.codes).sort_values(["variant", "order"])


def _field(benchmark: str) -> str:
    return next((name for name, known in _FIELDS.items() if known.search(benchmark)), "")


def _interval(change: "pandas.DataFrame", field: str) -> tuple[float, float, float]:
    """Mean change over the benchmarks of a field and the ends of its 90 % t interval over them."""
    values = change.loc[change["field"] == field, "change"]
    mean, count = float(values.mean()), len(values)
    if count < 2:
        return mean, np.nan, np.nan
    half = float(stdtrit(count - 1, 0.95) * values.std() / np.sqrt(count))
    return mean, mean - half, mean + half


def _carried(change: "pandas.DataFrame") -> str:
    """C7: whether losses fall within mathematics, and by less beyond it."""
    _, low, high = _interval(change, "mathematics")
    _, beyond_low, beyond_high = _interval(change, "beyond")
    if high < 0 and high < beyond_low:
        return "yes"
    return "no" if low > 0 or beyond_high < low else "undecided"


def _evidence(change: "pandas.DataFrame") -> list[Evidence]:
    found = []
    for field, where in (("mathematics", "within mathematics"), ("beyond", "beyond mathematics")):
        names = change.loc[change["field"] == field, "benchmark"]
        count = len(names)
        if not count:
            continue
        mean, low, high = _interval(change, field)
        ends = "" if np.isnan(low) else f"[{low:+.3f}, {high:+.3f}]"
        what = f"change of the loss of {human(change['n'].iloc[0])} {where}"
        alone = f"1 benchmark, {names.iloc[0]}: no interval over benchmarks"
        benchmarks = f"{count} benchmarks" if count > 1 else alone
        found.append(Evidence(change["variant"].iloc[0], what, f"{mean:+.3f}", ends, benchmarks,
                              "other benchmarks" if ends else ""))  # fmt: skip
    return found


def _words(change: "pandas.DataFrame") -> str:
    """Change of the loss of the largest size, per benchmark."""
    words = []
    for variant, own in change.groupby("variant"):
        listed = ", ".join(
            f"{row['benchmark']} {row['change']:+.3f}" for row in own.to_dict("records")
        )
        words.append(f"{variant}, change of the largest size's loss: {listed}.")
    return " ".join(words)
