"""Sweeps of one axis at one size: data reuse (tau) and group size (G)."""

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from scipy.special import stdtrit

from rlscale.laws.contrast import Readings, contrast
from rlscale.laws.groups import Group, build_groups
from rlscale.report.figures.inputs import Inputs, NothingToDraw
from rlscale.report.figures.means import (
    bar_words,
    bars_mean,
    mean_points,
    summary_words,
    with_medians,
)
from rlscale.report.figures.output import Drawing, Evidence, agreed
from rlscale.report.figures.sizes import curve_panels
from rlscale.report.figures.style import (
    ACCENT,
    COLUMN,
    INK,
    MUTED,
    log_ticks,
    note,
    panels,
    widen,
)
from rlscale.report.figures.takeaways import joined, of_groups, of_reuse

if TYPE_CHECKING:
    import pandas

_NAMES = {"tau": "reuse factor τ", "group_size": "group size G"}
_SYMBOLS = {"tau": "τ", "group_size": "G"}
_LATE = 0.8  # Share of the steps after which the cost of reuse is read.


def data_reuse(inputs: Inputs) -> Drawing:
    """Loss over training when every problem is used tau times, D_total being equal."""
    return _sweep(inputs, "tau", ("data",))


def group_size(inputs: Inputs) -> Drawing:
    """Loss per problem and per FLOP for several group sizes."""
    drawing = _sweep(inputs, "group_size", ("data", inputs.compute))
    answers, found, said = {}, [], {}
    for name, rows in _swept(inputs, "group_size"):
        (group,) = build_groups(rows, x="data", column="loss", size="group_size")
        table = _late_loss(group, rows, inputs.settings["level"], "group_size").assign(swept=name)
        answers[name] = _larger_learn_more(table)
        found.append(_cost(table, -1, "group_size"))
        said[name] = of_groups(table, answers[name])
        found += _best_per_flop(drawing.table, name, inputs.compute)
    parts = {
        (f"{name}: {part}" if len(answers) > 1 else part): verdict
        for name, answer in answers.items()
        for part, verdict in (("more per problem", answer), ("best G per FLOP", "undecided"))
    }
    return replace(
        drawing, supports=agreed(answers.values()), evidence=found,
        answers=parts, takeaway=joined(said),
    )  # fmt: skip


def reuse_cost(inputs: Inputs) -> Drawing:
    """Loss late in training against tau, at equal steps, with what counts as no cost."""
    import pandas

    level, margin = inputs.settings["level"], inputs.settings["margin"]
    tables, answers, words, said = [], {}, [], {}
    for name, rows in _swept(inputs, "tau"):
        (group,) = build_groups(rows, x="data", column="loss", size="tau")
        table = _late_loss(group, rows, level, "tau").assign(swept=name)
        tables.append(table)
        answers[name] = _parts(table, margin)
        said[name] = of_reuse(table, answers[name], margin)
        words += [
            f"{name}: τ = {row['tau']:g} changes the loss by {row['cost']:+.3f}"
            + (
                "."
                if np.isnan(row["cost_low"])
                else f" [{row['cost_low']:+.3f}, {row['cost_high']:+.3f}]."
            )
            for row in table[1:].to_dict("records")
        ]
    table = pandas.concat(tables, ignore_index=True)
    figure, grid = panels(1, len(tables), width=COLUMN * min(2, len(tables)), height=2.5)
    for axes, own in zip(grid[0], tables, strict=True):
        first = own["value"].iloc[0]
        axes.set(xscale="log", xlim=widen(own["tau"], 0.1))
        below, above = own["cost"] - own["cost_low"], own["cost_high"] - own["cost"]
        axes.axhspan(first, first + margin, color=ACCENT, alpha=0.12, lw=0)
        axes.axhline(first, color=MUTED, lw=0.6)
        axes.errorbar(
            own["tau"],
            first + own["cost"],
            yerr=[[np.nan, *below[1:]], [np.nan, *above[1:]]],  # the first is what they differ from
            fmt="o-",
            color=INK,
            mfc="white",
            elinewidth=0.8,
            lw=0.7,
        )
        log_ticks(axes.xaxis)
        near = np.diff(np.log(own["tau"])).min() < 0.06 * np.ptp(np.log(own["tau"]))
        axes.set_xticks(own["tau"], [f"{tau:g}" for tau in own["tau"]], rotation=90 if near else 0)
        axes.set_title(own["swept"].iloc[0])
        axes.set_xlabel("reuse factor τ (times each problem is used)")
    grid[0, 0].set_ylabel("late test loss $L$")
    note(
        figure,
        [
            f"Loss {_when(table)}, at equal steps.",
            bar_words(table, level, f"runs of the difference from τ = {table['tau'].min():g}"),
            f"Blue: up to {margin:g} above τ = {table['tau'].min():g}.",
            inputs.missing(),
        ],
    )
    found = [_cost(own, i, "tau") for own in tables for i in dict.fromkeys((1, len(own) - 1))]
    parts = {
        (f"{name}: {part}" if len(answers) > 1 else part): answer
        for name, own in answers.items()
        for part, answer in own.items()
    }
    return Drawing(
        figure, table, " ".join(words), agreed(map(_verdict, answers.values())), found,
        takeaway=joined(said), answers=parts,
    )  # fmt: skip


