"""Loss along training with the fitted laws: against compute, against data, decomposed."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from rlscale.report.figures.inputs import Inputs, fitted_groups, fixed, span, title
from rlscale.report.figures.means import bars_mean, mean_points
from rlscale.report.figures.output import Drawing, Evidence, agreed
from rlscale.report.figures.sizes import curve_panels
from rlscale.report.figures.takeaways import named, of_bends, of_contrast

if TYPE_CHECKING:
    import pandas
    from matplotlib.figure import Figure


def loss_vs_compute(inputs: Inputs) -> Drawing:
    """Test loss against training compute, per size."""
    figure, table, entries = fitted_curves(inputs, "saturating", inputs.compute)
    words = " ".join(_contrast_words(entry) for entry in entries)
    found = [one for entry in entries for one in _contrast(entry)]
    answers = _steeper_of_all(entries)
    return Drawing(
        figure, table, words, agreed(answers.values()), found,
        takeaway=of_contrast(entries), answers=answers,
    )  # fmt: skip


def loss_vs_data(inputs: Inputs) -> Drawing:
    """Test loss against problems seen, per size."""
    figure, table, entries = fitted_curves(inputs, "saturating", "data")
    words = " ".join(f"{_error_words(entry)} {_bend_words(entry)}" for entry in entries)
    found = [one for entry in entries for one in _bend(entry)]
    answers = {name: _straight(entry) for name, entry in named(entries)}
    return Drawing(
        figure, table, words, agreed(answers.values()), found,
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


def evidence(entry: dict[str, Any], what: str, quantity: dict[str, Any]) -> Evidence:
    """A quantity of a fit, three decimals, with the runs and sizes that it rests on."""
    runs = sum(size["n_runs"] for size in entry["sizes"])
    return Evidence(
        entry["variant"],
        what,
        fixed(quantity["estimate"]),
        span(quantity, entry["scope"], fixed).strip(),
        f"{runs} runs of {len(entry['sizes'])} sizes",
    )


def _contrast(entry: dict[str, Any]) -> list[Evidence]:
    contrast = entry["contrast"]
    if not contrast:
        return []
    what = f"k({contrast['larger']}) − k({contrast['smaller']}) against compute"
    return [evidence(entry, what, contrast["difference"])]


def _bend(entry: dict[str, Any]) -> list[Evidence]:
    if not entry["identification"]:
        return []
    found = [evidence(entry, "mean curvature", entry["identification"]["curvature"])]
    chance = entry["identification"]["p_straight"]
    if chance is not None:
        what = "chance of such bends if all were straight"
        found.append(Evidence(entry["variant"], what, f"{chance:.2g}", "", ""))
    return found


def _steeper_of_all(entries: list[dict[str, Any]]) -> dict[str, str]:
    """C1 by group: one of single runs cannot say, and is left out where others can."""
    judged = [
        entry for entry in entries
        if entry["verdicts"] and entry["verdicts"]["rises"] != "no_replicates"
    ]  # fmt: skip
    return {name: _steeper(entry) for name, entry in named(judged or entries)}


def _steeper(entry: Mapping[str, Any]) -> str:
    """C1: whether the largest size learns faster than the smallest, by the free slopes."""
    rises = entry["verdicts"]["rises"] if entry["verdicts"] else "undecided"
    return rises if rises in ("yes", "no") else "undecided"


def _straight(entry: Mapping[str, Any]) -> str:
    """C2: whether the curves are straight in log-log, by their mean curvature."""
    verdicts = entry["verdicts"] or {"bends": "no_replicates"}
    return {"yes": "no", "no": "consistent"}.get(verdicts["bends"], "undecided")


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
    return f"Mean curvature of ln L in ln D: {size} (0 when the curves are straight)."


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
