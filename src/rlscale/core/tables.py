"""The tables that parts of a study share: column names, checks on reading, stable writing."""

import io
import re
import zlib
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from rlscale.core.errors import StudyError
from rlscale.core.files import write_text
from rlscale.core.labels import check_labels
from rlscale.core.manifests import STATUSES
from rlscale.core.numerals import decided
from rlscale.core.scalars import check_kind
from rlscale.core.swelling import check_cells, open_file

if TYPE_CHECKING:
    import pandas

CURVE_KEY = ("study", "cell", "step", "benchmark")
CURVE_COLUMNS = (
    "study", "recipe", "cell", "family", "model", "variant", "tau", "group_size", "seed",
    "n_params", "n_params_total", "n_params_nominal", "step", "data_samples",
    "compute_flops", "compute_flops_full", "tokens", "gpu_seconds", "benchmark",
    "n_problems", "n_samples", "n_correct", "n_unparsed", "n_timeout", "clipped_share",
    "pass_at_1", "loss", "loss_se", "response_length", "scoring", "scoring_digest",
    "protocol_digest", "source", "status",
)  # fmt: skip
# Beside these, pass@k for what ``evaluation.pass_at`` names: pass_at_10, pass_at_100, ...
_PASS_AT = re.compile(r"pass_at_([2-9]|[1-9]\d+)")
CURVE_REQUIRED = ("study", "cell", "model", "variant", "step", "benchmark", "loss")
# Counts that pass 2^63 at the sizes that the paper trains.
FLOPS = ("compute_flops", "compute_flops_total", "compute_flops_full", "flops")
SIZES = ("n_params", "n_params_total", "n_params_nominal")
_NAMED = 12  # columns in a message
LEAST_SIZE = 1000  # Parameters; fewer are billions or millions.
_ABOVE_ZERO = (*SIZES, "n_problems")
_GROWING = ("data_samples", "compute_flops", "compute_flops_full", "tokens")  # 0 at step 0 alone
TEXT_COLUMNS = {
    "study", "recipe", "cell", "family", "model", "variant", "benchmark",
    "scoring", "scoring_digest", "protocol_digest", "source", "status",
}  # fmt: skip
# Text that people name things by; the others are a path, and one of a few words.
LABEL_COLUMNS = TEXT_COLUMNS - {"source", "status"}


def k_of(name: str) -> int | None:
    """k of a column ``pass_at_<k>`` with k above 1; None for every other name."""
    match = _PASS_AT.fullmatch(name)
    return int(match[1]) if match else None


def pass_columns(names: Iterable[str]) -> list[str]:
    """Those of some columns that hold pass@k for k above 1, by ascending k."""
    return sorted((name for name in names if k_of(name)), key=lambda name: k_of(name) or 0)


def as_counts(column: "pandas.Series") -> "pandas.Series":
    """Whole numbers that no sum over the column can wrap: int64 where it holds them, else float64.

    Args:
        column: Numbers of any size, or their text (what pandas makes of them above 2^64).
    """
    values = column.map(float) if column.dtype.kind not in "iuf" else column
    if values.dtype.kind == "f" or values.astype("float64").abs().sum() >= 2**63:
        return values.astype("float64")
    return values.astype("int64")


def read_ledger(path: Path | str) -> "pandas.DataFrame":
    """Read a ledger (``rlscale.accounting.ledger``), whose counts may be summed as they are."""
    import pandas

    table = pandas.read_csv(path)
    counts = table.columns.intersection(list(FLOPS))
    return table.assign(**{name: as_counts(table[name]) for name in counts})


def read_curves(path: Path | str) -> "pandas.DataFrame":
    """Read and check a curves table.

    Curves made elsewhere may lack columns that no fit needs; those come back as missing values,
    and an empty ``status`` as ``ok``.

    Raises:
        StudyError: A required column is absent or empty in a row, a key repeats, a loss lies
            outside [0, 1], or a status is unknown.
    """
    return check_curves(_read_csv(Path(path)), str(path))


def curves_of(frame: "pandas.DataFrame") -> "pandas.DataFrame":
    """As ``read_curves``, of a data frame in the place of a file; the frame stays as it is.

    Args:
        frame: Curves with any index and any kinds of columns; levels of its index that are named
            like columns of the curves count as such where there is no such column.

    Raises:
        StudyError: It is no data frame, or a file of the same content would be refused.
    """
    import pandas

    check_kind(frame, pandas.DataFrame, "curves", "a pandas.DataFrame (rlscale.read_curves)")
    where = "curves (rows as in a CSV, the first one is row 2)"
    names = pandas.Index([name for name in frame.index.names if name in CURVE_COLUMNS])
    held = list(names.difference(frame.columns))
    table = (frame.reset_index(level=held) if held else frame).reset_index(drop=True)
    odd = [*table.columns[table.columns.duplicated()], *(n for n in table if type(n) is not str)]
    if odd:
        raise StudyError(f"{where}: column {odd[0]!r} stands twice or is no name; rename it")
    table = table.apply(_plain)
    if _unread(table):
        table, _ = decided(
            table.apply(lambda column: _texts(column.astype(object))), _unread(table)
        )
    return check_curves(table, where)


