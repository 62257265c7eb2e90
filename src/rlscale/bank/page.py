"""The leaderboard as a page of Markdown."""

from typing import TYPE_CHECKING

from rlscale.bank.board import ALL, CHOSEN
from rlscale.bank.tasks import BENCHMARK, REST, SIZE

if TYPE_CHECKING:
    import pandas

TITLES = {
    REST: "The rest of a curve, from its first",
    SIZE: "A larger size from the smaller ones, with as many points of its own",
    BENCHMARK: "A benchmark from another one's loss, at the largest size, with as many points",
}
_HEAD = "RMS, log score, interval score, coverage"


def leaderboard_page(board: "pandas.DataFrame") -> str:
    """Tables of all scores over sources, and of RMS by source.

    Args:
        board: ``rlscale.bank.board.leaderboard``.
    """
    parts = [_over_sources(board, kind) for kind in TITLES if (board["kind"] == kind).any()]
    return "\n".join(parts)


def _over_sources(board: "pandas.DataFrame", kind: str) -> str:
    own = board[board["kind"] == kind]
    means = own[own["source"] == ALL].set_index(["law", "setting"])
    settings = list(dict.fromkeys(own["setting"]))
    order = means["rms"].unstack()[settings].mean(axis=1).sort_values(kind="stable").index
    lines = [
        f"### {TITLES[kind]} {', '.join(settings)}",
        "",
        "| law | " + " | ".join(f"{name}: {_HEAD}" for name in settings) + " |",
        "| --- |" + " --- |" * len(settings),
    ]
    for law in order:
        known = [(law, setting) in means.index for setting in settings]
        cells = [
            _cell(means.loc[(law, setting)]) if there else "-"
            for setting, there in zip(settings, known, strict=True)
        ]
        lines.append(f"| {_name(law)} | {' | '.join(cells)} |")
    return "\n".join([*lines, "", *_by_source(own, settings, list(order)), ""])


def _by_source(own: "pandas.DataFrame", settings: list[str], laws: list[str]) -> list[str]:
    sources = [name for name in dict.fromkeys(own["source"]) if name != ALL]
    lines = [f"RMS by source ({', '.join(settings)}):", ""]
    lines += ["| law | " + " | ".join(sources) + " |", "| --- |" + " --- |" * len(sources)]
    for law in laws:
        rows = own[own["law"] == law].set_index(["source", "setting"])["rms"]
        cells = [
            " ".join(_number(rows.get((source, setting))) for setting in settings)
            for source in sources
        ]
        lines.append(f"| {_name(law)} | {' | '.join(cells)} |")
    return lines


def _cell(row: "pandas.Series") -> str:
    """All scores; RMS is bold where the best is not told apart from it."""
    rms = _number(row["rms"])
    known = row["behind_low"] == row["behind_low"]
    tied = row["behind"] == 0 or (known and row["behind_low"] <= 0)
    scores = [f"{row[name]:.2f}" for name in ("log_score", "interval_score")]
    rest = ", ".join([*scores, _number(row["coverage"], 2)])
    return f"**{rms}**, {rest}" if tied else f"{rms}, {rest}"


def _name(law: str) -> str:
    return f"*{law}*" if law == CHOSEN else f"`{law}`"


def _number(value: float | None, digits: int = 3) -> str:
    if value is None or value != value:
        return "-"
    return f"{value:.{digits}f}".replace("0.", ".", 1) if value < 1 else f"{value:.{digits}f}"
