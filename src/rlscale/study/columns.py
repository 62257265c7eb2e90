"""Columns that a configuration has read from files that are here, and that these do not have.

Only the beginning of a file is read (``rlscale.data.heads``), or all of a small one.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from rlscale.core.errors import StudyError
from rlscale.data.files import files_of
from rlscale.data.heads import columns_of
from rlscale.data.layouts import AUTO, LAYOUTS
from rlscale.evaluation.benchmarks import BENCHMARKS
from rlscale.evaluation.making import SOLVED
from rlscale.study.schema import near

_FILES, _SHOWN = 20, 10  # files looked at of what a key names; columns in a sentence

Config = Mapping[str, Any]


def missing_columns(config: Config) -> Iterator[str]:
    """A sentence for each column of data sets and benchmarks that a file does not have."""
    for name, entry in config["data"].items():
        for where, part in ((f"data.{name}", entry), (f"data.{name}.held_out", entry["held_out"])):
            if "files" in part.get("read", {}):
                yield from _of_data(f"{where}.read", part["read"])
    for name, entry in config["benchmarks"].items():
        module = entry.get("module", name)
        if module in BENCHMARKS.names() and "path" in entry:
            named = entry.get("columns", {})
            wanted = {
                named.get(column, column): f"columns.{column}" if column in named else "path"
                for column in BENCHMARKS.get(module).columns
            }
            yield from _lacking(f"benchmarks.{name}", [entry["path"]], wanted)
        if "examples" in entry:
            wanted = dict.fromkeys(SOLVED, "examples")
            yield from _lacking(f"benchmarks.{name}", [entry["examples"]], wanted)


def _of_data(where: str, read: Config) -> Iterator[str]:
    """Of a set, the columns of ``columns`` and, where it is named, of its layout."""
    wanted = {str(place[0]): f"columns.{part}" for part, place in read["columns"].items()}
    if read["layout"] != AUTO:
        layout = LAYOUTS.get(read["layout"])
        if layout.rows:  # files of a format of its own
            return
        for part, place in layout.places.items():
            if part not in layout.optional and part not in read["columns"]:
                wanted.setdefault(str(place[0]), "layout")
    yield from _lacking(where, read["files"], wanted)


def _lacking(where: str, names: Iterable[str], wanted: Mapping[str, str]) -> Iterator[str]:
    """A sentence for each wanted column, of the first file that does not have it.

    Args:
        where: Key of the section.
        names: Files, folders and patterns.
        wanted: Column -> key of the section that asks for it.
    """
    said: set[str] = set()
    try:
        files = [file for name in names for file in files_of(name) if file.is_file()]
        for file in files[:_FILES]:
            present = columns_of(file)
            lacking = [] if present is None else [c for c in wanted if c not in {*present, *said}]
            for column in lacking:
                said.add(column)
                has = _has(present or [], column)
                yield f"{where}.{wanted[column]}: {file} has no column '{column}'; {has}"
    except StudyError as error:
        yield f"{where}: {error}"


def _has(present: Sequence[str], column: str) -> str:
    more = f" and {len(present) - _SHOWN} more" if len(present) > _SHOWN else ""
    closest = near(column, present)
    hint = closest if "did you mean" in closest else ""
    return f"it has {', '.join(present[:_SHOWN])}{more}{hint}"
