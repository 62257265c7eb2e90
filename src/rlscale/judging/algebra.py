"""Whether two expressions are equal, exactly.

Rational numbers are compared as such. Other numbers are compared by value to more digits than
their own numbers have, expressions with variables by value at several rational points of both
signs: what differs at one of them differs. Where both take roots or logarithms, of which each has
several branches, variables are taken to be positive.
"""

from typing import Any

import sympy

_POINTS = 4
_LEAST_DIGITS = 60
_SPARE = 30  # digits that rounding may cost


def equal(first: Any, second: Any) -> bool:
    """Whether two expressions are equal for all values of their variables."""
    if first == second:
        return True
    if first.is_Rational and second.is_Rational:
        return False
    if first.has(sympy.oo, sympy.zoo, sympy.nan) or second.has(sympy.oo, sympy.zoo, sympy.nan):
        return False
    difference = first - second
    if difference == 0:
        return True
    symbols = sorted(difference.free_symbols, key=lambda symbol: symbol.name)
    digits = _digits(first) + _digits(second) + _LEAST_DIGITS
    if not symbols:
        return _are_close(first, second, digits)
    if _agree_at_points(first, second, symbols, digits, positive=False):
        return True
    branching = _has_branches(first) and _has_branches(second)
    return branching and _agree_at_points(first, second, symbols, digits, positive=True)


def _agree_at_points(
    first: Any, second: Any, symbols: list[Any], digits: int, *, positive: bool
) -> bool:
    agreed = 0
    for point in range(_POINTS + 4):
        values = {symbol: _value(point, place) for place, symbol in enumerate(symbols)}
        if positive:
            values = {symbol: abs(value) for symbol, value in values.items()}
        outcome = _agree(first.subs(values), second.subs(values), digits)
        if outcome is False:
            return False
        agreed += outcome is True
        if agreed == _POINTS:
            return True
    return False


def _has_branches(expr: Any) -> bool:
    """Whether a logarithm or a root is taken, and no absolute value: variables are positive."""
    if expr.has(sympy.Abs):
        return False
    roots = any(not power.exp.is_integer for power in expr.atoms(sympy.Pow))
    return roots or expr.has(sympy.log)


def proportional(first: Any, second: Any) -> bool:
    """Whether one expression is the other times a number that is not 0."""
    symbols = sorted(first.free_symbols | second.free_symbols, key=lambda symbol: symbol.name)
    if first.free_symbols != second.free_symbols or not symbols:
        return False
    values = {symbol: _value(0, place) for place, symbol in enumerate(symbols)}
    upper, lower = first.subs(values), second.subs(values)
    if lower.is_zero or upper.is_zero or not (upper.is_finite and lower.is_finite):
        return False
    return equal(first, second * (upper / lower))


def _value(point: int, place: int) -> Any:
    """The value of a variable at a point: rationals without a pattern, of both signs."""
    upper = (point + 2) * 7919 + (place + 1) * 104729 + point * place * 31
    value = sympy.Rational(upper % 9973 + 1, 1009 + 17 * point + 5 * place)
    return -value if (point + place) % 2 else value


def _digits(expr: Any) -> int:
    return sum((abs(n.p).bit_length() + n.q.bit_length()) // 3 for n in expr.atoms(sympy.Rational))


def _agree(first: Any, second: Any, digits: int) -> bool | None:
    for value in (first, second):
        if value.has(sympy.oo, sympy.zoo, sympy.nan):
            return None
    return _are_close(first, second, digits)


def _are_close(first: Any, second: Any, digits: int) -> bool:
    """Whether two numbers agree to more digits than their own numbers have."""
    difference = first - second
    if difference.is_Rational or difference.is_zero is not None:
        return bool(difference.is_zero)
    rough = [abs(sympy.N(value, 15)) for value in (first, second)]
    if abs(rough[0] - rough[1]) > max(rough) * sympy.Float("1e-9"):
        return False
    precision = digits + _SPARE
    fine = [sympy.N(value, precision) for value in (first, second)]
    scale = sympy.S.One if 0 in (first, second) else max(abs(value) for value in fine)
    gap = abs(sympy.N(fine[0] - fine[1], 20))
    return bool(gap <= scale * sympy.Float(10, 20) ** -digits)
