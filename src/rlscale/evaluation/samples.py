"""The sample store: every response of a cell's evaluation, kept, appended, never written twice.

While an evaluation runs, finished samples go to numbered parquet parts in a journal folder, each
by rename, at least every ``FLUSH_SECONDS``; a kill loses at most what came after the last part.
At the end the journal is folded into one file, ``samples.parquet``, which is itself the store that
the next evaluation of the cell starts from.
"""

import os
import shutil
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from rlscale.core.errors import StudyError
from rlscale.core.files import new_file

if TYPE_CHECKING:
    import pandas
    import pyarrow

FLUSH_SECONDS = 15.0
KEY = (
    "checkpoint", "benchmark", "version", "problem_id", "sample", "prompt", "sampling",
)  # fmt: skip
_TYPES = {
    "checkpoint": "string",
    "benchmark": "string",
    "version": "int32",
    "problem_id": "string",
    "sample": "int32",
    "prompt": "string",
    "sampling": "string",
    "step": "int32",
    "text": "string",
    "tokens": "int32",
    "prompt_tokens": "int32",
    "finish_reason": "string",
    "answer": "string",
    "outcome": "string",
    "credit": "float64",
    "scorer": "string",
    "gold": "string",
}
# What a sample was judged by and how: the scorer's digest, the gold answer's, and the verdict.
VERDICT = ("answer", "outcome", "credit", "scorer", "gold")
Key = tuple[str, str, int, str, int, str, str]
PROBLEM: Final = 3  # places in a Key
SAMPLE: Final = 4


class SampleStore:
    """Samples of one cell.

    Args:
        path: ``samples.parquet`` of the cell; read where it exists.
        journal: Folder of the parts; parts that an interrupted run left are read, of all writers.
        writer: Folder in the journal of what is written here, where others write beside.

    Raises:
        StudyError: A file cannot be read or has other columns.
    """

    def __init__(self, path: Path | str, journal: Path | str, writer: str = "") -> None:
        self.path = Path(path)
        self.journal = Path(journal)
        self._own = self.journal / writer
        self._buffer: list[Mapping[str, Any]] = []
        self._flushed = time.monotonic()
        self._own.mkdir(parents=True, exist_ok=True)
        for leftover in self._own.glob(".*"):
            leftover.unlink()
        parts = sorted(self.journal.rglob("*.parquet"))
        self._next = 1 + max((int(file.stem) for file in self._own.glob("*.parquet")), default=-1)
        files = [file for file in (self.path, *parts) if file.exists()]
        self._tables = [_read(file) for file in files]
        self._keys: set[Key] = set()
        for table in self._tables:
            self._keys.update(_keys(table))

    def renew_prompts(self, renewed: Mapping[str, str]) -> None:
        """Give samples of an earlier version their prompts' digests of today: none is asked anew.

        Args:
            renewed: Digest of a prompt as it was taken -> as it is taken now.
        """
        import pyarrow

        for number, table in enumerate(self._tables):
            prompts = table.column("prompt").to_pylist()
            column = pyarrow.array([renewed.get(one, one) for one in prompts], pyarrow.string())
            index = table.column_names.index("prompt")
            self._tables[number] = table.set_column(index, "prompt", column)
        self._keys = {key for table in self._tables for key in _keys(table)}

    def __contains__(self, key: Key) -> bool:
        return key in self._keys

    def __len__(self) -> int:
        return len(self._keys)

    def append(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Add samples; they are safe on disk within ``FLUSH_SECONDS`` of further calls.

        Raises:
            ValueError: A sample is there already.
        """
        for row in rows:
            key = tuple(row[name] for name in KEY)
            if key in self._keys:
                raise ValueError(f"sample {key} is already in the store")
            self._keys.add(key)
            self._buffer.append(row)
        if time.monotonic() - self._flushed > FLUSH_SECONDS:
            self.flush()

    def flush(self) -> None:
        """Write what is buffered as the next part of the journal."""
        if self._buffer:
            import pyarrow

            table = pyarrow.Table.from_pylist(self._buffer, schema=_schema())
            _write(table, self._own / f"{self._next:06d}.parquet")
            self._tables.append(table)
            self._next += 1
            self._buffer = []
        self._flushed = time.monotonic()

    def frame(self) -> "pandas.DataFrame":
        """All samples, each key once."""
        import pyarrow

        self.flush()
        tables = self._tables or [_schema().empty_table()]
        frame = pyarrow.concat_tables(tables).to_pandas()
        return frame.drop_duplicates(list(KEY), ignore_index=True)

    def replace(self, frame: "pandas.DataFrame") -> None:
        """Make these samples the whole store, as ``samples.parquet``, and end the journal."""
        import pyarrow

        table = pyarrow.Table.from_pandas(
            frame[list(_TYPES)], schema=_schema(), preserve_index=False
        ).replace_schema_metadata(None)
        _write(table, self.path)
        shutil.rmtree(self.journal)


def _schema() -> "pyarrow.Schema":
    import pyarrow

    return pyarrow.schema([(name, getattr(pyarrow, kind)()) for name, kind in _TYPES.items()])


def _read(file: Path) -> "pyarrow.Table":
    import pyarrow
    import pyarrow.parquet

    try:
        table = pyarrow.parquet.read_table(file)
    except (pyarrow.ArrowInvalid, OSError) as error:
        raise StudyError(f"{file}: not a readable parquet file ({error}); remove it") from None
    # A store of an earlier version lacks a column of the verdict: its samples are judged again.
    for name in set(VERDICT).difference(table.column_names):
        table = table.append_column(name, pyarrow.nulls(table.num_rows, _schema().field(name).type))
    if sorted(table.column_names) != sorted(_TYPES):
        raise StudyError(
            f"{file}: columns {table.column_names} are not a sample store's; remove it"
        )
    return table.select(list(_TYPES)).cast(_schema())


def _keys(table: "pyarrow.Table") -> list[Key]:
    return list(zip(*(table.column(name).to_pylist() for name in KEY), strict=True))


def _write(table: "pyarrow.Table", path: Path) -> None:
    """Write by rename, synced: a reader sees the whole file or none."""
    import pyarrow.parquet

    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.part")
    with new_file(part) as handle:
        pyarrow.parquet.write_table(table, handle, compression="zstd")
        handle.flush()
        os.fsync(handle.fileno())
    os.replace(part, path)
