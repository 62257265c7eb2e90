"""A verifier of answers that are yes or no."""

import re

from rlscale.judging.verdicts import Verdict

_WORD = re.compile(r"\b(?:yes|no)\b", re.IGNORECASE)


class YesNo:
    """The last yes or no of a response, in any case."""

    pooled = False
    packages: tuple[str, ...] = ()

    def extract(self, response: str, gold: str) -> str | None:
        """The last yes or no, in lower case, or None."""
        found = _WORD.findall(response)
        return found[-1].lower() if found else None

    def respond(self, answer: str) -> str:
        """The answer itself."""
        return answer

    def usable(self, gold: str) -> bool:
        """Whether the gold is yes or no."""
        return gold.strip().lower() in ("yes", "no")

    def compare(self, answer: str, gold: str) -> Verdict:
        """Compare the words."""
        return Verdict("correct" if answer == gold.strip().lower() else "wrong", answer)


YES_NO = YesNo()
