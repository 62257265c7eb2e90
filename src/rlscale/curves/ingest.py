"""Curves made elsewhere, read from what other trainers leave behind, as curves.csv.

A column of curves.csv is filled by an expression over the names in a file:

    reward/mean            the value as it is
    1 - val-core/acc       pass@1 into loss
    512 * step             steps into problems
    cumulative tokens      a running total over the steps of a run
    qwen-{size}b           text with values filled in
"""

import difflib
import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rlscale.core.errors import StudyError
from rlscale.core.tables import CURVE_COLUMNS, check_curves
from rlscale.curves.readers import CURVE_READERS

if TYPE_CHECKING:
    import pandas

_NUMBER = r"[-+]?[\d.]+(?:[eE][-+]?\d+)?"
_IDENTITY = ("study", "family", "model", "variant", "tau", "group_size", "recipe", "seed")


def ingest_curves(
    settings: Mapping[str, Any], study: str, root: Path = Path(".")
) -> "pandas.DataFrame":
    """Read all files of an ``ingest`` section into one curves table.

    Args:
        settings: The ``ingest`` section: format, files (path -> columns that hold for the file),
            columns (column of curves.csv -> expression), constants.
        study: Name of the study.
        root: Folder that the paths refer to.

    Raises:
        StudyError: A file is missing, unreadable or lacks a name; a value cannot be one of its
            column; the message names file, row and name.
    """
    import pandas

    settings = {"columns": {}, "constants": {}} | dict(settings)
    form = settings["format"]
    CURVE_READERS.check(form, "ingest.format")
    for where in (settings["columns"], settings["constants"], *settings["files"].values()):
        _check_columns(where)
    tables = []
    for name, own in settings["files"].items():
        path = root / name
        if not path.exists():
            raise StudyError(f"ingest.files: {path}: there is no such file")
        raw = CURVE_READERS.get(form)(path)
        if raw.empty:
            raise StudyError(f"{path}: holds no rows")
        constants = {"study": study} | settings["constants"] | own
        tables.append(_convert(raw, settings["columns"], constants, str(path)))
    table = pandas.concat(tables, ignore_index=True)
    return check_curves(table, f"ingest ({form})")


def _check_columns(names: Mapping[str, Any]) -> None:
    for name in names:
        if name not in CURVE_COLUMNS:
            near = difflib.get_close_matches(name, CURVE_COLUMNS, n=3)
            hint = f"; did you mean {' or '.join(near)}?" if near else ""
            raise StudyError(f"ingest: '{name}' is not a column of curves.csv{hint}")


def _convert(raw, columns, constants, where: str) -> "pandas.DataFrame":
    import pandas

    columns = {"step": "step"} | dict(columns)
    if "loss" not in columns:
        raise StudyError(f"{where}: ingest.columns does not say where the loss comes from")
    steps = _evaluate(raw, columns["step"], where, "step")
    _check_steps(steps, where)
    loss = _evaluate(raw, columns["loss"], where, "loss")
    measured = loss.notna()  # Trainers log far more often than they evaluate.
    if not measured.any():
        raise StudyError(f"{where}: '{columns['loss']}' is empty in every row")
    table = pandas.DataFrame({"step": steps, "loss": loss})
    for name, expression in columns.items():
        if name not in ("step", "loss"):
            table[name] = _evaluate(raw, expression, where, name)
    for name, value in constants.items():
        table[name] = value
    table = table[measured].reset_index(drop=True)
    outside = table.index[~table["loss"].between(0, 1)]
    if len(outside):
        value = table.loc[outside[0], "loss"]
        hint = " (a percentage? use '0.01 * name')" if 1 < abs(value) <= 100 else ""
        raise StudyError(
            f"{where}: step {table.loc[outside[0], 'step']:g}: loss {value:g} is not between 0 "
            f"and 1{hint}"
        )
    for name in ("model", "variant", "benchmark"):
        if name not in table:
            raise StudyError(f"{where}: no {name}; give it under ingest.files or ingest.constants")
    if "pass_at_1" not in table:
        table["pass_at_1"] = 1 - table["loss"]
    if "source" not in table:
        table["source"] = where
    if "cell" not in table:
        known = [name for name in _IDENTITY[1:] if name in table]
        table["cell"] = table[known].astype("string").agg("/".join, axis=1)
    size = next((n for n in ("n_params", "n_params_nominal") if n in table), None)
    if "compute_flops" not in table and "tokens" in table and size:
        table["compute_flops"] = 6.0 * table[size] * table["tokens"]
    return table


def _check_steps(steps, where: str) -> None:
    bad = steps.index[steps.isna() | (steps % 1 != 0) | (steps < 0)]
    if len(bad):
        raise StudyError(
            f"{where}: row {bad[0] + 1}: step {steps[bad[0]]} is no whole number from 0 on"
        )


def _evaluate(raw: "pandas.DataFrame", expression: str, where: str, column: str):
    """Values of an expression over the names in a file (see the module's docstring)."""
    import pandas

    if "{" in expression:
        fields = re.findall(r"\{(.+?)\}", expression)
        parts = {name: _named(raw, name, where, column).map(_text) for name in fields}
        rows = pandas.DataFrame(parts).to_dict("records")
        return pandas.Series([_fill(expression, row) for row in rows], dtype="string")
    if expression in raw.columns:
        # The plain name first: metric names may hold '-' and '*' themselves.
        found, change = expression, None
    elif match := re.fullmatch(rf"({_NUMBER}) ([-*]) (.+)", expression):
        number, sign, found = float(match[1]), match[2], match[3]
        change = (lambda v: number - v) if sign == "-" else (lambda v: number * v)
    elif expression.startswith("cumulative "):
        found, change = expression.removeprefix("cumulative "), lambda v: v.fillna(0).cumsum()
    else:
        found, change = expression, None
    values = _named(raw, found, where, column)
    if change is None and column in ("model", "variant", "family", "benchmark", "cell", "recipe"):
        return values.map(_text).astype("string")
    numbers = pandas.to_numeric(values, errors="coerce")
    bad = values.index[numbers.isna() & values.notna()]
    if len(bad):
        raise StudyError(
            f"{where}: row {bad[0] + 1}: '{found}' is {values[bad[0]]!r}, not a number"
        )
    return numbers if change is None else change(numbers)


def _fill(template: str, row: Mapping[str, str]) -> str:
    return re.sub(r"\{(.+?)\}", lambda match: row[match[1]], template)


def _text(value: Any) -> str:
    return format(value, "g") if isinstance(value, float) else str(value)


def _named(raw: "pandas.DataFrame", name: str, where: str, column: str):
    if name not in raw.columns:
        near = difflib.get_close_matches(name, [str(c) for c in raw.columns], n=3, cutoff=0.4)
        hint = (
            f"did you mean {' or '.join(near)}?" if near else f"there are {len(raw.columns)} names"
        )
        raise StudyError(f"{where}: no '{name}', which {column} is made from; {hint}")
    return raw[name]
