r"""Exact values of what the grammar reads, as sympy's expressions; too large ones are refused.

Decimals are fractions. Numbers beyond ``_BITS`` bits are refused before they are made.
"""

import re
from typing import Any

import sympy

from rlscale.judging.reading.tokens import NotUnderstood

_BITS = 200_000
_DIGITS = 4_000
_FACTORIAL = 10_000
_LOG_BASE = sympy.Symbol("the base of log", positive=True)  # \log is neither ln nor log_10


class TooLarge(NotUnderstood):
    """A number of too many digits to be made."""


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
    """The exact value of digits.

    Raises:
        TooLarge: There are too many.
    """
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


def based(text: str) -> InBase:
    """A number of letters and digits in a base above ten: ``2A_{16}``.

    Raises:
        NotUnderstood: The base does not have a digit.
    """
    digits, _, base = text.partition("_")
    written, index = digits.strip("() "), int(base.strip("{} "))
    if any(int(digit, 16) >= index for digit in written):
        raise NotUnderstood("digits that the base does not have")
    return InBase(written, index)


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
    """A function's value.

    Args:
        name: As in ``rlscale.judging.reading.tokens.FUNCTIONS``.
        argument: An expression.
        base: Its index: the base of a logarithm; None where there is none.

    Raises:
        NotUnderstood: An index of what is no logarithm.
    """
    if name in ("log", "lg", "ln"):
        if name == "ln":
            return sympy.log(argument)
        unnamed = sympy.Integer(10) if name == "lg" else _LOG_BASE
        return sympy.log(argument) / sympy.log(unnamed if base is None else base)
    if base is not None:
        raise NotUnderstood(f"an index of {name}")
    names = {f"arc{n}": f"a{n}" for n in ("sin", "cos", "tan", "cot")}
    return getattr(sympy, names.get(name, name))(argument)
