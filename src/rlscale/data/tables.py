"""Rows of tables: Parquet, Arrow, CSV and TSV, one after the other."""

import csv
import io
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from rlscale.core.errors import StudyError
from rlscale.data.files import PACKED, Columns, check_columns, need_arrow, open_file
from rlscale.data.layouts import Row

if TYPE_CHECKING:
    import numpy as np
    import pyarrow

_LONGEST = 2**20  # bytes of a row's texts: no problem is longer
_AT_ONCE = 2**26  # bytes of texts that are made into Python's at once


def parquet_rows(path: Path, columns: Columns, needed: Columns) -> Iterator[Row]:
    need_arrow(path)
    import pyarrow
    import pyarrow.parquet

    source = path if path.suffix not in PACKED else pyarrow.BufferReader(open_file(path).read())
    try:
        schema = pyarrow.parquet.read_schema(source)
        texts = [field.name for field in schema if _is_text(field.type)]
        if isinstance(source, pyarrow.BufferReader):
            source.seek(0)
        # Kept as the file keeps them: a text that it holds once may stand in a million rows.
        file = pyarrow.parquet.ParquetFile(source, read_dictionary=texts)
        present = file.schema_arrow.names
        check_columns(path, present, needed)
        wanted = present if columns is None else [name for name in columns if name in present]
        for batch in file.iter_batches(batch_size=8192, columns=wanted):
            yield from _batch_rows(batch)
    except pyarrow.ArrowException as error:
        raise StudyError(f"{path}: not a whole Parquet file ({error})") from None


def arrow_rows(path: Path, columns: Columns, needed: Columns) -> Iterator[Row]:
    need_arrow(path)
    import pyarrow

    with open_file(path) as file:
        data = file.read() if path.suffix in PACKED else None
    source = pyarrow.memory_map(str(path)) if data is None else pyarrow.BufferReader(data)
    try:
        whole = source.read(6) == b"ARROW1"
        source.seek(0)
        opened = pyarrow.ipc.open_file(source) if whole else pyarrow.ipc.open_stream(source)
        present = opened.schema.names
        check_columns(path, present, needed)
        wanted = present if columns is None else [name for name in columns if name in present]
        for i in range(opened.num_record_batches if whole else 0):
            yield from _batch_rows(opened.get_batch(i).select(wanted))
        if not whole:
            for batch in opened:
                yield from _batch_rows(batch.select(wanted))
    except pyarrow.ArrowException as error:
        raise StudyError(f"{path}: not a whole Arrow file ({error})") from None


def _is_text(kind: "pyarrow.DataType") -> bool:
    import pyarrow

    return bool(pyarrow.types.is_string(kind) or pyarrow.types.is_large_string(kind))


def _batch_rows(batch: "pyarrow.RecordBatch") -> Iterator[Row]:
    """Rows of a batch, in parts that take bounded memory; what is no problem's text is left out."""
    longest = _lengths(batch)
    if longest is None or longest.sum() <= _AT_ONCE:
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


def _lengths(batch: "pyarrow.RecordBatch") -> "np.ndarray | None":
    """Bytes of every row's texts, shape (rows,); None where no column is one of texts."""
    import pyarrow
    import pyarrow.compute

    found = None
    for column in batch.columns:
        encoded = pyarrow.types.is_dictionary(column.type)
        if not _is_text(column.type.value_type if encoded else column.type):
            continue
        lengths = pyarrow.compute.binary_length(column.dictionary if encoded else column)
        lengths = lengths.take(column.indices) if encoded else lengths
        numbers = lengths.fill_null(0).to_numpy(zero_copy_only=False).astype("int64")
        found = numbers if found is None else found + numbers
    return found


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


def csv_rows(path: Path, columns: Columns, needed: Columns) -> Iterator[Row]:
    return _separated_rows(path, columns, needed, ",")


def tsv_rows(path: Path, columns: Columns, needed: Columns) -> Iterator[Row]:
    return _separated_rows(path, columns, needed, "\t")
