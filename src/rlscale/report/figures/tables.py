"""Tables, drawn like figures: parameters of the law, uncertainty of k, final losses, models."""

from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.special import chdtri

from rlscale.laws.law import names_of
from rlscale.laws.registry import law_named
from rlscale.report.figures.inputs import Inputs, NothingToDraw, fixed, interval
from rlscale.report.figures.means import means_by
from rlscale.report.figures.output import Cells, Drawing
from rlscale.report.figures.style import (
    DOUBLE,
    INK,
    SMALL,
    human,
    note,
    panels,
)

if TYPE_CHECKING:
    import pandas
    from matplotlib.figure import Figure

_WIDE = 0.01  # Chance of a spread, were it the pooled one, below which an interval is too narrow.
_ROW = 0.17  # Inches.
_FINAL_HEADS = (
    "variant", "model", "$N$", "before", "final $L$", "SD of runs", "runs from", "interval", "runs",
)  # fmt: skip
_SCOPES = {"fixed": "these problems", "redrawn": "such problems", "block": "blocks"}


def draw_table(
    rows: Sequence[Sequence[str]], heads: Sequence[str], *, width: float, notes: Sequence[str]
) -> "Figure":
    """A table with rules above and below, text left, numbers right."""
    figure, grid = panels(1, 1, width=width, height=0.35 + _ROW * (len(rows) + 2))
    axes = grid[0, 0]
    axes.set_axis_off()
    axes.set(xlim=(0, 1), ylim=(len(rows) + 0.6, -1.0))
    widths = [max(len(str(cell)) for cell in column) for column in zip(heads, *rows, strict=True)]
    edges = np.concatenate([[0], np.cumsum(np.array(widths) + 2.0)])
    edges = edges / edges[-1]
    for i, head in enumerate(heads):
        right = bool(rows) and all(numeric(row[i]) for row in rows)
        x, side = (edges[i + 1] - 0.01, "right") if right else (edges[i] + 0.005, "left")
        axes.text(x, -0.45, head, ha=side, va="center", weight="bold", fontsize=SMALL)
        for j, row in enumerate(rows):
            axes.text(x, j + 0.4, row[i], ha=side, va="center", fontsize=SMALL)
    for y, thick in ((-0.95, 0.9), (0.0, 0.5), (len(rows), 0.9)):
        axes.plot([0, 1], [y, y], color=INK, lw=thick, clip_on=False)
    note(figure, notes)
    return figure


def numeric(cell: str) -> bool:
    """Whether a cell begins as a number, or says that there is none."""
    return str(cell)[:1] in "0123456789−-+–" and str(cell)[:1] != ""


def parameters(inputs: Inputs) -> Drawing:
    """K_max and N0 of every group, by our fit and by the paper's protocol."""
    import pandas

    records = []
    for name, document in inputs.fits.items():
        law = law_named(document["law"])
        if not {"K_max", "N0"} <= set(names_of(law.parameters)):
            continue
        for entry in document["groups"]:
            record = {
                "fit": law.label,
                "x": document["x"], "family": entry["family"], "variant": entry["variant"],
                "status": entry["status"], "scope": entry["scope"], "file": name,
            }  # fmt: skip
            for parameter in ("K_max", "N0"):
                quantity = entry["parameters"].get(parameter)
                low, high, _ = interval(quantity, entry["scope"]) if quantity else (np.nan,) * 3
                record |= {
                    parameter: quantity["estimate"] if quantity else np.nan,
                    f"{parameter}_low": low,
                    f"{parameter}_high": high,
                }
            found = entry["identification"]
            record["finding"] = found["verdict"] if found else ""
            records.append(record)
            if law.weighting is None:  # Once, beside ours.
                records += _published(inputs, entry, document["x"])
    if not records:
        raise NothingToDraw("its configuration does not ask for the saturating law")
    table = pandas.DataFrame(records).sort_values(["variant", "x", "fit"], ignore_index=True)
    rows = [
        (
            row["variant"],
            row["x"],
            row["fit"],
            _ends(row, "K_max", fixed),
            _ends(row, "N0", human),
            (row["finding"] or row["status"]).replace("_", " "),
        )
        for row in table.to_dict("records")
    ]
    heads = ("variant", "against", "fit", "$K_{max}$", "$N_0$", "saturation")
    words = "; ".join(f"{r[0]}, {r[1]}, {r[2]}: K_max {r[3]}, N0 {r[4]}" for r in rows)
    figure = draw_table(rows, heads, width=DOUBLE, notes=[_level(inputs), inputs.missing()])
    return Drawing(figure, table, f"{words}.", cells=Cells(heads, rows))


def _published(inputs: Inputs, entry: Mapping[str, Any], x: str) -> list[dict[str, Any]]:
    """Rows of the published values of a group's variant."""
    return [
        {
            "fit": f"published ({row['protocol']})", "x": x, "family": entry["family"],
            "variant": entry["variant"], "status": "as printed", "scope": "none", "file": "",
            "K_max": row["K_max"], "N0": row["N0"], "finding": "",
        }
        for row in inputs.published(entry["variant"], x).to_dict("records")
    ]  # fmt: skip


def _ends(row: Mapping[Hashable, Any], name: str, write: Callable[[float], str]) -> str:
    if np.isnan(row[name]):
        return "–"
    low, high = row[f"{name}_low"], row[f"{name}_high"]
    if np.isnan(low):
        return write(row[name])
    low, high = (write(end) if np.isfinite(end) else "open" for end in (low, high))
    return f"{write(row[name])} [{low}, {high}]"


