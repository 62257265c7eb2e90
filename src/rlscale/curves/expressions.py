"""Expressions over the names in a file: what fills a column of curves.csv.

    reward/mean                       the value as it is
    1 - val-core/acc                  pass@1 into loss
    1 - acc / 100                     a percentage into loss
    tokens_per_step * step            + - * / and brackets
    cumulative tokens                 a running total over the steps of a run
    carried tokens                    the last value known at a step
    continued tokens                  a running count that began anew after restarts, put together
    grouped tokens                    30,000 (or 30.000) as thirty thousand
    decimal tokens                    30,000 (or 30.000) as thirty
    `my - name` * 2                   a name in backquotes, where it would be read otherwise
    qwen-{size}b                      text with values filled in

A name of the file goes before an operator that is part of it: the longest that fits is taken.
"""

import difflib
import operator
import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from rlscale.core.errors import StudyError
from rlscale.curves.numbers import numbers
from rlscale.curves.runs import ROW, STEP

if TYPE_CHECKING:
    import pandas

_NUMBER = re.compile(r"(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?(?![\w.])")
_WORDS = ("cumulative", "carried", "continued")
_READINGS = ("grouped", "decimal")  # of numbers whose comma or point may mean either
_OWN = ("run", STEP, ROW)  # what readers add, and what is made of their rows
_WHOLE = 1e9  # below it a whole number is written in full
_SHOWN = 12  # names of a file in a message
_SIGNS: dict[str, Callable[[Any, Any], Any]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
}
_Token = tuple[str, str]  # kind (number, name, word, sign) and what it says


def evaluate(
    expression: str, table: "pandas.DataFrame", where: str, column: str
) -> "pandas.Series | float":
    """Values of an expression that gives numbers, one per row of the table; sums run over the rows.

    Args:
        expression: See the module's docstring.
        table: The rows of one run, by step.
        where: File, for messages.
        column: The column that is made, for messages.

    Raises:
        StudyError: A name is not in the table, a value is no number, or it is no expression.
    """
    try:
        return _Parser(expression, table, where, column).value()
    except RecursionError:
        raise StudyError(
            f"{where}: what {column} is made from has too many brackets or signs within each other"
        ) from None


def names_in(expression: str, columns: list[str]) -> list[str]:
    """Names of the file that an expression uses, of those in ``columns``."""
    if "{" in expression:
        return [name for name in re.findall(r"\{(.+?)\}", expression) if name in columns]
    return [
        said for kind, said in _tokens(expression, columns) if kind == "name" and said in columns
    ]


def fill(template: str, table: "pandas.DataFrame", where: str, column: str) -> "pandas.Series":
    """Text with the values of names filled in, one per row; or a name's values as text."""
    import pandas

    if "{" not in template:
        return _texts(_named(table, template, where, column))
    made = pandas.Series("", index=table.index, dtype="string")
    for i, part in enumerate(re.split(r"\{(.+?)\}", template)):
        made = made + (_texts(_named(table, part, where, column)) if i % 2 else part)
    return made


def _texts(values: "pandas.Series") -> "pandas.Series":
    return values.map({value: as_text(value) for value in values.unique()}).astype("string")


def as_text(value: Any) -> str:
    """As people write it: 1 for 1.0, and every digit of a seed."""
    if isinstance(value, float):
        whole = value.is_integer() and abs(value) < _WHOLE
        return str(int(value)) if whole else format(value, "g")
    return str(value)


def _named(table: "pandas.DataFrame", name: str, where: str, column: str) -> "pandas.Series":
    if name not in table.columns:
        near = difflib.get_close_matches(name, [str(c) for c in table.columns], n=3, cutoff=0.5)
        names = [str(name) for name in table.columns if name not in _OWN]
        more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
        hint = f"did you mean {' or '.join(near)}? " if near else ""
        raise StudyError(
            f"{where}: no '{name}', which {column} is made from; {hint}it has "
            f"{', '.join(names[:_SHOWN])}{more}; --map {column}=... says which"
        )
    return table[name]


