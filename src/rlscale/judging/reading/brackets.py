r"""What stands in brackets: groups, tuples, intervals, sets, matrices."""

from abc import ABC, abstractmethod
from typing import Any

import sympy

from rlscale.judging.reading.exact import InBase, PlusMinus, expression
from rlscale.judging.reading.measured import Measured
from rlscale.judging.reading.tokens import NotUnderstood
from rlscale.judging.units import Unit
from rlscale.judging.values import Based, Collection, Dots, Matrix, Quantity, Region

MOST_ITEMS = 100
DOTS = ("ldots", "dots", "cdots", "dotsc")
_NUMBERS = {
    "R": sympy.S.Reals, "Z": sympy.S.Integers, "N": sympy.S.Naturals, "Q": sympy.S.Rationals,
    "C": sympy.S.Complexes,
}  # fmt: skip
_MATRICES = ("pmatrix", "bmatrix", "matrix", "smallmatrix", "array", "Bmatrix")


class Brackets(Measured, ABC):
    """The part of the grammar that reads brackets of every kind."""

    @abstractmethod
    def listing(self) -> Any:
        """The condition of a set; the grammar of whole answers reads it."""

    def bracket(self) -> Any:
        """A group, a tuple, an interval, or a set."""
        opening = self.take().text
        value, closing = self.inner(lambda: self._within(opening))
        return enclosed(opening, value, closing)

    def _within(self, opening: str) -> tuple[Any, str]:
        if opening == r"\{" and self.accept(r"\}"):
            return [], r"\}"
        items = [self._item()]
        while self.at(",", ";") or (opening == r"\{" and self.at(":", "|", "mid", "colon")):
            if self.at(":", "|", "mid", "colon"):
                self.take()
                condition = self.listing()
                self.expect(r"\}")
                return region(condition), r"\}"
            self.take()
            if len(items) > MOST_ITEMS:
                raise NotUnderstood("too many items")
            items.append(self._item())
        closing = self.take().text
        if closing not in (")", "]", r"\}") or (opening == r"\{") != (closing == r"\}"):
            raise NotUnderstood(f"'{closing or 'the end'}' where a bracket should close")
        return items, closing

    def _item(self) -> Any:
        if self.at(*DOTS):
            self.take()
            return Dots()
        depth, self.depth = self.depth, 1
        bars, self.bars = self.bars, self._in_set()
        value = self.sum()
        if self.at("in"):
            self.take()
            value = region(self.sum())
        self.bars = bars
        self.depth = depth
        return value

    def _in_set(self) -> bool:
        return any(
            token.text == r"\{" for token in self.tokens[max(0, self.place - 1) : self.place]
        )

    def _named_bracket(self) -> Any:
        if not self.at("langle", "lbrace"):
            return super()._named_bracket()
        name = self.take().text
        items = [self.inner(self._item)]
        while self.accept(","):
            items.append(self.inner(self._item))
        self.expect({"langle": "rangle", "lbrace": "rbrace"}[name])
        return enclosed(
            r"\{" if name == "lbrace" else "(", items, r"\}" if name == "lbrace" else ")"
        )

    def special(self) -> Any:
        """The empty set and the sets of numbers."""
        if self.accept("emptyset", "varnothing"):
            return sympy.S.EmptySet
        if self.accept("mathbb"):
            braced = self.accept("{")
            name = self.take().text
            if braced:
                self.expect("}")
            if name not in _NUMBERS:
                raise NotUnderstood(f"the set '{name}'")
            return _NUMBERS[name]
        return super().special()

    def environment(self) -> Any:
        """A matrix."""
        self.take()
        kind = self._name()
        if kind not in _MATRICES:
            raise NotUnderstood(f"the environment '{kind}'")
        if kind == "array":
            self._name()
        rows: list[list[Any]] = [[]]
        while not self.at("end"):
            rows[-1].append(expression(self.inner(self.sum)))
            if self.accept("\\"):
                if not self.at("end"):
                    rows.append([])
            elif not self.accept("&") and not self.at("end"):
                raise NotUnderstood("a matrix that does not go on")
        self.take()
        self._name()
        if len({len(row) for row in rows}) != 1 or not rows[0]:
            raise NotUnderstood("a matrix of uneven rows")
        return sympy.ImmutableMatrix(rows)

    def _name(self) -> str:
        self.expect("{")
        name = ""
        while self.next.kind != "end" and not self.at("}"):
            name += self.take().text
        self.expect("}")
        return name


def as_value(value: Any, unit: Unit | None, percent: bool, digits: int) -> Any:
    """What the grammar read, as one of the types of answers (``rlscale.judging.values``).

    Args:
        value: What was read.
        unit: Its unit, where one is written.
        percent: Whether a percent sign follows.
        digits: Significant digits, where it is written as one decimal number; else 0.

    Raises:
        NotUnderstood: A unit of what is no number.
    """
    bare = unit is None and not percent
    if isinstance(value, sympy.Expr) and not isinstance(value, sympy.MatrixBase):
        return Quantity(value, unit, percent, digits)
    if isinstance(value, PlusMinus):
        return Collection("list", tuple(Quantity(v, unit, percent) for v in value.values))
    if not bare:
        raise NotUnderstood("a unit of what is no number")
    if isinstance(value, InBase):
        return Based(value.digits, value.base)
    if isinstance(value, sympy.MatrixBase):
        return Matrix(sympy.ImmutableMatrix(value))
    if isinstance(value, sympy.Set):
        return Region(value)
    return value


def enclosed(opening: str, value: Any, closing: str) -> Any:
    """What a pair of brackets makes of its items.

    Raises:
        NotUnderstood: The brackets do not match.
    """
    if isinstance(value, sympy.Set):
        return value
    if opening == r"\{":
        return Collection("set", tuple(as_value(item, None, False, 0) for item in value))
    if len(value) == 1 and (opening, closing) in (("(", ")"), ("[", "]")):
        return value[0]
    if len(value) == 1:
        raise NotUnderstood("brackets that do not match")
    if len(value) > 2 and opening + closing not in ("()", "[]"):
        raise NotUnderstood("brackets that do not match")
    items = tuple(as_value(item, None, False, 0) for item in value)
    return Collection("tuple", items, opening + closing)


def interval(value: Collection) -> Any:
    """The interval that a pair in brackets is; None where it is none."""
    ends = [item.expr for item in value.items if isinstance(item, Quantity)]
    if value.kind != "tuple" or len(value.items) != 2 or len(ends) != 2:
        return None
    if not all(end.is_extended_real and end.is_number for end in ends) or not ends[0] < ends[1]:
        return None
    left, right = value.brackets[0], value.brackets[1]
    return sympy.Interval(*ends, left == "(", right == ")")


def region(value: Any) -> Any:
    """A set of numbers, from whatever describes one.

    Raises:
        NotUnderstood: It describes none.
    """
    if isinstance(value, sympy.Set):
        return value
    if isinstance(value, Region):
        return value.members
    if isinstance(value, Collection) and value.kind == "tuple":
        found = interval(value)
        if found is not None:
            return found
    if isinstance(value, Collection) and value.kind == "set":
        return sympy.FiniteSet(*(item.expr for item in value.items if _is_number(item)))
    raise NotUnderstood("a set that is none of numbers")


def _is_number(item: Any) -> bool:
    if not isinstance(item, Quantity):
        raise NotUnderstood("a set that is none of numbers")
    return True
