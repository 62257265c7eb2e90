r"""The verifier of mathematics: what stands in the last box, compared by value.

An answer is cleaned of the wrappings that change no value, read by a closed grammar, and compared
with the gold answer as the type that both are. What the rules do not know is unparsed, never right.
"""

import functools
import re
from fractions import Fraction
from typing import Any

from rlscale.judging.boxes import boxed
from rlscale.judging.letters import option_letter
from rlscale.judging.reading.tokens import NotUnderstood, tokenize
from rlscale.judging.verdicts import Verdict
from rlscale.judging.writing import clean, without_label

_LONGEST = 10_000
_LONGEST_NUMBER = 1_000
_NUMBER = re.compile(r"[+-]?(?:\d{1,3}(?:(?:,|\{,\})\d{3})+|\d+)(?:\.\d+)?")
_OPTION = re.compile(r"\(?\s*([A-J])\s*\)?")
_CHOICE = re.compile(r"\s*(?:\(\s*[A-J]\s*\)|[A-J]\s*[).:](?!\s*$))[\s:.]*(?=[^\s+*/^])")


class Mathematics:
    r"""The last ``\boxed{}`` of the response equals the gold answer by value."""

    pooled = True
    packages = ("sympy",)

    def extract(self, response: str, gold: str) -> str | None:
        """What stands in the last box."""
        return boxed(response)

    def respond(self, answer: str) -> str:
        """The answer in a box."""
        return rf"\boxed{{{answer}}}"

    def usable(self, gold: str) -> bool:
        """Whether there is a gold answer whose value can be had, or that is compared as a text."""
        try:
            return bool(gold.strip()) and _gold(gold) is not None
        except NotUnderstood:
            return False

    def compare(self, answer: str, gold: str) -> Verdict:
        """Compare by value; what is not understood is unparsed."""
        if len(answer) > _LONGEST:
            return Verdict("unparsed", answer, f"longer than {_LONGEST} characters")
        written, wanted = _plain(answer), _plain(gold)
        if not written:
            return Verdict("unparsed", answer, "empty")
        if written == wanted:
            return Verdict("correct", answer, "the same text")
        if all(len(t) < _LONGEST_NUMBER and _NUMBER.fullmatch(t) for t in (written, wanted)):
            equal = _fraction(written) == _fraction(wanted)
            return Verdict("correct" if equal else "wrong", answer, "numbers")
        return _compare(answer, written, gold)


def _plain(answer: str) -> str:
    return without_label(clean(answer))


def _fraction(text: str) -> Fraction:
    return Fraction(re.sub("[,{}]", "", text))


def _compare(answer: str, written: str, gold: str) -> Verdict:
    from rlscale.judging.matching import same
    from rlscale.judging.values import Unread, Words

    expected, symbols = _gold(gold)
    option = _OPTION.fullmatch(_letters(_plain(gold)))
    if option:
        return _compare_option(answer, option.group(1))
    if isinstance(expected, Unread):
        right = Unread(_pieces(written)) == expected
        return Verdict("correct" if right else "wrong", answer, "compared as a text")
    try:
        found = _words_of(written) if isinstance(expected, Words) else None
        found = found or _read(written, symbols)
        right = same(*map(_nothing, (expected, found))) or _same_otherwise(
            expected, written, symbols
        )
    except NotUnderstood as error:
        return Verdict("unparsed", answer, f"not understood: {error}")
    except MemoryError:
        raise
    except Exception as error:  # sympy's errors on odd input have no class in common
        return Verdict("unparsed", answer, f"not understood: {type(error).__name__}: {error}")
    if not right and isinstance(found, Words) and not isinstance(expected, Words):
        return Verdict("unparsed", answer, "words where mathematics is expected")
    return Verdict("correct" if right else "wrong", answer, type(found).__name__.lower())


def _nothing(value: Any) -> Any:
    """The words for it as the empty set."""
    from sympy import S

    from rlscale.judging.values import Region, Words

    return Region(S.EmptySet) if value == Words("no solution") else value


def _same_otherwise(expected: Any, written: str, symbols: frozenset[str]) -> bool:
    """Where the gold has several answers: ``1,234`` as two of them."""
    from rlscale.judging.matching import same
    from rlscale.judging.values import Collection

    if not isinstance(expected, Collection) or not re.search(r"\d,\d{3}", written):
        return False
    return same(expected, _read(written, symbols, grouped=False))


def _compare_option(answer: str, letter: str) -> Verdict:
    found = option_letter(answer)
    if found is None:
        return Verdict("unparsed", answer, "no option letter")
    return Verdict("correct" if found == letter else "wrong", answer, "option")


def _read(written: str, symbols: frozenset[str], *, grouped: bool = True) -> Any:
    from rlscale.judging.reading.answers import read

    words = _words_of(written)
    choice = _CHOICE.match(_letters(written))
    if choice:  # (B) 12: the option's value
        written = _letters(written)[choice.end() :]
    try:
        return read(written, symbols, grouped=grouped)
    except NotUnderstood:
        if words is None:
            raise
        return words


@functools.lru_cache(maxsize=4096)
def _gold(gold: str) -> tuple[Any, frozenset[str]]:
    """The gold answer's value and its variables.

    Raises:
        NotUnderstood: Its value is too large to be made.
    """
    from rlscale.judging.reading.exact import TooLarge
    from rlscale.judging.values import Unread

    written = _plain(gold)
    if r"\text" in gold and (words := _words_of(written)) is not None:
        return words, frozenset()
    try:
        value = _read(written, frozenset())
        return value, _variables(value, written)
    except (TooLarge, MemoryError):
        raise
    except Exception:  # sympy's errors on odd input have no class in common
        return Unread(_pieces(written)), frozenset()


_NOTHING = dict.fromkeys(
    ("no solutions", "there is no solution", "there are no solutions", "no solution exists",
     "no solutions exist", "empty set"),
    "no solution",
)  # fmt: skip


def _words_of(written: str) -> Any:
    from rlscale.judging.values import Words

    words = _words(written)
    return None if words is None else Words(_NOTHING.get(words, words))


def _variables(value: Any, written: str) -> frozenset[str]:
    """Letters of a gold answer that stand for no unit there."""
    from rlscale.judging.values import Quantity

    if isinstance(value, Quantity) and value.unit is not None:
        return frozenset(symbol.name for symbol in value.expr.free_symbols)
    return frozenset(token.text for token in tokenize(written) if token.kind == "letter")


_PIECE = re.compile(r"\\[A-Za-z]+|[^\W\d_]+|\d+|\S")
_ARTICLE = re.compile(r"\A(?:an?|the) (?=[^\W\d_]{4})")  # no "A and B", "A or B", "a to b"
_COMMANDS = re.compile(r"\\(?:text|math)[a-z]*|\\mbox|\\operatorname")


def _letters(written: str) -> str:
    """Without the commands of text and their braces."""
    if not _COMMANDS.search(written):
        return written
    return re.sub(
        r"\s+", " ", _COMMANDS.sub(" ", written).replace("{", " ").replace("}", " ")
    ).strip()


def _pieces(written: str) -> str:
    """The text with one space between its words, numbers, commands and signs."""
    return " ".join(_PIECE.findall(_letters(written)))


def _words(written: str) -> str | None:
    """The answer as a text of words; None where it holds anything but letters."""
    text = _letters(written).strip(" .!").casefold()
    text = _ARTICLE.sub("", re.sub(r"[\s-]+", " ", text).strip())
    if not re.fullmatch(r"[^\W\d_](?:[^\W\d_]|[ ',.])*", text) or len(text) < 2:
        return None
    return text


MATH = Mathematics()
