"""Rows of tables: Parquet, Arrow, CSV and TSV, one after the other."""

import csv
import io
import itertools
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rlscale.core.errors import StudyError
from rlscale.core.limits import memory_limit
from rlscale.core.swelling import PACKED, check_swelling, most_bytes, need_arrow, open_file
from rlscale.data.files import Columns, check_columns
from rlscale.data.layouts import Row

if TYPE_CHECKING:
    import numpy as np
    import pandas
    import pyarrow

_LONGEST = 2**20  # bytes of a row's texts: no problem is longer
_ROWS = 8192  # of a batch, that are made into Python's at once
_AT_ONCE = 2**26  # bytes of texts that are made into Python's at once


def parquet_rows(path: Path, columns: Columns, needed: Columns) -> Iterator[Row]:
    """Rows of a Parquet file, a batch in memory at a time.

    Raises:
        StudyError: It is cut off, or lacks a needed column.
    """
    need_arrow(path)
    import pyarrow

    try:
        file = _parquet(path)
        present = file.schema_arrow.names
        check_columns(path, present, needed)
        wanted = present if columns is None else [name for name in columns if name in present]
        for batch in file.iter_batches(batch_size=_ROWS, columns=wanted):
            yield from _batch_rows(batch)
    except pyarrow.ArrowException as error:
        raise StudyError(f"{path}: not a whole Parquet file ({error})") from None


def read_parquet(path: Path) -> "pandas.DataFrame":
    """A Parquet file as a whole.

    Raises:
        StudyError: It is missing or cut off, or opens to far more than it is.
    """
    import pandas
    import pyarrow

    try:
        table = _parquet(path).read()
        parts = [chunk for column in table.columns for chunk in column.chunks]
        check_swelling(path, int(sum(_lengths(part).sum() for part in parts)))
        for i, kind in enumerate(table.schema.types):
            if pyarrow.types.is_dictionary(kind):
                name, column = table.schema.names[i], table.column(i)
                table = table.set_column(i, name, column.cast(kind.value_type))
        return pandas.DataFrame(table.to_pandas())
    except (pyarrow.ArrowException, OSError) as error:
        raise StudyError(f"{path}: not a whole Parquet file ({error})") from None


def _parquet(path: Path) -> "pyarrow.parquet.ParquetFile":
    """A Parquet file whose texts are kept as it keeps them: one may stand in a million rows."""
    import pyarrow
    import pyarrow.parquet

    with open_file(path) as opened:
        content = pyarrow.BufferReader(opened.read()) if path.suffix in PACKED else None
    source = content or str(path)
    found = pyarrow.parquet.read_metadata(source)
    leaves = [found.schema.column(i) for i in range(found.num_columns)]
    texts = [leaf.path for leaf in leaves if leaf.physical_type == "BYTE_ARRAY"
             and leaf.logical_type.type in ("STRING", "NONE")]  # fmt: skip
    groups = [found.row_group(i) for i in range(found.num_row_groups)]
    values = sum(g.column(i).num_values for g in groups for i in range(g.num_columns))
    check_swelling(path, max(8 * values, sum(g.total_byte_size for g in groups)))
    if content:
        content.seek(0)
    return pyarrow.parquet.ParquetFile(source, read_dictionary=texts)


def arrow_rows(path: Path, columns: Columns, needed: Columns) -> Iterator[Row]:
    """Rows of an Arrow file or stream, a batch in memory at a time.

    Raises:
        StudyError: It is cut off, lacks a needed column, or opens to far more than it is.
    """
    need_arrow(path)
    import pyarrow

    with open_file(path) as file:
        data = file.read() if path.suffix in PACKED else None
    source = pyarrow.memory_map(str(path)) if data is None else pyarrow.BufferReader(data)
    opens_to = 0
    try:
        whole = source.read(6) == b"ARROW1"
        source.seek(0)
        opened = pyarrow.ipc.open_file(source) if whole else pyarrow.ipc.open_stream(source)
        present = opened.schema.names
        check_columns(path, present, needed)
        wanted = present if columns is None else [name for name in columns if name in present]
        for batch in _batches(opened, most_bytes(path)):
            opens_to += batch.nbytes
            check_swelling(path, opens_to)
            for start in range(0, len(batch), _ROWS):
                yield from _batch_rows(batch.slice(start, _ROWS).select(wanted))
    except MemoryError:
        check_swelling(path, most_bytes(path) + 1)
    except pyarrow.ArrowException as error:
        raise StudyError(f"{path}: not a whole Arrow file ({error})") from None


