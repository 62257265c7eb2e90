"""Loss along training with the fitted laws: against compute, against data, decomposed."""

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from rlscale.report.figures.inputs import SCOPES, Inputs, fitted_groups, fixed, span, title
from rlscale.report.figures.means import bars_mean, mean_points
from rlscale.report.figures.output import NOT_JUDGED, Drawing, Evidence, agreed
from rlscale.report.figures.sizes import curve_panels
from rlscale.report.figures.style import note
from rlscale.report.figures.takeaways import named, of_bends, of_contrast

if TYPE_CHECKING:
    import pandas
    from matplotlib.figure import Figure


def loss_vs_compute(inputs: Inputs) -> Drawing:
    """Test loss against training compute, per size."""
    figure, table, entries = fitted_curves(inputs, "saturating", inputs.compute)
    words = " ".join(_contrast_words(entry) for entry in entries)
    found = [one for entry in entries for one in _contrast(entry)]
    answers = {name: _steeper(entry) for name, entry in named(entries)}
    return Drawing(
        figure, table, words, agreed(answers.values()), found,
        takeaway=of_contrast(entries), answers=answers,
    )  # fmt: skip


def loss_vs_data(inputs: Inputs) -> Drawing:
    """Test loss against problems seen, per size."""
    figure, table, entries = fitted_curves(inputs, "saturating", "data")
    words = " ".join(f"{_error_words(entry)} {_bend_words(entry)}" for entry in entries)
    found = [one for entry in entries for one in _bend(entry, table)]
    answers = {name: _straight(entry) for name, entry in named(entries)}
    away = " ".join(_away_words(table, entry) for entry in entries)
    note(figure, [figure.get_supxlabel(), away])
    return Drawing(
        figure, table, f"{words} {away}".strip(), agreed(answers.values()), found,
        takeaway=of_bends(entries), answers=answers,
    )  # fmt: skip


def loss_decomposition(inputs: Inputs) -> Drawing:
    """The paper's second law, a loss that size bounds and training works off, over the points."""
    figure, table, entries = fitted_curves(inputs, "decomposition", "data")
    words = []
    for entry in entries:
        values = [
            f"{name} = {quantity['estimate']:.3g}{span(quantity, entry['scope'], '{:.3g}'.format)}"
            for name, quantity in entry["parameters"].items()
        ]
        words.append(f"{_error_words(entry)} {', '.join(values)}.")
    return Drawing(figure, table, " ".join(words), "not a claim")


def fitted_curves(
    inputs: Inputs, law: str, x: str, metric: str = "loss"
) -> "tuple[Figure, pandas.DataFrame, list[dict[str, Any]]]":
    """Points of every size with the law's curves over them.

    Args:
        inputs: The curves, and the fit of this law on this x among its documents.
        law: Name of a law.
        x: Abscissa of the fit.
        metric: What was fitted.

    Returns:
        The figure, what it draws, and the fit's entry per (family, variant).
    """
    import pandas

    document = inputs.fit(law, x, metric)
    groups = fitted_groups(inputs, document)
    entries = [e for e in document["groups"] if (e["family"], e["variant"]) in groups]
    several = len({entry["family"] for entry in entries}) > 1
    parts, notes = [], []
    for entry in entries:
        group = groups[entry["family"], entry["variant"]]
        points = mean_points(group, document["level"]).assign(mark="point")
        part = pandas.concat([points, _lines(entry)], ignore_index=True)
        parts.append((title(entry["family"], entry["variant"], several), x, part))
        notes.append(f"{entry['variant']}: {bars_mean(group, document['level'])}")
        if any(point["low"] is not None for point in entry["fitted"]):
            notes.append(f"Bands: {100 * document['level']:g} % intervals of the law.")
        if not entry["fitted"]:
            notes.append(f"{entry['variant']}: no fitted law ({entry['reason']}).")
    figure = curve_panels(
        parts,
        size=document["size"],
        palette=inputs.palette,
        notes=[*dict.fromkeys(notes), inputs.missing()],
    )
    return figure, pandas.concat([part for _, _, part in parts], ignore_index=True), entries


def _lines(entry: dict[str, Any]) -> "pandas.DataFrame":
    """The fitted curves of a group with their band."""
    import pandas

    sizes = {size["model"]: size["n"] for size in entry["sizes"]}
    own = {"family": entry["family"], "variant": entry["variant"], "mark": "line"}
    rows = [
        own
        | {"model": point["model"], "n": sizes[point["model"]], "x": point["x"]}
        | {"value": point["fitted"], "low": point["low"], "high": point["high"]}
        for point in entry["fitted"]
    ]
    return pandas.DataFrame(rows)


