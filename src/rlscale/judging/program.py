"""The verifier of programs: a Python function is run against tests in the sandbox."""

import json
import re

from rlscale.judging.sandbox import Job, check
from rlscale.judging.verdicts import Verdict

_FENCE = re.compile(r"```[a-zA-Z0-9]*[ \t]*\n(.*?)(?:```|\Z)", re.DOTALL)


class Program:
    """The program in the response passes the gold's tests.

    The gold is JSON with ``entry`` (the function's name), ``stub`` (source that the tests may use)
    and ``tests`` (source that calls the function and raises where it is wrong).
    """

    pooled = False
    packages: tuple[str, ...] = ()

    def extract(self, response: str, gold: str) -> str | None:
        """The last fenced block that holds a function, or the whole text where none is fenced."""
        problem = _problem(gold)
        if problem is None:
            return None
        blocks = _FENCE.findall(response) or [response]
        programs = [block for block in blocks if re.search(r"^\s*def ", block, re.MULTILINE)]
        return programs[-1] if programs and f"def {problem['entry']}" in programs[-1] else None

    def respond(self, answer: str) -> str:
        """The program in a fenced block."""
        return f"```python\n{answer}\n```"

    def usable(self, gold: str) -> bool:
        """Whether the gold names a function, its stub and its tests."""
        return _problem(gold) is not None

    def compare(self, answer: str, gold: str) -> Verdict:
        """Run the program in the sandbox."""
        problem = _problem(gold)
        assert problem is not None, "only usable golds are asked for"
        result = check(Job(answer, problem["entry"], problem["tests"], problem["stub"]))
        return Verdict(result.outcome, answer, result.reason)


def _problem(gold: str) -> dict[str, str] | None:
    """The gold's parts; None where it is no problem of a program."""
    try:
        problem = json.loads(gold)
    except ValueError:
        return None
    if not isinstance(problem, dict) or problem.keys() != {"entry", "stub", "tests"}:
        return None
    return problem if all(isinstance(part, str) for part in problem.values()) else None


PROGRAM = Program()