def _batches(
    opened: "pyarrow.ipc.RecordBatchFileReader | pyarrow.ipc.RecordBatchStreamReader", most: int
) -> Iterator["pyarrow.RecordBatch"]:
    """Batches of a file, which may be packed: none says beforehand what it opens to."""
    for i in itertools.count():
        with memory_limit(most):
            if hasattr(opened, "get_batch"):
                batch = opened.get_batch(i) if i < opened.num_record_batches else None
            else:
                batch = next(opened, None)
        if batch is None:
            return
        yield batch


def _batch_rows(batch: "pyarrow.RecordBatch") -> Iterator[Row]:
    """Rows of a batch, in parts that take bounded memory; what is no problem's text is left out."""
    longest: np.ndarray = sum(map(_lengths, batch.columns))  # type: ignore[assignment]
    if not len(batch.columns) or longest.sum() <= _AT_ONCE:
        yield from _plain_rows(batch)
        return
    start, taken = 0, 0
    for row, length in enumerate(longest):
        if length > _LONGEST or taken + length > _AT_ONCE:
            yield from _plain_rows(batch.slice(start, row - start))
            start, taken = row, 0
        if length > _LONGEST:
            yield f"a text of {length} bytes, longer than any problem"
            start = row + 1
        else:
            taken += int(length)
    yield from _plain_rows(batch.slice(start))


def _lengths(column: "pyarrow.Array") -> "np.ndarray":
    """Bytes of every row of a column, shape (rows,): of texts, of what is nested, else 8."""
    import numpy as np
    import pyarrow
    import pyarrow.compute

    kind = pyarrow.types
    if kind.is_dictionary(column.type):
        own = _lengths(column.dictionary)
        return own[column.indices.fill_null(0).to_numpy()] if len(own) else np.zeros(len(column))
    if kind.is_struct(column.type):
        return sum(map(_lengths, column.flatten()), np.zeros(len(column)))
    if kind.is_list(column.type) or kind.is_large_list(column.type) or kind.is_map(column.type):
        values = column.values
        total = np.concatenate([[0], np.cumsum(_lengths(values))])
        offsets = column.offsets.to_numpy()
        return total[offsets[1:]] - total[offsets[:-1]]
    try:
        lengths = pyarrow.compute.binary_length(column)
    except pyarrow.ArrowNotImplementedError:
        return np.full(len(column), 8.0)
    return lengths.fill_null(0).to_numpy(zero_copy_only=False).astype(float)


def _plain_rows(batch: "pyarrow.RecordBatch") -> Iterator[Row]:
    try:
        yield from batch.to_pylist()
    except UnicodeDecodeError:
        for i in range(len(batch)):
            try:
                yield batch.slice(i, 1).to_pylist()[0]
            except UnicodeDecodeError:
                yield "broken encoding"


def _separated_rows(path: Path, columns: Columns, needed: Columns, separator: str) -> Iterator[Row]:
    csv.field_size_limit(1 << 30)
    with open_file(path) as file, io.TextIOWrapper(file, encoding="utf-8-sig", newline="") as text:
        reader = csv.reader(text, delimiter=separator, strict=True)
        try:
            header = next(reader, [])
            if header:
                _check_separated(path, header, separator)
                check_columns(path, header, needed)
            for fields in reader:
                if not fields:
                    continue
                if len(fields) == len(header):
                    yield dict(zip(header, fields, strict=True))
                else:
                    yield f"{len(fields)} fields where the header has {len(header)}"
        except csv.Error as error:
            raise StudyError(
                f"{path}: line {reader.line_num}: {error}; is a quotation mark left open?"
            ) from None
        except UnicodeDecodeError:
            raise StudyError(
                f"{path}: not UTF-8 (after line {reader.line_num}); save it as UTF-8"
            ) from None


def _check_separated(path: Path, header: Sequence[str], separator: str) -> None:
    """Refuse a header of one column in which another separator stands."""
    others = [other for other in ",;\t" if other != separator and other in header[0]]
    if len(header) == 1 and others:
        raise StudyError(
            f"{path}: its fields are separated by {others[0]!r}, not by {separator!r}: commas "
            "belong to .csv, tabs to .tsv; save it with one of them"
        )


def csv_rows(path: Path, columns: Columns, needed: Columns) -> Iterator[Row]:
    """Rows of a file whose fields commas separate."""
    return _separated_rows(path, columns, needed, ",")


def tsv_rows(path: Path, columns: Columns, needed: Columns) -> Iterator[Row]:
    """Rows of a file whose fields tabs separate."""
    return _separated_rows(path, columns, needed, "\t")
