r"""From a cleaned answer to tokens: numbers, letters, words, commands, brackets."""

import re
from dataclasses import dataclass, replace

from rlscale.judging import units
from rlscale.judging.writing import TEXT


class NotUnderstood(Exception):
    """The answer is written in a way that the closed rules do not know; the message says where."""


@dataclass(frozen=True)
class Token:
    """A piece of an answer.

    Attributes:
        kind: ``number``, ``letter``, ``word``, ``command`` or ``sign``.
        text: What stands there; of a command without its backslash.
        spaced: Whether a space stands before it.
        roman: Whether it stands in ``\\text`` or the like.
    """

    kind: str
    text: str
    spaced: bool = False
    roman: bool = False


GREEK = frozenset(
    [
        "alpha", "beta", "gamma", "delta", "epsilon", "varepsilon", "zeta", "eta", "theta",
        "vartheta", "kappa", "lambda", "mu", "nu", "xi", "rho", "sigma", "tau", "upsilon",
        "phi", "varphi", "chi", "psi", "omega", "Gamma", "Delta", "Theta", "Lambda", "Xi",
        "Sigma", "Phi", "Psi", "Omega", "ell",
    ]
)  # fmt: skip
FUNCTIONS = frozenset(
    [
        "sin", "cos", "tan", "cot", "sec", "csc", "arcsin", "arccos", "arctan", "arccot",
        "sinh", "cosh", "tanh", "log", "ln", "lg", "exp", "gcd", "lcm", "max", "min",
    ]
)  # fmt: skip
NUMBER_WORDS = {
    "zero": 0, "one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7,
    "eight": 8, "nine": 9, "ten": 10, "eleven": 11, "twelve": 12,
}  # fmt: skip
SCALES = {
    "dozen": 12, "hundred": 100, "thousand": 10**3, "million": 10**6, "billion": 10**9,
    "trillion": 10**12, "quadrillion": 10**15,
}  # fmt: skip
_KNOWN = (
    GREEK | FUNCTIONS | NUMBER_WORDS.keys() | SCALES.keys()
    | {
        "pi", "sqrt", "infinity", "inf", "or", "and", "to", "for", "where", "if", "when",
        "percent", "mod", "yes", "no", "not", "all", "any", "odd", "only", "none", "true", "false",
    }
)  # fmt: skip

_GROUPED = r"\d{1,3}(?:(?:,|\{,\}|[ ])\d{3})+(?![\d])(?!(?:,|\{,\})\d)"
_LEXEME = re.compile(
    rf"""(?P<space>\s+)
    |(?P<recurring>\d*\.\d*\\(?:overline|bar|dot)\s*\{{?\d+\}}?)
    |(?P<number>(?:{_GROUPED}|\d+)(?:\.\d+)?(?:[eE]\+?\d+)?|\.\d+)
    |(?P<time>[apAP]\.?[mM]\b\.?)
    |(?P<letters>[A-Za-z]+)
    |(?P<command>\\[A-Za-z]+\*?)
    |(?P<escaped>\\[{{}}|%&_^'`"=\#-])
    |(?P<break>\\\\(?:\s*\[[^\]\[]*\])?)
    |(?P<other>.)""",
    re.VERBOSE,
)
# Within brackets, and where several answers are expected, a comma stands between two numbers.
_LEXEME_UNGROUPED = re.compile(
    _LEXEME.pattern.replace(_GROUPED, r"\d{1,3}(?:\{,\}\d{3})+(?!\d)"), re.VERBOSE
)
_BRACKETS = {"(": 1, "[": 1, r"\{": 1, ")": -1, "]": -1, r"\}": -1}
_ORDINAL = re.compile(r"(?:st|nd|rd|th)\b")


def tokenize(text: str, *, grouped: bool = True) -> list[Token]:
    """The tokens of a cleaned answer.

    Args:
        text: The answer, by ``rlscale.judging.writing.clean``.
        grouped: Whether ``1,234`` is one number; else two, with a comma between.

    Raises:
        NotUnderstood: A sign that no rule knows.
    """
    tokens: list[Token] = []
    text = units.chinese(text)
    place, spaced, depth, brackets = 0, False, 0, 0
    roman: list[tuple[int, bool]] = []  # text groups: their depth, and whether they stay groups
    while place < len(text):
        wrapper = TEXT.match(text, place)
        if wrapper:
            place = wrapper.end()
            while place < len(text) and text[place] == " ":
                place += 1
            if text[place : place + 1] == "{":
                depth += 1
                roman.append((depth, bool(tokens) and tokens[-1].text in ("^", "_")))
                if roman[-1][1]:
                    tokens.append(Token("sign", "{", spaced))
                place += 1
            continue
        lexeme = _LEXEME if grouped and not brackets else _LEXEME_UNGROUPED
        match = lexeme.match(text, place)
        assert match is not None  # it takes any character
        kind, found = str(match.lastgroup), match.group()
        place = match.end()
        if kind == "space":
            spaced = True
            continue
        brackets = max(0, brackets + _BRACKETS.get(found, 0))
        if found == "{":
            depth += 1
        elif found == "}":
            depth -= 1
            if roman and roman[-1][0] == depth + 1 and not roman.pop()[1]:
                continue
        tokens += _tokens_of(kind, found, spaced, bool(roman))
        if kind == "number":
            ordinal = _ORDINAL.match(text, place)
            place = ordinal.end() if ordinal else place
        spaced = False
    return tokens


def _tokens_of(kind: str, found: str, spaced: bool, roman: bool) -> list[Token]:
    if kind == "number":
        return [Token("number", re.sub(r"[,{} ]", "", found), spaced)]
    if kind == "recurring":
        return [Token("recurring", found, spaced)]
    if kind == "time":
        return [Token("word", f"{found[0].lower()}.m.", spaced, True)]
    if kind == "letters":
        return _letters(found, spaced, roman)
    if kind == "command":
        name = found[1:].rstrip("*")
        return [Token("letter" if name in GREEK else "command", name, spaced, roman)]
    if kind == "break":
        return [Token("command", "\\", spaced)]
    return [Token("sign", found, spaced, roman)]


def _letters(found: str, spaced: bool, roman: bool) -> list[Token]:
    if len(found) == 1:
        return [Token("letter", found, spaced, roman)]
    if found in GREEK:
        return [Token("letter", found, spaced)]
    lower = found.casefold()
    if roman or lower in _KNOWN or units.is_unit_word(found) or len(found) > 3:
        return [Token("word", lower, spaced, roman)]
    first = Token("letter", found[0], spaced, roman)
    return [first, *(Token("letter", letter) for letter in found[1:])]


def split_digit(token: Token) -> tuple[Token, Token | None]:
    r"""The first digit of a number and what is left: the argument of ``\frac12``."""
    if len(token.text) == 1 or token.text[0] == ".":
        return token, None
    return replace(token, text=token.text[0]), replace(token, text=token.text[1:], spaced=False)
