"""Whether an answer says the same as the gold answer, type by type."""

import re
from typing import Any

import sympy

from rlscale.judging.algebra import equal, proportional
from rlscale.judging.reading.brackets import interval
from rlscale.judging.values import (
    Assignment,
    Based,
    Collection,
    Comparison,
    Conditioned,
    Dots,
    Equation,
    Matrix,
    Named,
    Quantity,
    Ratio,
    Region,
    Residue,
    Unread,
    Words,
)

TOLERANCE = 1e-9  # relative, where the gold is a decimal of at least ``_DIGITS`` digits
_DIGITS = 9
_WHOLE_NUMBERS = (sympy.S.Integers, sympy.S.Naturals, sympy.S.Naturals0)


def same(gold: Any, answer: Any) -> bool:
    """Whether the answer equals the gold answer."""
    if isinstance(gold, Conditioned) or isinstance(answer, Conditioned):
        return _conditioned(gold, answer)
    if isinstance(gold, Named) or isinstance(answer, Named):
        return _named(gold, answer)
    if isinstance(gold, Assignment) or isinstance(answer, Assignment):
        return _assigned(gold, answer)
    if isinstance(gold, Collection) or isinstance(answer, Collection):
        return _collected(gold, answer)
    if isinstance(gold, Residue) and isinstance(answer, Quantity):
        return answer.unit is None and equal(gold.expr, answer.expr)
    if isinstance(gold, Matrix) != isinstance(answer, Matrix) or type(gold) is not type(answer):
        return False
    return _COMPARISONS[type(gold)](gold, answer)


def _quantities(gold: Quantity, answer: Quantity) -> bool:
    if gold.unit is not None and answer.unit is not None:
        if gold.unit[0] != answer.unit[0]:
            return False
        scale = sympy.Rational(answer.unit[1].numerator, answer.unit[1].denominator)
        own = sympy.Rational(gold.unit[1].numerator, gold.unit[1].denominator)
        return _equal(gold, answer.expr * scale / own, answer.digits)
    if (gold.percent and answer.unit is not None) or (answer.percent and gold.unit is not None):
        return False
    if answer.percent and not gold.percent:
        return _as_percentage(gold.expr, answer.expr)
    if _equal(gold, answer.expr, answer.digits):
        return True
    return gold.percent and not answer.percent and equal(gold.expr / 100, answer.expr)


def _as_percentage(gold: Any, answer: Any) -> bool:
    """A fraction, or the number that was asked for in percent: that is below 1 only in theory."""
    if equal(gold, answer / 100):
        return True
    return bool(gold.is_Rational and abs(gold) >= 1) and equal(gold, answer)


def _equal(gold: Quantity, expr: Any, digits: int) -> bool:
    if equal(gold.expr, expr):
        return True
    if gold.digits < _DIGITS or digits or not expr.is_number or not expr.is_real:
        return False
    return bool(abs(sympy.N(expr - gold.expr, 20)) <= TOLERANCE * abs(gold.expr))


def _named(gold: Any, answer: Any) -> bool:
    if isinstance(gold, Named) and isinstance(answer, Named):
        if gold.name != answer.name and not _names_differ_freely(gold, answer):
            return _curves(gold.relation, answer.relation)
        return same(gold.value, answer.value) or _curves(gold.relation, answer.relation)
    if isinstance(gold, Named):
        if isinstance(answer, Equation):
            return _curves(gold.relation, answer.difference)
        return same(gold.value, answer)
    if isinstance(gold, Equation):
        return _curves(gold.difference, answer.relation)
    return same(gold, answer.value)


def _conditioned(gold: Any, answer: Any) -> bool:
    """Where both have conditions, the same ones; an answer's own may only spare single points."""
    if not isinstance(answer, Conditioned):
        return same(gold.value, answer)
    if not isinstance(gold, Conditioned):
        return _natural(answer.condition) and same(gold, answer.value)
    return same(gold.condition, answer.condition) and same(gold.value, answer.value)


def _natural(condition: Any) -> bool:
    """Whether a condition says no more than where an expression is defined, or n = 1, 2, ..."""
    if not isinstance(condition, Region):
        return False
    members = condition.members
    if isinstance(members, sympy.Interval):
        return bool(members.end == sympy.oo)
    out = sympy.Complement(sympy.S.Reals, members)
    return bool(out.is_empty or isinstance(out, sympy.FiniteSet)) or members in _WHOLE_NUMBERS


def _names_differ_freely(gold: Named, answer: Named) -> bool:
    """A function f(x) may be called by a letter that is none of its variables; f' is another."""
    heads = [re.fullmatch(r"[A-Za-z](?:\((.*)\))?", name) for name in (gold.name, answer.name)]
    functions = [head[1] for head in heads if head and head[1]]
    if None in heads or len(functions) != 1 or functions[0].isdigit():
        return False
    return not {gold.name, answer.name} & set(functions[0].split(","))


def _curves(gold: Any, answer: Any) -> bool:
    if gold is None or answer is None:
        return False
    return proportional(gold, answer)


def _numbered(assigned: Assignment) -> bool:
    """Whether the names are one letter with numbers: x_1, x_2."""
    return len({re.sub(r"_\{?\d+\}?\Z", "_", name) for name, _ in assigned.pairs}) == 1


def _assigned(gold: Any, answer: Any) -> bool:
    if isinstance(gold, Assignment) and isinstance(answer, Assignment):
        return [name for name, _ in gold.pairs] == [name for name, _ in answer.pairs] and all(
            same(first, second)
            for (_, first), (_, second) in zip(gold.pairs, answer.pairs, strict=True)
        )
    assigned, other = (gold, answer) if isinstance(gold, Assignment) else (answer, gold)
    if not isinstance(other, Collection) or not (other.kind == "tuple" or _numbered(assigned)):
        return False
    kind: Any = "tuple" if other.kind == "tuple" else "list"
    values = Collection(kind, tuple(value for _, value in assigned.pairs))
    return same(values, other) if assigned is gold else same(other, values)


