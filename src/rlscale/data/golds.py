r"""What is a gold answer: the rule that is applied before any verifier is asked.

An answer is a short text. None, and listed with its reason, are: words that stand for a missing
one (``NA``, ``nan``, ``proof``, ``notfound``, ...), numbers that are not finite, and, for verifiers
of short answers, whole solutions. Integers stay integers where a missing value has made their
column one of floats.
"""

import math
import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from rlscale.core.digests import canonical_json
from rlscale.data.chats import as_written
from rlscale.judging.alternatives import any_of

# Verifiers whose golds are short texts; the golds of others may be tests or tables of any length.
SHORT = frozenset({"exact", "number", "math", "choice"})
MOST_WORDS = 20

_ABSENT_AS_WRITTEN = frozenset({"NA"})  # "Na" is sodium
_ABSENT = frozenset(
    {
        "n/a", "#n/a", "<na>", "none", "null", "nil", "nan", "inf", "+inf", "-inf", "proof",
        "proof problem", "proof required", "notfound", "not found", "not_found", "not-found",
        "not available", "not provided", "no answer", "unanswered", "see solution", "see above",
        "tbd", "todo", "-", "--", "---", "—", "?", "??", "???", ".", "..", "...", "…", "_",
    }
)  # fmt: skip
_SHELL = re.compile(
    r"\\boxed\{(.*)\}|\\text\{(.*)\}|\$\$(.*)\$\$|\$(.*)\$|\\\((.*)\\\)|\\\[(.*)\\\]", re.DOTALL
)
_BOX = re.compile(r"\\f?boxed\s*\{")
_LIST = re.compile(r"\s*\[\s*['\"]")
_WORD = re.compile(r"(?<![\\\w])[^\W\d_]{2,}")
_NEXT_SENTENCE = re.compile(
    r"(?<![^\W_)}$\]])[^\W_)}$\]]{2,}+[)}$\]]*+[.!?]\s+\S|[.!?]\s+[A-Z][a-z]+\s"
)
_TALKS_OF_ANSWER = re.compile(r"\banswer(\s+is|\s*[:=])", re.IGNORECASE)
_LONGEST_ABSENT = 200  # characters of a text that says that there is no answer
_EXACT_INTEGERS = 1 << 53  # beyond, a float cannot tell an integer from its neighbours


class Unusable(Exception):
    """A row cannot be used; the message is the reason, in a few words."""


def gold_text(value: Any, verifier: str) -> str:
    """The gold answer as text; of a list, any one of its members is right.

    Args:
        value: Whatever stood in the answer's place: text, a number, or a list of these; for
            verifiers of tables and tests, also what is to become JSON.
        verifier: Kind of judge that will compare with it.

    Raises:
        Unusable: It is no answer.
    """
    if verifier not in SHORT and isinstance(value, list | Mapping):
        return canonical_json(value)
    if verifier in SHORT and isinstance(value, str) and _LIST.match(value):
        value = _listed(value)
    if verifier == "math" and isinstance(value, str) and not value.strip("[] \n"):
        raise Unusable("no gold answer")
    if isinstance(value, list | tuple):
        if not value:
            raise Unusable("no gold answer")
        return any_of([_one(member, verifier) for member in value])
    return _one(value, verifier)


def _listed(text: str) -> Any:
    """The list that a text such as ``["5"]`` or ``['5']`` writes, or the text."""
    try:
        return as_written(text)
    except ValueError:
        return text


def _one(value: Any, verifier: str) -> str:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return _number(value)
    if isinstance(value, Decimal) and value.is_finite():
        return str(int(value)) if value == value.to_integral_value() else format(value, "f")
    if value is None or (isinstance(value, str) and not value.strip()):
        raise Unusable("no gold answer")
    if not isinstance(value, str):
        raise Unusable(f"gold answer is of type {type(value).__name__}, not text")
    if _is_absent(value):
        raise Unusable("gold answer stands for a missing one")
    if verifier in SHORT and is_solution(value):
        raise Unusable("gold answer is a whole solution")
    return value


def _number(value: int | float) -> str:
    if isinstance(value, int):
        return str(value)
    if math.isnan(value):
        raise Unusable("no gold answer")
    if math.isinf(value):
        raise Unusable("gold answer is not finite")
    if not value.is_integer():
        return format(Decimal(repr(value)), "f")  # no exponent: 1e-05 reads as 1 e - 5
    if abs(value) >= _EXACT_INTEGERS:
        raise Unusable("gold answer has more digits than its column can hold")
    return str(int(value))


def _is_absent(text: str) -> bool:
    bare = text.strip()
    if len(bare) > _LONGEST_ABSENT:
        return False
    while shell := _SHELL.fullmatch(bare):
        bare = next(part for part in shell.groups() if part is not None).strip()
    bare = bare if bare.strip(".") == "" else bare.rstrip(".")
    return not bare or bare in _ABSENT_AS_WRITTEN or bare.casefold() in _ABSENT


def is_solution(text: str) -> bool:
    r"""Whether a text is a solution or a sentence about the answer, not the answer.

    It is where it holds ``####``, speaks of "the answer", has ``\boxed{}`` among three words or
    more, two sentences of five words or more, or more than 20 words.
    """
    if "####" in text or _TALKS_OF_ANSWER.search(text):
        return True
    words = len(_WORD.findall(text))
    if words > MOST_WORDS:
        return True
    if words >= 5 and _NEXT_SENTENCE.search(text):
        return True
    return words >= 3 and bool(_BOX.search(text)) and not _SHELL.fullmatch(text.strip())
