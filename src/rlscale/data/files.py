"""Data files as people have them: by name, by folder or by pattern, packed or not."""

import gzip
import io
import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import IO, cast

from rlscale.core.errors import StudyError

FORMATS = {
    ".parquet": "Parquet", ".json": "JSON", ".jsonl": "JSON", ".ndjson": "JSON", ".csv": "CSV",
    ".tsv": "TSV", ".arrow": "Arrow",
}  # fmt: skip
PACKED = (".gz", ".zst")
_PATTERN = frozenset("*?[")

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
        splits = json.loads((folder / "dataset_dict.json").read_text())["splits"]
        raise StudyError(
            f"{folder}: holds the splits {', '.join(splits)}; name one: {folder / splits[0]}"
        )
    if (folder / "state.json").is_file() and (folder / "dataset_info.json").is_file():
        state = json.loads((folder / "state.json").read_text())
        return [folder / file["filename"] for file in state["_data_files"]]
    files = (file for file in folder.rglob("*") if file.is_file())
    hidden = (file for file in files if not file.name.startswith("."))
    return sorted(file for file in hidden if format_of(file) is not None)


def format_of(path: Path) -> str | None:
    """Format of a file by its name; None where it is unknown."""
    suffixes = [suffix.lower() for suffix in path.suffixes]
    if suffixes and suffixes[-1] in PACKED:
        suffixes.pop()
    return FORMATS.get(suffixes[-1]) if suffixes else None


def known_formats() -> str:
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
    """A file's bytes, unpacked."""
    if path.suffix.lower() == ".gz":
        return cast("IO[bytes]", gzip.open(path, "rb"))
    if path.suffix.lower() == ".zst":
        need_arrow(path)
        import pyarrow

        return io.BufferedReader(pyarrow.input_stream(str(path), compression="zstd"))
    return open(path, "rb")


def check_columns(path: Path, present: Sequence[str], needed: Columns) -> None:
    for name in needed or ():
        if name not in present:
            raise StudyError(f"{path}: column '{name}' is missing; it has {', '.join(present)}")
        if list(present).count(name) > 1:
            raise StudyError(f"{path}: column '{name}' stands twice")
