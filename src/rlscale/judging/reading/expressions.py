r"""Atoms of an expression: numbers, letters, words, commands, brackets and functions.

``i``, ``e`` and ``\pi`` are the constants.
"""

from collections.abc import Callable
from typing import Any

import sympy

from rlscale.judging.reading.cursor import END
from rlscale.judging.reading.exact import (
    apply,
    based,
    divide,
    expression,
    is_proper,
    multiply,
    number,
    raised,
    recurring,
)
from rlscale.judging.reading.operators import (
    CLOSING,
    CONSTANTS,
    FRACTIONS,
    NAMED_PAIRS,
    OF_SEVERAL,
    Operators,
)
from rlscale.judging.reading.tokens import FUNCTIONS, NUMBER_WORDS, TENS, NotUnderstood


class Expressions(Operators):
    """The part of the grammar that reads whole expressions."""

    def atom(self) -> Any:
        """A number, a letter, a function's value, or something in brackets."""
        token = self.next
        if token.kind == "number":
            return self._number()
        if token.kind == "recurring":
            return recurring(self.take().text)
        if token.kind == "based":
            return based(self.take().text)
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
        if self.next.kind == "command" and self.next.text in FRACTIONS and value.is_Integer:
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
        while self.next is not END:
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
        if text in TENS:
            return self._tens()
        if text == "pi":
            self.take()
            return sympy.pi
        if text in ("infinity", "inf"):
            self.take()
            return sympy.oo
        if text in FUNCTIONS or text == "sqrt":
            return self._function()
        raise NotUnderstood(f"the word '{text}'")

    def _tens(self) -> Any:
        tens, joint = self.take(), self.next
        hyphen = self.at("-") and self.ahead(1).kind == "word"
        if hyphen and (joint.spaced or self.ahead(1).spaced or joint.roman != tens.roman):
            raise NotUnderstood("a sign between words for numbers")
        ones = self.ahead(1 if hyphen else 0)
        more = NUMBER_WORDS.get(ones.text, 0) if ones.kind == "word" else 0
        if not 0 < more < 10:
            return sympy.Integer(TENS[tens.text])
        self.place += 2 if hyphen else 1
        return sympy.Integer(TENS[tens.text] + more)

    def _command(self) -> Any:
        name = self.next.text
        if name in CONSTANTS:
            self.take()
            return CONSTANTS[name]
        if name in FRACTIONS:
            self.take()
            upper = self.argument()
            return divide(upper, self.argument())
        if name in ("binom", "dbinom", "tbinom"):
            self.take()
            upper = expression(self.argument())
            return sympy.binomial(upper, expression(self.argument()))
        if name in FUNCTIONS or name == "sqrt":
            return self._function()
        if name in NAMED_PAIRS:
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
        self.expect(CLOSING[opening])
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
        self.expect(NAMED_PAIRS[name])
        make = {"lvert": sympy.Abs, "lfloor": sympy.floor, "lceil": sympy.ceiling}
        return make[name](value) if name in make else value

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
        if name in OF_SEVERAL:
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
        if opening not in (CLOSING | NAMED_PAIRS):
            raise NotUnderstood(f"{name} without brackets")
        values = [expression(self.inner(self.sum))]
        while self.accept(","):
            values.append(expression(self.inner(self.sum)))
        self.expect((CLOSING | NAMED_PAIRS)[opening])
        if name in ("gcd", "lcm") and not all(value.is_Integer for value in values):
            raise NotUnderstood(f"{name} of what are no integers")
        make = {"gcd": sympy.gcd, "lcm": sympy.lcm, "max": sympy.Max, "min": sympy.Min}[name]
        return make(values) if name in ("gcd", "lcm") else make(*values)