def _plain(column: "pandas.Series") -> "pandas.Series":
    """A column of any kind (categories, nullable, Arrow) as numbers or, else, as texts."""
    objects = column.astype(object)
    values = objects.where(objects.notna(), float("nan")).infer_objects()
    return values if values.dtype.kind in "iuf" else _texts(values)


def _texts(values: "pandas.Series") -> "pandas.Series":
    """Values as a CSV would hold them: an empty text is a missing value."""
    texts = values.astype(object).map(str, na_action="ignore")
    return texts.where(texts != "", float("nan"))


def read_measured_curves(path: Path | str) -> "tuple[pandas.DataFrame, int]":
    """As ``read_curves``, without the rows whose loss is empty; and the number of these."""
    table = _read_csv(Path(path))
    empty = table["loss"].isna() if "loss" in table.columns else table.index < 0
    return check_curves(table[~empty], str(path)), int(empty.sum())


def _read_csv(path: Path) -> "pandas.DataFrame":
    """A curves table as text and numbers, its columns separated by commas, semicolons or tabs.

    What may be decimals or thousands, such as 30,000, stays text and is refused as such.
    """
    import pandas

    if not path.exists():
        raise StudyError(f"{path}: there is no such curves table")
    try:
        with open_file(path) as file:
            text = file.read().decode("utf-8-sig")
        head = text.partition("\n")[0]
        separator = max(",;\t", key=head.count)
        check_cells(path, text.count("\n"), head.count(separator) + 1)
        kinds = dict.fromkeys(TEXT_COLUMNS, "string")
        table = pandas.read_csv(io.StringIO(text), sep=separator, dtype=kinds)
        if len(_unread(table)):
            table = pandas.read_csv(io.StringIO(text), sep=separator, dtype=str)
            table, _ = decided(table, _unread(table))
    except UnicodeDecodeError as error:
        raise StudyError(
            f"{path}: cannot be read as CSV in UTF-8 ({error}); save it as such, or give a log to "
            "`rlscale ingest`"
        ) from None
    except (
        pandas.errors.ParserError, pandas.errors.EmptyDataError, OSError, EOFError, zlib.error,
    ) as error:  # fmt: skip
        raise StudyError(f"{path}: cannot be read as CSV ({error})") from None
    check_width(table, str(path))
    return table


def _unread(table: "pandas.DataFrame") -> list[str]:
    """Columns of numbers that are text as they stand."""
    return [n for n in table.select_dtypes("object").columns if n not in TEXT_COLUMNS]


def check_width(table: "pandas.DataFrame", where: str) -> None:
    """Refuse a CSV whose rows are wider than its header: pandas takes their first fields for names.

    Raises:
        StudyError: Names the file.
    """
    import pandas

    if not isinstance(table.index, pandas.RangeIndex):
        raise too_wide(where)


def too_wide(where: str) -> StudyError:
    """What is said of rows that are wider than their header."""
    return StudyError(
        f"{where}: rows have more fields than the header names; is a quotation mark or a name "
        "missing in its first line, or a separator too many at the end of the others?"
    )


def check_curves(table: "pandas.DataFrame", where: str) -> "pandas.DataFrame":
    """Check a curves table.

    Args:
        table: Some of ``CURVE_COLUMNS`` and columns of pass@k, a row per ``CURVE_KEY``.
        where: Its name in error messages.

    Returns:
        All columns, in order, each of its own kind.

    Raises:
        StudyError: As for ``read_curves``; names column or row.
    """
    columns = _check_columns(table, where)
    table = table.reindex(columns=columns)
    for name in columns:
        if name not in TEXT_COLUMNS:
            table[name] = _as_numbers(table[name], name, where)
            continue
        table[name] = table[name].astype("string")
        if name in LABEL_COLUMNS:
            check_labels(table[name], f"{where}: column {name}")
    _check_sources(table["source"], where)
    table["status"] = _check_statuses(table["status"].fillna("ok"), where)
    _check_keys(table, where)
    _check_losses(table["loss"], where)
    for name in pass_columns(columns):
        _check_shares(table[name], name, where)
    _check_numbers(table, where)
    repeated = table.index[table.duplicated(list(CURVE_KEY))]
    if len(repeated):
        key = ", ".join(f"{name}={table.loc[repeated[0], name]}" for name in CURVE_KEY)
        raise StudyError(f"{where}: row {repeated[0] + 2} repeats {key}")
    return table


def _check_columns(table: "pandas.DataFrame", where: str) -> list[str]:
    """The columns of a whole table, where this one has those that are required and rows."""
    missing = [name for name in CURVE_REQUIRED if name not in table.columns]
    if missing:
        raise StudyError(f"{where}: column(s) {', '.join(missing)} missing from the curves table")
    columns = [*CURVE_COLUMNS, *pass_columns(table.columns)]
    unknown = [name for name in table.columns if name not in columns]
    if unknown:
        more = f" and {len(unknown) - _NAMED} more" if len(unknown) > _NAMED else ""
        names = ", ".join(map(str, unknown[:_NAMED]))
        raise StudyError(f"{where}: unknown column(s) {names}{more} in the curves table")
    if table.empty:
        raise StudyError(f"{where}: the curves table has no rows")
    return columns


