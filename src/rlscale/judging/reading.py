r"""Read a whole answer: lists, relations, sets, intervals, tuples, matrices, ratios, units."""

import re
from collections.abc import Sequence
from typing import Any

import sympy

from rlscale.judging import units
from rlscale.judging.algebra import equal
from rlscale.judging.grammar import (
    Expressions,
    InBase,
    PlusMinus,
    expression,
)
from rlscale.judging.tokens import SCALES, NotUnderstood, Token, tokenize
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
)

_ORDER = {
    "<": "<", ">": ">", "lt": "<", "gt": ">", "le": "<=", "leq": "<=", "leqslant": "<=",
    "ge": ">=", "geq": ">=", "geqslant": ">=", "ne": "!=", "neq": "!=",
}  # fmt: skip
_RELATIONS = {**_ORDER, "=": "=", "approx": "=", "in": "in", "equiv": "=="}
_NUMBERS = {
    "R": sympy.S.Reals, "Z": sympy.S.Integers, "N": sympy.S.Naturals, "Q": sympy.S.Rationals,
    "C": sympy.S.Complexes,
}  # fmt: skip
_DOTS = ("ldots", "dots", "cdots", "dotsc")
_CONDITION = ("for", "where", "if", "when", "with")
_MATRICES = ("pmatrix", "bmatrix", "matrix", "smallmatrix", "array", "Bmatrix")
_MOST_ITEMS = 100


def read(text: str, symbols: frozenset[str] = frozenset(), *, grouped: bool = True) -> Any:
    """The value of a cleaned answer.

    Args:
        text: By ``rlscale.judging.writing.clean``.
        symbols: Names that are variables of the gold answer, and so no units.
        grouped: Whether ``1,234`` is one number.

    Raises:
        NotUnderstood: No rule knows how the answer is written.
    """
    answer = Answers(tokenize(text, grouped=grouped), symbols)
    value = answer.listing()
    if answer.next.kind != "end":
        raise NotUnderstood(f"'{answer.next.text}' after the answer")
    return value


