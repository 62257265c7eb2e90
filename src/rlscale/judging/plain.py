"""Verifiers of plain answers: the same text, or the same number."""

import re
from decimal import Decimal

from rlscale.judging.verdicts import Verdict

_NUMBER = re.compile(r"[+-]?\d+(\.\d+)?")


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

    What GSM8K's scorers call flexible extraction; a response without a number is unparsed.
    """

    pooled = False
    packages: tuple[str, ...] = ()

    def extract(self, response: str, gold: str) -> str | None:
        """The last integer or decimal number of the response."""
        return last_number(response)

    def respond(self, answer: str) -> str:
        """The number itself."""
        return answer

    def usable(self, gold: str) -> bool:
        """Whether the gold is a number."""
        return bool(_NUMBER.fullmatch(gold.strip()))

    def compare(self, answer: str, gold: str) -> Verdict:
        """Compare the values."""
        equal = Decimal(answer) == Decimal(gold.strip())
        return Verdict("correct" if equal else "wrong", answer)


def last_number(text: str) -> str | None:
    """The last integer or decimal number of a text, or None."""
    found = [match.group() for match in re.finditer(r"[+-]?\d+(?:\.\d+)?", text)]
    return found[-1] if found else None


EXACT = Exact()
NUMBER = Number()
