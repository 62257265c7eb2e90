"""Before and after training: final loss by size, other benchmarks, response length."""

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from rlscale.laws.groups import build_groups
from rlscale.report.figures.inputs import Inputs, NothingToDraw, title
from rlscale.report.figures.means import (
    bar_words,
    mean_points,
    means_by,
    summary_words,
    with_medians,
)
from rlscale.report.figures.output import NOT_JUDGED, Drawing, Evidence, agreed
from rlscale.report.figures.sizes import LOSS, curve_panels
from rlscale.report.figures.style import (
    COLUMN,
    INK,
    RIVAL,
    human,
    log_ticks,
    note,
    panels,
    spread,
    widen,
)
from rlscale.report.figures.takeaways import joined, of_ends, of_lengths

if TYPE_CHECKING:
    import pandas
    from matplotlib.axes import Axes

_LOOKS = {"base": (INK, "o"), "instruct": (RIVAL, "s")}
OVER = "other runs and other problems"
_RUNS = "other runs"


def final_loss_vs_size(inputs: Inputs) -> Drawing:
    """Loss at the last step against model size."""
    rows = inputs.size_rows()
    rows = rows[rows["benchmark"] == inputs.settings["benchmark"]]
    last = rows["step"] == rows.groupby("cell")["step"].transform("max")
    table = by_size(rows[last], inputs)
    figure, grid = panels(1, 1, width=COLUMN, height=2.5)
    axes = grid[0, 0]
    axes.set(xscale="log", yscale="log", xlim=widen(table["n"], 0.08))
    axes.set_ylim(widen([*table["low"], *table["high"], *table["value"]]))
    for variant, part in table.groupby("variant"):
        colour, marker = _LOOKS[str(variant)]
        bars(axes, part, "n", color=colour, fmt=f"{marker}-", mfc="white", lw=0.7, label=variant)
    log_ticks(axes.xaxis, human)
    log_ticks(axes.yaxis)
    axes.set_xlabel("model size $N$")
    axes.set_ylabel("final " + LOSS)
    if table["variant"].nunique() > 1:
        axes.legend()
    note(figure, [bar_words(table, inputs.settings["level"], OVER), inputs.missing()])
    words = "; ".join(
        f"{row['variant']} {human(row['n'])}: {row['value']:.4f}"
        + ("" if np.isnan(row["low"]) else f" [{row['low']:.4f}, {row['high']:.4f}]")
        for row in table.to_dict("records")
    )
    found = [one for _, part in table.groupby("variant") for one in _ends(part)]
    answers = {name: _falls(part) for name, part in _by_group(table)}
    takeaway = joined({name: of_ends(part, answers[name]) for name, part in _by_group(table)})
    return Drawing(
        figure, table, f"Final loss of {words}.", agreed(answers.values()), found,
        takeaway=takeaway, answers=answers,
    )  # fmt: skip


def response_length(inputs: Inputs) -> Drawing:
    """Tokens per response over training, per size."""
    import pandas

    rows = inputs.size_rows()
    rows = rows[
        (rows["benchmark"] == inputs.settings["benchmark"]) & rows["response_length"].notna()
    ]
    if not (rows["step"] > 0).any():
        raise NothingToDraw("its curves have no response lengths")
    level, size = inputs.settings["level"], inputs.settings["size"]
    groups = build_groups(rows, x="steps", column="response_length", size=size)
    several = len({group.family for group in groups}) > 1
    parts, words = [], []
    for group in groups:
        points = mean_points(group, level).assign(mark="point")
        parts.append((title(group.family, group.variant, several), "steps", with_medians(points)))
        ends = points.sort_values("step").groupby("n")["value"].agg(["first", "last"])
        listed = ", ".join(
            f"{human(n)} {_tokens(first)} → {_tokens(last)}" for n, first, last in ends.itertuples()
        )
        words.append(f"{group.variant}, tokens from the first to the last step: {listed}.")
    table = pandas.concat([part for _, _, part in parts], ignore_index=True)
    figure = curve_panels(
        parts,
        size=size,
        palette=inputs.palette,
        notes=[summary_words(table, bar_words(table, level, "runs")), inputs.missing()],
        ylabel="tokens per response",
    )
    points = table[table["mark"] == "point"]
    found = [one for _, part in points.groupby("variant") for one in _lengths(part)]
    steps = {name: _first_and_last(part) for name, part in _by_group(points)}
    answers = {name: _grows(*own) for name, own in steps.items()}
    takeaway = joined(
        {name: of_lengths(own[0], own[1], answers[name]) for name, own in steps.items()}
    )
    return Drawing(
        figure, table, " ".join(words), agreed(answers.values()), found,
        takeaway=takeaway, answers=answers,
    )  # fmt: skip


def _by_group(table: "pandas.DataFrame") -> Iterator[tuple[str, "pandas.DataFrame"]]:
    """Parts of a table by the title of their panel."""
    several = table["family"].nunique() > 1
    for (family, variant), part in table.groupby(["family", "variant"]):
        yield title(str(family), str(variant), several), part


