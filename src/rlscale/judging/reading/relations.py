"""What relations say: equations, and inequalities solved for their variable."""

from typing import Any

import sympy

from rlscale.judging.algebra import equal
from rlscale.judging.reading.brackets import region
from rlscale.judging.reading.tokens import NotUnderstood
from rlscale.judging.values import (
    Collection,
    Comparison,
    Equation,
    Named,
    Quantity,
    Region,
    Residue,
)


def related(sides: list[Any], relations: list[str]) -> Any:
    """What a chain of relations says.

    Args:
        sides: What stands between the relations, n of them.
        relations: ``=``, ``<``, ``>``, ``<=``, ``>=``, ``!=``, ``in`` or ``==``, n - 1 of them.

    Raises:
        NotUnderstood: They are of different kinds, do not hold, or cannot be solved.
    """
    if relations == ["in"]:
        value = sides[1]
        if isinstance(value, Collection) and value.kind == "set":
            return value
        return Region(region(value))
    if relations == ["=="] and isinstance(sides[1], Residue):
        return sides[1]
    if all(relation == "=" for relation in relations):
        return _equal(sides)
    if all(relation in ("<", ">", "<=", ">=") for relation in relations) or relations == ["!="]:
        return _ordered([_expr(side) for side in sides], relations)
    raise NotUnderstood("relations of different kinds")


def _expr(side: Any) -> Any:
    if not isinstance(side, Quantity) or side.percent:
        raise NotUnderstood("a relation of what are no numbers")
    return side.expr


def _equal(sides: list[Any]) -> Any:
    """Names and the value that they all equal."""
    first, last = sides[0], sides[-1]
    if len(sides) == 2 and _is_constant(first) and not _is_constant(last):
        first, last = last, first
    names = [side.expr for side in sides if isinstance(side, Quantity)]
    numbers = [expr for expr in names if expr.is_number]
    if any(not equal(numbers[0], other) for other in numbers[1:]):
        raise NotUnderstood("an equation that does not hold")
    if isinstance(first, Collection) and first.kind == "tuple":
        if all(isinstance(i, Quantity) and i.expr.is_Symbol for i in first.items):
            return last
        raise NotUnderstood("an equation of tuples")
    if not isinstance(first, Quantity):
        raise NotUnderstood("an equation of what are no numbers")
    if _is_constant(first):
        return last
    name = name_of(first.expr)
    difference = None
    if isinstance(last, Quantity) and len(sides) == 2:
        difference = first.expr - last.expr
    if name is not None:
        return Named(name, last, difference)
    if difference is None:
        raise NotUnderstood("a chain of equations")
    return Equation(difference)


def _is_constant(side: Any) -> bool:
    return isinstance(side, Quantity) and bool(side.expr.is_number)


def name_of(expr: Any) -> str | None:
    """The name that the left side of an equation is: x, f(x), AB, m + n; else None."""
    if expr.is_Symbol:
        return expr.name
    if isinstance(expr, sympy.Abs):  # the length |AB|, but |x| is not x
        inner = name_of(expr.args[0])
        return f"|{inner}|" if inner and len(inner) == 1 else inner
    if (expr.is_Add or expr.is_Mul) and all(part.is_Symbol for part in expr.args):
        return str(expr)
    if expr.is_Mul and len(expr.args) == 2:  # a quotient p/q
        upper, lower = sorted(expr.args, key=lambda part: part.is_Pow)
        if upper.is_Symbol and lower.is_Pow and lower.args == (lower.base, -1):
            return str(expr) if lower.base.is_Symbol else None
    return None


def _ordered(sides: list[Any], relations: list[str]) -> Any:
    parts = []
    for left, relation, right in zip(sides, relations, sides[1:], strict=False):
        parts.append((left - right, relation))
    symbols = set().union(*(difference.free_symbols for difference, _ in parts))
    if not symbols:
        raise NotUnderstood("an inequality without a variable")
    if len(symbols) > 1:
        if len(parts) > 1 or parts[0][1] == "!=":
            raise NotUnderstood("a chain of inequalities of several variables")
        difference, relation = parts[0]
        if relation.startswith("<"):
            difference = -difference
        return Comparison(difference, relation in "<>")
    symbol = symbols.pop()
    solved = [_solved(difference, relation, symbol) for difference, relation in parts]
    return Region(sympy.Intersection(*solved))


def _solved(difference: Any, relation: str, symbol: Any) -> Any:
    variable = sympy.Symbol("x", real=True)
    difference = difference.subs(symbol, variable)
    slope = difference.diff(variable)
    if slope.is_number and slope.is_nonzero and slope.is_real:
        return _half_line(-difference.subs(variable, 0) / slope, relation, bool(slope > 0))
    make = {"<": sympy.Lt, ">": sympy.Gt, "<=": sympy.Le, ">=": sympy.Ge, "!=": sympy.Ne}[relation]
    condition = make(difference, 0)
    if condition in (True, False):
        raise NotUnderstood("an inequality without a variable")
    try:
        if relation == "!=":
            zeros = sympy.solveset(difference, variable, sympy.S.Reals)
            return sympy.Complement(sympy.S.Reals, zeros)
        return sympy.solve_univariate_inequality(condition, variable, relational=False)
    except (NotImplementedError, TypeError, ValueError) as error:
        raise NotUnderstood(f"an inequality that is not solved ({error})") from None


def _half_line(end: Any, relation: str, rising: bool) -> Any:
    """Where an expression that rises (or falls) through zero at ``end`` fulfils the relation."""
    if relation == "!=":
        return sympy.Complement(sympy.S.Reals, sympy.FiniteSet(end))
    if not end.is_real:
        raise NotUnderstood("an inequality of numbers that are not real")
    if ("<" in relation) == rising:
        return sympy.Interval(-sympy.oo, end, True, relation in "<>")
    return sympy.Interval(end, sympy.oo, relation in "<>", True)
