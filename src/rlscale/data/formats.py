"""Rows of a file, whatever its format.

Rows come one after the other, so that a file need not fit into memory. A row that cannot be read
is a text that says why; a file that cannot be read stops the run.
"""

import zlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from rlscale.core.errors import StudyError
from rlscale.core.swelling import PACKED
from rlscale.data.files import Columns, format_of, known_formats
from rlscale.data.foreign import check_head
from rlscale.data.json_files import json_rows
from rlscale.data.layouts import Row
from rlscale.data.tables import arrow_rows, csv_rows, parquet_rows, tsv_rows

_READERS: dict[str, Callable[[Path, Columns, Columns], Iterator[Row]]] = {
    "Parquet": parquet_rows,
    "JSON": json_rows,
    "CSV": csv_rows,
    "TSV": tsv_rows,
    "Arrow": arrow_rows,
}


def file_rows(path: Path, columns: Columns, optional: Sequence[str] = ()) -> Iterator[Row]:
    """Rows of a file, in order.

    Args:
        path: The file.
        columns: Columns that are asked for; None: all.
        optional: Those of them that may be missing.

    Raises:
        StudyError: The file is missing, is cut off, is of no known format, lacks a column, has a
            column twice, or has no rows.
    """
    if not path.is_file():
        raise StudyError(f"{path}: the data file does not exist; correct 'files' of the data set")
    kind = format_of(path)
    if kind is None:
        raise StudyError(f"{path}: unknown format; known are {known_formats()}")
    if path.suffix.lower() not in PACKED:
        check_head(path, kind)
    needed = None if columns is None else [name for name in columns if name not in optional]
    count = 0
    try:
        for row in _READERS[kind](path, columns, needed):
            count += 1
            yield row
    except (EOFError, OSError, zlib.error) as error:
        raise StudyError(f"{path}: not a whole {kind} file ({error})") from None
    if not count:
        raise StudyError(f"{path}: the file has no rows")