def _cost(table: "pandas.DataFrame", place: int, axis: str) -> Evidence:
    """What a value of the axis, by its place, changes against the least one."""
    first, row = (table.iloc[i].to_dict() for i in (0, place))
    ends = "" if np.isnan(row["cost_low"]) else f"[{row['cost_low']:+.3f}, {row['cost_high']:+.3f}]"
    values = f"{_SYMBOLS[axis]} = {first[axis]:g} to {row[axis]:g}"
    what = f"change of the loss {_at(table)} from {values}"
    runs = f"{first['n_runs']} and {row['n_runs']} runs"
    over = "other runs of the difference"
    return Evidence(row["swept"], what, f"{row['cost']:+.3f}", ends, runs, over if ends else "")


def _when(table: "pandas.DataFrame") -> str:
    """The steps that a late loss is the mean of, in words."""
    count = len(str(table["steps"].iloc[0]).split())
    which = "the only one" if count == 1 else f"the {count}"
    return f"{_at(table)}, {which} after {100 * _LATE:g} % of training"


def _at(table: "pandas.DataFrame") -> str:
    steps = str(table["steps"].iloc[0]).split()
    return f"at step {steps[0]}" if len(steps) == 1 else f"over steps {steps[0]} to {steps[-1]}"


def _larger_learn_more(table: "pandas.DataFrame") -> str:
    """C6, per problem: whether the largest group ends below the smallest."""
    last = table.iloc[-1]
    if last["cost_high"] < 0:
        return "consistent"
    return "no" if last["cost_low"] > 0 else "undecided"


def _best_per_flop(drawn: "pandas.DataFrame", name: str, compute: str) -> list[Evidence]:
    """C6, per FLOP: the group of the least loss at both ends of the compute that all have."""
    points = drawn[(drawn["swept"] == name) & (drawn["against"] == compute)]
    points = points[points["mark"] == "point"].sort_values("x")
    groups = [own for _, own in points.groupby("n")]
    low = max(own["x"].min() for own in groups)
    high = min(own["x"].max() for own in groups)
    if low >= high:
        return []
    found = []
    for budget in (low, high):
        losses = [np.interp(np.log(budget), np.log(own["x"]), own["value"]) for own in groups]
        best = groups[int(np.argmin(losses))]["n"].iloc[0]
        what = f"G of the least loss at {budget:.2g} FLOP"
        found.append(Evidence(name, what, f"{best:g}", "", f"loss {min(losses):.3f}"))
    return found


def _late_loss(
    group: Group, curves: "pandas.DataFrame", level: float, axis: str
) -> "pandas.DataFrame":
    """Late mean loss per value of an axis, its change from the least one, intervals over runs.

    Args:
        group: Curves of all values of the axis.
        curves: The same as a table, for the cells' seeds: runs of one seed have the problems' order
            and perhaps the base model in common, and are set against each other (``contrast``).
        level: Of the intervals.
        axis: ``tau`` or ``group_size``.
    """
    import pandas

    late = group.steps > _LATE * group.steps.max()
    known = np.isfinite(group.value[:, late])
    value = np.nansum(group.value[:, late], 1) / known.sum(1)
    rows = []
    runs = group.members.sum(1)
    mean = group.members @ value / runs
    freedom = int((runs - 1).sum())
    pooled = (value - mean[group.size_of]) @ (value - mean[group.size_of]) / max(freedom, 1)
    quantile = float(stdtrit(freedom, 0.5 + level / 2)) if freedom else np.nan
    seed = curves.groupby("cell")["seed"].first().loc[list(group.cells)].to_numpy(float)
    found = Readings(value, *np.array([[1.0], [0.0], [1.0]]) * np.ones_like(value))
    for m, setting in enumerate(group.n):
        half = quantile * np.sqrt(pooled / runs[m])
        against = np.eye(len(runs))[m] - np.eye(len(runs))[0]
        change = contrast(found, group.size_of, seed, against.tolist()) if m else None
        cost = change.estimate if change else mean[m] - mean[0]
        apart = change.se * stdtrit(change.freedom, 0.5 + level / 2) if change else np.nan
        rows.append(
            {
                "variant": group.variant,
                axis: setting,
                "value": mean[m],
                "low": mean[m] - half,
                "high": mean[m] + half,
                "cost": cost,
                "cost_low": cost - apart if m else 0.0,
                "cost_high": cost + apart if m else 0.0,
                "n_runs": int(runs[m]),
                "steps": " ".join(f"{step:g}" for step in group.steps[late]),
            }
        )
    return pandas.DataFrame(rows)


