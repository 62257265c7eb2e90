"""What a mapping reads that its files do not have, as far as their beginnings say: for plans."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rlscale.core.errors import StudyError
from rlscale.core.swelling import PACKED, open_file
from rlscale.core.tables import TEXT_COLUMNS
from rlscale.curves.expressions import evaluate, fill
from rlscale.curves.panels import is_panel, runs_of
from rlscale.curves.readers import CURVE_READERS, as_wandb, by_metric
from rlscale.curves.section import check_section
from rlscale.curves.separated import separated
from rlscale.curves.texts import kind_of
from rlscale.data.heads import LOOKED_AT

if TYPE_CHECKING:
    import pandas

_FILES = 50  # looked at
_STORES = (".wandb", ".db", ".sqlite", ".sqlite3")
_SWELLS = 20  # times its size that a packed file is taken to be


def unread_names(section: Mapping[str, Any], root: Path = Path(".")) -> Iterator[str]:
    """A sentence for each name of an ``ingest`` section that a file which is here does not have.

    Files up to ``LOOKED_AT`` bytes are read as a whole, of longer CSV the beginning; a folder, a
    store, and what may name another metric later, says nothing.

    Args:
        section: The section.
        root: Folder that its paths refer to.
    """
    try:
        check_section(section)
    except StudyError as error:
        yield str(error)
        return
    said: set[str] = set()
    for name in list(section["files"])[:_FILES]:
        path = root / name
        try:
            table = _beginning(path, section["format"])
            tables = [] if table is None else _runs(table, section, path)
        except StudyError as error:
            yield f"ingest.files: {error}"
            continue
        for key, sentence in _unread(tables, section, path):
            if key not in said:
                said.add(key)
                yield f"{key}: {sentence}"


def _beginning(path: Path, form: str) -> "pandas.DataFrame | None":
    """A file as its reader gives it, or the first rows of it; None where they do not say enough."""
    if not path.is_file() or path.suffix.lower() in _STORES:
        return None
    if path.stat().st_size * (_SWELLS if path.suffix.lower() in PACKED else 1) <= LOOKED_AT:
        return CURVE_READERS.get(form)(path)
    if form not in ("table", "wandb") or kind_of(path) not in (".csv", ".tsv"):
        return None
    with open_file(path) as file:
        text = file.read(LOOKED_AT).decode("utf-8-sig", errors="ignore")
    table = separated(text[: text.rfind("\n") + 1], path)
    if len(by_metric(table).columns) > len(table.columns):
        return None
    return as_wandb(table, path) if form == "wandb" else table


def _runs(
    table: "pandas.DataFrame", section: Mapping[str, Any], path: Path
) -> list["pandas.DataFrame"]:
    names = section.get("run_columns", ())
    if names:
        lacking = next((name for name in names if name not in table.columns), None)
        if lacking:
            raise StudyError(
                f"{path}: no column '{lacking}', which ingest.run_columns names; it has "
                f"{', '.join(map(str, table.columns))}"
            )
        return [table.drop(columns=list(names)).assign(value=0.0, run="")]
    if is_panel(table):
        expressions = [text for _, columns in _columns(section) for text in columns.values()]
        return list(runs_of(table, expressions, section.get("runs", ()), path)[0].values())
    return [table]


def _columns(section: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, str]]]:
    """Key of the section, and its columns with their expressions: the shared, each benchmark's."""
    shared = {"step": "step", **section.get("columns", {})}
    yield "ingest.columns", shared
    for name, own in section.get("benchmarks", {}).items():
        yield (
            f"ingest.benchmarks.{name}",
            {column: text for column, text in own.items() if isinstance(text, str)},
        )


def _unread(
    tables: list["pandas.DataFrame"], section: Mapping[str, Any], path: Path
) -> Iterator[tuple[str, str]]:
    """Key of the configuration and what is wrong with it, for every expression that names more."""
    runs = section.get("runs", {})
    said = (section.get("constants", {}), *section["files"].values(), *runs.values())
    given = {column for own in said for column in own}
    given |= set(re.findall(r"\(\?P<(\w+)>", section.get("run_pattern", "")))
    for key, columns in _columns(section):
        for column, text in columns.items():
            if column in given:
                continue
            make = fill if column in TEXT_COLUMNS or "{" in text else evaluate
            for table in tables:
                try:
                    make(text, table.head(0), str(path), column)
                except StudyError as error:
                    yield f"{key}.{column}", str(error)