def _as_numbers(column: "pandas.Series", name: str, where: str) -> "pandas.Series":
    import pandas

    try:
        numbers = as_counts(column) if name in FLOPS else pandas.to_numeric(column)
        if numbers.dtype.kind == "b":
            raise TypeError("truth values")
        return numbers
    except (ValueError, TypeError):
        known = pandas.to_numeric(column, errors="coerce").notna() | column.isna()
        bad = known.index[~known]
        place = f"column {name} holds text or truth values,"
        if len(bad):
            place = f"row {bad[0] + 2}: {name} is '{column.loc[bad[0]]}',"
        raise StudyError(
            f"{where}: {place} not a number; write plain numbers, such as 1234.5"
        ) from None


def _check_statuses(statuses: "pandas.Series", where: str) -> "pandas.Series":
    odd = statuses.index[~statuses.isin(STATUSES)]
    if len(odd):
        raise StudyError(
            f"{where}: row {odd[0] + 2}: status '{statuses.loc[odd[0]]}' is none of "
            f"{', '.join(STATUSES)}"
        )
    return statuses


def _check_keys(table: "pandas.DataFrame", where: str) -> None:
    """Refuse rows that do not say whose they are, and steps that no run has."""
    for name in CURVE_REQUIRED[:-1]:
        empty = table.index[table[name].isna()]
        if len(empty):
            raise StudyError(
                f"{where}: row {empty[0] + 2}: {name} is empty; fill it in, or leave the row out"
            )
    odd = table.index[(table["step"] < 0) | (table["step"] == float("inf"))]
    if len(odd):
        raise StudyError(
            f"{where}: row {odd[0] + 2}: step {table.loc[odd[0], 'step']:g}; give a number from 0"
        )


def _check_losses(losses: "pandas.Series", where: str) -> None:
    outside = losses.index[~losses.between(0, 1)]
    if len(outside):
        value = losses.loc[outside[0]]
        hint = (
            "; a percentage? Write 0.01 times it where it counts errors, 1 - 0.01 times it where "
            "it counts successes"
            if 1 < value <= 100
            else ""
        )
        raise StudyError(
            f"{where}: row {outside[0] + 2}: loss {value} is not between 0 and 1{hint}"
        )


def _check_shares(shares: "pandas.Series", name: str, where: str) -> None:
    odd = shares.index[~shares.between(0, 1) & shares.notna()]
    if len(odd):
        raise StudyError(
            f"{where}: row {odd[0] + 2}: {name} {shares.loc[odd[0]]} is not between 0 and "
            "1; write a share"
        )


def _check_sources(sources: "pandas.Series", where: str) -> None:
    """Refuse a path that a terminal or a spreadsheet would take for a command."""
    for source in sources.dropna().unique():
        if not source.isprintable() or source.startswith(("=", "+", "-", "@")):
            raise StudyError(f"{where}: the source {source!r} is no plain path; rename the file")


def _check_numbers(table: "pandas.DataFrame", where: str) -> None:
    """Refuse counts that cannot be: sizes and problems below 1, x that is 0 or not finite."""
    trained = table["step"] > 0
    for name in (*_ABOVE_ZERO, *_GROWING):
        values = table[name].astype("float64")
        least = values <= 0 if name in _ABOVE_ZERO else (values < 0) | (trained & (values == 0))
        bad = table.index[(least | (values == float("inf"))).fillna(False)]
        if len(bad):
            row = bad[0]
            raise StudyError(
                f"{where}: row {row + 2}: {name} {values[row]:g} at step {table.loc[row, 'step']}; "
                "give a number above 0, or leave the cell empty"
            )


def write_curves(table: "pandas.DataFrame", path: Path | str) -> None:
    """Write a curves table in its fixed column and row order, floats to 10 digits, by rename."""
    table = check_curves(table, str(path)).sort_values(list(CURVE_KEY), kind="stable")
    # Column by column over different values: pandas' to_csv formats every cell, in twice the time.
    fields = [_fields(table[name]) for name in table.columns]
    lines = [",".join(table.columns), *map(",".join, zip(*fields, strict=True))]
    write_text(path, "\n".join(lines) + "\n")


def _fields(column: "pandas.Series") -> list[str]:
    """A column's values as fields of a CSV; empty where they are missing."""
    import pandas

    codes, values = pandas.factorize(column)
    kinds: dict[str, Callable[[object], str]] = {"f": "%.10g".__mod__, "i": str}
    field = kinds.get(getattr(values.dtype, "kind", ""), _field)
    texts = [*map(field, values.tolist()), ""]  # the code of a missing value is -1
    return [texts[code] for code in codes.tolist()]


def _field(value: object) -> str:
    text = f"{value:.10g}" if isinstance(value, float) else str(value)
    special = any(sign in text for sign in ',"\r\n')
    return '"' + text.replace('"', '""') + '"' if special else text