def _tokens(text: str, columns: list[str]) -> list[_Token]:
    """An expression in pieces; an unknown name is everything up to the next space or bracket."""
    known = sorted((name for name in columns if name), key=len, reverse=True)
    tokens, at = [], 0
    while at < len(text):
        rest = text[at:]
        if text[at].isspace():
            at += 1
            continue
        name = next((n for n in known if rest.startswith(n) and _ends(rest[len(n) :])), None)
        quoted = re.match(r"`([^`]+)`", rest)
        number = _NUMBER.match(rest)
        word = next((w for w in (*_WORDS, *_READINGS) if rest.startswith(f"{w} ")), None)
        if quoted:
            token = ("name", quoted[1])
            at += len(quoted[0])
            tokens.append(token)
            continue
        if name is not None:
            token = ("name", name)
        elif word:
            token = ("word", word)
        elif number and _ends(rest[len(number[0]) :]):
            token = ("number", number[0])
        elif text[at] in "+-*/()":
            token = ("sign", text[at])
        else:
            unknown = re.match(r"[^\s()]+", rest)
            token = ("name", unknown[0] if unknown else rest)
        at += len(token[1])
        tokens.append(token)
    return tokens


def _ends(rest: str) -> bool:
    """Whether a name or number may end before this."""
    return not rest or rest[0] in " \t)*/+-"


def _over_steps(word: str, values: "pandas.Series") -> "pandas.Series":
    """What a word makes of the values of a run by step."""
    if word == "cumulative":
        return values.fillna(0).cumsum()
    if word == "carried":
        return values.ffill()
    known = values.dropna()
    before = known.shift().where(known < known.shift(), 0.0)  # where it fell, what had been counted
    return (known + before.cumsum()).reindex(values.index)


class _Parser:
    """Recursive descent: sums of products of numbers, names, brackets."""

    def __init__(self, text: str, table: "pandas.DataFrame", where: str, column: str) -> None:
        self._text, self._table, self._where, self._column = text, table, where, column
        self._tokens = _tokens(text, [str(name) for name in table.columns])
        self._at = 0

    def value(self) -> "pandas.Series | float":
        found = self._sum()
        if self._at < len(self._tokens):
            self._refuse()
        return found

    def _refuse(self) -> None:
        said = self._tokens[self._at][1] if self._at < len(self._tokens) else "its end"
        raise StudyError(
            f"{self._where}: '{self._text}', which {self._column} is made from, cannot be read at "
            f"'{said}'; put a name with spaces or signs into backquotes"
        )

    def _next(self, *wanted: str) -> str | None:
        """Take the next sign if it is one of these."""
        if self._at < len(self._tokens):
            kind, said = self._tokens[self._at]
            if kind == "sign" and said in wanted:
                self._at += 1
                return said
        return None

    def _sum(self) -> Any:
        found = self._product()
        while sign := self._next("+", "-"):
            found = _SIGNS[sign](found, self._product())
        return found

    def _product(self) -> Any:
        found = self._factor()
        while sign := self._next("*", "/"):
            found = _SIGNS[sign](found, self._factor())
        return found

    def _factor(self) -> Any:
        if self._next("-"):
            return -self._factor()
        if self._next("("):
            found = self._sum()
            if not self._next(")"):
                self._refuse()
            return found
        if self._at == len(self._tokens) or self._tokens[self._at][0] == "sign":
            self._refuse()
        kind, said = self._tokens[self._at]
        self._at += 1
        if kind == "number":
            return float(said)
        if kind == "word" and said in _WORDS:
            return _over_steps(said, self._factor())
        reading = said if kind == "word" else ""
        if reading:
            if self._at == len(self._tokens) or self._tokens[self._at][0] != "name":
                self._refuse()
            said = self._tokens[self._at][1]
            self._at += 1
        values = _named(self._table, said, self._where, self._column)
        return numbers(values, said, self._where, reading)
