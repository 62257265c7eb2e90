r"""The verifier of multiple choice: the option letter in the last box."""

import re

from rlscale.judging.boxes import boxed
from rlscale.judging.letters import option_letter
from rlscale.judging.verdicts import Verdict

_LONGEST = 10_000


class Choice:
    r"""The letter in the last ``\boxed{}`` is the gold letter.

    The letter may stand in brackets, with a full stop, or with the option's text after it.
    """

    pooled = False
    packages: tuple[str, ...] = ()

    def extract(self, response: str, gold: str) -> str | None:
        """The option letter in the last box, or None."""
        answer = boxed(response)
        return option_letter(answer) if answer and len(answer) < _LONGEST else None

    def respond(self, answer: str) -> str:
        """The letter in a box."""
        return rf"\boxed{{{answer}}}"

    def usable(self, gold: str) -> bool:
        """Whether the gold is a letter from A to J."""
        return bool(re.fullmatch("[A-J]", gold))

    def compare(self, answer: str, gold: str) -> Verdict:
        """Compare the letters."""
        return Verdict("correct" if answer == gold else "wrong", answer)


CHOICE = Choice()
