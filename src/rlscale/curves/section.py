"""The ``ingest`` section of a configuration: what it may say, and what it says of a run."""

import difflib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from rlscale.core.errors import StudyError
from rlscale.core.labels import shown
from rlscale.core.limits import time_limit
from rlscale.core.tables import CURVE_COLUMNS, LEAST_SIZE, SIZES, TEXT_COLUMNS
from rlscale.curves.readers import CURVE_READERS

_SECONDS = 5.0  # of CPU time for a name


@dataclass(frozen=True)
class Section:
    """The ``ingest`` section.

    Attributes:
        format: Name of a curve reader.
        files: Path -> columns that hold for the file.
        columns: Column of curves.csv -> expression.
        constants: Columns that hold for all files.
        benchmarks: Benchmark -> its own columns, where a log holds several.
        runs: Name of a run in a file of several -> columns that hold for it.
        run_pattern: Regular expression with named groups over the run's name, else the path.
        run_columns: Columns of the file that hold a run each; their values are called ``value``.
    """

    format: str
    files: Mapping[str, Mapping[str, Any]]
    columns: Mapping[str, str] = field(default_factory=dict)
    constants: Mapping[str, Any] = field(default_factory=dict)
    benchmarks: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    runs: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    run_pattern: str = ""
    run_columns: tuple[str, ...] = ()

    def expressions(self) -> list[str]:
        """What columns are made from, those of benchmarks too."""
        own = (value for columns in self.benchmarks.values() for value in columns.values())
        return [*self.columns.values(), *(text for text in own if isinstance(text, str))]


def _is_values(value: object) -> bool:
    """Whether it is names with a text or a number each."""
    return isinstance(value, Mapping) and all(
        isinstance(name, str) and isinstance(own, str | int | float) for name, own in value.items()
    )


def _is_sections(value: object) -> bool:
    """Whether it is names with values each."""
    return isinstance(value, Mapping) and all(
        isinstance(name, str) and _is_values(own) for name, own in value.items()
    )


def _is_texts(value: object) -> bool:
    return isinstance(value, list | tuple) and all(isinstance(own, str) for own in value)


def _is_columns(value: object) -> bool:
    return _is_values(value) and all(isinstance(own, str) for own in value.values())  # type: ignore[attr-defined]


_TEXT = "a text", lambda value: isinstance(value, str)
_SECTIONS = "names with columns and values each", _is_sections
_FORMS: dict[str, tuple[str, Callable[[object], bool]]] = {
    "format": _TEXT,
    "files": _SECTIONS,
    "columns": ("columns with a text each", _is_columns),
    "constants": ("columns with a text or a number each", _is_values),
    "benchmarks": _SECTIONS,
    "runs": _SECTIONS,
    "run_pattern": _TEXT,
    "run_columns": ("a list of names", _is_texts),
}


def check_form(settings: object, where: str) -> None:
    """Refuse what is no ``ingest`` section by its form; keys may lack.

    Args:
        settings: As YAML gives it.
        where: What has it, for messages.

    Raises:
        StudyError: A key is none of the section, or its value of another kind.
    """
    if not isinstance(settings, Mapping):
        raise StudyError(f"{where}: is no `ingest` section of keys and values")
    for key, value in settings.items():
        if key not in _FORMS:
            raise StudyError(
                f"{where}: {shown(key)} is no key of an `ingest` section; {', '.join(_FORMS)} are"
            )
        kind, fits = _FORMS[key]
        if not fits(value):
            raise StudyError(f"{where}: {key} must be {kind}; docs/ingest.md has examples")


def check_section(settings: Mapping[str, Any]) -> None:
    """Refuse an ``ingest`` section that no file can be read by.

    Raises:
        StudyError: A name is no format or no column, or a column is said twice.
    """
    check_form(settings, "ingest")
    lacking = [key for key in ("format", "files") if key not in settings]
    if lacking:
        raise StudyError(f"ingest: the key {lacking[0]} is missing; docs/ingest.md has examples")
    own = Section(**settings)
    CURVE_READERS.check(own.format, "ingest.format")
    for where in (own.columns, own.constants, *own.files.values(), *own.runs.values(),
                  *own.benchmarks.values()):  # fmt: skip
        _check_columns(where)
    both = sorted(own.columns.keys() & own.constants.keys())
    if both:
        raise StudyError(
            f"ingest: '{both[0]}' is mapped to '{own.columns[both[0]]}' and set to "
            f"'{own.constants[both[0]]}': say one of the two"
        )


def _check_columns(names: Mapping[str, Any]) -> None:
    for name in names:
        if name not in CURVE_COLUMNS:
            near = difflib.get_close_matches(name, CURVE_COLUMNS, n=3)
            hint = f"; did you mean {' or '.join(near)}?" if near else ""
            raise StudyError(f"ingest: '{name}' is not a column of curves.csv{hint}")


def of_run(section: Section, run: str, path: str) -> dict[str, Any]:
    """What a run's name, or else a file's path, says of it."""
    found: dict[str, Any] = {}
    if section.run_pattern:
        match = _found(section.run_pattern, run or path)
        if match is None:
            raise StudyError(
                f"{path}: ingest.run_pattern '{section.run_pattern}' does not fit '{run or path}'"
                + (
                    ""
                    if run
                    else "; if a column names the runs, map cell to it (--map cell=COLUMN)"
                )
            )
        groups = {name: value for name, value in match.groupdict().items() if value is not None}
        _check_columns(groups)
        found |= groups
    if run and section.runs and run not in section.runs:
        raise StudyError(
            f"{path}: ingest.runs does not have the run '{run}', only {', '.join(section.runs)}"
        )
    return found | dict(section.runs.get(run, {}))


def speaks_of_runs(section: Section, path: str) -> bool:
    """Whether what is said of runs is said by another name than a file's."""
    if section.run_pattern:
        return _found(section.run_pattern, path) is None
    return bool(section.runs) and path not in section.runs


def _found(pattern: str, name: str) -> re.Match[str] | None:
    """Where a pattern fits a name; a few patterns try more ways than there is time for."""
    try:
        with time_limit(_SECONDS):
            return _pattern(pattern).search(name)
    except TimeoutError:
        raise StudyError(
            f"ingest.run_pattern '{pattern}' takes more than {_SECONDS:g} s on {shown(name)}; "
            "write it without a repeat within a repeat, (a+)+"
        ) from None


def _pattern(text: str) -> re.Pattern[str]:
    try:
        found = re.compile(text)
    except re.error as error:
        raise StudyError(f"ingest.run_pattern '{text}' is no regular expression: {error}") from None
    if not found.groupindex:
        raise StudyError(
            f"ingest.run_pattern '{text}' has no named group, such as (?P<model>.+) or "
            "(?P<seed>\\d+), that says what a run's name tells"
        )
    return found


def as_given(given: Mapping[str, Any], where: str) -> dict[str, Any]:
    """What is said of a run, the numbers in it as such.

    Raises:
        StudyError: One is no number, or a size that leaves out its billions.
    """
    found = dict(given)
    for name, value in given.items():
        if name in TEXT_COLUMNS or isinstance(value, int | float):
            continue
        try:
            found[name] = int(value) if str(value).isdecimal() else float(value)
        except (TypeError, ValueError):
            raise StudyError(
                f"{where}: {name} is {value!r}, not a number; write 7e9 for 7B"
            ) from None
    for name in SIZES:
        if 0 < found.get(name, 0) < LEAST_SIZE:
            raise StudyError(
                f"{where}: {name} is {found[name]:g}; write it in full, {found[name]:g}e9 for "
                f"{found[name]:g}B"
            )
    return found
