"""Raw rows become a problem table; what cannot be used goes to quarantine, with the reason."""

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import pandas

from rlscale.core.digests import digest
from rlscale.core.errors import StudyError
from rlscale.data.canonical import tokens
from rlscale.data.golds import Unusable, gold_text
from rlscale.judging.verifiers import usable_golds

COLUMNS = ("problem_id", "problem", "answer", "level", "pass_rate", "cluster_id", "source")
_NO_TEXT = re.compile("[\x00\ud800-\udfff]")
_MANGLED = re.compile("[\x01-\x08\x0b\x0c\x0e-\x1f\x7f\ufffd]")  # such as "\frac" read as "\x0c"
_READ_NUMBERS = ("exact", "number", "math")
_SURELY_CONTENT = re.compile(r"[0-9]|(?<![A-Za-z\\])[A-Za-z]")  # a number, or a word
_PICTURE = re.compile(r"<image(?:_?\d+)?>")  # the place of one that the text does not hold
_NO_RATE = ("", "n/a", "none", "null")
_PASSED = re.compile(r"\s*(\d+)\s*/\s*(\d+)\s*")  # 3/8: three of eight tries
_PLAIN_NUMBER = re.compile(r"-?\d+(\.\d+)?")


class RawRow(NamedTuple):
    """A row as it was read.

    Attributes:
        source: File and row, or how it was made.
        problem: Whatever stood in the problem's place.
        answer: Whatever stood in the answer's place.
        level: Name of the difficulty level, or "".
        pass_rate: Whatever stood in its place, or None.
        failure: Why nothing could be read, or "".
        system: System text of its chat, which is no part of the problem, or "".
    """

    source: str
    problem: Any = None
    answer: Any = None
    level: str = ""
    pass_rate: Any = None
    failure: str = ""
    system: str = ""


def problem_id(problem: str) -> str:
    """Stable id of a problem, from its text alone."""
    return digest([problem])


def tabulate(
    rows: Sequence[RawRow], *, verifier: str, max_characters: int, keep_mangled: bool = False
) -> tuple[pandas.DataFrame, pandas.DataFrame]:
    """Check rows and put the usable ones into a problem table.

    Args:
        rows: All rows, in the order of the raw data.
        verifier: Kind of judge that must be able to use the gold answers
            (``rlscale.judging.verifiers``).
        max_characters: Longest problem text.
        keep_mangled: Keep rows with control or replacement characters, as published.

    Returns:
        The problem table with ``order`` (place in the raw data; ``cluster_id`` is the row's own
        id so far), and the quarantine: ``order``, ``source``, ``problem`` (its first 200
        characters), ``answer`` and ``reason``.

    Raises:
        StudyError: The pass rates are none.
    """
    usable: list[_Usable] = []
    refused: list[tuple[int, RawRow, str]] = []  # place, row, reason
    for order, row in enumerate(rows):
        try:
            usable.append(
                _Usable(order, row, *_checked(row, verifier, max_characters, keep_mangled))
            )
        except Unusable as error:
            refused.append((order, row, str(error)))
    _check_rates([(entry.row, entry.pass_rate) for entry in usable])
    kept = []
    fitting = _usable_golds(verifier, [entry.answer for entry in usable])
    for entry, fits in zip(usable, fitting, strict=True):
        reason = "" if fits else f"gold answer unusable for the '{verifier}' verifier"
        if fits and (entry.pass_rate < 0 or entry.pass_rate > 1):
            reason = f"pass rate {entry.pass_rate:g} lies outside [0, 1]"
        if reason:
            refused.append((entry.order, entry.row, reason))
        else:
            kept.append(entry)
    return _problem_table(kept), _quarantine(refused)


class _Usable(NamedTuple):
    """A row that can be used, with its place among the raw rows and what was checked of it."""

    order: int
    row: RawRow
    problem: str
    answer: str
    pass_rate: float


def _problem_table(kept: Sequence[_Usable]) -> pandas.DataFrame:
    ids = [problem_id(entry.problem) for entry in kept]
    table = pandas.DataFrame(
        {
            "order": [entry.order for entry in kept],
            "problem_id": ids,
            "problem": [entry.problem for entry in kept],
            "answer": [entry.answer for entry in kept],
            "level": [entry.row.level for entry in kept],
            "pass_rate": pandas.Series([entry.pass_rate for entry in kept], dtype=float),
            "source": [entry.row.source for entry in kept],
            "cluster_id": ids,
        }
    )
    return table[["order", *COLUMNS]]


