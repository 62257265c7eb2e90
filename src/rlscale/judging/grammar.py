r"""Read a cleaned answer by a closed grammar: what no rule knows is not understood.

Expressions are sympy's, of exact numbers: decimals are fractions, ``i``, ``e`` and ``\pi`` are the
constants. Numbers beyond ``_BITS`` bits are refused before they are made.
"""

import re
from collections.abc import Callable, Sequence
from typing import Any

import sympy

from rlscale.judging.tokens import (
    FUNCTIONS,
    NUMBER_WORDS,
    NotUnderstood,
    Token,
    split_digit,
)

_BITS = 200_000
_DIGITS = 4_000
_FACTORIAL = 10_000
_DEEPEST = 60
_END = Token("end", "")
_CLOSING = {"(": ")", "[": "]", "{": "}", r"\{": r"\}"}
_NAMED_PAIRS = {
    "lvert": "rvert", "lfloor": "rfloor", "lceil": "rceil", "langle": "rangle",
    "lbrace": "rbrace", "lbrack": "rbrack", "lparen": "rparen",
}  # fmt: skip
_CONSTANTS = {"pi": sympy.pi, "infty": sympy.oo}
_TIMES = {"cdot", "times", "ast", "cdotp"}
_FRACTIONS = {"frac", "dfrac", "tfrac", "cfrac", "nicefrac", "sfrac"}
_OF_SEVERAL = ("gcd", "lcm", "max", "min")
_OPENING = (*_CLOSING, *_NAMED_PAIRS)
_LOG_BASE = sympy.Symbol("the base of log", positive=True)  # \log is neither ln nor log_10


class TooLarge(NotUnderstood):
    """A number of too many digits to be made."""