class Answers(Expressions):
    """The part of the grammar that reads what an answer is made of."""

    def __init__(self, tokens: Sequence[Token], symbols: frozenset[str] = frozenset()) -> None:
        super().__init__(tokens, symbols)
        self.plain_letters = False  # inside brackets a letter is no unit

    # --- lists ---

    def listing(self) -> Any:
        """Answers with commas, semicolons, "and", "or" between them."""
        while self.accept("=", "approx", "simeq", "therefore", "implies", "Rightarrow"):
            pass
        items, joints = [self.statement()], []
        while True:
            joint = self._joint()
            if joint is None:
                break
            if len(items) > _MOST_ITEMS:
                raise NotUnderstood("too many answers")
            joints.append(joint)
            items.append(self.statement())
        if self.accept(*_CONDITION):
            return self._conditional(items, self.listing())
        return gathered(items, joints)

    def _joint(self) -> str | None:
        joint = None
        while True:
            if self.accept(",", ";"):
                joint = joint or ","
            elif self.at("and", "or") or self.at("land", "lor", "wedge", "vee"):
                joint = {"land": "and", "wedge": "and", "lor": "or", "vee": "or"}.get(
                    self.next.text, self.next.text
                )
                self.take()
            else:
                return joint

    def _conditional(self, items: list[Any], condition: Any) -> Any:
        if len(items) != 1:
            raise NotUnderstood("a condition on several answers")
        return conditional(items[0], condition)

    # --- statements ---

    def statement(self) -> Any:
        """One answer: a chain of relations, or a value."""
        if self.at(*_DOTS):
            self.take()
            return Dots()
        function = self._function_head()
        if function:
            return Named(function, self.statement())
        sides, relations = [self.side()], []
        while self.next.text in _RELATIONS and self.next.kind in ("command", "sign"):
            relations.append(_RELATIONS[self.take().text])
            sides.append(self.side())
        if not relations:
            return sides[0]
        return related(sides, relations)

    def _function_head(self) -> str | None:
        """The name of a function, where ``f(x) =``, ``P(x, y) =`` or ``f(2) =`` is next."""
        head = "".join(
            {"letter": "a", "number": "1"}.get(t.kind, t.text)
            for t in self.tokens[self.place :][:12]
        )
        match = re.match(r"a(?:_\{?\w+\}?)?'*\((?:a(?:,a)*|-?1)\)=", head)
        if not match or self.next.kind != "letter":
            return None
        name = ""
        while not self.at("="):
            name += self.take().text
        self.take()
        return name

    def side(self) -> Any:
        """One side of a relation: a quantity with its unit, a ratio, a set or a tuple."""
        currency = self._currency()
        start = self.place
        value = self.chosen(self._union())
        alone = self.place - start == 1 + (self.tokens[start].text in "+-")
        digits = significant(self.tokens[self.place - 1].text) if alone else 0
        if self.at(":", "colon") or (self.at("to") and isinstance(value, sympy.Expr)):
            return self._ratio(value)
        if self.at("pmod", "bmod", "mod"):
            return self._residue(value)
        if self.next.kind == "number" and isinstance(value, sympy.Expr):
            return self._row(value)
        value = self._scaled(value)
        unit = currency or self._currency()
        percent = self.accept("%", r"\%", "percent")
        if unit is None and not percent:
            unit = self._unit()
        elif unit == currency and self.at("dollar", "dollars", "usd") and unit is not None:
            self.take()
        if unit is not None and self.at("per", "/"):
            unit = self._rate(unit)
        return as_value(value, unit, percent, digits)

    def _row(self, first: Any) -> Collection:
        """Numbers side by side: they are no number, and no product."""
        items = [Quantity(first)]
        while self.next.kind == "number":
            items.append(Quantity(expression(self.power())))
        return Collection("row", tuple(items))

    def _scaled(self, value: Any) -> Any:
        while self.next.kind == "word" and self.next.text in SCALES:
            value = expression(value) * SCALES[self.take().text]
        return value

    def _currency(self) -> units.Unit | None:
        name = units.CURRENCY.get(self.next.text)
        if name is None and self.next.kind == "word" and self.ahead(1).kind == "number":
            name = units.currency_code(self.next.text)  # USD 5
        if name is None:
            return None
        self.take()
        return units.combine([(name, 1)])

    def _ratio(self, first: Any) -> Ratio:
        parts = [expression(first)]
        while self.accept(":", "colon", "to"):
            parts.append(expression(self.sum()))
        half = self.take().text if self.at("a.m.", "p.m.") else ""
        return Ratio(tuple(parts), half)

    def _residue(self, value: Any) -> Residue:
        grouped = self.take().text == "pmod" or self.at("(")
        modulus = self.argument() if grouped else self.power()
        return Residue(expression(value), expression(modulus))

    def _union(self) -> Any:
        value = self.sum()
        while self.at("cup", "cap", "setminus"):
            operation = self.take().text
            first, second = region(value), region(self.sum())
            make = {"cup": sympy.Union, "cap": sympy.Intersection, "setminus": sympy.Complement}
            value = make[operation](first, second)
        return value

    # --- units ---

    def is_unit_letter(self) -> bool:
        """A letter set apart from a number, in the table, and no variable of the gold answer."""
        token = self.next
        known = units.ROMAN_LETTERS if token.roman else units.LETTERS
        if token.text not in known or token.text in self.symbols or self.depth > 1:
            return False
        before = self.tokens[self.place - 1]
        after = self.ahead(1)
        ends = (
            after.kind in ("end", "word")
            or after.roman
            or after.text in ("^", "/", ",", ".", "cdot", "}")
        )
        return (token.roman or token.spaced) and before.kind != "letter" and ends

    def _unit(self) -> units.Unit | None:
        parts: list[tuple[str, int]] = []
        sign = 1
        while True:
            part = self._unit_part(sign)
            if part is None:
                break
            parts += part
            sign = -1 if self.accept("/", "per") else sign
            self.accept("cdot")
        return units.combine(parts) if parts else None

    def _rate(self, unit: units.Unit) -> units.Unit:
        self.take()
        part = self._unit_part(-1)
        if part is None:
            raise NotUnderstood("a rate without a unit")
        below, factor = units.combine(part)
        return (*unit[0], *below), unit[1] * factor

    def _unit_part(self, sign: int) -> list[tuple[str, int]] | None:
        power = 1
        start = self.place
        while self.accept(*units.ADJECTIVES):
            pass
        if self.accept("square", "sq"):
            power = 2
            self.accept(".")
        elif self.accept("cubic", "cu"):
            power = 3
            self.accept(".")
        word = self._unit_word(below=sign == -1)
        if word is None:
            self.place = start
            return None
        if len(word) < 4:  # an abbreviation
            self.accept(".")
        if self.accept("squared"):
            power = 2
        elif self.accept("cubed"):
            power = 3
        elif self.at("^"):
            self.take()
            exponent = self.argument(power=True)
            if exponent not in (1, 2, 3, -1, -2):
                raise NotUnderstood("a unit to this power")
            power = int(exponent)
        return [(word, sign * power)]

    def _unit_word(self, *, below: bool) -> str | None:
        token = self.next
        name = token.text.casefold()
        if token.kind == "command" and name == "degree":
            self.take()
            scale = {"c": "celsius", "f": "fahrenheit"}.get(self.next.text.casefold())
            scale = scale or (self.next.text if self.at("celsius", "fahrenheit") else None)
            if scale:
                self.take()
            return scale or "degree"
        if token.kind not in ("letter", "word"):
            return None
        letters = below or token.roman or self.is_unit_letter()
        found = units.unit_of(token.text, letters=letters)
        if found:
            self.take()
        return found

    # --- sets, tuples, intervals ---

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
            if len(items) > _MOST_ITEMS:
                raise NotUnderstood("too many items")
            items.append(self._item())
        closing = self.take().text
        if closing not in (")", "]", r"\}") or (opening == r"\{") != (closing == r"\}"):
            raise NotUnderstood(f"'{closing or 'the end'}' where a bracket should close")
        return items, closing

    def _item(self) -> Any:
        if self.at(*_DOTS):
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


