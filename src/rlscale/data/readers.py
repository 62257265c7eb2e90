"""Rows of problem sets, in any layout of rlscale.data.layouts and any format of
rlscale.data.formats, from files or a data set of the hub.

A row that cannot be read goes on with its failure, to be quarantined; a file that cannot be read
stops the run.
"""

import itertools
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rlscale.core.errors import StudyError
from rlscale.data.chats import Chat, parsed
from rlscale.data.files import data_files
from rlscale.data.formats import file_rows
from rlscale.data.hub import hub_files
from rlscale.data.layouts import AUTO, LAYOUTS, Layout, Place, Row, recognise
from rlscale.data.problems import RawRow
from rlscale.data.wrappers import check_no_wrapper, unwrapped

_LOOKED_AT = 100  # rows by which a layout is recognised


@dataclass(frozen=True)
class Read:
    """The rows of a set as they were read.

    Attributes:
        layout: Name of the layout, recognised or given.
        places: What was taken for what: part -> column and keys.
        rows: All rows, in the order of the files.
        files: Rows of each file, by its name in the rows' sources.
        systems: Rows of each system text, which is no part of the problems.
    """

    layout: str
    places: dict[str, str]
    rows: list[RawRow] = field(default_factory=list)
    files: Counter[str] = field(default_factory=Counter)
    systems: Counter[str] = field(default_factory=Counter)

    def stated(self) -> str:
        """What was read as what, in lines."""
        taken = ", ".join(f"{part} from {place}" for part, place in self.places.items())
        count = f"{len(self.files)} files" if len(self.files) > 3 else ", ".join(self.files)
        lines = [f"read {len(self.rows)} rows of {count} in layout {self.layout}: {taken}"]
        for text, rows in self.systems.most_common(3):
            lines.append(f"system text of {rows} rows, kept apart: {text[:200]!r}")
        return "\n".join(lines)

    def described(self) -> dict[str, Any]:
        """What was read as what, for a report."""
        systems = [{"text": text, "rows": rows} for text, rows in self.systems.most_common(10)]
        return {
            "layout": self.layout,
            "places": self.places,
            "files": dict(self.files),
            "system_texts": systems,
        }


def read_rows(settings: Mapping[str, Any]) -> list[RawRow]:
    """The rows of ``read_set``."""
    return read_set(settings).rows


def read_set(settings: Mapping[str, Any]) -> Read:
    """Read all rows of a set's files, or of a data set of the hub.

    Args:
        settings: ``layout`` (a name, or ``auto``), ``columns`` (replace or add to the layout's
            places), ``wrapper`` (text with ``{problem}`` around every problem, or ""),
            ``pass_rate_is`` (``counts``: ``passes`` or ``fails``, ``of`` so many tries; where the
            column is no share) and ``files`` (names, folders, patterns) or ``hub``.

    Raises:
        StudyError: A file is missing, is cut off, is of no known format, lacks a column, has a
            column twice, or has no rows; the hub's data set cannot be had; no layout fits; or one
            text stands around all problems and ``wrapper`` does not say so.
    """
    files = hub_files(settings["hub"]) if "hub" in settings else data_files(settings["files"])
    name = settings["layout"]
    own_names: dict[str, str] = {}
    if name == AUTO:
        name, own_names = _recognised(files[0], settings["columns"])
    layout = LAYOUTS.get(name)
    own = {part: [own_names.get(str(place[0]), place[0]), *place[1:]]
           for part, place in layout.places.items()}  # fmt: skip
    places: dict[str, Place] = {**own, **settings["columns"]}
    read = Read(name, {part: ".".join(map(str, place)) for part, place in places.items()})
    wrapper = settings["wrapper"] or layout.wrapper
    for label, file in zip(_labels(files, settings), files, strict=True):
        for i, values in enumerate(_raw_rows(file, layout, places)):
            row = _row(f"{label}#{i}", values, places, layout)
            row = unwrapped(row, wrapper, required=bool(settings["wrapper"]))
            rate = _share(row.pass_rate, settings.get("pass_rate_is"))
            read.rows.append(row._replace(pass_rate=rate))
            read.files[label] += 1
            if row.system:
                read.systems[row.system] += 1
    if not wrapper:
        check_no_wrapper(read.rows, files)
    return read


def _labels(files: Sequence[Path], settings: Mapping[str, Any]) -> list[str]:
    """What rows call their files: by name; of equal names, and on the hub, by more."""
    if "hub" in settings:
        return [f"{settings['hub']['name']}/{file.name}" for file in files]
    times = Counter(file.name for file in files)
    return [file.name if times[file.name] == 1 else str(file) for file in files]


def _recognised(file: Path, columns: Mapping[str, Place]) -> tuple[str, dict[str, str]]:
    """Layout of a file by its first rows, and its own names of columns.

    Where the user says where problem or answer stand, and the other is a column, none need fit.
    """
    rows = [row for row in itertools.islice(file_rows(file, None), _LOOKED_AT)
            if not isinstance(row, str)]  # fmt: skip
    if not rows:
        raise StudyError(f"{file}: no row can be read, so no layout can be recognised")
    try:
        return recognise(rows, file)
    except StudyError:
        if columns and {"problem", "answer"} <= columns.keys() | rows[0].keys():
            return "plain", {}
        raise


def _raw_rows(file: Path, layout: Layout, places: Mapping[str, Place]) -> Iterator[Row]:
    columns = sorted({str(place[0]) for place in places.values()})
    if layout.rows is not None:
        rows = list(layout.rows(file, columns))
        if not rows:
            raise StudyError(f"{file}: the file has no rows")
        yield from rows
        return
    needed = {str(place[0]) for part, place in places.items() if part not in layout.optional}
    yield from file_rows(file, columns, [name for name in columns if name not in needed])


def _row(source: str, values: Row, places: Mapping[str, Place], layout: Layout) -> RawRow:
    if isinstance(values, str):
        return RawRow(source, failure=values)
    try:
        found = layout.join({part: _at(values, place) for part, place in places.items()})
        text, answer = layout.text(found["problem"]), layout.gold(found["answer"])
    except ValueError as error:
        return RawRow(source, _shown(values, places), failure=str(error))
    asked = text if isinstance(text, Chat) else Chat(text)
    return RawRow(source, asked.user, answer, pass_rate=found.get("pass_rate"), system=asked.system)


def _shown(values: Mapping[str, Any], places: Mapping[str, Place]) -> Any:
    """What stands in the problem's column, for the listing of a row that cannot be read."""
    return values.get(str(places["problem"][0]))


def _share(counted: Any, meaning: Mapping[str, Any] | None) -> Any:
    """The share of right answers, from how many of the tries passed or failed."""
    if meaning is None or isinstance(counted, bool) or not isinstance(counted, int | float | str):
        return counted
    try:
        share = float(counted) / meaning["of"]
    except ValueError:
        return counted
    return 1 - share if meaning["counts"] == "fails" else share


def _at(value: Any, place: Place) -> Any:
    """Follow a place into nested values; strings that stand for containers are parsed."""
    for depth, key in enumerate(place):
        if depth and isinstance(value, str):
            value = parsed(value, ".".join(map(str, place[:depth])))
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
