"""The verifier of programs: a Python function is run against tests in the sandbox."""

import json
import re

from rlscale.judging import sandbox
from rlscale.judging.canaries import check_canaries
from rlscale.judging.verdicts import Verdict

_FENCE = re.compile(r"([ \t]*+)(`{3,}+|~{3,}+)[ \t]*+([^`\n]*+)")
_BETWEEN = "\n\f\n"  # a form feed parts the blocks of a response; in Python it is space


class Program:
    """The program in the response passes the gold's tests.

    The gold is JSON with ``entry`` (the function's name), ``stub`` (source of its head, imports and
    helpers) and ``tests`` (source that calls the function and raises where it is wrong).
    """

    pooled = False
    packages: tuple[str, ...] = ()
    whole = False  # whether the answer is the program, and not blocks that make one

    def extract(self, response: str, gold: str) -> str | None:
        """The last block that defines the function, after the blocks before it.

        Where none defines it: the last block with a ``return``, which may be the function's body.
        Where nothing is fenced: the whole response.
        """
        problem = _problem(gold)
        blocks = fenced(response)
        if problem is None or not response.strip():
            return None
        if not blocks:
            return response.replace("\r\n", "\n")
        entry = re.escape(problem["entry"])
        head = re.compile(
            rf"^[^\S\n]*(?:async\s+)?(?:def\s+{entry}\b|{entry}\s*[:=])", re.MULTILINE
        )
        for wanted in (head, re.compile(r"^[^\S\n]*(?:return|yield)\b", re.MULTILINE)):
            last = max((i for i, block in enumerate(blocks) if wanted.search(block)), default=None)
            if last is not None:
                return _BETWEEN.join(blocks[: last + 1])
        return None

    def respond(self, answer: str) -> str:
        """The program in a fenced block."""
        return f"```python\n{answer}\n```"

    def usable(self, gold: str) -> bool:
        """Whether the gold names a function, its stub and its tests."""
        return _problem(gold) is not None

    def compare(self, answer: str, gold: str) -> Verdict:
        """Run the program in the sandbox."""
        problem = json.loads(gold)
        exam = sandbox.Exam(answer, problem["entry"], problem["tests"], problem["stub"], self.whole)
        result = sandbox.check(exam)
        return Verdict(result.outcome, answer, result.reason)

    def prove(self, isolation: str) -> dict[str, str]:
        """Judge known programs before any other (``rlscale.judging.canaries``)."""
        return {"isolation": check_canaries(isolation)}


def fenced(text: str) -> list[str]:
    """The fenced blocks of a text, without their indentation; the last may be without an end."""
    blocks: list[str] = []
    lines: list[str] = []
    opening, indent = "", 0
    for line in text.replace("\r\n", "\n").split("\n"):
        fence = _FENCE.fullmatch(line)
        if not opening:
            if fence:
                opening, indent, lines = fence.group(2), len(fence.group(1)), []
        elif (
            fence
            and fence.group(2).startswith(opening)
            and not fence.group(3)
            and len(fence.group(1)) < indent + 4  # deeper, it is text within the block
        ):
            blocks.append("\n".join(lines))
            opening = ""
        else:
            space = len(line) - len(line.lstrip(" \t"))
            lines.append(line[min(indent, space) :])
    return blocks + (["\n".join(lines)] if opening and lines else [])


def _problem(gold: str) -> dict[str, str] | None:
    try:
        problem = json.loads(gold)
    except ValueError:
        return None
    if not isinstance(problem, dict) or problem.keys() != {"entry", "stub", "tests"}:
        return None
    return problem if all(isinstance(part, str) for part in problem.values()) else None


PROGRAM = Program()
