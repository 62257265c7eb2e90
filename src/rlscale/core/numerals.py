"""Numbers as people write them: which of comma and point marks their decimals.

A column is written one way, and its values say which: 0,31 and 1.234,5 by the comma, 0.31 and
1,234,567 by the point. 30,000 alone may be either; it is never guessed from itself.
"""

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas

OTHER = {",": ".", ".": ","}
_GROUPS = re.compile(r"([-+]?[1-9]\d{0,2})((?:['\u2019_ \u00a0\u2009\u202f]\d{3})+)(?!\d)")
_NUMERAL = re.compile(r"([-+]?)([\d.,]*\d[.,]?)(e[-+]?\d+)?", re.I)
_OPEN = re.compile(r"[1-9]\d{0,2}[.,]\d{3}")
_EXACT = 2**53  # floats hold every whole number up to it
_GROUPED = {mark: re.compile(rf"[1-9]\d{{0,2}}(?:{re.escape(mark)}\d{{3}})+") for mark in ",."}


@dataclass(frozen=True)
class Written:
    """What the texts of a column say; each attribute is one that says it, or empty.

    Attributes:
        comma: One whose decimals the comma marks: 0,31 or 1.234,5.
        point: One whose decimals the point marks: 0.31 or 1,234,567.
        open_comma: One whose comma may be either mark: 30,000.
        open_point: One whose point may be either mark: 30.000.
    """

    comma: str = ""
    point: str = ""
    open_comma: str = ""
    open_point: str = ""

    @property
    def decimal(self) -> str:
        """The mark of decimals; empty where the texts do not say, or say both."""
        if bool(self.comma) == bool(self.point):
            return ""
        return "," if self.comma else "."


def bare(text: str) -> str:
    """A number without spaces around it, and without signs between its groups of three digits."""
    text = text.strip().replace("\u2212", "-")
    return _GROUPS.sub(lambda found: found[1] + re.sub(r"\D", "", found[2]), text)


def written(texts: Iterable[str]) -> Written | None:
    """What the texts of a column say of comma and point; None where one is no number."""
    found: dict[str, str] = {}
    for text in texts:
        kind = _kind(bare(text))
        if kind is None:
            return None
        found.setdefault(kind, text.strip())
    found.pop("", None)
    return Written(**found)


def _kind(text: str) -> str | None:
    """Name of an attribute of ``Written``; empty for whole numbers, None for no number."""
    match = _NUMERAL.fullmatch(text)
    if match is None:
        return None
    digits, power = match[2], match[3]
    marks = [sign for sign in digits if sign in ",."]
    if not marks:
        return ""
    names = {",": "comma", ".": "point"}
    last = marks[-1]
    if len(marks) == 1:
        either = _OPEN.fullmatch(digits) and not power
        return f"open_{names[last]}" if either else names[last]
    if len(set(marks)) == 1:
        return names[OTHER[last]] if _GROUPED[last].fullmatch(digits) and not power else None
    before = digits.rpartition(last)[0]
    return names[last] if _GROUPED[OTHER[last]].fullmatch(before) else None


def to_float(text: str, decimal: str) -> float:
    """The number that a text of a column is, whose decimals the given mark sets apart."""
    return float(bare(text).replace(OTHER[decimal], "").replace(decimal, "."))


def decided(
    table: "pandas.DataFrame", names: Collection[str] | None = None
) -> "tuple[pandas.DataFrame, list[str]]":
    """Columns of texts as numbers where column or table say which mark their decimals have.

    A point that may be either marks decimals, but thousands where other columns have decimal
    commas; a comma that may be either marks thousands where others have decimal points.

    Args:
        table: Columns of text, and others, which stay as they are.
        names: Those that may hold numbers; all where it is left out.

    Returns:
        The table, in which what is not decided is text still; notes on what was.
    """
    texts = table[[n for n in table.columns if names is None or n in names]].select_dtypes("object")
    found: dict[str, Written] = {}
    for name in texts.columns:
        values = table[name].dropna()
        said = written(values.unique()) if values.map(lambda v: isinstance(v, str)).all() else None
        if len(values) and said is not None:
            found[name] = said
    commas, points = (any(said.decimal == mark for said in found.values()) for mark in ",.")
    plain, notes = {}, []
    for name, said in found.items():
        if decimal := _mark(said, commas, points):
            numbers = {text: to_float(text, decimal) for text in table[name].dropna().unique()}
            plain[name] = _whole(table[name].map(numbers))
            notes += _notes(name, said, decimal)
    return table.assign(**plain), notes


def _mark(said: Written, commas: bool, points: bool) -> str:
    """A column's mark of decimals, by what it says and, where that is open, by the others."""
    if said.comma or said.point:
        return said.decimal
    if said.open_comma:
        return "." if points and not commas and not said.open_point else ""
    if said.open_point:
        return "." if not commas else "" if points else ","
    return "."


def _notes(name: str, said: Written, decimal: str) -> list[str]:
    own = (said.open_comma or said.point) if decimal == "." else (said.open_point or said.comma)
    if OTHER[decimal] in own:
        kind = "points" if decimal == "," else "commas"
        return [f"in '{name}' {kind} set thousands apart, such as {own}"]
    return [f"'{name}' is written with decimal commas, such as {own}"] if decimal == "," else []


def _whole(values: "pandas.Series") -> "pandas.Series":
    """Values as whole numbers where all of them are."""
    exact = values.notna().all() and (values % 1 == 0).all() and values.abs().max() < _EXACT
    return values.astype("int64") if exact else values