def _collected(gold: Any, answer: Any) -> bool:
    if isinstance(gold, Collection) and isinstance(answer, Collection):
        return _collections(gold, answer)
    if isinstance(gold, Region) or isinstance(answer, Region):
        return _as_regions(gold, answer)
    if isinstance(gold, Matrix) or isinstance(answer, Matrix):
        return _vectors(gold, answer)
    several, one = (gold, answer) if isinstance(gold, Collection) else (answer, gold)
    if several.kind not in ("set", "list") or len(several.items) != 1:
        return False
    return same(several.items[0], one) if several is gold else same(one, several.items[0])


def _collections(gold: Collection, answer: Collection) -> bool:
    ordered = [c.kind in ("tuple", "row") or Dots() in c.items for c in (gold, answer)]
    if ordered[0] != ordered[1] or (ordered[0] and (gold.kind == "row") != (answer.kind == "row")):
        return False
    if gold.kind == answer.kind == "tuple" and not _same_brackets(gold, answer):
        return False
    first, second = list(gold.items), list(answer.items)
    if ordered[0]:
        return len(first) == len(second) and all(
            same(a, b) for a, b in zip(first, second, strict=True)
        )
    if "set" in (gold.kind, answer.kind):
        first, second = _distinct(first), _distinct(second)
    if len(first) != len(second):
        return False
    for item in first:
        match = next((i for i, other in enumerate(second) if same(item, other)), None)
        if match is None:
            return False
        del second[match]
    return True


def _same_brackets(gold: Collection, answer: Collection) -> bool:
    return gold.brackets == answer.brackets or "" in (gold.brackets, answer.brackets)


def _distinct(items: list[Any]) -> list[Any]:
    kept: list[Any] = []
    for item in items:
        if not any(same(other, item) for other in kept):
            kept.append(item)
    return kept


def _as_regions(gold: Any, answer: Any) -> bool:
    sets = []
    for value in (gold, answer):
        if isinstance(value, Region):
            sets.append(value.members)
        elif isinstance(value, Collection) and value.kind == "tuple":
            sets.append(interval(value))
        elif isinstance(value, Collection) and all(isinstance(i, Quantity) for i in value.items):
            sets.append(sympy.FiniteSet(*(item.expr for item in value.items)))
        else:
            return False
    return None not in sets and _equal_sets(*sets)


def _equal_sets(gold: Any, answer: Any) -> bool:
    if gold == answer:
        return True
    first, second = _pieces(gold), _pieces(answer)
    return len(first) == len(second) and all(
        isinstance(a, sympy.Interval)
        and isinstance(b, sympy.Interval)
        and (a.left_open, a.right_open) == (b.left_open, b.right_open)
        and equal(a.start, b.start)
        and equal(a.end, b.end)
        for a, b in zip(first, second, strict=True)
    )


def _pieces(members: Any) -> list[Any]:
    return sorted(members.args, key=_start) if isinstance(members, sympy.Union) else [members]


def _start(piece: Any) -> Any:
    return sympy.N(piece.inf) if piece.inf.is_number else 0


def _vectors(gold: Any, answer: Any) -> bool:
    """A tuple and a matrix of one row or column."""
    several, matrix = (gold, answer) if isinstance(gold, Collection) else (answer, gold)
    if not isinstance(matrix, Matrix) or several.kind != "tuple" or 1 not in matrix.matrix.shape:
        return False
    items = list(several.items)
    return (
        several.brackets in ("", "()", "[]")
        and len(items) == len(matrix.matrix)
        and all(
            isinstance(item, Quantity) and equal(item.expr, entry)
            for item, entry in zip(items, matrix.matrix, strict=True)
        )
    )


def _matrices(gold: Matrix, answer: Matrix) -> bool:
    return gold.matrix.shape == answer.matrix.shape and all(
        equal(a, b) for a, b in zip(gold.matrix, answer.matrix, strict=True)
    )


def _ratios(gold: Ratio, answer: Ratio) -> bool:
    halves = {gold.half, answer.half} - {""}
    if halves == {"p.m."} and gold.half != answer.half:
        gold, answer = _afternoon(gold), _afternoon(answer)
    return (
        len(halves) < 2
        and len(gold.parts) == len(answer.parts)
        and all(equal(a, b) for a, b in zip(gold.parts, answer.parts, strict=True))
    )


def _afternoon(time: Ratio) -> Ratio:
    """15:45 as 3:45."""
    hour, *rest = time.parts
    late = not time.half and bool(hour.is_Integer) and 13 <= hour <= 23
    return Ratio((hour - 12, *rest)) if late else time


def _comparisons(gold: Comparison, answer: Comparison) -> bool:
    if gold.strict != answer.strict or not proportional(gold.difference, answer.difference):
        return False
    ratio = sympy.simplify(gold.difference / answer.difference)
    return bool(ratio.is_positive)


_COMPARISONS = {
    Quantity: _quantities,
    Region: lambda gold, answer: _equal_sets(gold.members, answer.members),
    Equation: lambda gold, answer: proportional(gold.difference, answer.difference),
    Comparison: _comparisons,
    Ratio: _ratios,
    Based: lambda gold, answer: gold == answer,
    Residue: lambda gold, answer: (
        equal(gold.expr, answer.expr) and equal(gold.modulus, answer.modulus)
    ),
    Matrix: _matrices,
    Dots: lambda gold, answer: True,
    Words: lambda gold, answer: gold == answer,
    Unread: lambda gold, answer: gold == answer,
}
