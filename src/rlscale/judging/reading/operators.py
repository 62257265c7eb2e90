r"""Sums, products and powers of atoms, as mathematics is written: side by side, raised, lowered."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Any

import sympy

from rlscale.judging.reading.cursor import Cursor
from rlscale.judging.reading.exact import (
    InBase,
    PlusMinus,
    divide,
    expression,
    factorial,
    multiply,
    number,
    raised,
)
from rlscale.judging.reading.tokens import FUNCTIONS, NotUnderstood, Token, split_digit

CLOSING = {"(": ")", "[": "]", "{": "}", r"\{": r"\}"}
NAMED_PAIRS = {
    "lvert": "rvert", "lfloor": "rfloor", "lceil": "rceil", "langle": "rangle",
    "lbrace": "rbrace", "lbrack": "rbrack", "lparen": "rparen",
}  # fmt: skip
CONSTANTS = {"pi": sympy.pi, "infty": sympy.oo}
FRACTIONS = {"frac", "dfrac", "tfrac", "cfrac", "nicefrac", "sfrac"}
OF_SEVERAL = ("gcd", "lcm", "max", "min")
_TIMES = {"cdot", "times", "ast", "cdotp"}
_OPENING = (*CLOSING, *NAMED_PAIRS)
_DEEPEST = 60


class Operators(Cursor, ABC):
    """The part of the grammar that reads what joins atoms; what an atom is, a subclass says.

    Args:
        tokens: The answer.
        symbols: Names that are variables, where they could be units.
    """

    def __init__(self, tokens: Sequence[Token], symbols: frozenset[str] = frozenset()) -> None:
        super().__init__(tokens)
        self.symbols = symbols
        self.depth = 0
        self.bars = False  # whether a bar closes what is being read

    @abstractmethod
    def atom(self) -> Any:
        """What the operators join."""

    def sum(self) -> Any:
        """Terms with signs; one or more plus-minus signs give a list of values."""
        self.depth += 1
        if self.depth > _DEEPEST:
            raise NotUnderstood("nested too deeply")
        total: list[Any] = [sympy.S.Zero]
        signs = 0
        first = True
        while True:
            sign = self._sign() if first or self.at("+", "-", "pm", "mp") else None
            if not first and sign is None:
                break
            term = self.product()
            if first and sign is None and not self.at("+", "-", "pm", "mp"):
                self.depth -= 1
                return term
            term = expression(term)
            first = False
            if sign == "pm":
                signs += 1
                total = [total[0] + term, total[-1] - term]
            elif sign == "mp":
                signs += 1
                total = [total[0] - term, total[-1] + term]
            else:
                total = [value - term if sign == "-" else value + term for value in total]
        self.depth -= 1
        if signs and len(total) == 2:
            return PlusMinus(tuple(total))
        return total[0]

    def _sign(self) -> str | None:
        sign = None
        while self.at("+", "-", "pm", "mp", "minus", "negative"):
            found = {"minus": "-", "negative": "-"}.get(self.next.text, self.next.text)
            self.take()
            if sign is None:
                sign = found
            elif found in ("pm", "mp") or sign in ("pm", "mp"):
                raise NotUnderstood("a sign after a plus-minus")
            elif found == "-":
                sign = "+" if sign == "-" else "-"
        return sign

    def product(self) -> Any:
        """Factors side by side, or with signs of multiplication and division."""
        start = self.place
        value = self.power()
        while True:
            if (self.next.kind == "command" and self.next.text in _TIMES) or self.at("*"):
                self.take()
                start = self.place
                value = multiply(value, self._signed(self.power))
            elif self.at("/", "div"):
                self.take()
                start = self.place
                value = divide(value, self._signed(self.power))
            elif self._starts_factor():
                if self._digits_meet(start):
                    raise NotUnderstood("numbers side by side")
                start = self.place
                value = multiply(value, self.power())
            else:
                return value

    def _digits_meet(self, start: int) -> bool:
        """Whether only braces, which do not show, part a factor's digits from the next one's."""
        before = [token.text for token in self.tokens[start : self.place]]
        inside = [text for text in before if text not in ("{", "}", "-", "+")]
        braces = 0
        while self.ahead(braces).text == "{":
            braces += 1
        after = self.ahead(braces)
        return (
            len(inside) == 1
            and inside[0][:1].isdigit()
            and (braces > 0 or "{" in before)
            and (after.kind in ("number", "recurring") or after.text in FRACTIONS)
        )

    def _signed(self, read: Callable[[], Any]) -> Any:
        negative = False
        while self.at("-", "+"):
            negative ^= self.take().text == "-"
        value = read()
        return -expression(value) if negative else value

    def _starts_factor(self) -> bool:
        token = self.next
        if token.kind == "letter":
            return not self.is_unit_letter()
        if token.kind == "command":
            return token.text in (
                FRACTIONS | FUNCTIONS | CONSTANTS.keys()
                | {"sqrt", "binom", "dbinom", "tbinom", "lvert", "lfloor", "lceil", "begin"}
            )  # fmt: skip
        if token.kind == "word":
            called = token.text not in OF_SEVERAL or self.ahead(1).text in _OPENING
            return (token.text in FUNCTIONS and called) or token.text in ("pi", "sqrt")
        if token.kind == "number":
            return self.ahead(-1).text in ("!", ")", "}")
        if token.kind == "sign":
            return token.text in ("(", "[", "{") or (token.text == "|" and not self.bars)
        return False

    def is_unit_letter(self) -> bool:
        """Whether the next letter is a unit; the whole answer's grammar decides."""
        return False

    def power(self) -> Any:
        """An atom with what is raised, lowered or follows it: powers, factorials."""
        start = self.next
        value = self.atom()
        while True:
            if self.at("^"):
                self.take()
                value = raised(value, self.argument(power=True))
            elif self.at("!"):
                self.take()
                if self.at("!"):
                    raise NotUnderstood("a double factorial")
                value = factorial(value)
            elif self.at("_") and start.kind in ("number", "sign"):
                value = self._based(start)
            else:
                return value

    def _based(self, start: Token) -> Any:
        digits = self.tokens[self.place - (1 if start.kind == "number" else 2)]
        alone = start.kind == "number" or (
            self.ahead(-1).text == ")" and self.ahead(-3).text == "("
        )
        self.take()
        base = self.argument()
        if not alone or digits.kind != "number" or not getattr(base, "is_Integer", False):
            raise NotUnderstood("an index of a number that is no base")
        base = int(base)
        if not 2 <= base <= 10 or any(int(digit) >= base for digit in digits.text if digit != "."):
            raise NotUnderstood("digits that the base does not have")
        return number(digits.text) if base == 10 else InBase(digits.text, base)

    def argument(self, *, power: bool = False) -> Any:
        r"""A group, or the single token that stands for one, as in ``\frac12``."""
        if self.accept("{"):
            value = self.sum()
            value = self.chosen(value)
            self.expect("}")
            return value
        if power and self.at("-", "+"):
            return self._signed(lambda: self.argument(power=True))
        if self.next.kind == "number" and not power:
            digit, rest = split_digit(self.next)
            self.tokens[self.place : self.place + 1] = [digit, *([rest] if rest else [])]
        return self.atom()

    def chosen(self, value: Any) -> Any:
        r"""The binomial coefficient or the quotient, where ``\choose`` or ``\over`` follows."""
        if self.accept("over"):
            return divide(value, self.sum())
        if not self.accept("choose"):
            return value
        return sympy.binomial(expression(value), expression(self.sum()))
