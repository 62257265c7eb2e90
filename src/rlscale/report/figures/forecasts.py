"""Forecasts against what happened, and the ranking of laws by them."""

import textwrap
from collections.abc import Hashable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from rlscale.core.files import read_json
from rlscale.laws.groups import build_groups, metric_rows
from rlscale.laws.registry import BASELINES
from rlscale.report.figures.inputs import X_LABELS, Inputs, NothingToDraw, title
from rlscale.report.figures.means import bar_words, mean_points
from rlscale.report.figures.output import Drawing, Evidence, agreed
from rlscale.report.figures.registry import FORECAST_LAWS
from rlscale.report.figures.sizes import LOSS
from rlscale.report.figures.style import (
    ACCENT,
    COLUMN,
    DOUBLE,
    INK,
    MUTED,
    RIVAL,
    human,
    log_ticks,
    note,
    panels,
    per_cent,
    scientific,
    spread,
    widen,
)
from rlscale.report.figures.takeaways import BETTER, of_forecast

if TYPE_CHECKING:
    import pandas
    from matplotlib.axes import Axes

_LAW = FORECAST_LAWS[0]
_LOOKS = ((ACCENT, "-"), (RIVAL, (0, (4, 1.5))), (MUTED, ":"))
_POINTS = {"seen": "measured, fitted", "forecast": "measured, not shown to the fit"}
_Part = tuple[dict[str, Any], "pandas.DataFrame"]  # A target and its panel.
_STYLES = dict(zip(FORECAST_LAWS, _LOOKS, strict=True))


def forecast_inter(inputs: Inputs) -> Drawing:
    """The largest size, forecast from the smaller ones that alone were fitted."""
    return _forecast(inputs, "inter")


def forecast_intra(inputs: Inputs) -> Drawing:
    """The rest of every run, forecast from its first part."""
    return _forecast(inputs, "intra")


