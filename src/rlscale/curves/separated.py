"""Tables of text: CSV and its relatives, as programs and spreadsheets write them.

What had to be guessed or left out goes along as notes (``rlscale.curves.texts``).
"""

import csv
import io
import itertools
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rlscale.core.errors import StudyError
from rlscale.core.numerals import decided, written
from rlscale.core.swelling import check_cells
from rlscale.core.tables import check_width, too_wide
from rlscale.curves.texts import noted

if TYPE_CHECKING:
    import pandas

_SEPARATORS = {",": "commas", ";": "semicolons", "\t": "tabs"}
_COMMA_WITHIN = {sign: re.compile(r",\d") for sign in _SEPARATORS}  # a field
_COMMA_WITHIN[","] = re.compile(r'"[^",\n]*+(?:,(?!\d)[^",\n]*+)*+,\d[^"\n]*+"')
_NUMBERS_ALONE = re.compile(r"[-+.\d\seE,;]+")
_SAID = re.compile(r"\ufeff?\"?sep=([,;\t])\"?\r?\n")  # what Excel writes above a table
_RULE = frozenset(" \t|:-")  # signs of the line between head and body of a Markdown table
_WIDTHS = re.compile(r"Expected (\d+) fields in line (\d+), saw (\d+)")
_LOOKED_AT = 20  # lines
_BEYOND = 1000  # fields of the first row more than of the header
_PERCENT = re.compile(r"\s*[-+]?\d+(?:[.,]\d+)?\s*%\s*")


def separated(text: str, path: Path) -> "pandas.DataFrame":
    """A table of text; the separator is the one that its first line has most of.

    Raises:
        StudyError: It cannot be read as such.
    """
    import pandas

    if not text.strip():
        raise StudyError(f"{path}: is empty")
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    said = _SAID.match(text)
    text, before = _from_head(text[said.end() :] if said else text, path)
    head, _, body = text.partition("\n")
    separator = said[1] if said else max(_SEPARATORS, key=head.count)
    body, heads = _without_heads(body, head)
    body, cut = _without_cut_line(body, head, separator)
    commas = _COMMA_WITHIN[separator].search(body)
    check_cells(path, body.count("\n"), head.count(separator) + 1)
    first = _rows([body.partition("\n")[0]], separator)
    if first and len(first[0]) > head.count(separator) + _BEYOND:  # pandas takes minutes for them
        raise too_wide(str(path))
    try:
        table = pandas.read_csv(
            io.StringIO(f"{head}\n{body}"),
            sep=separator,
            skipinitialspace=True,
            dtype=str if commas else None,
        )
    except (pandas.errors.ParserError, pandas.errors.EmptyDataError) as error:
        raise StudyError(f"{path}: cannot be read as CSV ({_in_words(error, before)})") from None
    check_width(table, str(path))
    table = table.rename(columns=lambda name: str(name).strip())
    by = [f"columns are separated by {_SEPARATORS[separator]}"] if separator != "," else []
    table, shares = _shares(table)
    table, marks = decided(table) if commas else (table, [])
    notes = [*before, *_twice(head, separator), *heads, *cut, *by, *shares, *marks]
    return noted(table, notes)


def _from_head(text: str, path: Path) -> tuple[str, list[str]]:
    """The text from its header on, with separators, and notes on what stood above it."""
    text, notes = _past_comments(text)
    lines = text.split("\n") if "|" in text else []
    rules = [i for i, line in enumerate(lines) if {"|", "-"} <= set(line) <= _RULE]
    if len(rules) > 1:
        raise StudyError(f"{path}: holds {len(rules)} Markdown tables; save each in a file")
    if rules and rules[0] and "|" in lines[rules[0] - 1]:
        return _of_markdown(lines, rules[0]), ["it is a Markdown table"]
    return _with_commas(*_past_title(text, notes))


def _of_markdown(lines: list[str], rule: int) -> str:
    """A Markdown table, from its head to the first line that is none of it, without its rule."""
    body = itertools.takewhile(lambda line: "|" in line, lines[rule + 1 :])
    made = io.StringIO()
    for row in (lines[rule - 1], *body):
        csv.writer(made).writerow(cell.strip() for cell in row.strip().strip("|").split("|"))
    return made.getvalue()


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


