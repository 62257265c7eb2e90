r"""A whole answer: a list of statements, each a value with its unit or a chain of relations."""

import re
from typing import Any

import sympy

from rlscale.judging.reading.brackets import DOTS, MOST_ITEMS, Brackets, as_value, region
from rlscale.judging.reading.exact import expression
from rlscale.judging.reading.lists import conditional, gathered
from rlscale.judging.reading.relations import related
from rlscale.judging.reading.tokens import NotUnderstood, tokenize
from rlscale.judging.values import Collection, Dots, Named, Quantity, Ratio, Residue

_RELATIONS = {
    "=": "=", "approx": "=", "in": "in", "equiv": "==",
    "<": "<", ">": ">", "lt": "<", "gt": ">", "le": "<=", "leq": "<=", "leqslant": "<=",
    "ge": ">=", "geq": ">=", "geqslant": ">=", "ne": "!=", "neq": "!=",
}  # fmt: skip
_CONDITION = ("for", "where", "if", "when", "with")


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


class Answers(Brackets):
    """The grammar of whole answers."""

    def listing(self) -> Any:
        """Answers with commas, semicolons, "and", "or" between them."""
        while self.accept("=", "approx", "simeq", "therefore", "implies", "Rightarrow"):
            pass
        items, joints = [self.statement()], []
        while True:
            joint = self._joint()
            if joint is None:
                break
            if len(items) > MOST_ITEMS:
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

    def statement(self) -> Any:
        """One answer: a chain of relations, or a value."""
        if self.at(*DOTS):
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
        value = as_value(value, unit, percent, digits)
        return self.with_smaller(value) if isinstance(value, Quantity) else value

    def _row(self, first: Any) -> Collection:
        """Numbers side by side: they are no number, and no product."""
        items = [Quantity(first)]
        while self.next.kind == "number":
            items.append(Quantity(expression(self.power())))
        return Collection("row", tuple(items))

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


def significant(text: str) -> int:
    """Significant digits of a decimal number; 0 of other texts."""
    if not re.fullmatch(r"\d*\.\d+", text):
        return 0
    return len(text.replace(".", "").strip("0"))
