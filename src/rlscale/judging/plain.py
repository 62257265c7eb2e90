"""Verifiers of plain answers: the same text, or the same number."""

import re
from decimal import Decimal

from rlscale.judging.verdicts import Verdict

_NUMBER = re.compile(r"[+-]?\d+(\.\d+)?")
# As people write them: 1,234 and .5 and 1.5e3, below zero by a hyphen or a minus sign.
_WRITTEN = (
    r"[+\-\u2212]?(?:(?:[1-9]\d{0,2}(?:,\d{3})+(?!\d)|\d+)(?:\.\d+)?|(?<![\w.])\.\d+)"
    r"(?:[eE][+\-\u2212]?\d{1,6}(?!\d))?"
)
_WHOLE = re.compile(_WRITTEN)
# What stands below a fraction's line is no number by itself: 3/4, \frac{3}{4}, \frac34, 1\u00bd.
_PARTS = re.compile(
    rf"(?:[/\u2044\u2215\u00f7]\s*|\}}\s*\{{\s*){_WRITTEN}|\\[dtc]?frac\s*\d\s*\d"
    rf"|[\u00bc-\u00be\u2150-\u215e]|(?P<number>{_WRITTEN})"
)


class Exact:
    """The response without surrounding space equals the gold answer.

    A response that is empty, or no number where the gold is one, is unparsed.
    """

    pooled = False
    packages: tuple[str, ...] = ()

    def extract(self, response: str, gold: str) -> str | None:
        """The whole response."""
        return response.strip() or None

    def respond(self, answer: str) -> str:
        """The answer itself."""
        return answer

    def usable(self, gold: str) -> bool:
        """Whether there is any text."""
        return bool(gold.strip())

    def compare(self, answer: str, gold: str) -> Verdict:
        """Compare the texts."""
        gold = gold.strip()
        if answer == gold:
            return Verdict("correct", answer)
        if _NUMBER.fullmatch(gold) and not _NUMBER.fullmatch(answer):
            return Verdict("unparsed", answer, "no number")
        return Verdict("wrong", answer)


class Number:
    """The last number in the response equals the gold number.

    What GSM8K's scorers call flexible extraction. Numbers are read as written: 1,234 and .5 and
    1.5e3. A response without a number, or that ends in a fraction such as 3/4, is unparsed.
    """

    pooled = False
    packages: tuple[str, ...] = ()

    def extract(self, response: str, gold: str) -> str | None:
        """The last number of the response, as it is written there."""
        return last_number(response)

    def respond(self, answer: str) -> str:
        """The number itself."""
        return answer

    def usable(self, gold: str) -> bool:
        """Whether the gold is a number."""
        return bool(_WHOLE.fullmatch(gold.strip()))

    def compare(self, answer: str, gold: str) -> Verdict:
        """Compare the values."""
        equal = _value(answer) == _value(gold.strip())
        return Verdict("correct" if equal else "wrong", answer)


def last_number(text: str) -> str | None:
    """The last number of a text as it is written; None without one, or if a fraction is last."""
    found = [match["number"] for match in _PARTS.finditer(text)]
    return found[-1] if found else None


def _value(written: str) -> Decimal:
    return Decimal(written.replace(",", "").replace("\u2212", "-"))


EXACT = Exact()
NUMBER = Number()
