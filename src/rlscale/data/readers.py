"""Rows of problem files, in any layout of rlscale.data.layouts: from Parquet, JSON Lines, CSV, a
format of the layout's own, or a data set of the hub.

A row that cannot be read goes on with its failure, to be quarantined; a file that cannot be read
stops the run.
"""

import ast
import csv
import io
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from rlscale.core.errors import StudyError
from rlscale.data.layouts import LAYOUTS, Layout, Place, Row
from rlscale.data.problems import RawRow

FORMATS = {".parquet": "parquet", ".jsonl": "jsonl", ".json": "jsonl", ".csv": "csv"}


def read_rows(settings: Mapping[str, Any]) -> list[RawRow]:
    """Read all rows of a set's files, or of a data set of the hub.

    Args:
        settings: ``layout``, ``columns`` (replace or add to the layout's places), ``wrapper``
            (text with ``{problem}`` around every problem, or ""), ``pass_rate_is`` (``counts``:
            ``passes`` or ``fails``, ``of`` so many tries; where the column is no share) and
            ``files`` or ``hub``.

    Raises:
        StudyError: A file is missing, is cut off, is of no known format, lacks a column, has a
            column twice, or has no rows; or the hub's data set cannot be fetched.
    """
    layout = LAYOUTS.get(settings["layout"])
    places = {**layout.places, **settings["columns"]}
    columns = sorted({str(place[0]) for place in places.values()})
    if "hub" in settings:
        named = [(settings["hub"]["name"], _hub_rows(settings["hub"], columns))]
    else:
        files = [Path(file) for file in settings["files"]]
        named = [(file.name, _file_rows(file, layout, columns)) for file in files]
    rows = []
    for name, raw in named:
        for i, values in enumerate(raw):
            row = _row(f"{name}#{i}", values, places, settings["wrapper"])
            rate = _share(row.pass_rate, settings.get("pass_rate_is"))
            rows.append(row._replace(answer=layout.gold(row.answer), pass_rate=rate))
    return rows


def _share(counted: Any, meaning: Mapping[str, Any] | None) -> Any:
    """The share of right answers, from how many of the tries passed or failed."""
    if meaning is None or isinstance(counted, bool) or not isinstance(counted, int | float | str):
        return counted
    try:
        share = float(counted) / meaning["of"]
    except ValueError:
        return counted
    return 1 - share if meaning["counts"] == "fails" else share


def _row(source: str, values: Row, places: Mapping[str, Place], wrapper: str) -> RawRow:
    if isinstance(values, str):
        return RawRow(source, failure=values)
    try:
        found = {name: _at(values, place) for name, place in places.items()}
    except ValueError as error:
        return RawRow(source, failure=str(error))
    problem, answer = found["problem"], found["answer"]
    if isinstance(problem, str) and wrapper:
        start, _, end = wrapper.partition("{problem}")
        if not (problem.startswith(start) and problem.endswith(end)):
            return RawRow(source, problem, answer, failure="the wrapper is not around the problem")
        problem = problem[len(start) : len(problem) - len(end)]
    return RawRow(source, problem, answer, pass_rate=found.get("pass_rate"))


def _at(value: Any, place: Place) -> Any:
    """Follow a place into nested values; strings that stand for containers are parsed."""
    for depth, key in enumerate(place):
        if depth and isinstance(value, str):
            value = _parsed(value, ".".join(map(str, place[:depth])))
        if value is None:
            return None
        if isinstance(key, int):
            if not isinstance(value, list):
                raise ValueError(f"{_name(place, depth)} is no list")
            value = value[key] if key < len(value) else None
        else:
            if not isinstance(value, Mapping):
                raise ValueError(f"{_name(place, depth)} is no mapping")
            value = value.get(key)
    return value


def _name(place: Place, depth: int) -> str:
    return ".".join(map(str, place[:depth])) or "row"


