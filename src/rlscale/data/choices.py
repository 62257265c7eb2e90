"""Multiple choice: a question with its options below it, whatever columns they stand in."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from rlscale.core.digests import digest
from rlscale.data.chats import parsed

_LETTERS = "ABCDEFGHIJ"
_LABEL = re.compile(r"\s*\(?[A-Ja-j]\s*[).:]\s*")


def multiple_choice(found: dict[str, Any]) -> dict[str, Any]:
    """A question with its options below it, as SuperGPQA writes them; the answer is a letter.

    The options are a list, or lists of ``text`` and ``label``, or a text that writes one; the
    answer is a position, a label or the text of one.

    Raises:
        ValueError: There are no options, or more than ten, or the answer names none.
    """
    options = found.pop("options")
    options = parsed(options, "options") if isinstance(options, str) else options
    labels = options.get("label") if isinstance(options, Mapping) else None
    texts = options.get("text") if isinstance(options, Mapping) else options
    if not isinstance(texts, list) or not texts:
        raise ValueError("no options")
    if len(texts) > len(_LETTERS):
        raise ValueError("more than ten options")
    answer = found["answer"]
    known = list(labels or _LETTERS[: len(texts)])
    if isinstance(answer, int) and not isinstance(answer, bool) and 0 <= answer < len(texts):
        place = answer
    elif answer in known:
        place = known.index(answer)
    elif texts.count(answer) == 1:
        place = texts.index(answer)
    elif isinstance(answer, str) and answer.isdecimal() and int(answer) < len(texts):
        place = int(answer)
    else:
        raise ValueError("the answer names no option")
    return _asked(found, texts, place)


def labelled_options(found: dict[str, Any]) -> dict[str, Any]:
    """AQuA's options, each with its letter before it (``A)21``).

    Raises:
        ValueError: As ``multiple_choice``.
    """
    options = found["options"]
    if isinstance(options, list):
        options = [_LABEL.sub("", text, 1) if isinstance(text, str) else text for text in options]
    return multiple_choice({**found, "options": options})


def options_in_columns(found: dict[str, Any]) -> dict[str, Any]:
    """C-Eval's and CMMLU's options, one a column named by its letter; those without text are none.

    Raises:
        ValueError: As ``multiple_choice``, or an option in between is missing.
    """
    texts = [found.pop(letter, None) for letter in _LETTERS[:5]]
    while texts and texts[-1] in (None, ""):
        texts.pop()
    if any(text in (None, "") for text in texts):
        raise ValueError("an option is missing")
    return multiple_choice({**found, "options": texts})


def right_among_wrong(found: dict[str, Any]) -> dict[str, Any]:
    """GPQA's and SciQ's right answer and three wrong ones, in an order that follows from the texts.

    Raises:
        ValueError: One of the four is missing, or two are equal.
    """
    question, right = found["problem"], found.pop("answer")
    texts = [right, *(found.pop(f"wrong_{i}") for i in (1, 2, 3))]
    if not all(isinstance(text, str) and text.strip() for text in texts):
        raise ValueError("an option is missing")
    if len({text.strip() for text in texts}) < len(texts):
        raise ValueError("two options are equal")
    texts.sort(key=lambda text: digest([question, text]))
    return _asked(found, texts, texts.index(right))


def _asked(found: dict[str, Any], texts: Sequence[Any], place: int) -> dict[str, Any]:
    problem = found["problem"]
    if isinstance(problem, str):
        lines = [f"({letter}): {text}" for letter, text in zip(_LETTERS, texts, strict=False)]
        problem += "\nOptions are:\n" + "\n".join(lines)
    return {**found, "problem": problem, "answer": _LETTERS[place]}