def _parts(table: "pandas.DataFrame", margin: float) -> dict[str, str]:
    """C5 in its parts: whether the least reuse costs little, and whether the most costs more.

    Two values of tau that are named beforehand; of the best among many, one seems cheap by chance.
    """
    least, most = table.iloc[1], table.iloc[-1]
    within, beyond = (row["cost_high"] <= margin for row in (least, most))
    cheap = "yes" if within else "no" if least["cost_low"] > margin else "undecided"
    parts = {f"τ = {least['tau']:g} costs little": cheap}
    if len(table) > 2:
        dear = "yes" if most["cost_low"] > margin else "no" if beyond else "undecided"
        parts[f"τ = {most['tau']:g} costs more"] = dear
    return parts


def _verdict(parts: Mapping[str, str]) -> str:
    """C5: little at first, and more from some point on; without that point, consistent."""
    cheap, *dear = parts.values()
    if cheap != "yes":
        return cheap
    return "yes" if dear == ["yes"] else "consistent"


def _swept(inputs: Inputs, axis: str) -> "list[tuple[str, pandas.DataFrame]]":
    """(name, rows) of each set of cells that differ in ``axis`` and the seed alone.

    Raises:
        NothingToDraw: No set has two values of the axis.
    """
    rows = inputs.curves[inputs.curves["benchmark"] == inputs.settings["benchmark"]]
    rows = rows[rows[axis].notna()].fillna({"recipe": "", "family": ""})
    other = "group_size" if axis == "tau" else "tau"
    sweeps = rows.groupby(["recipe", "family", "model", "variant", other], dropna=False, sort=True)
    found = [(key, part) for key, part in sweeps if part[axis].nunique() > 1]
    if not found:
        raise NothingToDraw(f"no model was trained with two values of the {_NAMES[axis]}")
    several = len({key[0] for key, _ in found}) > 1
    return [
        (f"{key[2]}, {key[3]}" + (f" ({key[0]})" if several else ""), part) for key, part in found
    ]


def _sweep(inputs: Inputs, axis: str, against: tuple[str, ...]) -> Drawing:
    import pandas

    level = inputs.settings["level"]
    parts, notes, words = [], [], []
    for name, rows in _swept(inputs, axis):
        for x in against:
            (group,) = build_groups(rows, x=x, column="loss", size=axis)
            points = mean_points(group, level)
            shown = with_medians(points.assign(mark="point")).assign(against=x, swept=name)
            parts.append((name, x, shown))
        notes.append(summary_words(shown, f"{name}: {bars_mean(group, level)}"))
        words.append(_last_words(name, points, _SYMBOLS[axis]))
    figure = curve_panels(
        parts,
        size=axis,
        palette=inputs.palette,
        notes=[*dict.fromkeys(notes), inputs.missing()],
        columns=2,
    )
    table = pandas.concat([part for _, _, part in parts], ignore_index=True)
    return Drawing(figure, table, " ".join(words), "undecided")


def _last_words(name: str, points: "pandas.DataFrame", symbol: str) -> str:
    """Mean loss at the last common step for every value of the axis."""
    step = points.groupby("model")["step"].max().min()
    last = points[points["step"] == step].sort_values("n")
    listed = "; ".join(
        f"{symbol} = {row.model}: {row.value:.3f}"
        + ("" if np.isnan(row.low) else f" [{row.low:.3f}, {row.high:.3f}]")
        for row in last.itertuples()
    )
    over = "" if points["low"].isna().all() else " (intervals of the mean over runs)"
    return f"{name}, loss at step {step}{over}: {listed}."