def _forecast(inputs: Inputs, protocol: str) -> Drawing:
    import pandas

    documents = {}
    for law in _STYLES:
        if f"{protocol}_{law}" in inputs.tables:
            documents[law] = read_json(inputs.path(f"{protocol}_{law}"))
    if not documents:
        raise NothingToDraw(f"its configuration has no forecast protocol '{protocol}'")
    first = next(iter(documents.values()))
    rows, column, _ = metric_rows(inputs.size_rows(), first["metric"], inputs.settings["benchmark"])
    groups = build_groups(rows, x=first["x"], column=column, size=inputs.settings["size"])
    parts = []
    for group in groups:
        points = mean_points(group, first["level"])
        for target in first["predictions"]:
            if (target["family"], target["variant"]) != (group.family, group.variant):
                continue
            own = points[points["model"] == target["model"]]
            parts.append((target, _panel(target, own, documents, first["protocol"])))
    parts, left_out = _told(parts, documents)
    parts.sort(key=lambda part: (part[0]["family"], part[0]["variant"], part[0]["n"]))
    columns = min(len(parts), 4 if len(parts) > 2 else 2)
    lines = -(-len(parts) // columns)
    width = COLUMN if columns == 1 else DOUBLE
    legend = 2 if width == COLUMN else 1  # Its rows.
    figure, grid = panels(lines, columns, width=width, height=0.55 + 0.2 * legend + 1.75 * lines)
    for axes in grid.flat[len(parts) :]:
        axes.set_axis_off()
    write = scientific if first["x"].startswith("compute") else human
    for axes, (target, part) in zip(grid.flat, parts, strict=False):
        _draw(axes, part)
        log_ticks(axes.xaxis, write, most=4)
        log_ticks(axes.yaxis, most=5)
        axes.set_title(f"{human(target['n'])}, {title(target['family'], target['variant'], False)}")
    for axes in grid[-1]:
        axes.set_xlabel(X_LABELS[first["x"]])
    for axes in grid[:, 0]:
        axes.set_ylabel(LOSS if lines == 1 else "test loss $L$")
    handles, labels = grid.flat[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper left", ncols=-(-len(labels) // legend))
    table = pandas.concat([part for _, part in parts], ignore_index=True)
    points = table[table["mark"] != "law"]
    banded = bool(np.isfinite(table.loc[table["law"] == _LAW, "low"]).any())
    seen = "the first part of each run" if protocol == "intra" else "the smaller sizes"
    note(
        figure,
        [
            f"Fitted to {seen} alone; the full circles were not in the fit's input.",
            bar_words(points, first["level"], "runs"),
            f"Band: {100 * first['level']:g} % interval of the {_LAW} forecast." if banded else "",
            *dict.fromkeys(
                f"{target['variant']}, {law}: {target['reason']}."
                for law, document in documents.items()
                for target in document["predictions"]
                if target["status"] != "ok"
            ),
            left_out,
            inputs.missing(),
        ],
    )
    takeaway = of_forecast(protocol, inputs.table(f"scores_{protocol}"), _LAW)
    words, answers, found = _verdict(inputs, protocol)
    return Drawing(
        figure, table, words, agreed(answers.values()), found, takeaway=takeaway, answers=answers
    )


def _told(parts: list[_Part], documents: dict[str, dict[str, Any]]) -> tuple[list[_Part], str]:
    """The targets that a fitted law tells anything of, and a sentence on the others.

    Where no target has a law, all are kept: they show why.
    """
    laws = [law for law in documents if law not in BASELINES]
    told = [part for part in parts if set(laws) & set(part[1]["law"])]
    if not told or len(told) == len(parts):
        return parts, ""
    kept = {id(target) for target, _ in told}
    absent = [f"{human(t['n'])} {t['variant']}" for t, _ in parts if id(t) not in kept]
    return told, f"Not drawn, as no law could be fitted for it: {', '.join(absent)}."


def _panel(
    target: dict[str, Any],
    points: "pandas.DataFrame",
    documents: dict[str, dict[str, Any]],
    protocol: dict[str, Any],
) -> "pandas.DataFrame":
    """Points of one target, seen and forecast, and every law's forecast over their range."""
    import pandas

    own = {key: target[key] for key in ("family", "variant", "model", "n")}
    share = protocol["first_share"] if protocol["kind"] == "intra" else 0.0
    seen = points["step"] <= share * points["step"].max()
    parts = [points.assign(mark=np.where(seen, "seen", "forecast"), law="")]
    low, high = points["x"].min() / 1.05, points["x"].max() * 1.05
    for law, document in documents.items():
        for prediction in document["predictions"]:
            same = all(prediction[key] == own[key] for key in ("family", "variant", "model"))
            if not same or prediction["status"] != "ok":
                continue
            grid = pandas.DataFrame(prediction["grid"])
            grid = grid[grid["x"].between(low, high)]
            line = pandas.DataFrame({"x": grid["x"], "value": np.exp(grid["log_value"])})
            line = line.assign(low=np.exp(grid["low"]), high=np.exp(grid["high"]))
            parts.append(line.assign(**own, mark="law", law=law))
    return pandas.concat(parts, ignore_index=True)


def _draw(axes: "Axes", part: "pandas.DataFrame") -> None:
    points = part[part["mark"] != "law"]
    shown = part[(part["mark"] != "law") | (part["law"] == _LAW)]
    axes.set(xscale="log", yscale="log", xlim=widen(points["x"]))
    values = [*shown["low"], *shown["high"], *part["value"]]
    axes.set_ylim(widen([min(v, 1.2) for v in values]))
    for law, (colour, dashes) in _STYLES.items():
        line = part[part["law"] == law]
        if len(line):
            name = law.replace("_", " ")
            axes.plot(line["x"], line["value"], color=colour, ls=dashes, label=name, zorder=3)
            if law == _LAW:
                axes.fill_between(
                    line["x"], line["low"], line["high"], color=colour, alpha=0.16, lw=0
                )
    for mark, face in (("seen", "white"), ("forecast", INK)):  # of the points that are forecast
        own = points[points["mark"] == mark]
        if not len(own):
            continue
        small = len(points) > 30
        axes.errorbar(
            own["x"],
            own["value"],
            yerr=spread(own),
            fmt="o",
            color=INK,
            ecolor=MUTED if small else INK,
            mfc=face,
            ms=1.8 if small else 3.2,
            mew=0.4 if small else 0.7,
            elinewidth=0.35 if small else 0.6,
            label=_POINTS[mark],
        )


def _verdict(inputs: Inputs, protocol: str) -> tuple[str, dict[str, str], list[Evidence]]:
    """C3 by variant: whether the law forecasts better than the baselines, by their scores."""
    table = inputs.table(f"scores_{protocol}")
    words, answers, found = [], {}, []
    several = table["family"].nunique() > 1
    for (family, variant), part in table[table["model"] == "all"].groupby(
        ["family", "variant"], dropna=False
    ):
        name = title(str(family), str(variant), several)
        rows = part.set_index("law")
        if _LAW not in rows.index or rows.loc[_LAW, "status"] != "ok":
            answers[name] = "undecided"
            continue
        law = rows.to_dict("index")[_LAW]
        best = rows["rmse"].idxmin()
        words.append(
            f"{variant}: {_LAW} errs by {law['rmse']:.3f} in ln L (root mean square over "
            f"{law['points']:g} points; sampling noise alone {law['noise']:.3f}), rank "
            f"{law['rank']:g} of {rows['rmse'].notna().sum()}; best is {best} with "
            f"{rows['rmse'].min():.3f}; its {100 * inputs.settings['level']:g} % interval "
            f"covers {per_cent(law['coverage'])} of the points{_wide(law).rstrip(',')}."
        )
        found.append(_evidence(str(variant), rows, inputs.settings["level"]))
        skills = [law[skill] for skill in ("skill_constant", "skill_last_value")]
        known = [skill for skill in skills if np.isfinite(skill)]
        least = min(known, default=0.0)
        worse = bool(known) and least <= 0
        better = least > 1 - (1 - BETTER) ** 2  # a skill is of squares
        answers[name] = "yes" if better else "no" if worse else "undecided"
    return " ".join(words), answers, found


def _evidence(variant: str, rows: "pandas.DataFrame", level: float) -> Evidence:
    """The law's error beside its rivals' and the noise, and what its intervals held."""
    by_law = rows.to_dict("index")
    law = by_law[_LAW]
    naive = [by_law[name]["rmse"] for name in ("constant", "last_value") if name in by_law]
    least = min(naive, default=np.nan)
    return Evidence(
        variant,
        "RMS error in ln L",
        f"{law['rmse']:.3f}",
        f"(naive {least:.3f}, noise {law['noise']:.3f}); {100 * level:g} % intervals"
        f"{_wide(law)} held {per_cent(law['coverage'])}",
        f"{law['points']:g} points",
    )


def _wide(law: Mapping[Hashable, Any]) -> str:
    """The factor between the ends of a law's intervals, in words."""
    factor = float(np.exp(law["width"]))
    return f", whose ends are a factor of {factor:.2g} apart," if np.isfinite(factor) else ""


def law_ranking(inputs: Inputs) -> Drawing:
    """Forecast error of every law under every protocol, best first."""
    return _ranking(inputs, "rmse", "RMS error of ln $L$")


def coverage(inputs: Inputs) -> Drawing:
    """Share of the points that each law's forecast interval contained."""
    return _ranking(inputs, "coverage", "share of points inside the interval")


def _ranking(inputs: Inputs, column: str, label: str) -> Drawing:
    import pandas

    names = [name for name in inputs.tables if name.startswith("scores_")]
    if not names:
        raise NothingToDraw("its configuration has no forecast protocols")
    table = pandas.concat([inputs.table(name) for name in names], ignore_index=True)
    table = table[(table["model"] == "all") & table[column].notna()]
    if table.empty:
        raise NothingToDraw("no law could be fitted to the rows that forecasts may see")
    protocols = list(dict.fromkeys(table["protocol"]))
    variants = list(dict.fromkeys(table["variant"]))
    error = column == "rmse"
    order = table.groupby("law")[column].median().sort_values(ascending=error).index
    figure, grid = panels(
        1, len(protocols), width=DOUBLE, height=1.1 + 0.19 * len(order), sharey=True, sharex=True
    )
    for axes, protocol in zip(grid[0], protocols, strict=True):
        part = table[table["protocol"] == protocol]
        honest = bool(part["is_forecast"].all())
        axes.set_title(protocol.replace("_", " ") + ("" if honest else "\n(tuned on target)"))
        for i, variant in enumerate(variants):
            own = part[part["variant"] == variant]
            places = [order.get_loc(law) for law in own["law"]]
            axes.plot(
                own[column], places, "os^D"[i % 4], color=(INK, RIVAL, ACCENT, MUTED)[i % 4],
                mfc="white" if i else INK, label=variant, ms=4, mew=0.9,
            )  # fmt: skip
            if error and own["noise"].notna().any():
                axes.axvline(own["noise"].mean(), color=MUTED, lw=0.7, ls=":")
        if not error:
            axes.axvline(inputs.settings["level"], color=MUTED, lw=0.7, ls=":")
            axes.set_xlim(-0.03, 1.03)
        else:
            axes.set(xscale="log", xlim=widen([*table[column], *table["noise"].dropna()]))
            log_ticks(axes.xaxis, most=5)
        axes.set_xlabel(textwrap.fill(label, 22))
        axes.set_yticks(range(len(order)), [law.replace("_", " ") for law in order])
    grid[0, 0].invert_yaxis()
    if len(variants) > 1:
        grid[0, -1].legend(loc="best")
    dotted = (
        "Dotted: sampling noise of a point; points share their problems, so errors may be less."
        if error and table["noise"].notna().any()
        else ""
        if error
        else "Dotted: nominal coverage. Points of one run are not independent."
    )
    note(figure, [dotted, "Best law at the top." if error else "", inputs.missing()])
    return Drawing(figure, table, _ranking_words(table, column), "not a claim")


def _ranking_words(table: "pandas.DataFrame", column: str) -> str:
    words = []
    for (protocol, variant), part in table.groupby(["protocol", "variant"], sort=False):
        best = part.sort_values("rmse")
        listed = ", ".join(f"{r.law} {getattr(r, column):.3f}" for r in best.itertuples())
        words.append(f"{protocol}, {variant}: {listed}.")
    return " ".join(words)
