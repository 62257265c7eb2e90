"""Expressions with what they are measured in: units, rates, currencies, dozens and millions."""

from typing import Any

import sympy

from rlscale.judging import units
from rlscale.judging.reading.exact import expression
from rlscale.judging.reading.expressions import Expressions
from rlscale.judging.reading.tokens import SCALES, NotUnderstood
from rlscale.judging.values import Quantity


class Measured(Expressions):
    """The part of the grammar that reads a number's unit."""

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
            or (after.kind == "number" and token.roman)
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

    def with_smaller(self, total: Quantity) -> Quantity:
        """A quantity and what follows in smaller units of its kind: ``2 hours 30 minutes``."""
        least = total.unit
        while least is not None:
            place = self.place
            self.accept("and")
            if self.next.kind != "number":
                self.place = place
                break
            more, unit = expression(self.power()), self._unit()
            if unit is None or unit[0] != least[0] or not unit[1] < least[1]:
                self.place = place
                break
            assert total.unit is not None
            share = unit[1] / total.unit[1]
            expr = total.expr + more * sympy.Rational(share.numerator, share.denominator)
            total, least = Quantity(expr, total.unit), unit
        return total

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
