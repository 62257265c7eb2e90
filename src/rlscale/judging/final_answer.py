"""The verifier of BIG-Bench Extra Hard: what follows "the answer is", as that set compares it."""

import re

from rlscale.judging.verdicts import Verdict

_MARK = re.compile(r"(?:the\s+(?:final\s+)?answer\s+is)\s*:?\s*", re.IGNORECASE)
_WRAPPED = re.compile(r"\$?\\?(?:boxed|text|texttt)\s*\{([^{}]*)\}\$?")


class FinalAnswer:
    """The line after the last "the answer is" equals the gold, whatever its case and brackets."""

    pooled = False
    packages: tuple[str, ...] = ()

    def extract(self, response: str, gold: str) -> str | None:
        """The rest of the line after the last "the answer is"."""
        marks = list(_MARK.finditer(response))
        if not marks:
            return None
        return response[marks[-1].end() :].partition("\n")[0].strip() or None

    def respond(self, answer: str) -> str:
        """A sentence that gives the answer."""
        return f"The answer is: {answer}"

    def usable(self, gold: str) -> bool:
        """Whether there is a gold answer on one line."""
        return bool(gold.strip()) and "\n" not in gold.strip()

    def compare(self, answer: str, gold: str) -> Verdict:
        """Compare without case, quotes, full stop, and space after commas; numbers by value."""
        said, wanted = _normal(answer), _normal(gold)
        right = said == wanted or (_number(said) is not None and _number(said) == _number(wanted))
        return Verdict("correct" if right else "wrong", answer)


def _normal(text: str) -> str:
    text = _WRAPPED.sub(r"\1", text.strip()).replace("**", "").strip("$ ")
    text = re.sub(r",\s+", ",", text.rstrip(".").strip("'\"`").casefold())
    bare = re.fullmatch(r"\(([a-z])\)|\[(.*)\]", text)
    return text if bare is None else bare.group(1) or bare.group(2) or ""


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


FINAL_ANSWER = FinalAnswer()
