"""Instructions around problems: taken off where they are known, refused where they are not said."""

import itertools
import json
from collections.abc import Sequence
from pathlib import Path

from rlscale.core.errors import StudyError
from rlscale.data.problems import RawRow

_FEWEST_ROWS = 20
_FEWEST_WORDS = 8
_SAMPLE = 10_000
_OUTLIERS = 0.02  # share of rows at either end of the order that may lack the text


class WrapperFound(StudyError):
    """All problems have the same words around them, and nothing says so.

    Attributes:
        wrapper: These words, with ``{problem}`` between.
    """

    def __init__(self, wrapper: str, problems: int, file: Path) -> None:
        self.wrapper = wrapper
        text = json.dumps(wrapper, ensure_ascii=False)
        super().__init__(
            f"{file}: nearly all of the {problems} problems have the same words around them, "
            f"which makes them near each other; take them off by `wrapper: {text}`, or keep them "
            'by `wrapper: "{problem}"`'
        )


def unwrapped(row: RawRow, wrapper: str, *, required: bool) -> RawRow:
    """A row without the wrapper around its problem.

    Args:
        row: The row.
        wrapper: Text with ``{problem}``, or "".
        required: Whether a row without it is quarantined.
    """
    if not wrapper or not isinstance(row.problem, str) or row.failure:
        return row
    start, _, end = wrapper.partition("{problem}")
    if row.problem.startswith(start) and row.problem.endswith(end):
        return row._replace(problem=row.problem[len(start) : len(row.problem) - len(end)])
    if required:
        return row._replace(failure="the wrapper is not around the problem")
    return row


def check_no_wrapper(rows: Sequence[RawRow], files: Sequence[Path]) -> None:
    """Refuse a set whose problems all begin and end with the same instruction.

    Left in, it makes all problems near each other.

    Raises:
        WrapperFound: They share eight words or more.
    """
    problems = [row.problem for row in rows if isinstance(row.problem, str) and not row.failure]
    if len(problems) < _FEWEST_ROWS:
        return
    sample = problems[:: max(1, len(problems) // _SAMPLE)]
    start = _cut(_shared(sample), ("\n", ". ", ": "))
    end = _cut(_shared([problem[len(start) :][::-1] for problem in sample]), ("\n",))[::-1]
    if len(start.split()) + len(end.split()) < _FEWEST_WORDS:
        return
    raise WrapperFound(f"{start}{{problem}}{end}", len(problems), files[0])


def _shared(texts: Sequence[str]) -> str:
    """The beginning that all but a few texts share: that of the ends of their order."""
    ordered = sorted(texts)
    few = int(_OUTLIERS * len(ordered))
    first, last = ordered[few], ordered[-1 - few]
    same = itertools.takewhile(lambda pair: pair[0] == pair[1], zip(first, last, strict=False))
    return first[: len(list(same))]


def _cut(text: str, ends: Sequence[str]) -> str:
    """The text up to the last of the ends in it, else up to the last space."""
    for marks in (ends, (" ",)):
        stop = max((text.rfind(mark) + len(mark) for mark in marks if mark in text), default=0)
        if stop:
            return text[:stop]
    return ""
