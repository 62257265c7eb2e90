r"""Verifiers that judge as the paper's public scorer does (arXiv 2509.25300; December 2025).

They are here so that scores can be set beside the published ones, and accept what this project's
own refuse: an answer without a box, a part of a grid. The steps by which answers are made alike
follow those of that scorer's public code; agreement is shown on the rows of
tests/unit/test_scoring.py alone. Where it draws a letter at random, ours is unparsed.
"""

import ast
import json
import math
import re
from collections.abc import Sequence
from typing import Any

from rlscale.judging.grid import Grid
from rlscale.judging.program import Program, fenced
from rlscale.judging.verdicts import Verdict

_LONGEST = 20_000
_ENDING = 300
_TOLERANCE = 1e-4  # relative
_NUMBER = re.compile(r"-?[0-9.,]+")
_HASHES = re.compile(r"#### (-?[0-9.,]+)")
_BOX = re.compile(r"\\(?:boxed|fbox)")
_FLAT_BOX = re.compile(r"\\boxed\{((?:[^{}]|\{(?:[^{}]|\{[^{}]*\})*\})*)\}")
_FINAL = ("Final Answer:", "The answer is:")
_START, _END = "<answer>", "</answer>"
_UNITS = re.compile(
    r"(?:degree|centimeter|cm|meter|mile|second|minute|hour|day|week|month|year|foot|feet|inch|yard"
    r"|liter)(?:es)?s? *(?:\^[0-9]+)?"
)
_WRITING = (
    (re.compile(r"\\(?:left|right|!|,|;| )"), ""),
    (re.compile(r"\\[td]frac"), r"\\frac"),
    (re.compile(r"\^\{?\\circ\}?|\\?[%$]"), ""),
    (re.compile(r"\\text\s*\{\s+.*$"), ""),  # what stands on the right is a unit
    (re.compile(r"\\(?:text|mbox|mathrm|textbf|mathbf|boxed)\s*\{?"), ""),
    (_UNITS, ""),
    (re.compile(r"\\sqrt\s*\{([^{}]*)\}"), r"sqrt(\1)"),
    (re.compile(r"\\frac\s*\{([^{}]*)\}\s*\{([^{}]*)\}"), r"(\1)/(\2)"),
    (re.compile(r"\\frac\s*(\d)\s*(\d)"), r"(\1)/(\2)"),
    (re.compile(r"\\pi\b|π"), "pi"),
    (re.compile(r"(?<=\d),(?=\d{3}(?!\d))"), ""),
    (re.compile(r"[{}\s]"), ""),
)


def last_box(text: str) -> str | None:
    """Content of the last box that is opened; None where it is never closed, or is empty."""
    openings = list(_BOX.finditer(text))
    if not openings:
        return None
    depth, start = 0, None
    for place in range(openings[-1].start(), len(text)):
        if text[place] == "{":
            depth += 1
            start = place + 1 if start is None else start
        elif text[place] == "}":
            depth -= 1
            if depth == 0:
                return text[start:place].strip() or None
    return None


class _Whole:
    """What these verifiers share: answers are boxed, and any gold that is not empty is usable."""

    pooled = True
    packages: tuple[str, ...] = ("sympy", "math-verify")

    def respond(self, answer: str) -> str:
        """The answer in a box."""
        return rf"\boxed{{{answer}}}"

    def usable(self, gold: str) -> bool:
        """Whether there is a gold answer."""
        return bool(gold.strip())


class Mathematics(_Whole):
    """Right by any of three judges: as text, as value, or by math-verify on the whole response."""

    def __init__(self, ending: int = _LONGEST) -> None:
        self.ending = ending

    def extract(self, response: str, gold: str) -> str | None:
        """The response, or its last characters where only these are judged."""
        return response[-self.ending :] if response.strip() else None

    def compare(self, answer: str, gold: str) -> Verdict:
        """Ask the judges in turn."""
        said = last_box(answer.split("</think>")[-1]) or answer
        judges = {"text": _same_text, "value": _same_value, "math-verify": _same_to_math_verify}
        for name, same in judges.items():
            if same(answer if same is _same_to_math_verify else said, gold):
                return Verdict("correct", said, f"by {name}")
        return Verdict("wrong", said, "by none of three judges")


class Numbers(_Whole):
    """The last box, else what follows ``####``, else the last number, by math-verify or as text."""

    def extract(self, response: str, gold: str) -> str | None:
        """The part that is judged."""
        box = last_box(response)
        if box is not None:
            return box
        hashes = _HASHES.search(response)
        if hashes:
            return hashes.group(1)
        numbers = [found.strip(".,") for found in _NUMBER.findall(response)]
        return next((number for number in reversed(numbers) if number not in ("", "-")), None)

    def compare(self, answer: str, gold: str) -> Verdict:
        """Compare as texts, then by math-verify."""
        right = _bare(answer) == _bare(gold) or _same_to_math_verify(self.respond(answer), gold)
        return Verdict("correct" if right else "wrong", answer)


def _bare(number: str) -> str:
    return re.sub(r"[,$\\\s]", "", number)


def _normal(text: str) -> str:
    text = text.strip()
    if re.fullmatch(r"[A-Za-z]\w?\s*=[^=]*", text):  # x = 5
        text = text.partition("=")[2]
    for pattern, replacement in _WRITING:
        text = pattern.sub(replacement, text)
    return text.rstrip(".").lower()


