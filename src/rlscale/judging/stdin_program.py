"""The verifier of whole programs: what one prints for each input is what is wanted."""

import json

from rlscale.judging import sandbox
from rlscale.judging.program import Program, fenced
from rlscale.judging.verdicts import Verdict

_SECONDS = 6  # of CPU for one input, as LiveCodeBench has it
_LONGEST = 120
# Runs in the sandbox, around the program's source. Each input gets a fresh namespace.
_RUNNER = """
import io
import sys

def opened(file, *args, **kwargs):
    return sys.stdin if file in (0, "/dev/stdin") else open(file, *args, **kwargs)

def printed(text):
    sys.stdin = io.TextIOWrapper(io.BytesIO(text.encode()))
    sys.stdout = io.TextIOWrapper(io.BytesIO(), write_through=True)
    try:
        exec(compile({source!r}, "program", "exec"), {{"__name__": "__main__", "open": opened}})
    except SystemExit as end:
        if end.code not in (None, 0):
            raise
    sys.stdout.seek(0)
    return sys.stdout.read()
"""
# Runs in the checker. Lines are compared without surrounding space, then as decimal numbers.
_TESTS = """
import decimal

def lines(text):
    return [line.strip() for line in text.strip().split("\\n")]

def numbers(line):
    try:
        return [decimal.Decimal(word) for word in line.split()]
    except decimal.InvalidOperation:
        return None

def same(said, wanted):
    return said == wanted or (numbers(said) is not None and numbers(said) == numbers(wanted))

for given, wanted in {cases!r}:
    said = printed(given)
    assert type(said) is str
    assert len(lines(said)) == len(lines(wanted)), "another number of lines"
    assert all(map(same, lines(said), lines(wanted))), "another output"
"""


class StdinProgram(Program):
    """The last code block is a program that reads stdin and prints what is wanted.

    The gold is JSON: a list of ``[input, output]``.
    """

    def extract(self, response: str, gold: str) -> str | None:
        """The last fenced block; where nothing is fenced, the whole response."""
        blocks = fenced(response)
        return (blocks[-1] if blocks else response.replace("\r\n", "\n")).strip() or None

    def usable(self, gold: str) -> bool:
        """Whether the gold is a list of inputs with their outputs."""
        return _cases(gold) is not None

    def compare(self, answer: str, gold: str) -> Verdict:
        """Run the program in the sandbox, once for each input."""
        cases = _cases(gold)
        assert cases is not None
        exam = sandbox.Exam(
            solution=_RUNNER.format(source=answer),
            entry="printed",
            tests=_TESTS.format(cases=cases),
            cpu_seconds=min(_SECONDS * len(cases), _LONGEST),
            wall_seconds=10.0 * _LONGEST,
        )
        result = sandbox.check(exam)
        return Verdict(result.outcome, answer, result.reason)


def _cases(gold: str) -> list[tuple[str, str]] | None:
    try:
        cases = [(given, wanted) for given, wanted in json.loads(gold)]
    except (ValueError, TypeError):
        return None
    texts = all(isinstance(part, str) for case in cases for part in case)
    return cases if cases and texts else None


STDIN_PROGRAM = StdinProgram()