def _past_title(text: str, notes: list[str]) -> tuple[str, list[str]]:
    """The text from its header on, where lines of one field at most stand above it: a title."""
    lines = text.split("\n", _LOOKED_AT)
    beginning = "\n".join(lines[:_LOOKED_AT])
    separator = max(_SEPARATORS, key=beginning.count)
    fields = [[field.strip() for field in row if field.strip()] for row in _rows(lines, separator)]
    count = next((i for i, own in enumerate(fields) if len(own) > 1), 0)
    if not count or any(written([name]) is not None for name in fields[count]):
        return text, notes
    title = " / ".join(own[0] for own in fields[:count] if own)
    said = [f"lines above the header, {count} in number, are left out: {title}"] if title else []
    return "\n".join(lines[count:]), [*notes, *said]


def _rows(lines: list[str], separator: str) -> list[list[str]]:
    """Fields of the first lines; none where one is longer than the reader takes."""
    try:
        return list(csv.reader(lines[:_LOOKED_AT], delimiter=separator))
    except csv.Error:
        return []


def _with_commas(text: str, notes: list[str]) -> tuple[str, list[str]]:
    """The text; where spaces alone separate its columns, commas are put in their place.

    Rows that count themselves, as pandas prints them, have one field more than the header.
    """
    first = [line.split() for line in text.split("\n", _LOOKED_AT)[:_LOOKED_AT] if line.strip()]
    if any(sign in text for sign in ',;\t"|') or len(first) < 2:
        return text, notes
    widths = {len(fields) for fields in first[1:]}
    counted = widths == {len(first[0]) + 1} and [f[0] for f in first[1:3]] == ["0", "1"]
    if len(widths) > 1 or 1 in widths or not (counted or widths == {len(first[0])}):
        return text, notes
    lines = [",".join(line.split()) for line in text.splitlines() if line.strip()]
    lines[0] = f",{lines[0]}" if counted else lines[0]
    return "\n".join(lines) + "\n", [*notes, "columns are separated by spaces"]


def _in_words(error: Exception, notes: list[str]) -> str:
    """What pandas says of a line with too many fields, in words."""
    found = _WIDTHS.search(str(error))
    if not found:
        return str(error).strip()
    after = ", counted from the header on," if notes else ""
    return (
        f"line {found[2]}{after} has {found[3]} fields, the lines before it {found[1]}: is a "
        "number with a comma not in quotes, or text above the header?"
    )


def _without_heads(body: str, head: str) -> tuple[str, list[str]]:
    """Leave out where the header stands again, as in files that were put behind each other."""
    if f"\n{head}" not in f"\n{body}":
        return body, []
    lines = body.split("\n")
    kept = [line for line in lines if line.strip() != head.strip()]
    again = len(lines) - len(kept)
    notes = [f"the header stands in {again} further lines, which are left out"] if again else []
    return "\n".join(kept), notes


def _without_cut_line(body: str, head: str, separator: str) -> tuple[str, list[str]]:
    """Leave out a last line that was cut off in writing: no end of line, and fields are lacking."""
    whole, newline, last = body.rpartition("\n")
    if not newline or not last.strip() or last.count(separator) >= head.count(separator):
        return body, []
    number = whole.count(newline) + 3
    return whole + newline, [f"line {number} was cut off in writing; it is left out"]


def _twice(head: str, separator: str) -> list[str]:
    names = [name.strip() for row in _rows([head], separator) for name in row]
    again = sorted({name for name in names if name and names.count(name) > 1})
    return [f"column '{name}' stands twice: the second is called '{name}.1'" for name in again]


def _shares(table: "pandas.DataFrame") -> "tuple[pandas.DataFrame, list[str]]":
    """Columns whose every value has a percent sign, as shares of 1."""
    found: dict[str, Any] = {}
    notes = []
    for name in table.select_dtypes(exclude="number").columns:
        given = table[name].dropna().astype(str)
        if len(given) and all(map(_PERCENT.fullmatch, given)):
            plain = given.str.replace("%", "").str.replace(",", ".").astype(float)
            found[name] = (plain / 100).reindex(table.index)
            notes.append(f"'{name}' is written with percent signs: taken as shares, 20% as 0.2")
    return table.assign(**found), notes
