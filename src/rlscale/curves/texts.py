"""Files that trainers and trackers write, as text and as JSON: packed or not, in several encodings.

What had to be guessed or left out goes along as notes, in a table's ``attrs["notes"]``.
"""

import codecs
import contextlib
import json
import re
import zlib
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rlscale.core.errors import StudyError
from rlscale.core.swelling import PACKED, check_cells, need_arrow, open_file

if TYPE_CHECKING:
    import pandas

_MARKS = {
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
_NO_TEXT = {
    b"PK\x03\x04": "a zip archive or a spreadsheet: unpack it, or save it as CSV",
    b"PAR1": "Parquet: let its name end in .parquet",
    b"\x1f\x8b": "packed: let its name end in .gz",
    b"\x28\xb5\x2f\xfd": "packed: let its name end in .zst",
    b"SQLite format 3": "an SQLite store: --format trackio or mlflow",
    b":W&B": "a log of W&B: let its name end in .wandb",
    b"version https://git-lfs": "a pointer of Git LFS: `git lfs pull` fetches it",
}
_MARKED_UP = re.compile(rb"\s*<(?:!doctype|html|\?xml)", re.I)
_WITHIN_NUMBER = re.compile(r"(?:[:(]\s?[-+]?|\d\.|\de[-+]?)$", re.I)
_LONG = re.compile(r"\d{19}")
_COLOUR = re.compile(r"\x1b\[[0-9;]*m")


def kind_of(path: Path) -> str:
    """Ending of a file's name that says what it is, lower case, without .gz or .zst."""
    return (path.with_suffix("") if path.suffix.lower() in PACKED else path).suffix.lower()


def notes_of(table: "pandas.DataFrame") -> list[str]:
    """What a reader guessed or left out."""
    return list(table.attrs.get("notes", []))


def noted(table: "pandas.DataFrame", notes: Sequence[str]) -> "pandas.DataFrame":
    """The table, with what a reader guessed or left out."""
    table.attrs["notes"] = list(notes)
    return table


def several(
    runs: "Mapping[str, pandas.DataFrame]", path: Path, notes: Sequence[str] = ()
) -> "pandas.DataFrame":
    """Several runs of a file or folder below each other, their names in the column ``run``.

    Raises:
        StudyError: They share so few names that the table would be nearly empty.
    """
    import pandas

    columns = len(set().union(*(rows.columns for rows in runs.values())))
    check_cells(path, sum(map(len, runs.values())), columns)
    parts = [rows.assign(run=name) for name, rows in runs.items()]
    for part in parts:
        part.attrs = {}  # what concat would compare
    table = noted(pandas.concat(parts, ignore_index=True), notes)
    table.attrs["several"] = True
    return table


def distinct_names(names: Mapping[str, str]) -> tuple[dict[str, str], list[str]]:
    """Identity -> name; where runs share one, the identity's beginning goes along, and a note."""
    counts = Counter(names.values())
    found = {key: f"{n} {key[:8]}" if counts[n] > 1 else n for key, n in names.items()}
    shared = sorted(name for name, count in counts.items() if count > 1)
    notes = [f"several runs are called {', '.join(shared)}: ids tell them apart"]
    return found, notes if shared else []


def console_lines(path: Path) -> tuple[list[str], list[str]]:
    """Lines that a program printed, without colours, and notes; a last one that ends within a
    number is left out.
    """
    text = _COLOUR.sub("", read_text(path))
    lines = text.splitlines()
    if not text.endswith("\n") and lines and _WITHIN_NUMBER.search(lines[-1]):
        return lines[:-1], [f"line {len(lines)} was cut off in writing; it is left out"]
    return lines, []


def read_text(path: Path) -> str:
    """Text of a file, unpacked where it ends in .gz or .zst; UTF-8 or UTF-16.

    Raises:
        StudyError: It is a folder, no whole archive, or in another encoding.
    """
    try:
        with open_file(path) as file:
            data = file.read()
    except (OSError, EOFError, zlib.error) as error:
        raise StudyError(f"{path}: cannot be read ({error})") from None
    for mark, remedy in _NO_TEXT.items():
        if data.startswith(mark):
            raise StudyError(f"{path}: is no text but {remedy}")
    if _MARKED_UP.match(data):
        raise StudyError(f"{path}: is a web page: save the log itself, perhaps after signing in")
    encoding = _encoding(data)
    if encoding == "utf-8" and b"\0" in data:
        raise StudyError(
            f"{path}: is no text, nor of a kind that is known; docs/ingest.md has them"
        )
    try:
        return data.decode(encoding)
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise StudyError(
            f"{path}: line {line}: is not UTF-8 (perhaps latin-1); save it as UTF-8, for example "
            f"by `iconv -f latin1 -t utf8 {path.name}`"
        ) from None


def _encoding(data: bytes) -> str:
    for mark, name in _MARKS.items():
        if data.startswith(mark):
            return name
    zeros = data[1:200:2].count(0), data[:200:2].count(0)  # of UTF-16 without its mark
    if max(zeros) > 20 or (len(data) < 40 and max(zeros)):
        return "utf-16-le" if zeros[0] > zeros[1] else "utf-16-be"
    return "utf-8"


def read_parquet(path: Path) -> "pandas.DataFrame":
    """A Parquet table, packed or not.

    Raises:
        StudyError: It is none, or pyarrow is not installed.
    """
    from rlscale.data import tables

    need_arrow(path)
    try:
        return tables.read_parquet(path)
    except ValueError as error:
        raise StudyError(f"{path}: cannot be read as Parquet ({error})") from None


def _parsed(text: str) -> Any:
    """JSON, in which whole numbers that no table's column can hold are floats."""
    if not _LONG.search(text):  # a function called for every number takes as long as the rest
        return json.loads(text)
    return json.loads(text, parse_int=lambda digits: (int if len(digits) < 19 else float)(digits))


def flat(row: Mapping[str, Any]) -> dict[str, Any]:
    """A row whose values within values are called ``outer/inner``."""
    found: dict[str, Any] = {}
    for name, value in row.items():
        if isinstance(value, dict) and value:
            found |= {f"{name}/{inner}": own for inner, own in flat(value).items()}
        else:
            found[name] = value
    return found


def frame(rows: Sequence[Mapping[str, Any]], path: Path) -> "pandas.DataFrame":
    """A table of a file's rows of names and values, those within values called ``outer/inner``.

    Raises:
        StudyError: They share so few names that the table would be nearly empty.
    """
    import pandas

    if any(isinstance(value, dict) for row in rows for value in row.values()):
        rows = [flat(row) for row in rows]
    check_cells(path, len(rows), len(set().union(*rows)))
    return pandas.DataFrame(rows)


def json_lines(text: str, path: Path) -> tuple[list[dict[str, Any]], list[str]]:
    """Objects of JSON Lines, and notes; a last line that was cut off is left out.

    Raises:
        StudyError: Another line is no JSON object.
    """
    lines = text.split("\n")  # not splitlines: U+2028 may stand inside a string
    full = [(number, line) for number, line in enumerate(lines, 1) if line.strip()]
    with contextlib.suppress(ValueError, RecursionError):
        # In one call: a call per line takes three times as long.
        rows = _parsed(f"[{','.join(line for _, line in full)}]")
        if len(rows) == len(full) and all(isinstance(row, dict) for row in rows):
            return rows, []
    rows = []
    for number, line in full:
        try:
            row = _parsed(line)
        except (ValueError, RecursionError) as error:
            if rows and number == full[-1][0]:
                return rows, [f"line {number} was cut off in writing; it is left out"]
            raise StudyError(f"{path}: line {number}: not valid JSON ({error})") from None
        if not isinstance(row, dict):
            raise StudyError(f"{path}: line {number}: not an object")
        rows.append(row)
    return rows, []


def read_json(path: Path) -> Any:
    """A JSON document.

    Raises:
        StudyError: It is none.
    """
    try:
        return _parsed(read_text(path))
    except (ValueError, RecursionError) as error:
        raise StudyError(f"{path}: not valid JSON ({error})") from None
