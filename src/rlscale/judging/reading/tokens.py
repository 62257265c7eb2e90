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
        kind: ``number``, ``recurring``, ``based``, ``letter``, ``word``, ``command`` or ``sign``.
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
    "eight": 8, "nine": 9, "ten": 10, "eleven": 11, "twelve": 12, "thirteen": 13, "fourteen": 14,
    "fifteen": 15, "sixteen": 16, "seventeen": 17, "eighteen": 18, "nineteen": 19,
}  # fmt: skip
TENS = {
    "twenty": 20, "thirty": 30, "forty": 40, "fifty": 50, "sixty": 60, "seventy": 70, "eighty": 80,
    "ninety": 90,
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
    |(?P<based>\(?(?=[A-F]{{0,40}}\d)(?=\d{{0,40}}[A-F])[\dA-F]{{2,40}}\)?\s*_\s*\{{?1[1-6]\}}?)
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
    return _Lexer(units.chinese(text), grouped).tokenize()


class _Lexer:
    """A place in an answer, the groups that are open there, and the tokens before it."""

    def __init__(self, text: str, grouped: bool) -> None:
        self.text, self.grouped = text, grouped
        self.tokens: list[Token] = []
        self.place, self.spaced = 0, False
        self.braces, self.brackets = 0, 0  # how many are open
        self.roman: list[tuple[int, bool]] = []  # texts: their braces, and whether these stay

    def tokenize(self) -> list[Token]:
        """The tokens of the whole."""
        while self.place < len(self.text):
            wrapper = TEXT.match(self.text, self.place)
            if wrapper:
                self._open_text(wrapper.end())
            else:
                self._take_lexeme()
        return self.tokens

    def _open_text(self, end: int) -> None:
        r"""Go past ``\text`` or the like and the brace that opens its group.

        The braces of a raised or lowered text stay: they say what is raised.
        """
        while end < len(self.text) and self.text[end] == " ":
            end += 1
        if self.text[end : end + 1] == "{":
            end += 1
            self.braces += 1
            stays = bool(self.tokens) and self.tokens[-1].text in ("^", "_")
            self.roman.append((self.braces, stays))
            if stays:
                self.tokens.append(Token("sign", "{", self.spaced))
        self.place = end

    def _take_lexeme(self) -> None:
        lexeme = _LEXEME if self.grouped and not self.brackets else _LEXEME_UNGROUPED
        match = lexeme.match(self.text, self.place)
        assert match is not None  # it takes any character
        kind, found = str(match.lastgroup), match.group()
        self.place = match.end()
        if kind == "space":
            self.spaced = True
            return
        self.brackets = max(0, self.brackets + _BRACKETS.get(found, 0))
        if found == "{":
            self.braces += 1
        elif found == "}" and self._closes_text():
            return
        self.tokens += _tokens_of(kind, found, self.spaced, bool(self.roman))
        if kind == "number":
            ordinal = _ORDINAL.match(self.text, self.place)
            self.place = ordinal.end() if ordinal else self.place
        self.spaced = False

    def _closes_text(self) -> bool:
        """Whether a closing brace ends a text, and no token stands for it."""
        self.braces -= 1
        return bool(self.roman) and self.roman[-1][0] == self.braces + 1 and not self.roman.pop()[1]


def _tokens_of(kind: str, found: str, spaced: bool, roman: bool) -> list[Token]:
    if kind == "number":
        return [Token("number", re.sub(r"[,{} ]", "", found), spaced)]
    if kind in ("recurring", "based"):
        return [Token(kind, found, spaced)]
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
