"""Change of pass@k over training against k: does training reach more problems, or only surer?"""

from typing import TYPE_CHECKING

import numpy as np

from rlscale.laws.pass_at_k import Passes, passes_of
from rlscale.report.figures.inputs import Inputs, NothingToDraw, title
from rlscale.report.figures.output import Drawing
from rlscale.report.figures.sizes import curve_panels
from rlscale.report.figures.style import MUTED, human

if TYPE_CHECKING:
    import pandas

_REPLICATES, _SEED = 1000, 1
_DODGE = 1.035  # bars of one k stand beside each other


def pass_at_k(inputs: Inputs) -> Drawing:
    """Change of pass@k from the first step to the last, per size, and where it turns to a loss."""
    import pandas

    rows = inputs.size_rows()
    rows = rows[(rows["benchmark"] == inputs.settings["benchmark"]) & (rows["status"] == "ok")]
    outcomes = pandas.read_parquet(inputs.path("outcomes"))
    outcomes = outcomes[outcomes["benchmark"] == inputs.settings["benchmark"]]
    several, size = rows["family"].nunique() > 1, inputs.settings["size"]
    label = "model" if size.startswith("n_params") else size
    parts: list[tuple[str, str, pandas.DataFrame]] = []
    words: list[str] = []
    falls = False
    for (family, variant), group in rows.groupby(["family", "variant"]):
        drawn: list[pandas.DataFrame] = []
        name = title(str(family), str(variant), several)
        for (n, model), own in group.groupby([size, label]):
            found = _passes(outcomes, own, inputs.settings["level"])
            if found:
                words.append(f"{name} {human(n)}: {_words(found)}.")
                falls = falls or bool(found.divergences())
                beside = _DODGE ** len(drawn)
                drawn.append(_points(found, beside).assign(model=str(model), n=n))
        if drawn:
            part = pandas.concat(drawn, ignore_index=True)
            parts.append((name, "k", part.assign(family=family, variant=variant)))
    if not parts:
        raise NothingToDraw("no size has two samples of each problem at two steps")
    percent = f"{100 * inputs.settings['level']:g} %"
    figure = curve_panels(
        parts,
        size=size,
        palette=inputs.palette,
        notes=[_bars([part for _, _, part in parts], percent), inputs.missing()],
        ylabel="change of pass@$k$, first to last step",
        log_y=False,
    )
    ticks = sorted({k for _, _, part in parts for k in part["k"]})
    for axes in figure.axes[: len(parts)]:
        axes.axhline(0, color=MUTED, lw=0.7, zorder=1)
        axes.set_xticks(ticks, [str(k) for k in ticks])
        axes.set_xticks([], minor=True)
    table = pandas.concat([part for _, _, part in parts], ignore_index=True)
    if not falls:
        words.append("Nowhere is pass@1 shown to rise while a pass@k falls.")
    return Drawing(figure, table, " ".join(words))


def _passes(outcomes: "pandas.DataFrame", rows: "pandas.DataFrame", level: float) -> Passes | None:
    """pass@k of one size, at the steps and problems that all its runs have; None with one k."""
    cells = sorted(rows["cell"].unique())
    own = outcomes[outcomes["cell"].isin(cells)]
    wide = own.pivot(index=["step", "problem_id"], columns="cell", values=["n", "n_correct"])
    wide = wide.reindex(columns=cells, level="cell").dropna()
    if set(own["cell"]) != set(cells):
        return None
    steps = wide.index.get_level_values("step").unique().sort_values()
    asked = wide.groupby(level="problem_id")["n"].transform("size")
    wide = wide[asked == len(steps)]
    least = int(wide["n"].to_numpy().min()) if len(wide) else 0
    if least < 2 or len(steps) < 2:
        return None
    counts = {
        name: wide[name].sort_index().to_numpy().reshape(len(steps), -1, len(cells))
        for name in ("n_correct", "n")
    }
    correct, n = (np.moveaxis(values, -1, 0) for values in counts.values())
    draws = {2**i for i in range(least.bit_length())} | {least}
    return passes_of(
        correct, n, steps.tolist(), sorted(draws), level=level, replicates=_REPLICATES, seed=_SEED
    )


def _points(found: Passes, beside: float) -> "pandas.DataFrame":
    """A row per k, drawn at k times a factor."""
    import pandas

    change, low, high = (ends[:, 0, -1] for ends in found.changes())
    return pandas.DataFrame(
        {
            "x": beside * np.array(found.k), "k": found.k, "value": change, "low": low,
            "high": high, "mark": "point", "n_runs": found.runs,
            "first_step": found.steps[0], "last_step": found.steps[-1],
            "first": found.value[:, 0], "last": found.value[:, -1],
        }
    )  # fmt: skip


def _words(found: Passes) -> str:
    """Where pass@1 rises and pass@k falls, and the k at which a gain turns into a loss."""
    place, low, high = found.crossing()
    shown = [_k(end) for end in (low, high)]
    if np.isinf(place):
        turn = f"no loss at any k up to {found.k[-1]}"
        turn += f" (one from k = {shown[0]} on is not excluded)" if np.isfinite(low) else ""
    elif place <= 1:
        turn = f"a loss from k = 1 [{shown[0]}, {shown[1]}] on"
    else:
        turn = f"the gain turns into a loss at k = {_k(place)} [{shown[0]}, {shown[1]}]"
    falls = found.divergences()
    if not falls:
        return turn
    k, start, end = falls[0]
    return (
        f"{turn}; pass@1 is shown to rise and pass@{k} to fall from step {start:g} to {end:g}"
        + (f", and so for k up to {falls[-1][0]}" if len(falls) > 1 else "")
    )


def _k(value: float) -> str:
    return f"{value:.3g}" if np.isfinite(value) else "open"


def _bars(parts: list["pandas.DataFrame"], percent: str) -> str:
    runs = min(int(part["n_runs"].min()) for part in parts)
    over = "other runs and other problems" if runs > 1 else "other problems (one run of a size)"
    return f"Bars = {percent} intervals over {over}, for all k and pairs of steps at once."
