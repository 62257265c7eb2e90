"""The leaderboard as a picture."""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from rlscale.bank.board import ALL
from rlscale.bank.tasks import BENCHMARK, REST, SIZE
from rlscale.report.figures.style import ACCENT, DOUBLE, MARKERS, MUTED, log_ticks, panels, style

if TYPE_CHECKING:
    import pandas
    from matplotlib.axes import Axes

_HEADS = {REST: "rest, {} seen", SIZE: "larger size, {} points", BENCHMARK: "benchmark, {} points"}
_ROWS = 2


def draw_leaderboard(board: "pandas.DataFrame", path: Path) -> None:
    """RMS of every law by task: a small mark per source, a bar over sources.

    Args:
        board: ``rlscale.bank.board.leaderboard``.
        path: PDF, SVG or PNG.
    """
    tasks = list(dict.fromkeys(zip(board["kind"], board["setting"], strict=True)))
    means = board[board["source"] == ALL]
    wide = means.pivot(index="law", columns=["kind", "setting"], values="rms")
    known = np.log(wide.dropna(axis="columns"))
    laws = list(known.mean(axis=1).sort_values(ascending=False).index)
    sources = sorted(set(board["source"]) - {ALL})
    with style():
        columns = -(-(len(tasks) + 1) // _ROWS)  # One panel is for the legend.
        figure, grid = panels(_ROWS, columns, width=DOUBLE, height=5.2)
        for i, axes in enumerate(grid.flat):
            axes.set_yticks(range(len(laws)), laws if i % columns == 0 else [])
            axes.set_ylim(-0.7, len(laws) - 0.3)
        for (kind, setting), axes in zip(tasks, grid.flat, strict=False):
            rows = board[(board["kind"] == kind) & (board["setting"] == setting)]
            _panel(axes, rows, laws, sources)
            axes.set_title(_HEADS[kind].format(setting))
        for axes in grid.flat[len(tasks) :]:
            axes.set_axis_off()
        handles, names = grid.flat[0].get_legend_handles_labels()
        grid.flat[-1].legend(handles, names, loc="center")
        figure.savefig(path)


def _panel(axes: "Axes", rows: "pandas.DataFrame", laws: list[str], sources: list[str]) -> None:
    at = {law: i for i, law in enumerate(laws)}
    for source, mark in zip(sources, MARKERS, strict=False):
        own = rows[rows["source"] == source]
        y = own["law"].map(at)
        axes.plot(own["rms"], y, mark, color=MUTED, fillstyle="none", label=source)
    own = rows[rows["source"] == ALL]
    y = own["law"].map(at)
    reach = own["behind_high"] - own["behind"]
    least = rows["rms"].min() / 2
    axes.hlines(
        y, (own["rms"] - reach).clip(lower=least), own["rms"] + reach, color=ACCENT, linewidth=0.8
    )
    axes.plot(
        own["rms"], y, "|", color=ACCENT, markersize=10, markeredgewidth=2,
        label="mean over sources;\nline: 90 % interval of its\ndifference from the best",
    )  # fmt: skip
    axes.set_xscale("log")
    farthest = max(rows["rms"].max(), (own["rms"] + reach.fillna(0)).max())
    axes.set_xlim(least, min(5.0, 1.3 * farthest))
    axes.set_xlabel("RMS of ln L")
    log_ticks(axes.xaxis, most=4)
