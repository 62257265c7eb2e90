"""What a judge says of a response: an outcome, what was read as its answer, and why."""

from dataclasses import dataclass
from typing import Literal

Outcome = Literal["correct", "wrong", "unparsed", "timeout"]
OUTCOMES: tuple[Outcome, ...] = ("correct", "wrong", "unparsed", "timeout")


@dataclass(frozen=True)
class Verdict:
    """One response, judged.

    Attributes:
        outcome: ``correct``, ``wrong``, ``unparsed`` (no answer can be read from it) or ``timeout``
            (the judge's limits ended first); None where the gold answer itself cannot be used.
        answer: The part of the response that was judged; None where there is none.
        reason: Why, in words; empty where there is nothing to say.
        credit: Share of the answer that is right, where a rule of scoring counts parts; None: all
            or nothing, as the outcome says.
    """

    outcome: Outcome | None
    answer: str | None
    reason: str = ""
    credit: float | None = None