def _quarantine(refused: Sequence[tuple[int, RawRow, str]]) -> pandas.DataFrame:
    return pandas.DataFrame(
        [
            (order, row.source, _excerpt(row.problem), _excerpt(row.answer), reason)
            for order, row, reason in sorted(refused, key=lambda entry: entry[0])
        ],
        columns=["order", "source", "problem", "answer", "reason"],
    )


def is_broken(text: str, *, keep_mangled: bool = False) -> bool:
    """Whether a text was decoded wrongly: not text at all, or (strictly) mangled escapes."""
    return bool(_NO_TEXT.search(text) or (not keep_mangled and _MANGLED.search(text)))


def _checked(
    row: RawRow, verifier: str, max_characters: int, keep_mangled: bool
) -> tuple[str, str, float]:
    """Problem, answer and pass rate of a usable row."""
    if row.failure:
        raise Unusable(row.failure)
    if not isinstance(row.problem, str):
        raise Unusable("no problem" if row.problem is None else f"problem is {_kind(row.problem)}")
    if not row.problem.strip():
        raise Unusable("empty problem")
    if len(row.problem) > max_characters:
        raise Unusable(f"problem longer than {max_characters} characters")
    if is_broken(row.problem, keep_mangled=keep_mangled):
        raise Unusable("broken encoding in the problem")
    if _PICTURE.search(row.problem):
        raise Unusable("the problem needs a picture")
    if not (_SURELY_CONTENT.search(row.problem) or tokens(row.problem)):
        raise Unusable("problem without content")
    return (
        row.problem,
        _checked_answer(row.answer, verifier, keep_mangled),
        _checked_rate(row.pass_rate),
    )


def _checked_answer(answer: Any, verifier: str, keep_mangled: bool) -> str:
    gold = gold_text(answer, verifier)
    if is_broken(gold, keep_mangled=keep_mangled):
        raise Unusable("broken encoding in the gold answer")
    return gold


def _checked_rate(rate: Any) -> float:
    """A pass rate, nan where it is not known; whether it lies in [0, 1] is asked of all at once."""
    if rate is None or (isinstance(rate, str) and rate.strip().casefold() in _NO_RATE):
        return math.nan
    if isinstance(rate, bool):
        raise Unusable("pass rate is of type bool, not a number")
    try:
        passed = _PASSED.fullmatch(rate) if isinstance(rate, str) else None
        rate = int(passed[1]) / int(passed[2]) if passed else float(rate)
    except (TypeError, ValueError, ZeroDivisionError):
        raise Unusable("pass rate is no number") from None
    if math.isinf(rate):
        raise Unusable("pass rate is not finite")
    return rate


def _check_rates(rows: Sequence[tuple[RawRow, float]]) -> None:
    """Refuse pass rates that are none: counts of tries or per cents.

    A few values outside [0, 1] among true rates are rows in error. Where most are outside, or those
    inside are only 0 and 1, the column counts something else, and 0 and 1 mean something else, too.
    """
    known = [(row, rate) for row, rate in rows if not math.isnan(rate)]
    outside = [(row, rate) for row, rate in known if not 0 <= rate <= 1]
    inside = {rate for _, rate in known if 0 <= rate <= 1}
    if outside and (2 * len(outside) > len(known) or inside <= {0.0, 1.0}):
        examples = ", ".join(f"{rate:g} in {row.source}" for row, rate in outside[:3])
        raise StudyError(
            f"{len(outside)} of {len(known)} pass rates lie outside [0, 1] ({examples}): the "
            "column is no share of right answers; say what it counts beside `columns`, such as "
            "`pass_rate_is: {counts: fails, of: 16}`, or leave the column out"
        )


def _usable_golds(verifier: str, golds: Sequence[str]) -> list[bool]:
    """Whether the verifier can use each gold answer; plain numbers need no asking."""
    plain = [verifier in _READ_NUMBERS and _is_plain(gold) for gold in golds]
    doubtful = [gold for gold, easy in zip(golds, plain, strict=True) if not easy]
    usable = iter(usable_golds(doubtful, verifier))
    return [easy or next(usable) for easy in plain]


def _is_plain(gold: str) -> bool:
    return bool(_PLAIN_NUMBER.fullmatch(gold.strip()))


def generated_rows(rows: Sequence[Mapping[str, str]]) -> list[RawRow]:
    """Rows of the arithmetic generator."""
    return [
        RawRow(f"generated#{i}", row["problem"], row["answer"], row["level"])
        for i, row in enumerate(rows)
    ]


def _kind(value: Any) -> str:
    return f"of type {type(value).__name__}, not text"


def _excerpt(value: Any) -> str:
    text = "" if value is None else str(value)[:200]
    return text.encode("utf-8", "backslashreplace").decode()