def evidence(
    entry: dict[str, Any], what: str, quantity: dict[str, Any], of: Collection[str] = ()
) -> Evidence:
    """A quantity of a fit, three decimals, with the runs and sizes that it rests on.

    Args:
        entry: The group of the fit.
        what: The quantity in words.
        quantity: Its estimate and intervals.
        of: Models that it rests on; empty for all.
    """
    own = [size for size in entry["sizes"] if not of or size["model"] in of]
    runs = sum(size["n_runs"] for size in own)
    return Evidence(
        entry["variant"],
        what,
        fixed(quantity["estimate"]),
        span(quantity, entry["scope"], fixed).strip(),
        f"{runs} run{'s' * (runs != 1)} of {len(own)} size{'s' * (len(own) != 1)}",
        over=SCOPES.get(entry["scope"], ""),
    )


def _contrast(entry: dict[str, Any]) -> list[Evidence]:
    contrast = entry["contrast"]
    if not contrast:
        return []
    what = f"k({contrast['larger']}) − k({contrast['smaller']}) against compute"
    both = (contrast["larger"], contrast["smaller"])
    return [evidence(entry, what, contrast["difference"], both)]


def _bend(entry: dict[str, Any], table: "pandas.DataFrame") -> list[Evidence]:
    if not entry["identification"]:
        return []
    what = "mean curvature (bends of opposite signs cancel)"
    found = [evidence(entry, what, entry["identification"]["curvature"])]
    chance = entry["identification"]["p_straight"]
    if chance is not None:
        what = "chance of such a curvature if all were straight"
        found.append(Evidence(entry["variant"], what, f"{chance:.2g}", "", ""))
    away, count = off_band(table, entry["variant"]), len(entry["sizes"])
    what = "sizes that end outside the law's band, which this does not see"
    found.append(Evidence(entry["variant"], what, f"{len(away)} of {count}", "", ", ".join(away)))
    return found


def off_band(table: "pandas.DataFrame", variant: str) -> list[str]:
    """Models of a variant whose last point lies outside the band of the law's curve.

    Args:
        table: What ``fitted_curves`` draws.
        variant: Variant of the models.
    """
    found = []
    for model, own in table[table["variant"] == variant].groupby("model", sort=False):
        last = own.sort_values("x").groupby("mark").last().to_dict("index")
        if {"point", "line"} <= set(last):
            low, high = (float(last["line"][end] or np.nan) for end in ("low", "high"))
            if not (low <= last["point"]["value"] <= high) and np.isfinite([low, high]).all():
                found.append(str(model))
    return found


def _away_words(table: "pandas.DataFrame", entry: Mapping[str, Any]) -> str:
    """Which sizes end outside the law's band: what the mean curvature does not see."""
    models = off_band(table, entry["variant"])
    if not models:
        return ""
    ends = "s" * (len(models) == 1)
    return (
        f"{entry['variant']}: {', '.join(models)} end{ends} outside the band of the fitted law, "
        "which the test of the mean curvature does not see."
    )


def _steeper(entry: Mapping[str, Any]) -> str:
    """C1: whether the largest size learns faster than the smallest, by the free slopes."""
    rises = entry["verdicts"]["rises"] if entry["verdicts"] else "undecided"
    return NOT_JUDGED if rises == "no_replicates" else rises


def _straight(entry: Mapping[str, Any]) -> str:
    """C2: whether the curves are straight in log-log, by their mean curvature.

    Of single runs a bend is told by their residuals; that they show none says nothing of others.
    """
    verdicts = entry["verdicts"] or {"bends": "no_replicates"}
    straight = NOT_JUDGED if entry["scope"] == "block" else "consistent"
    return {"yes": "no", "no": straight}.get(verdicts["bends"], NOT_JUDGED)


def _error_words(entry: dict[str, Any]) -> str:
    errors = [size["rmse"] for size in entry["sizes"] if size["rmse"] is not None]
    if not errors:
        return f"{entry['variant']}: {entry['reason']}."
    return (
        f"{entry['variant']}: the law's residuals are {min(errors):.2g} to {max(errors):.2g} in "
        "ln L (root mean square per size)."
    )


def _bend_words(entry: dict[str, Any]) -> str:
    identification = entry["identification"]
    if not identification:
        return ""
    curvature = identification["curvature"]
    size = f"{fixed(curvature['estimate'])}{span(curvature, entry['scope'], fixed)}"
    return (
        f"Mean curvature of ln L in ln D: {size} (0 when the curves are straight, and when bends "
        "of opposite signs cancel)."
    )


def _contrast_words(entry: dict[str, Any]) -> str:
    contrast = entry["contrast"]
    if not contrast:
        return f"{entry['variant']}: {entry['reason'] or 'one size only, nothing to compare'}."
    difference = contrast["difference"]
    return (
        f"{entry['variant']}: k({contrast['larger']}) − k({contrast['smaller']}) = "
        f"{fixed(difference['estimate'])}{span(difference, entry['scope'], fixed)}: "
        f"{contrast['verdict']}."
    )