def _first_and_last(part: "pandas.DataFrame") -> list[dict[Any, Any]]:
    """Rows of a variant's largest size at its first and last step."""
    largest = part[part["n"] == part["n"].max()].sort_values("step")
    return largest.iloc[[0, -1]].to_dict("records")


def _lengths(part: "pandas.DataFrame") -> list[Evidence]:
    """Tokens of a variant's largest size: at its last step, with the first in words, and then."""
    first, last = _first_and_last(part)
    begun = f"(at step {first['step']:g}: {_tokens(first['value'])})"
    what = f"tokens of {human(last['n'])} at step"
    return [
        _measured(last, f"{what} {last['step']:g} {begun}", _tokens, _RUNS),
        _measured(first, f"{what} {first['step']:g}", _tokens, _RUNS),
    ]


def _tokens(mean: float) -> str:
    return f"{mean:,.0f}" if mean >= 100 else f"{mean:.3g}"


def _measured(row: dict[Any, Any], what: str, write: Callable[[float], str], over: str) -> Evidence:
    """A mean over runs with its interval."""
    ends = [write(row[name]) for name in ("low", "high")]
    interval = "" if np.isnan(row["low"]) else f"[{ends[0]}, {ends[1]}]"
    runs = f"{row['n_runs']:g} run" + "s" * (row["n_runs"] != 1)
    return Evidence(str(row["variant"]), what, write(row["value"]), interval, runs, over)


def _ends(part: "pandas.DataFrame") -> list[Evidence]:
    """Final loss of the smallest and the largest size of a variant."""
    rows = part.sort_values("n").iloc[[0, -1]].drop_duplicates("n").to_dict("records")
    return [
        _measured(row, f"final loss of {human(row['n'])}", "{:.3f}".format, OVER) for row in rows
    ]


def benchmarks_vs_data(inputs: Inputs) -> Drawing:
    """Loss on every benchmark against problems seen, per size."""
    import pandas

    rows = inputs.size_rows()
    parts = []
    steps = rows[rows["step"] > 0].groupby("benchmark")["step"].nunique()
    followed = rows[rows["benchmark"].map(steps) > 1]
    if followed.empty:
        raise NothingToDraw("no benchmark was asked at two steps of training")
    for benchmark in ordered(inputs, followed):
        own = rows[(rows["benchmark"] == benchmark) & rows["loss"].notna()]
        for group in build_groups(own, x="data", column="loss", size=inputs.settings["size"]):
            points = mean_points(group, inputs.settings["level"])
            named = with_medians(points.assign(mark="point", benchmark=benchmark))
            parts.append((f"{benchmark}, {group.variant}", "data", named))
    parts.sort(key=lambda part: part[2]["variant"].iloc[0])
    table = pandas.concat([part for _, _, part in parts], ignore_index=True)
    per_row = len(set(followed["benchmark"]))
    figure = curve_panels(
        parts,
        size=inputs.settings["size"],
        palette=inputs.palette,
        notes=[
            summary_words(table, bar_words(table, inputs.settings["level"], "runs")),
            inputs.missing(),
        ],
        columns=per_row if per_row <= 4 else 4,
        shared=False,
    )
    return Drawing(figure, table, "", "not a claim")


def ordered(inputs: Inputs, rows: "pandas.DataFrame") -> list[str]:
    """Benchmarks, the held-out one first."""
    held_out = inputs.settings["benchmark"]
    return sorted(rows["benchmark"].unique(), key=lambda name: (name != held_out, name))


def by_size(rows: "pandas.DataFrame", inputs: Inputs) -> "pandas.DataFrame":
    """Mean loss per family, variant and size with its interval, in the order of sizes."""
    size = inputs.settings["size"]
    keys = ["family", "variant", "model", size]
    table = means_by(rows, keys, "loss", inputs.settings["level"]).rename(columns={size: "n"})
    return table.sort_values(["family", "variant", "n"], ignore_index=True)


def bars(axes: "Axes", part: "pandas.DataFrame", x: str, **look: Any) -> None:
    """Means with their intervals against a column."""
    axes.errorbar(part[x], part["value"], yerr=spread(part), elinewidth=0.8, **look)


def _falls(table: "pandas.DataFrame") -> str:
    """C1: whether a variant's largest size ends lower than the smallest, beyond both intervals."""
    first, last = table.iloc[0], table.iloc[-1]
    if max(first["n_runs"], last["n_runs"]) < 2:
        return NOT_JUDGED
    higher = last["low"] > first["high"]
    return "yes" if last["high"] < first["low"] else "no" if higher else "undecided"


def _grows(first: Mapping[str, Any], last: Mapping[str, Any]) -> str:
    """C8: whether responses of the largest size grow from the first to the last step."""
    if max(first["n_runs"], last["n_runs"]) < 2:
        return NOT_JUDGED
    shrunk = last["high"] < first["low"]
    return "yes" if last["low"] > first["high"] else "no" if shrunk else "undecided"
