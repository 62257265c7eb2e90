"""Loss along training, against compute or data: points with bars, the fitted law as lines."""

from typing import Any

from rlscale.plots.inputs import (
    X_LABELS,
    Inputs,
    bars_mean,
    fitted_groups,
    interval,
    mean_points,
    size_label,
    title,
)
from rlscale.plots.output import Drawing
from rlscale.plots.style import (
    COLUMN,
    DOUBLE,
    MARKERS,
    colours,
    human,
    label_ends,
    log_ticks,
    note,
    panels,
    plain,
    scientific,
    widen,
)

X_WRITERS = {"compute": scientific, "compute_full": scientific, "tokens": human, "data": human}


def loss_vs_compute(inputs: Inputs) -> Drawing:
    """Test loss against training compute, per size."""
    return _loss_curves(inputs, "compute")


def loss_vs_data(inputs: Inputs) -> Drawing:
    """Test loss against problems seen, per size."""
    return _loss_curves(inputs, "data")


def _loss_curves(inputs: Inputs, x: str) -> Drawing:
    import pandas

    document = inputs.fit("saturating", x)
    groups = fitted_groups(inputs, document)
    entries = [e for e in document["groups"] if (e["family"], e["variant"]) in groups]
    drawn, notes = [], []
    for entry in entries:
        group = groups[entry["family"], entry["variant"]]
        points = mean_points(group, document["level"])
        drawn.append(pandas.concat([points.assign(mark="point"), _lines(entry)]))
        notes.append(f"{entry['variant']}: {bars_mean(group, document['level'])}")
        if not entry["fitted"]:
            notes.append(f"{entry['variant']}: no fitted law ({entry['reason']}).")
    table = pandas.concat(drawn, ignore_index=True)
    limits = widen(table["x"]), widen([*table["value"], *table["low"], *table["high"]])
    figure, grid = panels(
        1, len(entries), width=COLUMN if len(entries) == 1 else DOUBLE, height=2.7
    )
    several = len({entry["family"] for entry in entries}) > 1
    for axes, entry, part in zip(grid[0], entries, drawn, strict=True):
        axes.set(xscale="log", yscale="log", xlim=limits[0], ylim=limits[1], xlabel=X_LABELS[x])
        axes.set_title(title(entry["family"], entry["variant"], several))
        draw_sizes(axes, part, inputs.palette)
        log_ticks(axes.xaxis, X_WRITERS.get(x, plain), most=5)
        log_ticks(axes.yaxis)
    grid[0, 0].set_ylabel("test loss $L$ = 1 − pass@1")
    note(figure, [*notes, inputs.missing()])
    figure.draw_without_rendering()
    for axes, part in zip(grid[0], drawn, strict=True):
        label_ends(axes, ends(part, document["size"]))
    return Drawing(figure, table, _words(entries, document), _support(entries))


def draw_sizes(axes, part, palette: str) -> None:
    """Points with bars and fitted lines with bands, one colour and marker per size."""
    sizes = part[["model", "n"]].drop_duplicates().sort_values("n")["model"]
    for model, colour, marker in zip(sizes, colours(len(sizes), palette), MARKERS, strict=False):
        own = part[part["model"] == model]
        points, line = own[own["mark"] == "point"], own[own["mark"] == "line"]
        crowded = len(points) > 30
        if len(line) == 0:
            axes.plot(points["x"], points["value"], color=colour, lw=0.7, alpha=0.7)
        else:
            band = line.dropna(subset=["low", "high"])
            axes.fill_between(band["x"], band["low"], band["high"], color=colour, alpha=0.18, lw=0)
            axes.plot(line["x"], line["value"], color=colour)
        axes.errorbar(
            points["x"],
            points["value"],
            yerr=(points["value"] - points["low"], points["high"] - points["value"]),
            fmt="o" if crowded else marker,
            color=colour,
            ms=1.6 if crowded else 3.6,
            mew=0,
            elinewidth=0.35 if crowded else 0.7,
            alpha=0.55 if crowded else 1.0,
        )


def ends(part, size: str) -> list[tuple[float, float, str]]:
    """Where each size's line (or its last point) ends, with its label."""
    ends = []
    for (_, model), own in part.groupby(["n", "model"], sort=True):
        line = own[own["mark"] == "line"]
        last = (line if len(line) else own).sort_values("x").iloc[-1]
        ends.append((last["x"], last["value"], size_label(model, last["n"], size)))
    return ends


def _lines(entry: dict[str, Any]):
    """The fitted curves of a group with their band."""
    import pandas

    sizes = {size["model"]: size["n"] for size in entry["sizes"]}
    rows = [
        {
            "family": entry["family"],
            "variant": entry["variant"],
            "mark": "line",
            "model": point["model"],
            "n": sizes[point["model"]],
            "x": point["x"],
            "value": point["fitted"],
            "low": point["low"],
            "high": point["high"],
        }
        for point in entry["fitted"]
    ]
    return pandas.DataFrame(rows)


def _support(entries: list[dict]) -> str:
    """C1: whether the largest size learns faster than the smallest, by the free slopes."""
    answers = []
    for entry in entries:
        contrast = entry["contrast"]
        low, high, _ = interval(contrast["difference"], "redrawn") if contrast else (0, 0, "")
        answers.append("yes" if low > 0 else "no" if high < 0 else "undecided")
    return answers[0] if len(set(answers)) == 1 else "undecided"


def _words(entries: list[dict], document: dict) -> str:
    sentences = []
    for entry in entries:
        errors = [size["rmse"] for size in entry["sizes"] if size["rmse"] is not None]
        if errors:
            sentences.append(
                f"{entry['variant']}: the law's residuals are {min(errors):.2g} to "
                f"{max(errors):.2g} in ln L (root mean square per size)."
            )
        contrast = entry["contrast"]
        if contrast:
            low, high, scope = interval(contrast["difference"], document["scope"])
            sentences.append(
                f"k({contrast['larger']}) − k({contrast['smaller']}) = "
                f"{contrast['difference']['estimate']:.3f} "
                + (f"[{low:.3f}, {high:.3f}] ({scope})" if scope != "none" else "(no interval)")
                + f": {contrast['verdict']}."
            )
    return " ".join(sentences)
