"""Data files as people have them: by name, by folder or by pattern, packed or not."""

import gzip
import io
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import IO, Any

from rlscale.core.errors import StudyError
from rlscale.core.files import check_regular, read_json
from rlscale.core.inside import inside_study

FORMATS = {
    ".parquet": "Parquet", ".json": "JSON", ".jsonl": "JSON", ".ndjson": "JSON", ".csv": "CSV",
    ".tsv": "TSV", ".arrow": "Arrow",
}  # fmt: skip
PACKED = (".gz", ".zst")
_PATTERN = frozenset("*?[")
_SMALL = 2**28  # bytes that a file may open to, however small it is
_SWELLS = 100  # times its own size that a bigger one may; gzip makes 1000 of one

Columns = Sequence[str] | None
"""Columns that are asked for; None: all."""


def data_files(names: Iterable[str | Path]) -> list[Path]:
    """The files that names stand for: files, all data files below folders, patterns.

    Raises:
        StudyError: A folder or pattern stands for no file.
    """
    found: list[Path] = []
    for name in names:
        files = files_of(name)
        if not files:
            raise StudyError(f"{name}: no data file is there; known are {known_formats()}")
        found += files
    return found


def files_of(name: str | Path) -> list[Path]:
    """The files that one name stands for; a plain name stands for itself, there or not.

    Raises:
        StudyError: It is a folder of several splits, saved by `datasets`.
    """
    path = Path(name)
    if path.is_dir():
        return _below(path)
    if path.exists() or _PATTERN.isdisjoint(str(name)):
        return [path]
    base = Path(path.anchor)
    return sorted(file for file in base.glob(str(path.relative_to(base))) if file.is_file())


def _below(folder: Path) -> list[Path]:
    """The data files of a folder; of a data set saved by `datasets`, its Arrow files."""
    if (folder / "dataset_dict.json").is_file():
        splits = _names(folder / "dataset_dict.json", "splits")
        raise StudyError(
            f"{folder}: holds the splits {', '.join(splits)}; name one: {folder / splits[0]}"
        )
    if (folder / "state.json").is_file() and (folder / "dataset_info.json").is_file():
        names = _names(folder / "state.json", "_data_files")
        return [folder / inside_study(name, folder / "state.json", folder) for name in names]
    files = (file for file in folder.rglob("*") if file.is_file())
    hidden = (file for file in files if not file.name.startswith("."))
    return sorted(file for file in hidden if format_of(file) is not None)


def _names(path: Path, key: str) -> list[str]:
    """The names that a file of `datasets` lists: texts, or objects with a ``filename``."""
    state = read_json(path)
    listed = state.get(key) if isinstance(state, dict) else None
    names = [
        entry.get("filename") if isinstance(entry, dict) else entry
        for entry in (listed if isinstance(listed, list) else [])
    ]
    if not names or not all(isinstance(name, str) for name in names):
        raise StudyError(f"{path}: its '{key}' is no list of names; save the data set again")
    return [str(name) for name in names]


def format_of(path: Path) -> str | None:
    """Format of a file by its name; None where it is unknown."""
    suffixes = [suffix.lower() for suffix in path.suffixes]
    if suffixes and suffixes[-1] in PACKED:
        suffixes.pop()
    return FORMATS.get(suffixes[-1]) if suffixes else None


def known_formats() -> str:
    """Endings of the files that can be read, for messages."""
    return f"{', '.join(FORMATS)}, each also with {' or '.join(PACKED)}"


def need_arrow(path: Path) -> None:
    """Refuse what only pyarrow reads where it is absent: the small environment does without it.

    Raises:
        StudyError: Names the file and the package.
    """
    try:
        import pyarrow  # noqa: F401
    except ImportError:
        raise StudyError(
            f"{path}: Parquet, Arrow and .zst are read by pyarrow: pip install pyarrow, or give "
            "the file as JSON Lines or CSV, plain or .gz"
        ) from None


def open_file(path: Path) -> IO[bytes]:
    """A file's bytes, unpacked.

    Raises:
        StudyError: It is no regular file; or, while it is read, it opens to far more than it is.
    """
    check_regular(path)
    if path.suffix.lower() == ".gz":
        return io.BufferedReader(_Unpacked(path, gzip.open(path, "rb")))
    if path.suffix.lower() == ".zst":
        need_arrow(path)
        import pyarrow

        return io.BufferedReader(
            _Unpacked(path, pyarrow.input_stream(str(path), compression="zstd"))
        )
    return open(path, "rb")


def most_bytes(path: Path) -> int:
    """What a file may open to [bytes]."""
    return max(_SMALL, _SWELLS * path.stat().st_size)


def check_swelling(path: Path, opens_to: int) -> None:
    """Refuse a file that opens to far more than it is: nobody's data, and all of the memory.

    Args:
        path: The file.
        opens_to: Bytes.

    Raises:
        StudyError: Names it.
    """
    size = path.stat().st_size
    if opens_to > most_bytes(path):
        raise StudyError(
            f"{path}: has {size} bytes and opens to more than {opens_to >> 20} MiB; is it what it "
            "should be? Unpack it yourself where it is"
        )


class _Unpacked(io.RawIOBase):
    """Bytes of a packed file, counted as they come."""

    def __init__(self, path: Path, stream: Any) -> None:
        self._path, self._stream, self._count = path, stream, 0

    def readable(self) -> bool:
        """It is."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Fill a buffer; the number of bytes."""
        count = self._stream.readinto(buffer)
        self._count += count
        if self._count > _SMALL:
            check_swelling(self._path, self._count)
        return int(count)

    def close(self) -> None:
        """Close the file."""
        self._stream.close()
        super().close()


def check_columns(path: Path, present: Sequence[str], needed: Columns) -> None:
    """Refuse a file that lacks a needed column, or has it twice.

    Raises:
        StudyError: Names the file and the column.
    """
    for name in needed or ():
        if name not in present:
            raise StudyError(f"{path}: column '{name}' is missing; it has {', '.join(present)}")
        if list(present).count(name) > 1:
            raise StudyError(f"{path}: column '{name}' stands twice")
