"""Data files as people have them: by name, by folder or by pattern, packed or not."""

import os
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

from rlscale.core.errors import StudyError
from rlscale.core.files import read_json
from rlscale.core.inside import inside_study
from rlscale.core.swelling import PACKED

FORMATS = {
    ".parquet": "Parquet", ".json": "JSON", ".jsonl": "JSON", ".ndjson": "JSON", ".csv": "CSV",
    ".tsv": "TSV", ".arrow": "Arrow", ".feather": "Arrow",
}  # fmt: skip
_PATTERN = frozenset("*?[")
_OF_DATASETS = ("dataset_info.json", "dataset_infos.json", "dataset_dict.json", "state.json")
_SPLIT = re.compile(r"(train|test|val|dev|eval)(?:idation|id)?(?![a-z])")

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
    twice = next((file for file, times in Counter(found).items() if times > 1), None)
    if twice:
        raise StudyError(f"{twice}: stands twice in `files`; name it once")
    return found


def files_of(name: str | Path) -> list[Path]:
    """The files that one name stands for; a plain name stands for itself, there or not.

    Raises:
        StudyError: It is a folder or pattern of several splits.
    """
    path = Path(name)
    if path.is_dir():
        return _below(path)
    if path.exists() or _PATTERN.isdisjoint(str(name)):
        return [path]
    base = Path(path.anchor)
    return _one_split(name, base.glob(str(path.relative_to(base))))


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
    named = (file for file in folder.rglob("*") if not file.name.startswith("."))
    return _one_split(folder, (file for file in named if file.name not in _OF_DATASETS))


def _one_split(name: str | Path, paths: Iterable[Path]) -> list[Path]:
    """The data files among some paths, sorted.

    Raises:
        StudyError: Their names, or those of their folders, are of several splits: whoever trains on
            them would train on the test.
    """
    files = sorted(file for file in paths if file.is_file() and format_of(file) is not None)
    if len(files) < 2:
        return files
    shared = len(Path(os.path.commonpath(files)).parts)
    splits = {
        match[1]: file
        for file in files
        for part in file.parts[shared:]
        if (match := _SPLIT.match(part.casefold()))
    }
    if len(splits) > 1:
        raise StudyError(
            f"{name}: stands for files of the splits {', '.join(sorted(splits))} (such as "
            f"{' and '.join(str(splits[split]) for split in sorted(splits)[:2])}); name the files "
            "of one, by a pattern or one by one"
        )
    return files


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
