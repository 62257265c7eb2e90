"""Sweeps of one axis at one size: data reuse (tau) and group size (G)."""

from rlscale.plots.curves import X_WRITERS, draw_sizes, ends
from rlscale.plots.inputs import X_LABELS, Inputs, NothingToDraw, bars_mean, mean_points
from rlscale.plots.output import Drawing
from rlscale.plots.style import COLUMN, DOUBLE, label_ends, log_ticks, note, panels, plain, widen
from rlscale.points import build_groups

_NAMES = {"tau": "reuse factor τ", "group_size": "group size G"}


def data_reuse(inputs: Inputs) -> Drawing:
    """Loss over training when every problem is used tau times, D_total being equal."""
    return _sweep(inputs, "tau", ("data",))


def group_size(inputs: Inputs) -> Drawing:
    """Loss per problem and per FLOP for several group sizes."""
    return _sweep(inputs, "group_size", ("data", "compute"))


def swept(inputs: Inputs, axis: str) -> list:
    """Rows of each set of cells that differ in ``axis`` and the seed alone.

    Returns:
        One table per (recipe, model, variant, ...) with at least two values of the axis.
    """
    rows = inputs.curves[inputs.curves["benchmark"] == inputs.settings["benchmark"]]
    rows = rows[rows[axis].notna()].fillna({"recipe": "", "family": ""})
    other = "group_size" if axis == "tau" else "tau"
    sweeps = rows.groupby(["recipe", "family", "model", "variant", other], dropna=False, sort=True)
    return [part for _, part in sweeps if part[axis].nunique() > 1]


def _sweep(inputs: Inputs, axis: str, against: tuple[str, ...]) -> Drawing:
    import pandas

    sweeps = swept(inputs, axis)
    if not sweeps:
        raise NothingToDraw(f"no model was trained with two values of the {_NAMES[axis]}")
    level = inputs.settings["level"]
    parts, notes, words = {}, [], []
    for i, rows in enumerate(sweeps):
        for x in against:
            (group,) = build_groups(rows, x=x, column="loss", size=axis)
            points = mean_points(group, level).assign(
                mark="point", axis=axis, against=x, swept_model=rows["model"].iloc[0]
            )
            parts[i, x] = points
        notes.append(bars_mean(group, level))
        words.append(_last_words(parts[i, against[0]], axis))
    table = pandas.concat(parts.values(), ignore_index=True)
    columns = len(against)
    width = COLUMN if columns == 1 else DOUBLE
    figure, grid = panels(len(sweeps), columns, width=width, height=0.4 + 2.2 * len(sweeps))
    for (i, x), points in parts.items():
        axes = grid[i, against.index(x)]
        axes.set(xscale="log", yscale="log", xlabel=X_LABELS[x])
        axes.set(xlim=widen(points["x"]), ylim=widen([*points["low"], *points["high"]]))
        axes.set_title(f"{points['swept_model'].iloc[0]}, {points['variant'].iloc[0]}")
        draw_sizes(axes, points, inputs.palette)
        log_ticks(axes.xaxis, X_WRITERS.get(x, plain), most=5)
        log_ticks(axes.yaxis)
    for axes in grid[:, 0]:
        axes.set_ylabel("test loss $L$ = 1 − pass@1")
    note(figure, [*dict.fromkeys(notes), inputs.missing()])
    figure.draw_without_rendering()
    for (i, x), points in parts.items():
        label_ends(grid[i, against.index(x)], ends(points, axis))
    return Drawing(figure, table, " ".join(words), "undecided")


def _last_words(points, axis: str) -> str:
    """Mean loss at the last common step for every value of the axis."""
    step = points.groupby("model")["step"].max().min()
    last = points[points["step"] == step].sort_values("n")
    symbol = "τ" if axis == "tau" else "G"
    listed = "; ".join(
        f"{symbol} = {row.model}: {row.value:.3f}"
        + (f" [{row.low:.3f}, {row.high:.3f}]" if row.low == row.low else "")
        for row in last.itertuples()
    )
    return (
        f"{last['swept_model'].iloc[0]}, {last['variant'].iloc[0]}, loss at step {step}: {listed}."
    )