def _same_text(answer: str, gold: str) -> bool:
    wrapped = re.fullmatch(r"\\text\s*\{(.+)\}", gold.strip())
    words = wrapped.group(1) if wrapped else gold
    return answer.strip().lower() == words.strip().lower() or _normal(answer) == _normal(gold)


def _same_value(answer: str, gold: str) -> bool:
    """Numbers to four digits, also 100 times as large or small; expressions by their difference."""
    numbers = [_float(text) for text in (answer, gold)]
    if None not in numbers:
        said, wanted = numbers
        assert said is not None
        assert wanted is not None
        return any(
            math.isclose(wanted * scale, said, rel_tol=_TOLERANCE) for scale in (0.01, 1, 100)
        )
    first, second = _normal(answer), _normal(gold)
    if re.search(r"\^\(|\^\d+\^|\^\d\d", first + second) or "," in first + second:
        return False
    letters = {x for x in re.sub("sqrt|pi", "", first + second) if x.isalpha()}
    if len(letters) > 2 or len(first) > _ENDING or _float(second) is not None:
        return False
    return _difference_is_zero(first, second)


def _float(text: str) -> float | None:
    try:
        return float(re.sub(r"[,{}]|\\?%", "", text))
    except ValueError:
        return None


def _difference_is_zero(first: str, second: str) -> bool:
    import sympy
    from sympy.parsing.sympy_parser import (
        implicit_multiplication_application,
        parse_expr,
        standard_transformations,
    )

    # sympy's parser evaluates: of two letters at most, and of these signs, nothing can be called.
    if not re.fullmatch(r"[a-z0-9+\-*/^().]*", first + second):
        return False
    rules = (*standard_transformations, implicit_multiplication_application)
    try:
        text = f"({first})-({second})".replace("^", "**")
        return bool(sympy.simplify(parse_expr(text, transformations=rules)) == 0)
    except MemoryError:
        raise
    except Exception:  # sympy's errors on odd input have no class in common
        return False


def _same_to_math_verify(response: str, gold: str) -> bool:
    from math_verify import parse, verify

    wanted = parse(gold, parsing_timeout=None)
    said = parse(response, parsing_timeout=None)
    return bool(verify(wanted, said, timeout_seconds=None))


class Letters(_Whole):
    """The first of the letters A to J, in that order, that stands in the last box.

    Without a box: in the line after "Final Answer:" or "The answer is:".
    """

    pooled = False
    packages: tuple[str, ...] = ()

    def extract(self, response: str, gold: str) -> str | None:
        """A letter, or None where the paper's scorer draws one at random."""
        boxes = _FLAT_BOX.findall(response[-_LONGEST:])
        lines = response.split("\n")[:-1]
        found = boxes[-1] if boxes else _last_final(lines)
        return next((letter for letter in "ABCDEFGHIJ" if letter in found), None)

    def compare(self, answer: str, gold: str) -> Verdict:
        """Compare the letters."""
        return Verdict("correct" if answer == gold else "wrong", answer)


class Cells(Grid):
    """The share of a grid's cells that are right, as rows and columns stand."""

    def extract(self, response: str, gold: str) -> str | None:
        """What stands in the last answer tags, on one line."""
        for line in reversed(response.split("\n")):
            tagged = _tagged(line)
            if tagged:
                return tagged[-1].strip()
        return None

    def compare(self, answer: str, gold: str) -> Verdict:
        """Count the right cells."""
        wanted, said = json.loads(gold), _literal(answer)
        if not isinstance(said, dict):
            return Verdict("unparsed", answer, "no grid")
        height, width = len(wanted["rows"]), len(wanted["header"])
        try:
            right = sum(
                said["rows"][row][column] == wanted["rows"][row][column]
                for row in range(height)
                for column in range(width)
            )
        except (KeyError, IndexError, TypeError):
            return Verdict("unparsed", answer, "a grid of another form")
        share = right / (height * width)
        return Verdict("correct" if share == 1 else "wrong", answer, f"{share:g}", share)


def _last_final(lines: Sequence[str]) -> str:
    """What follows the first of the marks that any line has, in the last line that has it."""
    for mark in _FINAL:
        said = [line.partition(mark)[2] for line in lines if mark in line]
        if said:
            return said[-1]
    return ""


def _tagged(line: str) -> list[str]:
    """What stands between pairs of answer tags, from the left."""
    found, place = [], line.find(_START)
    while place >= 0:
        end = line.find(_END, place)
        if end < 0:
            break
        found.append(line[place + len(_START) : end])
        place = line.find(_START, end)
    return found


def _literal(text: str) -> Any:
    for read in (ast.literal_eval, json.loads):
        try:
            return read(text)
        except (ValueError, SyntaxError, MemoryError, RecursionError):
            continue
    return None


class Programs(Program):
    """All code blocks of the response, joined, pass the tests."""

    def extract(self, response: str, gold: str) -> str | None:
        """The blocks, one after the other."""
        return "\n".join(fenced(response)).strip() or None


MATH = Mathematics()
ENDING = Mathematics(_ENDING)
NUMBERS = Numbers()
LETTERS = Letters()
CELLS = Cells()
PROGRAMS = Programs()
