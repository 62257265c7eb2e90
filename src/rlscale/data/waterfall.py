"""Where rows were lost: the waterfall of a set, as entries and as text with examples."""

from collections.abc import Mapping
from typing import Any

import pandas

EXAMPLES = 3
_WIDTH = 100


def waterfall(rows_in: int, losses: pandas.DataFrame) -> list[dict[str, Any]]:
    """Rows read, and what each step and reason took: ``stage``, ``reason``, ``rows``, ``left``.

    Args:
        rows_in: Raw rows.
        losses: Every row lost so far, in the order of the steps, with ``stage`` and ``reason``.
    """
    left = rows_in
    entries = [{"stage": "read", "reason": "", "rows": left, "left": left}]
    for (stage, reason), lost in losses.groupby(["stage", "reason"], sort=False):
        left -= len(lost)
        entries.append({"stage": stage, "reason": reason, "rows": -len(lost), "left": left})
    return entries


def as_text(entries: list[dict[str, Any]]) -> str:
    """The waterfall as lines of a table."""
    line = "{stage:<28} {reason:<48} {rows:>8} {left:>8}"
    return "\n".join(line.format(**entry).rstrip() for entry in entries)


def examples(losses: pandas.DataFrame) -> list[str]:
    """Three rows of the largest loss, the texts shortened; none where nothing was lost."""
    if losses.empty:
        return []
    groups = losses.groupby(["stage", "reason"], sort=False)
    largest = groups.get_group(groups.size().idxmax())
    return [example(row) for row in largest.head(EXAMPLES).to_dict("records")]


def so_far(rows_in: int, losses: pandas.DataFrame) -> str:
    """What every refusal shows: the waterfall so far, and examples of its largest loss."""
    text = "Rows so far:\n" + as_text(waterfall(rows_in, losses))
    shown = examples(losses)
    return "\n".join([text, *(["Of the largest loss:", *shown] if shown else [])])


def example(row: Mapping[Any, Any]) -> str:
    """A row as a line: where it stands, problem, gold, and the problem it lost to."""
    text = f"  {row['source']}: {shortened(row['problem'])} -> {shortened(row['answer'])}"
    other = row.get("other")
    if isinstance(other, str):
        text += f"; beside {other}: {shortened(row['other_problem'])}"
        text += f" -> {shortened(row['other_answer'])}"
    return text


def shortened(value: Any) -> str:
    """A value in quotes, at most 100 characters of it; the middle is left out."""
    text = repr("" if value is None else str(value))
    if len(text) <= _WIDTH:
        return text
    return f"{text[: _WIDTH // 2 - 2]} ... {text[-_WIDTH // 2 + 3 :]}"
