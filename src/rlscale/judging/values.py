"""What an answer can be, once read: one type for each kind of answer."""

from dataclasses import dataclass
from typing import Any, Literal

from rlscale.judging.units import Unit


@dataclass(frozen=True)
class Quantity:
    """A number or an expression.

    Attributes:
        expr: A sympy expression of exact numbers and symbols.
        unit: Its unit, where one is written.
        percent: Whether a percent sign follows.
        digits: Significant digits, where it is written as one decimal number; else 0.
    """

    expr: Any
    unit: Unit | None = None
    percent: bool = False
    digits: int = 0


@dataclass(frozen=True)
class Collection:
    """Several answers: a ``list`` (commas, or, and), a ``set``, a ``tuple`` or a ``row``.

    The order counts in tuples and rows (numbers side by side), and where an item is left out by
    dots. ``brackets`` are those of a tuple of two, which may be an interval.
    """

    kind: Literal["list", "set", "tuple", "row"]
    items: tuple[Any, ...]
    brackets: str = ""


@dataclass(frozen=True)
class Region:
    """A set of numbers: interval, union, inequality, or one like the real numbers (sympy)."""

    members: Any


@dataclass(frozen=True)
class Named:
    """A name and its value: ``x = 5``, ``f(x) = 2x + 1``; ``relation`` is left minus right."""

    name: str
    value: Any
    relation: Any = None


@dataclass(frozen=True)
class Assignment:
    """Values by name, sorted by name: ``x = 1, y = 2``."""

    pairs: tuple[tuple[str, Any], ...]


@dataclass(frozen=True)
class Equation:
    """An equation that names no value: its two sides' difference is zero."""

    difference: Any


@dataclass(frozen=True)
class Comparison:
    """An inequality of several variables: ``difference`` above (or not below) zero."""

    difference: Any
    strict: bool


@dataclass(frozen=True)
class Conditioned:
    """An expression and where it holds: ``1/x, x > 0``."""

    value: Any
    condition: Any


@dataclass(frozen=True)
class Ratio:
    """Parts of a ratio, or a time of day with its half (``a.m.``, ``p.m.``)."""

    parts: tuple[Any, ...]
    half: str = ""


@dataclass(frozen=True)
class Based:
    """A number written in a base other than ten."""

    digits: str
    base: int


@dataclass(frozen=True)
class Residue:
    """A residue class."""

    expr: Any
    modulus: Any


@dataclass(frozen=True)
class Matrix:
    """A matrix (sympy)."""

    matrix: Any


@dataclass(frozen=True)
class Dots:
    """What is left out of a list."""


@dataclass(frozen=True)
class Words:
    """A text: small letters, one space between words."""

    text: str


@dataclass(frozen=True)
class Unread:
    """A gold answer that the rules do not know: only the same text equals it."""

    text: str