def uncertainty(inputs: Inputs) -> Drawing:
    """Free slope k of every size with its interval in every scope."""
    import pandas

    records = []
    for x in (inputs.compute, "data"):
        document = inputs.fit("free_slopes", x)
        for entry in document["groups"]:
            for size in entry["sizes"]:
                own = {"x": x, "variant": entry["variant"], "model": size["model"], "n": size["n"],
                       "n_runs": size["n_runs"], "n_points": size["n_points"],
                       "k": size["k"]["estimate"]}  # fmt: skip
                for scope in _SCOPES:
                    low, high, _ = interval(size["k"], scope)
                    own |= {f"{scope}_low": low, f"{scope}_high": high}
                    own[f"{scope}_status"] = size["k"]["intervals"][scope]["status"]
                records.append(own)
    if not records:
        raise NothingToDraw("no size could be fitted")
    table = pandas.DataFrame(records)
    rows = [
        (
            r["variant"],
            r["x"],
            human(r["n"]),
            str(r["n_runs"]),
            str(r["n_points"]),
            fixed(r["k"], 4),
            *(
                "–"
                if np.isnan(r[f"{scope}_low"])
                else f"{fixed(r[f'{scope}_low'], 4)} to {fixed(r[f'{scope}_high'], 4)}"
                for scope in _SCOPES
            ),
        )
        for r in table.to_dict("records")
    ]
    heads = ("variant", "against", "$N$", "runs", "points", "$k$", *_SCOPES.values())
    notes = [
        _level(inputs),
        "These problems: other runs. Such problems: other runs on other problems of the kind. "
        "Blocks: residual blocks of one curve per size, which know nothing of other runs.",
        inputs.missing(),
    ]
    figure = draw_table(rows, heads, width=DOUBLE, notes=notes)
    return Drawing(figure, table, "", cells=Cells(heads, rows))


def final_loss(inputs: Inputs) -> Drawing:
    """Loss before and after training with the standard deviation between runs."""
    rows = inputs.size_rows()
    rows = rows[rows["benchmark"] == inputs.settings["benchmark"]]
    last = rows[rows["step"] == rows.groupby("cell")["step"].transform("max")]
    size, level = inputs.settings["size"], inputs.settings["level"]
    keys = ["family", "variant", size, "model"]
    table = means_by(last, keys, "loss", level).rename(columns={size: "n"})
    losses = last.groupby(keys, sort=True, dropna=False)["loss"]
    spread = losses.std()
    table["sd_between_runs"] = spread.to_numpy()
    table["least_run"], table["most_run"] = losses.min().to_numpy(), losses.max().to_numpy()
    first = rows[rows["step"] == 0].groupby(keys, dropna=False)["loss"].mean()
    table["before"] = first.reindex(spread.index).to_numpy()
    cells = [
        (
            r["variant"],
            r["model"],
            human(r["n"]),
            _number(r["before"]),
            _number(r["value"]),
            _number(r["sd_between_runs"]),
            f"{r['least_run']:.4f} to {r['most_run']:.4f}" if r["n_runs"] > 1 else "–",
            "–" if np.isnan(r["low"]) else f"{r['low']:.4f} to {r['high']:.4f}",
            str(r["n_runs"]),
        )
        for r in table.to_dict("records")
    ]
    pooled = _pooled_words(table)
    notes = [_level(inputs), pooled, inputs.missing()]
    figure = draw_table(cells, _FINAL_HEADS, width=DOUBLE, notes=notes)
    return Drawing(figure, table, "", cells=Cells(_FINAL_HEADS, cells, pooled))


def _pooled_words(table: "pandas.DataFrame") -> str:
    """What the intervals of means share, and the sizes whose own runs spread by far more."""
    freedom = (table["n_runs"] - 1).clip(lower=0)
    if not freedom.sum():
        return ""
    sd = table["sd_between_runs"]
    pooled = float(np.sqrt((freedom * sd.fillna(0) ** 2).sum() / freedom.sum()))
    wide = table[freedom * sd**2 > chdtri(freedom, _WIDE) * pooled**2]
    words = f"Intervals are of the mean; all use the SD of runs pooled over the rows, {pooled:.4f}."
    if len(wide):
        named = ", ".join(f"{r['variant']} {human(r['n'])}" for r in wide.to_dict("records"))
        words += f" Runs of {named} spread by more than chance allows: too narrow there."
    return words


def models(inputs: Inputs) -> Drawing:
    """The model suite: parameters of every size, cells and steps."""
    columns = ["family", "model", "variant", "n_params", "n_params_total", "n_params_nominal"]
    groups = inputs.curves.groupby(columns, dropna=False, sort=False)
    table = groups.agg(cells=("cell", "nunique"), steps=("step", "max")).reset_index()
    order = ["family", "variant", inputs.settings["size"], "model"]
    table = table.sort_values(order, ignore_index=True)
    rows = [
        (
            r["family"] if isinstance(r["family"], str) else "",
            r["model"],
            r["variant"],
            *("–" if np.isnan(r[name]) else f"{r[name]:,.0f}" for name in columns[3:]),
            str(r["cells"]),
            f"{r['steps']:g}",
        )
        for r in table.to_dict("records")
    ]
    heads = ("family", "model", "variant", "$N$", "with embeddings", "nominal", "cells", "steps")
    figure = draw_table(rows, heads, width=DOUBLE, notes=[inputs.missing()])
    return Drawing(figure, table, "", cells=Cells(heads, rows))


def _number(value: float) -> str:
    return "–" if np.isnan(value) else f"{value:.4f}"


def _level(inputs: Inputs) -> str:
    return f"Brackets and ranges: {100 * inputs.settings['level']:g} % intervals."
