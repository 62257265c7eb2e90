"""Columns of a data file, from its beginning alone: what a plan may say of a file of any size."""

import csv
import json
from pathlib import Path

from rlscale.core.errors import StudyError
from rlscale.core.swelling import PACKED, need_arrow, open_file
from rlscale.data.files import format_of
from rlscale.data.json_files import as_row

LOOKED_AT = 1 << 20  # bytes


def columns_of(path: Path) -> list[str] | None:
    """Names of a file's columns; None where its beginning does not say them.

    Of Parquet and Arrow its schema, of CSV and TSV its first line, of JSON all objects within
    ``LOOKED_AT``.

    Args:
        path: A file that is there.

    Raises:
        StudyError: It is not of the format that its name says.
    """
    kind = format_of(path)
    if kind in ("Parquet", "Arrow"):
        return _of_schema(path, kind)
    if kind is None:
        return None
    try:
        with open_file(path) as file:
            text = file.read(LOOKED_AT).decode("utf-8-sig", errors="ignore")
    except (OSError, EOFError) as error:
        raise StudyError(f"{path}: not a whole {kind} file ({error})") from None
    if kind == "JSON":
        return _of_objects(text)
    first, newline, _ = text.partition("\n")
    if not newline and len(text) == LOOKED_AT:
        return None
    return next(csv.reader([first], delimiter="," if kind == "CSV" else "\t"), [])


def _of_schema(path: Path, kind: str) -> list[str] | None:
    if path.suffix.lower() in PACKED:
        return None
    need_arrow(path)
    import pyarrow
    import pyarrow.parquet

    try:
        if kind == "Parquet":
            return list(pyarrow.parquet.read_schema(path).names)
        with pyarrow.memory_map(str(path)) as source:
            whole = source.read(6) == b"ARROW1"
            source.seek(0)
            opened = pyarrow.ipc.open_file(source) if whole else pyarrow.ipc.open_stream(source)
            return list(opened.schema.names)
    except (pyarrow.ArrowException, OSError) as error:
        raise StudyError(f"{path}: not a whole {kind} file ({error})") from None


def _of_objects(text: str) -> list[str] | None:
    """Keys of the objects of an array, of lines, or of neither, as far as they are whole."""
    decoder = json.JSONDecoder()
    known: dict[str, None] = {}
    place = _beginning(text, decoder)
    while place < len(text):
        if text[place] in " \t\r\n,":
            place += 1
            continue
        try:
            value, place = decoder.raw_decode(text, place)
        except (ValueError, RecursionError):
            break
        row = as_row(value)
        known |= dict.fromkeys(row) if not isinstance(row, str) else {}
    return list(known) or None


def _beginning(text: str, decoder: json.JSONDecoder) -> int:
    """Where the first row begins: within an array, but not where each line is a list of its own."""
    place = len(text) - len(text.lstrip())
    if text[place : place + 1] != "[":
        return place
    try:
        _, end = decoder.raw_decode(text, place)
    except (ValueError, RecursionError):
        return place + 1
    return place if text[end:].strip() else place + 1
