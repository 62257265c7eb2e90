"""Change of pass@k over training against k: does training reach more problems, or only surer?"""

from typing import TYPE_CHECKING

import numpy as np

from rlscale.report.figures.inputs import Inputs, NothingToDraw, title
from rlscale.report.figures.output import Drawing
from rlscale.report.figures.sizes import curve_panels
from rlscale.report.figures.style import MUTED, human

if TYPE_CHECKING:
    import pandas

_DODGE = 1.035  # bars of one k stand beside each other


def pass_at_k(inputs: Inputs) -> Drawing:
    """Change of pass@k from the first step to the last, per size, and where it turns to a loss."""
    import pandas

    rows = inputs.table("pass_at_k").fillna({"family": ""})
    if rows.empty:
        raise NothingToDraw("no size has two samples of each problem at two steps")
    several, size = rows["family"].nunique() > 1, inputs.settings["size"]
    parts: list[tuple[str, str, pandas.DataFrame]] = []
    words: list[str] = []
    for (family, variant), group in rows.groupby(["family", "variant"]):
        name = title(str(family), str(variant), several)
        sizes = [own for _, own in group.groupby(["n", "model"])]
        words += [f"{name} {human(own['n'].iloc[0])}: {_words(own)}." for own in sizes]
        drawn = [
            own.assign(x=_DODGE**place * own["k"], value=own["change"], mark="point")
            for place, own in enumerate(sizes)
        ]
        parts.append((name, "k", pandas.concat(drawn, ignore_index=True)))
    percent = f"{100 * inputs.settings['level']:g} %"
    figure = curve_panels(
        parts,
        size=size,
        palette=inputs.palette,
        notes=[_bars(rows, percent), inputs.missing()],
        ylabel="change of pass@$k$, first to last step",
        log_y=False,
    )
    ticks = sorted(set(rows["k"]))
    for axes in figure.axes[: len(parts)]:
        axes.axhline(0, color=MUTED, lw=0.7, zorder=1)
        axes.set_xticks(ticks, [str(k) for k in ticks])
        axes.set_xticks([], minor=True)
    table = pandas.concat([part for _, _, part in parts], ignore_index=True)
    if rows["falls_from"].isna().all():
        words.append("Nowhere is pass@1 shown to rise while a pass@k falls.")
    return Drawing(figure, table, " ".join(words))


def _words(rows: "pandas.DataFrame") -> str:
    """Where pass@1 rises and pass@k falls, and the k at which a gain turns into a loss."""
    place, low, high = rows[["turn", "turn_low", "turn_high"]].iloc[0]
    shown = [_k(end) for end in (low, high)]
    if np.isinf(place):
        turn = f"no loss at any k up to {rows['k'].max()}"
        turn += f" (one from k = {shown[0]} on is not excluded)" if np.isfinite(low) else ""
    elif place <= 1:
        turn = f"a loss from k = 1 [{shown[0]}, {shown[1]}] on"
    else:
        turn = f"the gain turns into a loss at k = {_k(place)} [{shown[0]}, {shown[1]}]"
    falls = rows.dropna(subset="falls_from")
    if falls.empty:
        return turn
    first = falls.iloc[0]
    start, end = first["falls_from"], first["falls_to"]
    return (
        f"{turn}; pass@1 is shown to rise and pass@{first['k']} to fall from step {start:g} "
        f"to {end:g}" + (f", and so for k up to {falls['k'].max()}" if len(falls) > 1 else "")
    )


def _k(value: float) -> str:
    return f"{value:.3g}" if np.isfinite(value) else "open"


def _bars(rows: "pandas.DataFrame", percent: str) -> str:
    over = "other runs and other problems"
    if rows["n_runs"].max() < 2:
        over = "other problems (one run of a size)"
    elif rows["n_runs"].min() < 2:
        over = "other problems, and other runs where a size has several"
    return f"Bars = {percent} intervals over {over}, for all k and pairs of steps at once."
