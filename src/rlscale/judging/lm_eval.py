r"""Verifiers that judge as lm-evaluation-harness does (0.4.13), to set scores beside its.

Compared with its own functions by tests/parity, where it is installed.
"""

import json
import re

from rlscale.judging.program import Program
from rlscale.judging.verdicts import Verdict

_LONGEST = 20_000
_STRICT = re.compile(r"#### (-?[0-9.,]+)")
_IGNORED = (r",", r"\$", r"(?s:.*)#### ", r"\.$")  # one after the other


class Gsm8k:
    """Its ``strict-match`` of GSM8K: the number after the first ``####``, as a text."""

    pooled = False
    packages: tuple[str, ...] = ()

    def extract(self, response: str, gold: str) -> str | None:
        """The first number after ``####``."""
        found = _STRICT.search(response)
        return found.group(1).strip() if found else None

    def respond(self, answer: str) -> str:
        """The number after ``####``."""
        return f"#### {answer}"

    def usable(self, gold: str) -> bool:
        """Whether there is a gold answer."""
        return bool(gold.strip())

    def compare(self, answer: str, gold: str) -> Verdict:
        """Compare without commas, dollars, a final full stop and case."""
        right = _bare(answer) == _bare(gold)
        return Verdict("correct" if right else "wrong", answer)


def _bare(text: str) -> str:
    for ignored in _IGNORED:
        text = re.sub(ignored, "", text)
    return text.lower()


class MathVerify:
    """Its ``math_verify`` of MATH: math-verify's defaults on the whole response."""

    pooled = True
    packages = ("sympy", "math-verify")

    def extract(self, response: str, gold: str) -> str | None:
        """The whole response, or its last characters."""
        return response[-_LONGEST:] if response.strip() else None

    def respond(self, answer: str) -> str:
        """The answer in a box."""
        return rf"\boxed{{{answer}}}"

    def usable(self, gold: str) -> bool:
        """Whether math-verify reads the gold answer."""
        from math_verify import parse

        return bool(gold.strip() and parse(self.respond(gold), parsing_timeout=None))

    def compare(self, answer: str, gold: str) -> Verdict:
        """Parse both and compare."""
        from math_verify import parse, verify

        wanted = parse(self.respond(gold), parsing_timeout=None)
        said = parse(answer, parsing_timeout=None)
        if not said:
            return Verdict("unparsed", None, "math-verify finds no answer")
        right = verify(wanted, said, timeout_seconds=None)
        return Verdict("correct" if right else "wrong", str(said[-1]))


class Aime:
    """Its AIME: the last box, else what stands between dollars, else all; as a text."""

    pooled = False
    packages: tuple[str, ...] = ()

    def extract(self, response: str, gold: str) -> str | None:
        """The part that is compared."""
        box = _box(response)
        if box is not None:
            return box
        first, last = response.find("$"), response.rfind("$")
        return response[first + 1 : last] if first != last else response

    def respond(self, answer: str) -> str:
        """The answer in a box."""
        return rf"\boxed{{{answer}}}"

    def usable(self, gold: str) -> bool:
        """Whether there is a gold answer."""
        return bool(gold.strip())

    def compare(self, answer: str, gold: str) -> Verdict:
        """Compare as Hendrycks et al. (2021) compare texts."""
        try:
            right = _stripped(answer) == _stripped(gold)
        except ValueError:
            right = answer == gold
        return Verdict("correct" if right else "wrong", answer)


def _box(text: str) -> str | None:
    if r"\boxed " in text:
        return text.split(r"\boxed ")[-1].split("$")[0]
    start, depth = text.rfind(r"\boxed"), 0
    if start < 0:
        return None
    for place in range(start, len(text)):
        if text[place] == "{":
            depth += 1
        elif text[place] == "}":
            depth -= 1
            if depth == 0:
                box = text[start : place + 1]
                return box[len(r"\boxed{") : -1] if box.startswith(r"\boxed{") else None
    return None


def _stripped(text: str) -> str:
    """The text as it is compared; a ValueError where it is compared as it stands."""
    text = text.replace("\n", "").replace(r"\!", "").replace(r"\\", "\\")
    text = re.sub("[td]frac", "frac", text)
    for sign in (r"\left", r"\right", r"^{\circ}", r"^\circ", r"\$"):
        text = text.replace(sign, "")
    text, *units = text.split(r"\text{ ")
    if len(units) > 1:
        raise ValueError("two units")
    text = text.replace(r"\%", "").replace(r"\%", "").replace(" .", " 0.").replace("{.", "{0.")
    text = "0" + text if text.startswith(".") else text
    name, equals, value = text.partition("=")
    text = value if equals and "=" not in value and len(name) <= 2 else text
    if re.search(r"\\sqrt(?=\\sqrt|\Z)", text):
        raise ValueError("a root of nothing")
    text = _fractions(re.sub(r"\\sqrt(?!\{)(.)", r"\\sqrt{\1}", text).replace(" ", ""))
    if text == "0.5":
        return r"\frac{1}{2}"
    if text.count("/") != 1:
        return text
    upper, lower = (int(part) for part in text.split("/"))
    return rf"\frac{{{upper}}}{{{lower}}}" if text == f"{upper}/{lower}" else text


def _fractions(text: str) -> str:
    """With braces around the parts of fractions, where each fraction has its parts."""
    made, *parts = text.split(r"\frac")
    for part in parts:
        if not part:
            raise ValueError("a fraction of nothing")
        if part[0] != "{":
            if len(part) == 1:
                return text
            part = f"{{{part[0]}}}{part[1:] if part[1] == '{' else f'{{{part[1]}}}{part[2:]}'}"
        made += rf"\frac{part}"
    return made


class Completion(Program):
    """Its HumanEval: the response goes on where the function's head ends, and all of it is run."""

    whole = True

    def extract(self, response: str, gold: str) -> str | None:
        """Head and response as one program."""
        if not self.usable(gold) or not response.strip():
            return None
        return str(json.loads(gold)["stub"]) + response

    def respond(self, answer: str) -> str:
        """The function's body."""
        return answer


GSM8K = Gsm8k()
MATH_VERIFY = MathVerify()
AIME = Aime()
COMPLETION = Completion()
