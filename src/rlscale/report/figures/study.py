"""What the study used and what became of it: ledger and outcomes."""

from typing import TYPE_CHECKING

import numpy as np

from rlscale.core.tables import as_counts
from rlscale.report.figures.inputs import Inputs, NothingToDraw, title
from rlscale.report.figures.output import Drawing
from rlscale.report.figures.style import (
    ACCENT,
    DOUBLE,
    FAINT,
    INK,
    MUTED,
    RIVAL,
    human,
    note,
    panels,
    plain,
)

if TYPE_CHECKING:
    import pandas
    from matplotlib.axes import Axes

_PHASES = {
    "generation": ("generation", ACCENT),
    "old_logprobs": ("old log-probabilities", "#86c5d8"),
    "reference": ("reference", FAINT),
    "update": ("update", INK),
    "evaluation": ("evaluation", MUTED),
}
_ABREAST = 6  # Panels in a row, so that their titles do not touch.
_OUTCOMES = {
    "correct": ACCENT,
    "wrong": FAINT,
    "unparsed": RIVAL,
    "timed out": INK,
}


def ledger(inputs: Inputs) -> Drawing:
    """FLOPs by phase and hours of training, per model."""
    known = inputs.curves.drop_duplicates("cell")[["cell", "model", "variant", "n_params"]]
    model = ["n_params", "model", "variant"]
    rows = inputs.table("ledger").merge(known, on="cell", how="inner")
    rows = rows.assign(**{name: as_counts(rows[name]) for name in ("flops", "compute_flops")})
    table = rows.pivot_table(index=model, columns="phase", values="flops", aggfunc="sum")
    table = table.reindex(columns=list(_PHASES), fill_value=0).fillna(0)
    table.insert(0, "cells", rows.groupby(model)["cell"].nunique())
    table["compute_flops"] = rows.groupby(model)["compute_flops"].sum()
    timings = inputs.table("timings").merge(known, on="cell", how="inner")
    table["seconds"] = timings.groupby(model)["seconds"].sum()
    table = table.reset_index().rename_axis(columns=None)
    places = np.arange(len(table))
    figure, grid = panels(1, 2, width=DOUBLE, height=0.95 + 0.22 * len(table), sharey=True)
    flops, hours = grid[0]
    left = np.zeros(len(table))
    unit = 10.0 ** np.floor(np.log10(max(table[list(_PHASES)].sum(axis=1).max(), 1)))
    for name, (label, colour) in _PHASES.items():
        flops.barh(places, table[name] / unit, left=left / unit, color=colour, label=label,
                   height=0.68, edgecolor="white", linewidth=0.4)  # fmt: skip
        left += table[name].to_numpy()
    flops.plot(table["compute_flops"] / unit, places, "|", color=RIVAL, ms=9, mew=1.4,
               label="the paper's $C$ = $6NT$")  # fmt: skip
    cells = [f"{count} cell{'s' * (count != 1)}" for count in table["cells"]]
    names = table["model"] + " " + table["variant"]
    flops.set_yticks(places, [f"{n} ({c})" for n, c in zip(names, cells, strict=True)])
    flops.invert_yaxis()
    flops.set_xlabel(f"FLOPs ($10^{{{int(np.log10(unit))}}}$)")
    hours.barh(places, table["seconds"] / 3600, color="#7a6a9b", height=0.68)
    hours.set_xlabel("hours of training")
    for axes in grid[0]:
        axes.grid(axis="y", visible=False)
    handles, labels = flops.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper left", ncols=3)
    note(figure, ["Hours are those of training, without evaluation.", inputs.missing()])
    evaluation, paper = table["evaluation"].sum(), table["compute_flops"].sum()
    full = table[list(_PHASES)].to_numpy().sum() - evaluation
    words = (
        f"{table['cells'].sum()} cells: {full:.3g} FLOPs in all phases of training, "
        f"{full / paper:.2f} times the paper's count 6NT ({paper:.3g}), and {evaluation:.3g} in "
        f"evaluation; {table['seconds'].sum() / 3600:.2g} hours."
    )
    return Drawing(figure, table, words)


def outcomes(inputs: Inputs) -> Drawing:
    """Shares of correct, wrong, unparsed and timed-out samples over training, per size."""
    rows = inputs.size_rows()
    rows = rows[(rows["benchmark"] == inputs.settings["benchmark"]) & rows["n_correct"].notna()]
    if rows.empty:
        raise NothingToDraw("its curves have no counts of samples")
    size = inputs.settings["size"]
    sums = rows.groupby(["family", "variant", size, "model", "step"], as_index=False)[
        ["n_samples", "n_correct", "n_unparsed", "n_timeout"]
    ].sum()
    table = sums.rename(columns={size: "n"})
    table["correct"] = table["n_correct"] / table["n_samples"]
    table["unparsed"] = table["n_unparsed"] / table["n_samples"]
    table["timed out"] = table["n_timeout"] / table["n_samples"]
    table["wrong"] = 1 - table[["correct", "unparsed", "timed out"]].sum(axis=1)
    parts = list(table.groupby(["family", "variant", "n", "model"]))
    columns = min(_ABREAST, len(parts))
    lines = -(-len(parts) // columns)
    figure, grid = panels(lines, columns, width=DOUBLE, height=0.75 + 1.25 * lines, sharey=True)
    several = table["family"].nunique() > 1
    for axes in grid.flat[len(parts) :]:
        axes.set_axis_off()
    for axes, ((family, variant, n, _), part) in zip(grid.flat, parts, strict=False):
        axes.set_title(f"{human(n)}, {title(family, variant, several)}", fontsize=7)
        _areas(axes, part.sort_values("step"))
    for axes in grid[:, 0]:
        axes.set_ylabel("share of samples")
    for axes in grid.flat[max(len(parts) - columns, 0) : len(parts)]:
        axes.set_xlabel("step")
    handles, labels = grid[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper left", ncols=4)
    log_spaced = "Steps are drawn equally far apart." if _few(table) else ""
    note(figure, [log_spaced, inputs.missing()])
    last = table[table["step"] == table["step"].max()]
    words = "; ".join(
        f"{r.variant} {human(r.n)}: {r.correct:.3f} correct, {r.unparsed:.3f} unparsed"
        for r in last.itertuples()
    )
    return Drawing(figure, table, f"Shares at the last step: {words}.")


def _few(part: "pandas.DataFrame") -> bool:
    return part["step"].nunique() <= 12


def _areas(axes: "Axes", part: "pandas.DataFrame") -> None:
    steps = part["step"].to_numpy()
    places = np.arange(len(steps)) if _few(part) else steps
    axes.stackplot(
        places,
        *(part[name] for name in _OUTCOMES),
        colors=list(_OUTCOMES.values()),
        labels=list(_OUTCOMES),
        lw=0,
    )
    axes.set(ylim=(0, 1), xlim=(places[0], places[-1] if len(places) > 1 else places[0] + 1))
    if _few(part):
        every = 1 if len(steps) <= 6 else 2
        axes.set_xticks(places[::every], [plain(step) for step in steps[::every]])
