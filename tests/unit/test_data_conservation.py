"""Rows in = rows out + rows listed, for random ugly files of every format, through the stage."""

import csv
import gzip
import io
import json
import math
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas
import pyarrow
import pyarrow.parquet
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rlscale.core.errors import StudyError
from rlscale.data.clean import clean
from rlscale.data.problems import tabulate
from rlscale.data.readers import read_set

UGLY = [
    "", " ", "\0", "\ufeff", "\ufffd", "\r\n", "\u2028", '"', "'", "a\tb", "a,b", "{", "[", "[]",
    "[{", '["1"]', "nan", "NA", "proof", "inf", "1e-5", "\\boxed{}", "\\boxed{7", "####", "𝟙", "½",
    "x" * 300, "１２", "-", "1,234", "None", "\x0crac{1}{2}", "الحل", "答案是", "é", "e\u0301",
]  # fmt: skip
PROBLEMS = [f"{a}+{b}+{c}-{d}=" for a in "12" for b in "34" for c in "56" for d in "78"]
LONG = "Let a b c d e f g h be {} points on a line of length {} and find the sum of it"
texts = st.one_of(
    st.sampled_from(UGLY + PROBLEMS),
    st.builds(LONG.format, st.integers(0, 3), st.integers(0, 9)),
    st.text(max_size=20),
)
numbers = st.one_of(
    st.integers(-(2**70), 2**70), st.floats(), st.sampled_from([4032.0, 0, 1, -0.0, 2.0**60])
)
values = st.recursive(
    st.one_of(st.none(), st.booleans(), texts, numbers),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.sampled_from("abc"), inner, max_size=2)
    ),
    max_leaves=4,
)
rates = st.one_of(st.none(), st.floats(0, 1), st.sampled_from(["0.5", "often", True, math.nan]))
good = st.fixed_dictionaries(
    {
        "problem": st.one_of(
            st.sampled_from(PROBLEMS), st.builds(LONG.format, st.integers(0, 3), st.integers(0, 9))
        ),
        "answer": st.sampled_from([1, "1", 2.0, ["1", "2"]]),
    }
)
ugly = st.fixed_dictionaries(
    {"problem": st.one_of(texts, texts, values), "answer": st.one_of(numbers, texts, values)},
    optional={"rate": rates, "more": values},
)
rows = st.one_of(good, good, ugly)
JSON = ["lines.jsonl", "array.json", "indented.json", "lines.jsonl.gz", "array.json.zst"]
NAMES = st.sampled_from([*JSON, "t.csv", "t.tsv", "t.csv.gz", "t.parquet", "t.arrow"])


def encoded(name: str, made: list[dict], broken: bytes) -> tuple[bytes, int]:
    """A file of that name and the rows in it; JSON Lines may have a broken line."""
    if ".json" in name:
        lines = [json.dumps(row, ensure_ascii="\\u" in repr(row)) for row in made]
        data = [line.encode("utf-8", "surrogatepass") for line in lines]
        if "lines" in name:
            data += [broken] if broken.strip() else []
            return b"\n".join(data), len(data)
        separator = b",\n" if "indented" in name else b","
        return b"[" + separator.join(data) + b"]", len(data)
    columns = ["problem", "answer", "rate"]
    if name.startswith("t.csv") or name == "t.tsv":
        sink = io.StringIO()
        writer = csv.writer(sink, delimiter="\t" if name == "t.tsv" else ",")
        writer.writerow(columns)
        for row in made:
            writer.writerow([_cell(row.get(column)) for column in columns])
        return sink.getvalue().encode(), len(made)
    table = pyarrow.table({c: [_cell(row.get(c)) for row in made] for c in columns})
    return _columnar(name, table), len(made)


def _columnar(name: str, table: pyarrow.Table) -> bytes:
    sink = io.BytesIO()
    if name == "t.parquet":
        pyarrow.parquet.write_table(table, sink)
    else:
        with pyarrow.ipc.new_stream(sink, table.schema) as writer:
            writer.write_table(table)
    return sink.getvalue()


def _cell(value: object) -> str | None:
    """A value as the text that tables hold."""
    if value is None:
        return None
    return str(value).encode("utf-8", "replace").decode()


def packed(name: str, data: bytes) -> bytes:
    """Packed as the name says."""
    if name.endswith(".gz"):
        return gzip.compress(data)
    if name.endswith(".zst"):
        return pyarrow.compress(data, codec="zstd", asbytes=True)
    return data


STAGE = {
    "verifier": "number", "cleaning": "strict", "conflicts": "drop",
    "near": {"threshold": 0.7, "within_train": "drop"}, "strata": {},
    "order": {"by": "easy_to_hard", "seed": 0}, "held_out": {"problems": 1, "seed": 1},
}  # fmt: skip


def conserve(name: str, made: list[dict], broken: bytes) -> None:
    """Write a file, run the stage over it, and count."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / name
        data, count = encoded(name, made, broken)
        path.write_bytes(packed(name, data))
        reading = {"layout": "plain", "columns": {}, "wrapper": "", "files": [path]}
        read = allowed(str(path), read_set, reading)
    if read is None:
        return
    assert len(read.rows) == count, "rows of the file"
    table, lost = tabulate(read.rows, verifier="number", max_characters=200)
    assert len(table) + len(lost) == count, "usable and in quarantine"
    assert lost["reason"].str.len().gt(0).all()
    lost = lost.assign(stage="quarantine", part="train")
    cleaned = allowed("Rows so far:\nread", clean, table, None, {}, STAGE, lost)
    if cleaned is None:
        return
    parts = pandas.concat([cleaned.train, cleaned.held_out, cleaned.losses, lost])["source"]
    assert len(parts) == count
    assert parts.is_unique, "every row stands in one place"


def allowed(said: str, function: Callable, *arguments: object) -> Any:
    """The function's result; None where it refuses in words that hold ``said``."""
    try:
        return function(*arguments)
    except StudyError as error:
        refusal = str(error)
    assert said in refusal
    return None


broken_lines = st.sampled_from([b"", b'{"problem": ', b"\xff\xfe", b"[1]", b"7", b"[" * 9999])
cases = {"name": NAMES, "made": st.lists(rows, min_size=1, max_size=25), "broken": broken_lines}
quiet = [HealthCheck.too_slow, HealthCheck.data_too_large]


@given(**cases)
@settings(max_examples=60, deadline=None, suppress_health_check=quiet)
def test_rows_in_are_rows_out_and_rows_listed(name, made, broken) -> None:
    conserve(name, made, broken)


@pytest.mark.long
@given(**cases)
@settings(max_examples=600, deadline=None, suppress_health_check=quiet)
def test_rows_in_are_rows_out_and_rows_listed_at_length(name, made, broken) -> None:
    conserve(name, made, broken)
