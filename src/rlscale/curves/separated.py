"""Tables of text: CSV and its relatives, as programs and spreadsheets write them.

What had to be guessed or left out goes along as notes (``rlscale.curves.texts``).
"""

import csv
import io
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rlscale.core.errors import StudyError
from rlscale.core.tables import check_width
from rlscale.curves.texts import noted

if TYPE_CHECKING:
    import pandas

_DECIMAL_COMMA = re.compile(r"[-+]?[\d.]*\d,\d+")
_THOUSANDS = re.compile(r"[-+]?\d{1,3}(?:\.\d{3})+")
_POINT = re.compile(r"[-+]?\d*\.\d+")
_PERCENT = re.compile(r"\s*[-+]?\d+(?:[.,]\d+)?\s*%\s*")


def separated(text: str, path: Path) -> "pandas.DataFrame":
    """A table of text; the separator is the one that its first line has most of.

    Raises:
        StudyError: It cannot be read as such.
    """
    import pandas

    if not text.strip():
        raise StudyError(f"{path}: is empty")
    head, _, body = text.partition("\n")
    separator = max(",;\t", key=head.count)
    body, notes = _without_cut_line(body, head, separator)
    comma = separator == ";" and _has_decimal_commas(body, head, path)
    try:
        table = pandas.read_csv(
            io.StringIO(f"{head}\n{body}"),
            sep=separator,
            skipinitialspace=True,
            decimal="," if comma else ".",
            thousands="." if comma else None,
        )
    except (pandas.errors.ParserError, pandas.errors.EmptyDataError) as error:
        raise StudyError(f"{path}: cannot be read as CSV ({error})") from None
    check_width(table, str(path))
    if separator != ",":
        notes.append(
            f"columns are separated by {'semicolons' if separator == ';' else 'tabs'}"
            f"{', with decimal commas' if comma else ''}"
        )
    return noted(*_shares(table, [*_twice(head, separator), *notes]))


def _without_cut_line(body: str, head: str, separator: str) -> tuple[str, list[str]]:
    """Leave out a last line that was cut off in writing: no end of line, and fields are lacking."""
    whole, newline, last = body.rpartition("\n")
    if not newline or not last.strip() or last.count(separator) >= head.count(separator):
        return body, []
    number = whole.count(newline) + 3
    return whole + newline, [f"line {number} was cut off in writing; it is left out"]


def _has_decimal_commas(body: str, head: str, path: Path) -> bool:
    """Whether numbers between semicolons are written with decimal commas, not with points.

    Raises:
        StudyError: Both stand in one file.
    """
    fields = {field.strip().strip('"') for field in re.split(r"[;\r\n]+", body)}
    if "," in head or not any(map(_DECIMAL_COMMA.fullmatch, fields)):
        return False
    points = sorted(f for f in fields if _POINT.fullmatch(f) and not _THOUSANDS.fullmatch(f))
    if points:
        raise StudyError(
            f"{path}: has decimal commas and decimal points, such as {points[0]}; write all "
            "numbers one way"
        )
    return True


def _twice(head: str, separator: str) -> list[str]:
    names = [name.strip() for name in next(csv.reader([head], delimiter=separator))]
    again = sorted({name for name in names if name and names.count(name) > 1})
    return [f"column '{name}' stands twice: the second is called '{name}.1'" for name in again]


def _shares(table: "pandas.DataFrame", notes: list[str]) -> "tuple[pandas.DataFrame, list[str]]":
    """Columns whose every value has a percent sign, as shares of 1."""
    found: dict[str, Any] = {}
    for name in table.select_dtypes(exclude="number").columns:
        given = table[name].dropna().astype(str)
        if len(given) and given.map(lambda text: bool(_PERCENT.fullmatch(text))).all():
            plain = given.str.replace("%", "").str.replace(",", ".").astype(float)
            found[name] = (plain / 100).reindex(table.index)
            notes.append(f"'{name}' is written with percent signs: taken as shares, 20% as 0.2")
    return table.assign(**found), notes
