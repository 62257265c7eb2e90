"""Curves made elsewhere, read from what other trainers leave behind, as curves.csv.

Every row of a file is used or counted in a note: what was superseded, carried, guessed or left out.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rlscale.core.digests import canonical_json
from rlscale.core.errors import StudyError
from rlscale.core.labels import as_label
from rlscale.core.tables import SIZES, TEXT_COLUMNS, check_curves
from rlscale.curves import units
from rlscale.curves.expressions import as_text, evaluate, fill, names_in
from rlscale.curves.known_models import known_sizes, known_source
from rlscale.curves.numbers import is_missing
from rlscale.curves.panels import is_panel, runs_of
from rlscale.curves.readers import CURVE_READERS
from rlscale.curves.runs import ROW, STEP, by_step
from rlscale.curves.section import Section, as_given, check_section, of_run, speaks_of_runs
from rlscale.curves.texts import notes_of
from rlscale.curves.trends import trends

if TYPE_CHECKING:
    import pandas

_IDENTITY = ("family", "model", "variant", "tau", "group_size", "recipe", "seed")
_KEY = (*_IDENTITY, "cell", "benchmark")  # what rows of one run share


@dataclass(frozen=True)
class Account:
    """Where the rows of one run and benchmark went: rows = used + without_loss + superseded.

    Attributes:
        rows: Rows that were read.
        used: Those whose loss stands in the curves table.
        without_loss: Those that hold none: of other metrics, or without a step.
        superseded: Those whose loss was logged again, or lies beyond where a resume ended.
    """

    rows: int
    used: int
    without_loss: int
    superseded: int


@dataclass(frozen=True)
class Intake:
    """What came of reading runs.

    Attributes:
        table: The curves table.
        notes: What was superseded, carried, guessed or left out; each begins with the file.
        accounts: Cell and benchmark -> where its rows went.
    """

    table: "pandas.DataFrame"
    notes: list[str]
    accounts: Mapping[tuple[str, str], Account]


def ingest_curves(
    settings: Mapping[str, Any], study: str, root: Path = Path(".")
) -> "pandas.DataFrame":
    """Read all files of an ``ingest`` section into one curves table; see ``read_runs``."""
    return read_runs(settings, study, root).table


def read_runs(settings: Mapping[str, Any], study: str, root: Path = Path(".")) -> Intake:
    """Read all files of an ``ingest`` section.

    Args:
        settings: The section (config/README.md).
        study: Name of the study.
        root: Folder that the paths refer to.

    Raises:
        StudyError: A file is missing, unreadable or lacks a name; a value cannot be one of its
            column; two runs have one name. The message names file, row and name.
    """
    import pandas

    check_section(settings)
    own = Section(**settings)
    tables: list[pandas.DataFrame] = []
    notes: list[str] = []
    accounts: dict[tuple[str, str], Account] = {}
    shares: list[units.Scaled] = []
    for logged in _logged_runs(own, root, notes):
        tables += logged.tables()
        notes += [f"{logged.where}: {note}" for note in dict.fromkeys(logged.notes)]
        accounts |= logged.accounts
        shares += logged.shares
    _check_distinct(tables)
    table = pandas.concat(tables, ignore_index=True).drop(columns="_where")
    notes += units.scaled_shares(shares)
    table.insert(0, "study", study)
    table = check_curves(table, f"ingest ({own.format})")
    return Intake(table, notes + trends(table), accounts)


def _logged_runs(settings: Section, root: Path, notes: list[str]) -> list["_Run"]:
    """What the files hold, run by run; files of which the same is said are parts of one run."""
    parts: dict[tuple[str, str], list[tuple[str, pandas.DataFrame]]] = {}
    said: dict[tuple[str, str], dict[str, Any]] = {}
    unread = dict.fromkeys(settings.runs)
    for name, constants in settings.files.items():
        path = root / name
        if not path.exists():
            raise StudyError(f"ingest.files: {path}: there is no such file")
        raw = CURVE_READERS.get(settings.format)(path)
        if raw.empty:
            raise StudyError(f"{path}: holds no rows")
        notes += [f"{path}: {note}" for note in notes_of(raw)]
        runs, said_of_runs = _split(raw, settings, path, name)
        notes += [f"{path}: {note}" for note in said_of_runs]
        for run, rows in runs.items():
            rows.attrs = {}  # what pandas copies in every step
            said_of = {**settings.constants, **constants, **of_run(settings, run, name)}
            given = as_given(said_of, str(path))
            unread.pop(run, None)
            key = (run, canonical_json(given))
            parts.setdefault(key, []).append((str(path), rows))
            said[key] = given
    if unread and len(unread) == len(settings.runs):
        raise StudyError(
            f"ingest.runs speaks of {', '.join(list(unread)[:3])}, but no file or run that is read "
            "has such a name; write a file as it is named in the call"
        )
    notes += [f"'{name}' of ingest.runs is no file or run that is read" for name in unread]
    return [_Run(key[0], own, settings, said[key]) for key, own in parts.items()]


def _split(
    raw: "pandas.DataFrame", settings: Section, path: Path, name: str
) -> tuple[dict[str, "pandas.DataFrame"], list[str]]:
    """The runs that a file holds by its form: a panel's, or one per column; else all its rows.

    A long table's runs are those of the column that ``cell`` is made from, where the pattern or the
    table of runs speaks of these and not of the file.
    """
    names = settings.run_columns
    if names:
        lacking = [name for name in names if name not in raw.columns]
        if lacking:
            raise StudyError(
                f"{path}: no column '{lacking[0]}', which ingest.run_columns names; it has "
                f"{', '.join(map(str, raw.columns))}"
            )
        shared = raw.drop(columns=list(names))
        return {name: shared.assign(value=raw[name], run=name) for name in names}, []
    if is_panel(raw):
        return runs_of(raw, settings.expressions(), settings.runs, path)
    if "run" in raw.columns and raw.attrs.get("several"):
        return {str(run): rows for run, rows in raw.groupby("run", sort=False)}, []
    if "cell" in settings.columns and speaks_of_runs(settings, name):
        return _by_name(raw, settings.columns["cell"], path), []
    return {"": raw}, []


def _by_name(raw: "pandas.DataFrame", expression: str, path: Path) -> dict[str, "pandas.DataFrame"]:
    """The runs of a long table, by what names them."""
    absent = raw[names_in(expression, [str(name) for name in raw.columns])].isna().any(axis=1)
    if absent.any():
        raise StudyError(
            f"{path}: row {raw.index[absent][0] + 1}: '{expression}' is empty, which says of which "
            "run it is; fill it, or remove the row"
        )
    runs = fill(expression, raw, str(path), "cell")
    return {str(run): rows for run, rows in raw.groupby(runs, sort=False)}


def _check_distinct(tables: list["pandas.DataFrame"]) -> None:
    seen: dict[tuple[str, str], str] = {}
    for table in tables:
        key, where = (table["cell"].iloc[0], table["benchmark"].iloc[0]), table["_where"].iloc[0]
        if key in seen:
            raise StudyError(
                f"{where} and {seen[key]} are the same run, '{key[0]}', of {key[1]}: give each its "
                "seed or cell, under ingest.files"
            )
        seen[key] = where


def _below(tables: Sequence["pandas.DataFrame"]) -> "pandas.DataFrame":
    import pandas

    return pandas.concat(tables, ignore_index=True)


def _with_empty_cells(rows: "pandas.DataFrame", columns: Mapping[str, str]) -> "pandas.DataFrame":
    """Rows without the texts for no value, such as a dash, in columns that numbers are made of."""
    known = [str(name) for name in rows.columns]
    numeric = [text for name, text in columns.items() if name not in TEXT_COLUMNS]
    names = {name for text in numeric if "{" not in text for name in names_in(text, known)}
    texts = rows[[name for name in rows.columns if name in names]].select_dtypes("object")
    if texts.empty:
        return rows
    return rows.assign(**{str(n): rows[n].mask(is_missing(rows[n])) for n in texts.columns})


def _mapped_keys(columns: Mapping[str, str], given: Mapping[str, Any]) -> list[str]:
    """Columns that tell runs apart and are made from the file."""
    return [name for name in _KEY if name in columns and name not in given]


class _Run:
    """Rows of which the same is said, of one file or of several, on their way to curves.csv."""

    def __init__(
        self,
        run: str,
        parts: Sequence[tuple[str, "pandas.DataFrame"]],
        settings: Section,
        given: Mapping[str, Any],
    ) -> None:
        files = " + ".join(path for path, _ in parts)
        self.where = f"{files} ({run})" if run else files
        self.notes: list[str] = []
        self.accounts: dict[tuple[str, str], Account] = {}
        self.shares: list[units.Scaled] = []
        self._raw = parts[0][1] if len(parts) == 1 else _below([rows for _, rows in parts])
        self._run = run
        self._settings = settings
        self._given = given

    def tables(self) -> Iterator["pandas.DataFrame"]:
        """A table per run and benchmark."""
        raw = self._raw
        for benchmark, own in (self._settings.benchmarks or {"": {}}).items():
            expressions = {n: v for n, v in own.items() if isinstance(v, str) and n not in _KEY}
            columns = {"step": "step", **self._settings.columns, **expressions}
            given = {**self._given, **{n: v for n, v in own.items() if n not in expressions}}
            if benchmark:
                given["benchmark"] = benchmark
            if "loss" not in columns:
                raise StudyError(
                    f"{self.where}: ingest.columns does not say where the loss comes from"
                )
            named = self._named(raw, columns, given)
            keys = self._keys(named, columns, given)
            named = _with_empty_cells(named, columns)
            for _, rows in named.groupby(keys, sort=False) if keys else [((), named)]:
                yield self._run_table(rows, columns, given)

    def _named(
        self, raw: "pandas.DataFrame", columns: Mapping[str, str], given: Mapping[str, Any]
    ) -> "pandas.DataFrame":
        """The rows that say which run they are of; refuses a loss in one that does not."""
        known = [str(name) for name in raw.columns]
        measured = raw[names_in(columns["loss"], known)].notna().any(axis=1)
        for key in _mapped_keys(columns, given):
            for name in names_in(columns[key], known):
                absent = raw[name].isna()
                lost = raw.index[absent & measured]
                if len(lost):
                    raise StudyError(
                        f"{self.where}: row {lost[0] + 1}: '{name}' is empty, which {key} is made "
                        "from, but there is a loss; fill it, or remove the row"
                    )
                if absent.any():
                    self.notes.append(
                        f"{int(absent.sum())} rows without '{name}' and loss left out"
                    )
                    raw, measured = raw[~absent], measured[~absent]
        return raw

    def _keys(
        self, raw: "pandas.DataFrame", columns: Mapping[str, str], given: Mapping[str, Any]
    ) -> list["pandas.Series"]:
        """What tells the runs of a long table apart: values of the columns that name a run."""
        import pandas

        found = (self._values(raw, name, columns[name]) for name in _mapped_keys(columns, given))
        return [pandas.Series(values, index=raw.index) for values in found]

    def _values(
        self, rows: "pandas.DataFrame", name: str, expression: str
    ) -> "pandas.Series | float":
        if name in TEXT_COLUMNS or "{" in expression:
            return fill(expression, rows, self.where, name)
        return evaluate(expression, rows, self.where, name)

    def _run_table(
        self, rows: "pandas.DataFrame", columns: Mapping[str, str], given: Mapping[str, Any]
    ) -> "pandas.DataFrame":
        import pandas

        known = [str(name) for name in rows.columns]
        wanted = {name: text for name, text in columns.items() if name not in given}
        used = [found for name, text in wanted.items() if name != "step"
                for found in names_in(text, known)]  # fmt: skip
        steps = evaluate(columns["step"], rows, self.where, "step")
        counted = names_in(columns["step"], known)
        used = [name for name in used if name not in counted]
        logged, notes = by_step(rows.assign(**{STEP: steps}), used, self.where)
        self.notes += notes
        for text in wanted.values():
            if "cumulative " in text:
                for name in names_in(text, known):
                    self.notes += units.summed(name, logged[STEP], logged[name])
        made = {n: self._values(logged, n, text) for n, text in wanted.items() if n != "step"}
        made |= {"step": logged[STEP], "_row": logged[ROW], **given}
        table = pandas.DataFrame(made, index=logged.index)
        names = names_in(columns["loss"], known)
        self.shares += units.scaled(columns["loss"], logged[names], self.where)
        table = self._measured(table, columns["loss"], names)
        self._count(rows, names, table)
        return table

    def _count(self, rows: "pandas.DataFrame", names: list[str], made: "pandas.DataFrame") -> None:
        """Account for the rows that were read, by what the loss is made from."""
        import numpy as np

        absent = [rows[name].isna().to_numpy() for name in names] or [np.zeros(len(rows), bool)]
        given = int((~np.all(absent, axis=0)).sum())
        given = max(given, len(made))  # a loss that is carried stands in more rows than it is in
        key = str(made["cell"].iloc[0]), str(made["benchmark"].iloc[0])
        self.accounts[key] = Account(len(rows), len(made), len(rows) - given, given - len(made))

    def _measured(
        self, table: "pandas.DataFrame", expression: str, names: list[str]
    ) -> "pandas.DataFrame":
        """Rows with a loss, running counts carried to them, and what follows from the rest."""
        units.check_counts(table, self.where)
        self.notes += units.slow_counts(table)
        self.notes += units.carry(table)
        units.check_sizes(table, self.where)
        measured = table["loss"].notna()
        if not measured.any():
            raise StudyError(f"{self.where}: '{expression}' is empty in every row")
        table = table[measured].reset_index(drop=True)
        wrong = table[(table["step"] % 1 != 0) | (table["step"] < 0)]
        if len(wrong):
            row, step = wrong[["_row", "step"]].iloc[0]
            raise StudyError(
                f"{self.where}: row {row + 1:g}: step {step:g} is no whole number from 0 on; "
                "epochs times the steps of one are: 'step=100 * epoch'"
            )
        self.notes += units.check_loss(table, expression, names, self.where)
        for name in ("model", "variant", "benchmark"):
            if name not in table:
                raise StudyError(
                    f"{self.where}: no {name}; give it under ingest.files or ingest.constants "
                    f"(--set {name}=...)"
                )
        self._size(table)
        if "pass_at_1" not in table:
            table["pass_at_1"] = 1 - table["loss"]
        if "source" not in table:
            table["source"] = self.where
        if "cell" not in table:
            named = [name for name in _IDENTITY if name in table]
            cell = "/".join(as_text(table[name].iloc[0]) for name in named)
            run = as_label(self._run)
            if run != self._run:
                self.notes.append(f"the run '{self._run}' is called '{run}' in the curves")
            table["cell"] = f"{cell}/{run}" if run else cell
        size = next((n for n in ("n_params", "n_params_nominal") if n in table), None)
        if "compute_flops" not in table and "tokens" in table and size:
            table["compute_flops"] = 6.0 * table[size] * table["tokens"]
        return table.drop(columns="_row").assign(_where=self.where)

    def _size(self, table: "pandas.DataFrame") -> None:
        """The size of a model that is known by its name, where none is given."""
        if any(name in table for name in SIZES):
            return
        model = str(table["model"].iloc[0])
        sizes = known_sizes(model)
        for name, value in sizes.items():
            table[name] = value
        if sizes:
            self.notes.append(
                f"N of {model} is that of the known models: {sizes['n_params']:.4g} without "
                f"embeddings, {sizes['n_params_total']:.4g} with (config.json of "
                f"{known_source(model)})"
            )
        else:
            self.notes.append(
                f"no size is given, and '{model}' is no known model: a fit over sizes needs one "
                "(--set n_params=...)"
            )