class Expressions:
    """The part of the grammar that reads expressions: sums, products, powers, atoms.

    Args:
        tokens: The answer.
        symbols: Names that are variables, where they could be units.
    """

    def __init__(self, tokens: Sequence[Token], symbols: frozenset[str] = frozenset()) -> None:
        self.tokens = list(tokens)
        self.symbols = symbols
        self.place = 0
        self.depth = 0
        self.bars = False  # whether a bar closes what is being read

    # --- tokens ---

    @property
    def next(self) -> Token:
        """The next token."""
        return self.tokens[self.place] if self.place < len(self.tokens) else _END

    def ahead(self, count: int) -> Token:
        """The token that stands ``count`` places on."""
        place = self.place + count
        return self.tokens[place] if place < len(self.tokens) else _END

    def take(self) -> Token:
        """Go past the next token."""
        token = self.next
        self.place += 1
        return token

    def at(self, *texts: str) -> bool:
        """Whether the next token is one of these signs, commands or words."""
        return self.next.text in texts and self.next.kind in ("sign", "command", "word")

    def accept(self, *texts: str) -> bool:
        """Go past one of these, where it is next."""
        if self.at(*texts):
            self.place += 1
            return True
        return False

    def expect(self, text: str) -> None:
        """Go past this.

        Raises:
            NotUnderstood: Something else is next.
        """
        if not self.accept(text):
            raise NotUnderstood(f"'{text}' expected, not '{self.next.text}'")

    # --- sums ---

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
        while self.at("+", "-", "pm", "mp"):
            found = self.take().text
            if sign is None:
                sign = found
            elif found in ("pm", "mp") or sign in ("pm", "mp"):
                raise NotUnderstood("a sign after a plus-minus")
            elif found == "-":
                sign = "+" if sign == "-" else "-"
        return sign

    # --- products ---

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
            and (after.kind in ("number", "recurring") or after.text in _FRACTIONS)
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
                _FRACTIONS | FUNCTIONS | _CONSTANTS.keys()
                | {"sqrt", "binom", "dbinom", "tbinom", "lvert", "lfloor", "lceil", "begin"}
            )  # fmt: skip
        if token.kind == "word":
            called = token.text not in _OF_SEVERAL or self.ahead(1).text in _OPENING
            return (token.text in FUNCTIONS and called) or token.text in ("pi", "sqrt")
        if token.kind == "number":
            return self.ahead(-1).text in ("!", ")", "}")
        if token.kind == "sign":
            return token.text in ("(", "[", "{") or (token.text == "|" and not self.bars)
        return False

    def is_unit_letter(self) -> bool:
        """Whether the next letter is a unit; the whole answer's grammar decides."""
        return False

    # --- powers ---

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

    # --- atoms ---

    def atom(self) -> Any:
        """A number, a letter, a function's value, or something in brackets."""
        token = self.next
        if token.kind == "number":
            return self._number()
        if token.kind == "recurring":
            return recurring(self.take().text)
        if token.kind == "letter":
            return self.letter()
        if token.kind == "word":
            return self._word()
        if token.kind == "command":
            return self._command()
        if token.text in ("(", "[", r"\{"):
            return self.bracket()
        if token.text == "{":
            return self.argument()
        if token.text == "|":
            return self._bars()
        raise NotUnderstood(f"'{token.text or 'the end'}' where a value is expected")

    def _number(self) -> Any:
        text = self.take().text
        value = number(text)
        if self.next.kind == "number" and self.ahead(1).text == "/" and value.is_Integer:
            return self._mixed(value, self._plain_fraction())  # 1 1/4
        if self.next.kind == "command" and self.next.text in _FRACTIONS and value.is_Integer:
            place = self.place
            self.take()
            whole = self.tokens[self.place : self.place + 6]
            upper, lower = self.argument(), self.argument()
            literal = all(t.kind in ("number", "sign") for t in whole[: self.place - place - 1])
            if literal and is_proper(upper, lower):
                return self._mixed(value, upper / lower)
            self.place = place
        return value

    def _plain_fraction(self) -> Any:
        upper, _, lower = self.take(), self.take(), self.take()
        if lower.kind != "number" or not is_proper(number(upper.text), number(lower.text)):
            raise NotUnderstood("numbers side by side")
        return number(upper.text) / number(lower.text)

    def _mixed(self, whole: Any, part: Any) -> Any:
        if self.at("^", "_", "!"):
            raise NotUnderstood("a power of a mixed number")
        return whole + part

    def letter(self) -> Any:
        """A variable with its index, or one of the constants e and i."""
        token = self.take()
        name = token.text
        if self.at("_"):
            self.take()
            name += "_" + self._index()
        elif name == "e":
            return sympy.E
        elif name == "i":
            return sympy.I
        while self.at("'"):
            name += self.take().text
        return sympy.Symbol(name)

    def _index(self) -> str:
        if not self.accept("{"):
            return self.take().text
        words: list[str] = []
        depth = 1
        while self.next is not _END:
            token = self.take()
            depth += {"{": 1, "}": -1}.get(token.text, 0)
            if depth == 0:
                return "".join(words)
            words.append(token.text)
        raise NotUnderstood("an index without an end")

    def _word(self) -> Any:
        text = self.next.text
        if text in NUMBER_WORDS:
            self.take()
            return sympy.Integer(NUMBER_WORDS[text])
        if text == "pi":
            self.take()
            return sympy.pi
        if text in ("infinity", "inf"):
            self.take()
            return sympy.oo
        if text in FUNCTIONS or text == "sqrt":
            return self._function()
        raise NotUnderstood(f"the word '{text}'")

    def _command(self) -> Any:
        name = self.next.text
        if name in _CONSTANTS:
            self.take()
            return _CONSTANTS[name]
        if name in _FRACTIONS:
            self.take()
            upper = self.argument()
            return divide(upper, self.argument())
        if name in ("binom", "dbinom", "tbinom"):
            self.take()
            upper = expression(self.argument())
            return sympy.binomial(upper, expression(self.argument()))
        if name in FUNCTIONS or name == "sqrt":
            return self._function()
        if name in _NAMED_PAIRS:
            return self._named_bracket()
        if name in ("overline", "angle", "triangle", "vec", "mathcal", "overrightarrow"):
            return self._figure()
        if name == "begin":
            return self.environment()
        return self.special()

    def special(self) -> Any:
        """Commands that only a whole answer knows."""
        raise NotUnderstood(f"the command '\\{self.next.text}'")

    def environment(self) -> Any:
        """Matrices; only a whole answer knows them."""
        raise NotUnderstood("an environment within an expression")

    def _figure(self) -> Any:
        r"""The name of a segment, an angle, a vector: ``\overline{AB}``."""
        name = self.take().text
        braced = self.accept("{")
        letters = ""
        while self.next.kind == "letter":
            letters += self.take().text
        if braced:
            self.expect("}")
        if not letters:
            raise NotUnderstood(f"'\\{name}' without letters")
        return sympy.Symbol(f"{name} {letters}")

    def bracket(self) -> Any:
        """What stands in round, square or curly brackets; here a single expression."""
        opening = self.take().text
        value = self.inner(self.sum)
        self.expect(_CLOSING[opening])
        return value

    def inner(self, read: Callable[[], Any]) -> Any:
        """Read within brackets, where a bar opens again."""
        bars, self.bars = self.bars, False
        value = read()
        self.bars = bars
        return value

    def _bars(self) -> Any:
        self.take()
        bars, self.bars = self.bars, True
        value = expression(self.sum())
        self.bars = bars
        self.expect("|")
        return sympy.Abs(value)

    def _named_bracket(self) -> Any:
        name = self.take().text
        value = expression(self.inner(self.sum))
        self.expect(_NAMED_PAIRS[name])
        make = {"lvert": sympy.Abs, "lfloor": sympy.floor, "lceil": sympy.ceiling}
        return make[name](value) if name in make else value

    # --- functions ---

    def _function(self) -> Any:
        name = self.take().text
        if name == "sqrt":
            return self._root()
        exponent = None
        base = None
        while self.at("^", "_"):
            if self.take().text == "^":
                exponent = expression(self.argument(power=True))
            else:
                base = expression(self.argument())
        if name in _OF_SEVERAL:
            value = self._of_several(name)
        else:
            value = apply(name, self._function_argument(), base)
        if exponent is None:
            return value
        if exponent == -1:
            raise NotUnderstood("a function to the power -1")
        return raised(value, exponent)

    def _root(self) -> Any:
        degree = sympy.Integer(2)
        if self.accept("["):
            degree = expression(self.sum())
            self.expect("]")
        value = expression(self.bracket() if self.at("(") else self.argument())
        if value.is_negative and degree.is_odd:
            return -raised(-value, 1 / degree)
        return raised(value, 1 / degree)

    def _function_argument(self) -> Any:
        """The factors that follow, up to a sign or another function."""
        if self.at("(", "[", "{"):
            return expression(self.bracket() if not self.at("{") else self.argument())
        negative = self.accept("-")
        value = expression(self.power())
        while self._starts_factor() and not self._is_function() and not self.at("(", "["):
            value = multiply(value, self.power())
        if self.at("/") and self.ahead(1).kind in ("number", "letter"):
            self.take()
            value = divide(value, self.power())
        if self.at("degree"):
            self.take()
            value = value * sympy.pi / 180
        return -value if negative else value

    def _is_function(self) -> bool:
        return self.next.text in FUNCTIONS and self.next.kind in ("command", "word")

    def _of_several(self, name: str) -> Any:
        opening = self.take().text
        if opening not in (_CLOSING | _NAMED_PAIRS):
            raise NotUnderstood(f"{name} without brackets")
        values = [expression(self.inner(self.sum))]
        while self.accept(","):
            values.append(expression(self.inner(self.sum)))
        self.expect((_CLOSING | _NAMED_PAIRS)[opening])
        if name in ("gcd", "lcm") and not all(value.is_Integer for value in values):
            raise NotUnderstood(f"{name} of what are no integers")
        make = {"gcd": sympy.gcd, "lcm": sympy.lcm, "max": sympy.Max, "min": sympy.Min}[name]
        return make(values) if name in ("gcd", "lcm") else make(*values)