def _parsed(text: str, where: str) -> Any:
    for parse in (json.loads, ast.literal_eval):
        try:
            return parse(text)
        except (ValueError, SyntaxError, RecursionError, MemoryError):
            continue
    raise ValueError(f"{where} holds a broken nested string")


def _file_rows(path: Path, layout: Layout, columns: Sequence[str]) -> list[Row]:
    if not path.is_file():
        raise StudyError(f"{path}: the data file does not exist; correct 'files' of the data set")
    by_suffix = {"parquet": _parquet_rows, "jsonl": _json_rows, "csv": _csv_rows}
    reader = layout.rows or by_suffix.get(FORMATS.get(path.suffix, ""))
    if reader is None:
        raise StudyError(f"{path}: unknown format; known are {', '.join(FORMATS)}")
    rows = list(reader(path, columns))
    if not rows:
        raise StudyError(f"{path}: the file has no rows")
    return rows


def _check_columns(path: Path, present: Sequence[str], needed: Iterable[str]) -> None:
    for name in needed:
        if name not in present:
            raise StudyError(f"{path}: column '{name}' is missing; it has {', '.join(present)}")
        if list(present).count(name) > 1:
            raise StudyError(f"{path}: column '{name}' stands twice")


def _parquet_rows(path: Path, columns: Sequence[str]) -> Iterator[Row]:
    import pyarrow
    import pyarrow.parquet

    try:
        file = pyarrow.parquet.ParquetFile(path)
        _check_columns(path, file.schema_arrow.names, columns)
        for batch in file.iter_batches(columns=list(columns)):
            for i in range(len(batch)):
                try:
                    yield batch.slice(i, 1).to_pylist()[0]
                except UnicodeDecodeError:
                    yield "broken encoding"
    except (pyarrow.ArrowException, OSError) as error:
        raise StudyError(f"{path}: not a whole Parquet file ({error})") from None


def _json_rows(path: Path, columns: Sequence[str]) -> Iterator[Row]:
    known: set[str] = set()
    failures = 0
    lines = [line for line in path.read_bytes().split(b"\n") if line.strip()]
    rows: list[Row] = []
    for line in lines:
        try:
            row = json.loads(line.decode("utf-8"), object_pairs_hook=_no_repeated_key)
        except UnicodeDecodeError:
            row = "broken encoding"
        except RecursionError:
            row = "nested too deep"
        except ValueError as error:
            row = str(error) if "stands twice" in str(error) else "not valid JSON"
        if not isinstance(row, Mapping | str):
            row = "not a JSON object"
        if isinstance(row, str):
            failures += 1
        else:
            known |= set(row)
        rows.append(row)
    if rows and failures == len(rows):
        raise StudyError(f"{path}: no line is a JSON object ({rows[0]} in the first)")
    if rows:
        _check_columns(path, sorted(known), columns)
    yield from rows


def _no_repeated_key(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    row = dict(pairs)
    if len(row) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"key '{twice}' stands twice")
    return row


def _csv_rows(path: Path, columns: Sequence[str]) -> Iterator[Row]:
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise StudyError(f"{path}: not UTF-8 (byte {error.start}); save it as UTF-8") from None
    csv.field_size_limit(1 << 30)
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        header = next(reader, [])
        if header:
            _check_columns(path, header, columns)
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


def _hub_rows(hub: Mapping[str, str], columns: Sequence[str]) -> list[Mapping[str, Any]]:
    where = f"{hub['name']} at {hub['revision']}"
    from datasets import load_dataset

    try:
        data = load_dataset(hub["name"], split=hub["split"], revision=hub["revision"])
    except Exception as error:  # the hub's client raises many kinds, of several packages
        raise StudyError(
            f"{where}: cannot be fetched ({error}); fetch it beforehand where there is a network, "
            "or name local files"
        ) from error
    _check_columns(Path(where), data.column_names, columns)
    return data.select_columns(list(columns)).to_list()
