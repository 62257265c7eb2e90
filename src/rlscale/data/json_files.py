"""Rows of JSON files: an array, objects one a line, or objects over several lines."""

import json
import re
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from rlscale.core.errors import StudyError
from rlscale.core.swelling import open_file
from rlscale.data.files import Columns, check_columns
from rlscale.data.layouts import Row

_BLANK = b" \t\r\n"
_MARK = b"\xef\xbb\xbf"  # a byte order mark
_SHOWN = 80  # characters of a key in a message
_ROWS_BELOW = frozenset({"data", "rows", "examples", "train", "test", "validation"})
_SPACE = re.compile(r"[ \t\r\n,]*")


def json_rows(path: Path, columns: Columns, needed: Columns) -> Iterator[Row]:
    """An array, objects one a line, or objects over several lines: whatever the file holds.

    Raises:
        StudyError: No row is an object, or a needed column is nowhere.
    """
    known: dict[str, None] = {}
    failure = ""
    for row in _not_one_table(_shape_of(path)(path), path):
        if isinstance(row, str):
            failure = failure or row
        else:
            known.update(dict.fromkeys(row))
        yield row
    if failure and not known:
        raise StudyError(f"{path}: no line is a JSON object ({failure} in the first)")
    if known:
        check_columns(path, sorted(known), needed)


def _not_one_table(rows: Iterator[Row], path: Path) -> Iterator[Row]:
    """The rows, unless they are one object that holds all rows of a table.

    Raises:
        StudyError: Columns as lists, as pandas writes them, or rows below ``data`` or a split.
    """
    first, second = next(rows, None), next(rows, None)
    if isinstance(first, dict) and second is None and (held := _held(first)):
        raise StudyError(
            f"{path}: is one object that holds {held}, not a row; write an array of objects, or "
            "one object a line"
        )
    yield from (row for row in (first, second) if row is not None)
    yield from rows


def _held(row: dict[str, Any]) -> str:
    """What one object holds in the place of a row; empty where it is one."""
    values = list(row.values())
    for key, value in row.items():
        rows = isinstance(value, list) and value and all(isinstance(one, dict) for one in value)
        if key in _ROWS_BELOW and rows:
            return f"rows below '{key}'"
    plain = [value for value in values if isinstance(value, list)
             and not any(isinstance(one, list | dict) for one in value)]  # fmt: skip
    if len(values) > 1 and len(plain) == len(values) and len({*map(len, plain)}) == 1:
        return f"columns ({', '.join(row)})"
    if values and all(isinstance(value, dict) and "0" in value for value in values):
        return f"columns ({', '.join(row)})"
    rows = [value for value in values if isinstance(value, dict)]
    alike = len({frozenset(value) for value in rows}) == 1 and "0" not in row
    return "rows by their names" if len(rows) == len(values) > 1 and alike else ""


def _shape_of(path: Path) -> Callable[[Path], Iterator[Row]]:
    """How the rows of a JSON file stand in it."""
    with open_file(path) as file:
        filled = (line for line in file if line.strip(_MARK + _BLANK))
        first = next(filled, b"").strip(_MARK + _BLANK)
        more = next(filled, None) is not None
    if first.startswith(b"[") and not (more and _parses(first)):
        return _array_rows
    if first.startswith(b"{") and not _parses(first) and _holds_objects(path):
        return _object_rows
    return _line_rows


def _parses(line: bytes) -> bool:
    try:
        json.loads(line)
    except (ValueError, RecursionError):
        return False
    return True


def _holds_objects(path: Path) -> bool:
    try:
        return all(True for _ in _values(_text(path), 0, path))
    except StudyError:
        return False


def _line_rows(path: Path) -> Iterator[Row]:
    with open_file(path) as file:
        for number, line in enumerate(file):
            line = line.removeprefix(_MARK) if number == 0 else line
            if line.strip():
                yield _parsed_line(line)


def _parsed_line(line: bytes) -> Row:
    try:
        return as_row(json.loads(line.decode("utf-8"), object_pairs_hook=_no_repeated_key))
    except UnicodeDecodeError:
        return "broken encoding"
    except RecursionError:
        return "nested too deep"
    except RepeatedKey as error:
        return str(error)
    except ValueError:
        return "not valid JSON"


def as_row(value: Any) -> Row:
    """A row of an object; a list of objects is a row whose columns are numbers."""
    if isinstance(value, list) and value and all(isinstance(part, dict) for part in value):
        return {str(i): part for i, part in enumerate(value)}
    return value if isinstance(value, dict) else "not a JSON object"


class RepeatedKey(ValueError):
    """A JSON object has a key twice."""


def _no_repeated_key(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    row = dict(pairs)
    if len(row) < len(pairs):
        counts = Counter(name for name, _ in pairs)
        twice = next(name for name, count in counts.items() if count > 1)
        raise RepeatedKey(f"key '{twice[:_SHOWN]}' stands twice")
    return row


def _array_rows(path: Path) -> Iterator[Row]:
    text = _text(path)
    yield from _values(text, text.index("[") + 1, path, ends="]")


def _object_rows(path: Path) -> Iterator[Row]:
    yield from _values(_text(path), 0, path)


def _text(path: Path) -> str:
    with open_file(path) as file:
        try:
            return file.read().decode("utf-8-sig")
        except UnicodeDecodeError as error:
            raise StudyError(f"{path}: not UTF-8 (byte {error.start}); save it as UTF-8") from None


def _values(text: str, place: int, path: Path, ends: str = "") -> Iterator[Row]:
    """JSON values one after the other, with or without commas between, up to an end."""
    repeated: list[str] = []

    def noted(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        try:
            return _no_repeated_key(pairs)
        except RepeatedKey as error:
            repeated.append(str(error))
            return dict(pairs)

    decoder = json.JSONDecoder(object_pairs_hook=noted)
    while True:
        place = _SPACE.match(text, place).end()  # type: ignore[union-attr]  # it matches ""
        if text[place : place + 1] == ends:
            return
        try:
            value, place = decoder.raw_decode(text, place)
        except (ValueError, RecursionError):
            line = text.count("\n", 0, place) + 1
            raise StudyError(f"{path}: not whole JSON from line {line} on") from None
        yield repeated[0] if repeated else as_row(value)
        repeated.clear()