class PlusMinus:
    """The two values of an expression with plus-minus signs."""

    def __init__(self, values: tuple[Any, Any]) -> None:
        self.values = values


class InBase:
    """A number in a base other than ten."""

    def __init__(self, digits: str, base: int) -> None:
        self.digits, self.base = digits, base


def expression(value: Any) -> Any:
    """The value, where it is an expression.

    Raises:
        NotUnderstood: It is a tuple, a set or the like.
    """
    if not isinstance(value, sympy.Expr) or isinstance(value, sympy.MatrixBase):
        raise NotUnderstood(f"a {type(value).__name__.lower()} within an expression")
    return value


def number(text: str) -> Any:
    """The exact value of digits."""
    digits, _, power = text.lower().partition("e")
    if len(digits) > _DIGITS or int(power or 0) > _DIGITS:
        raise TooLarge("a number of too many digits")
    if power:
        return number(digits) * 10 ** int(power)
    return sympy.Rational(text) if "." in text else sympy.Integer(int(text))


def recurring(text: str) -> Any:
    """The exact value of a decimal whose last digits recur."""
    match = re.match(r"(\d*)\.(\d*)\\[a-z]+\s*\{?(\d+)", text)
    assert match is not None  # the lexer's own form
    whole, digits, cycle = match.groups()
    scale = 10 ** len(digits)
    start = sympy.Rational(int(whole + digits or "0"), scale)
    return start + sympy.Rational(int(cycle), scale * (10 ** len(cycle) - 1))