def significant(text: str) -> int:
    """Significant digits of a decimal number; 0 of other texts."""
    if not re.fullmatch(r"\d*\.\d+", text):
        return 0
    return len(text.replace(".", "").strip("0"))


def as_value(value: Any, unit: units.Unit | None, percent: bool, digits: int) -> Any:
    """What the grammar read, as one of the types of answers."""
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
    """What a pair of brackets makes of its items."""
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


def related(sides: list[Any], relations: list[str]) -> Any:
    """What a chain of relations says."""
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


def conditional(value: Any, condition: Any) -> Any:
    """An expression with a condition on its own variables."""
    if not isinstance(value, Quantity | Named | Equation):
        raise NotUnderstood("a condition on what is no expression")
    inner = value.value if isinstance(value, Named) else value
    expr = inner.difference if isinstance(inner, Equation) else getattr(inner, "expr", None)
    if expr is None or not expr.free_symbols or not isinstance(condition, Region | Comparison):
        raise NotUnderstood("a condition on a number")
    return Conditioned(value, condition)


def gathered(items: list[Any], joints: list[str]) -> Any:
    """What a list of statements is together."""
    if len(items) == 1:
        return items[0]
    if all(isinstance(item, Region) for item in items):
        sets = [item.members for item in items]
        if all(joint == "or" for joint in joints):
            return Region(sympy.Union(*sets))
        if "or" not in joints:
            return Region(sympy.Intersection(*sets))
        raise NotUnderstood("'and' beside 'or'")
    first, rest = items[0], items[1:]
    if len(items) == 2 and isinstance(rest[0], Region) and isinstance(first, Quantity):
        return conditional(first, rest[0])  # 1/x, x != 0
    if isinstance(first, Named) and not any(isinstance(item, Named) for item in rest):
        items = [first.value, *rest]  # n = 2, 3, 4
    named = [item for item in items if isinstance(item, Named)]
    if len(named) == len(items):
        names = [item.name for item in named]
        if len(set(names)) == 1:
            items = [item.value for item in named]
        elif len(set(names)) == len(names) and "or" not in joints:
            return Assignment(tuple(sorted(((n.name, n.value) for n in named), key=lambda p: p[0])))
        else:
            raise NotUnderstood("names that repeat")
    elif named:
        raise NotUnderstood("names for some of the answers")
    flat: list[Any] = []
    for item in items:
        if isinstance(item, Collection) and item.kind == "list":
            flat += item.items
        elif isinstance(item, Region | Comparison):
            raise NotUnderstood("a set among answers")
        else:
            flat.append(item)
    return Collection("list", tuple(flat))
