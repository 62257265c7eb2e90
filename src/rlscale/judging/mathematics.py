r"""The verifier of mathematics: what stands in the last box, compared by value."""

import functools
import re

from rlscale.judging.boxes import boxed
from rlscale.judging.verdicts import Verdict


class Mathematics:
    r"""The last ``\boxed{}`` of the response equals the gold answer by value."""

    pooled = True
    packages = ("math-verify", "latex2sympy2_extended", "sympy")

    def extract(self, response: str, gold: str) -> str | None:
        """What stands in the last box."""
        return boxed(response)

    def respond(self, answer: str) -> str:
        """The answer in a box."""
        return rf"\boxed{{{answer}}}"

    def usable(self, gold: str) -> bool:
        """Whether the gold equals itself and can be compared with 0."""
        return _parsed_gold(gold.strip()) is not None

    def compare(self, answer: str, gold: str) -> Verdict:
        """Compare by value; what holds no mathematics where the gold does is unparsed."""
        expected = _parsed_gold(gold.strip())
        parsed = _parse(answer)
        if parsed and _same(expected, parsed):
            return Verdict("correct", answer)
        if not parsed or (_is_mathematics(expected) and not _is_mathematics(parsed)):
            return Verdict("unparsed", answer, "no mathematics")
        return Verdict("wrong", answer)


MATH = Mathematics()


# What math-verify does not read: a full stop at the end, \degree, units outside \text.
_UNIT = re.compile(
    r"(\\?\$?[-+]?[\d,]*\.?\d+)\s+(?!(?:hundred|thousand|million|billion|dozen|half)\b)"
    r"[A-Za-z][A-Za-z ]{2,}"
)


def _plain(answer: str) -> str:
    answer = answer.strip().removesuffix(".").replace(r"\degree", r"^\circ")
    unit = _UNIT.fullmatch(answer)
    return unit.group(1) if unit else answer


def _parse(answer: str) -> list:
    from math_verify import ExprExtractionConfig, LatexExtractionConfig, parse

    forms = [LatexExtractionConfig(boxed_match_priority=0), ExprExtractionConfig()]
    return parse(rf"\boxed{{{_plain(answer)}}}", forms, parsing_timeout=None)


def _same(gold: list, answer: list) -> bool:
    from math_verify import verify

    return bool(verify(gold, answer, timeout_seconds=None))


def _is_mathematics(parsed: list) -> bool:
    return any(not isinstance(form, str) for form in parsed)


@functools.lru_cache(maxsize=4096)
def _parsed_gold(gold: str) -> list | None:
    parsed = _parse(gold) if gold else []
    if not parsed or not _same(parsed, parsed):
        return None
    _same(parsed, _parse("0"))  # a gold that cannot even be compared with 0 in time ends here
    return parsed