def is_proper(upper: Any, lower: Any) -> bool:
    """Whether these are the parts of a mixed number's fraction."""
    return bool(
        getattr(upper, "is_Integer", False)
        and getattr(lower, "is_Integer", False)
        and 0 < upper < lower
    )


def multiply(first: Any, second: Any) -> Any:
    """The product; a matrix may have a number before it."""
    if isinstance(second, PlusMinus) and isinstance(first, sympy.Expr):
        return PlusMinus(tuple(first * value for value in second.values))
    if isinstance(second, sympy.MatrixBase) and isinstance(first, sympy.Expr):
        return first * second
    return expression(first) * expression(second)


def divide(first: Any, second: Any) -> Any:
    """The quotient.

    Raises:
        NotUnderstood: Division by zero.
    """
    second = expression(second)
    if second.is_zero:
        raise NotUnderstood("a division by zero")
    if isinstance(first, PlusMinus):
        return PlusMinus(tuple(value / second for value in first.values))
    return expression(first) / second


def raised(base: Any, exponent: Any) -> Any:
    """The power.

    Raises:
        NotUnderstood: It would have too many digits.
    """
    base, exponent = expression(base), expression(exponent)
    if base.is_zero and exponent.is_negative:
        raise NotUnderstood("a division by zero")
    if exponent.is_number and base.is_number:
        bits = [abs(n.p).bit_length() + n.q.bit_length() for n in base.atoms(sympy.Rational)]
        largest = max((abs(n.p) for n in exponent.atoms(sympy.Rational)), default=1)
        if largest * max(bits, default=2) > _BITS:
            raise TooLarge("a number of too many digits")
    return sympy.Pow(base, exponent)


def factorial(value: Any) -> Any:
    """The factorial.

    Raises:
        NotUnderstood: It would have too many digits.
    """
    value = expression(value)
    if value.is_Integer and value > _FACTORIAL:
        raise TooLarge("a number of too many digits")
    if value.is_number and not (value.is_Integer and value >= 0):
        raise NotUnderstood("a factorial of no natural number")
    return sympy.factorial(value)


def apply(name: str, argument: Any, base: Any) -> Any:
    """A function's value."""
    if name in ("log", "lg", "ln"):
        if name == "ln":
            return sympy.log(argument)
        unnamed = sympy.Integer(10) if name == "lg" else _LOG_BASE
        return sympy.log(argument) / sympy.log(unnamed if base is None else base)
    if base is not None:
        raise NotUnderstood(f"an index of {name}")
    names = {f"arc{n}": f"a{n}" for n in ("sin", "cos", "tan", "cot")}
    return getattr(sympy, names.get(name, name))(argument)
