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
_NUMBERS_ALONE = re.compile(r"[-+.\d\seE,;]+")
_WITH_COMMA = re.compile(r"[-+]?\d*,\d+")
_WHOLE = re.compile(r"[-+]?\d+")
_APART = re.compile(r"[-+]?[1-9]\d{0,2},\d{3}")  # thousands as well as decimals
_WIDTHS = re.compile(r"Expected (\d+) fields in line (\d+), saw (\d+)")
_LOOKED_AT = 20  # lines
_PERCENT = re.compile(r"\s*[-+]?\d+(?:[.,]\d+)?\s*%\s*")


def separated(text: str, path: Path) -> "pandas.DataFrame":
    """A table of text; the separator is the one that its first line has most of.

    Raises:
        StudyError: It cannot be read as such.
    """
    import pandas

    if not text.strip():
        raise StudyError(f"{path}: is empty")
    if "\n" not in text:
        text = text.replace("\r", "\n")  # as old spreadsheets on a Mac end lines
    text, before = _with_commas(*_past_comments(text))
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
        raise StudyError(f"{path}: cannot be read as CSV ({_in_words(error, before)})") from None
    check_width(table, str(path))
    table = table.rename(columns=lambda name: str(name).strip())
    if separator != ",":
        notes.append(
            f"columns are separated by {'semicolons' if separator == ';' else 'tabs'}"
            f"{', with decimal commas' if comma else ''}"
        )
    notes = [*before, *_twice(head, separator), *notes]
    return noted(*_with_points(*_shares(table, notes)))


def _past_comments(text: str) -> tuple[str, list[str]]:
    """The text from its header on; that may be a comment itself, as numpy.savetxt writes it."""
    lines = text.split("\n", _LOOKED_AT)
    count = next((i for i, line in enumerate(lines) if not line.startswith("#")), 0)
    if not count:
        return text, []
    rest = lines[count:]
    if _NUMBERS_ALONE.fullmatch(rest[0]):
        count -= 1
        rest = [lines[count].lstrip("# "), *rest]
    notes = [f"lines that begin with #, {count} in number, are left out"] if count else []
    return "\n".join(rest), notes


def _with_commas(text: str, notes: list[str]) -> tuple[str, list[str]]:
    """The text; where spaces alone separate its columns, commas are put in their place."""
    first = [line.split() for line in text.split("\n", _LOOKED_AT)[:_LOOKED_AT] if line.strip()]
    widths = {len(fields) for fields in first}
    if any(sign in text for sign in ',;\t"|') or len(first) < 2 or len(widths) > 1 or 1 in widths:
        return text, notes
    lines = (",".join(line.split()) for line in text.splitlines())
    return "\n".join(lines) + "\n", [*notes, "columns are separated by spaces"]


def _in_words(error: Exception, notes: list[str]) -> str:
    """What pandas says of a line with too many fields, in words."""
    found = _WIDTHS.search(str(error))
    if not found:
        return str(error).strip()
    after = ", counted after the comments" if notes else ""
    return (
        f"line {found[2]}{after} has {found[3]} fields, the lines before it {found[1]}: is a "
        "number with a comma not in quotes, or text above the header?"
    )


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
        if len(given) and all(map(_PERCENT.fullmatch, given)):
            plain = given.str.replace("%", "").str.replace(",", ".").astype(float)
            found[name] = (plain / 100).reindex(table.index)
            notes.append(f"'{name}' is written with percent signs: taken as shares, 20% as 0.2")
    return table.assign(**found), notes


def _with_points(
    table: "pandas.DataFrame", notes: list[str]
) -> "tuple[pandas.DataFrame, list[str]]":
    """Columns of decimal commas as numbers, where no value with a comma can be one of thousands."""
    import pandas

    found: dict[str, Any] = {}
    for name in table.select_dtypes(exclude="number").columns:
        texts = {str(value).strip() for value in table[name].dropna().unique()}
        commas = {text for text in texts if "," in text}
        decimals = all(map(_WITH_COMMA.fullmatch, commas)) and all(
            map(_WHOLE.fullmatch, texts - commas)
        )
        if decimals and not all(map(_APART.fullmatch, commas)):
            found[name] = pandas.to_numeric(table[name].astype(str).str.replace(",", "."), "coerce")
            notes.append(f"'{name}' is written with decimal commas")
    return table.assign(**found), notes
