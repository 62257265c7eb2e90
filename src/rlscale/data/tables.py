"""Rows of tables: Parquet, Arrow, CSV and TSV, one after the other."""

import csv
import io
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from rlscale.core.errors import StudyError
from rlscale.data.files import PACKED, Columns, check_columns, open_file
from rlscale.data.layouts import Row

if TYPE_CHECKING:
    import pyarrow


def parquet_rows(path: Path, columns: Columns, needed: Columns) -> Iterator[Row]:
    import pyarrow
    import pyarrow.parquet

    source = path if path.suffix not in PACKED else pyarrow.BufferReader(open_file(path).read())
    try:
        file = pyarrow.parquet.ParquetFile(source)
        present = file.schema_arrow.names
        check_columns(path, present, needed)
        wanted = present if columns is None else [name for name in columns if name in present]
        for batch in file.iter_batches(batch_size=8192, columns=wanted):
            yield from _batch_rows(batch)
    except pyarrow.ArrowException as error:
        raise StudyError(f"{path}: not a whole Parquet file ({error})") from None


def arrow_rows(path: Path, columns: Columns, needed: Columns) -> Iterator[Row]:
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


def _batch_rows(batch: "pyarrow.RecordBatch") -> Iterator[Row]:
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
