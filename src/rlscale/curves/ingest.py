"""Curves made elsewhere, read from what other trainers leave behind, as curves.csv.

A column of curves.csv is filled by an expression over the names in a file:

    reward/mean            the value as it is
    1 - val-core/acc       pass@1 into loss
    512 * step             steps into problems
    cumulative tokens      a running total over the steps of a run
    qwen-{size}b           text with values filled in
"""

import difflib
import json
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rlscale.core.errors import StudyError
from rlscale.core.tables import CURVE_COLUMNS, check_curves

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
    if form not in READERS:
        raise StudyError(f"ingest.format: '{form}' is none of {', '.join(READERS)}")
    for where in (settings["columns"], settings["constants"], *settings["files"].values()):
        _check_columns(where)
    tables = []
    for name, own in settings["files"].items():
        path = root / name
        if not path.exists():
            raise StudyError(f"ingest.files: {path}: there is no such file")
        raw = READERS[form](path)
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


def read_table(path: Path) -> "pandas.DataFrame":
    """CSV, or JSON Lines with one flat object per line (.jsonl)."""
    import pandas

    if path.suffix == ".jsonl":
        return pandas.DataFrame(_json_lines(path))
    try:
        return pandas.read_csv(path)
    except (pandas.errors.ParserError, pandas.errors.EmptyDataError, UnicodeDecodeError) as error:
        raise StudyError(f"{path}: cannot be read as CSV ({error})") from None


def read_verl(path: Path) -> "pandas.DataFrame":
    """verl's file logger: one {"step": int, "data": {metric: value}} per line."""
    import pandas

    rows = []
    for number, line in enumerate(_json_lines(path), 1):
        if "step" not in line or not isinstance(line.get("data"), dict):
            raise StudyError(
                f'{path}: line {number}: no {{"step": ..., "data": {{...}}}} of verl\'s file logger'
            )
        rows.append({"step": line["step"]} | line["data"])
    return pandas.DataFrame(rows)


def read_wandb(path: Path) -> "pandas.DataFrame":
    """W&B: a run's history (CSV or JSON Lines with _step), or the CSV of a panel of one run.

    A panel's columns are "<run> - <metric>", "<run> - <metric>__MIN" and "...__MAX"; the run's
    name is taken off and the two copies are left out.
    """
    table = read_table(path)
    copies = [name for name in table.columns if str(name).endswith(("__MIN", "__MAX"))]
    table = table.drop(columns=copies)
    names = {"_step": "step", "Step": "step", "train/global_step": "step"}
    table = table.rename(columns={old: new for old, new in names.items() if old in table.columns})
    if "step" not in table.columns:
        raise StudyError(f"{path}: neither Step nor _step: not a W&B export")
    runs = {str(name).split(" - ", 1)[0] for name in table.columns if " - " in str(name)}
    if len(runs) > 1:
        raise StudyError(
            f"{path}: a panel of several runs ({', '.join(sorted(runs))}); export each run to a "
            "file of its own"
        )
    return table.rename(columns=lambda name: str(name).split(" - ", 1)[-1])


def read_trl(path: Path) -> "pandas.DataFrame":
    """TRL's (transformers') trainer_state.json: its log_history."""
    import pandas

    try:
        state = json.loads(path.read_text(encoding="utf-8"))
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise StudyError(f"{path}: not valid JSON ({error})") from None
    if not isinstance(state, dict) or not isinstance(state.get("log_history"), list):
        raise StudyError(f"{path}: no log_history: not a trainer_state.json")
    table = pandas.DataFrame(state["log_history"])
    if table.empty or "step" not in table:
        raise StudyError(f"{path}: its log_history is empty: the trainer logged nothing")
    # Training and evaluation log the same step in entries of their own.
    return table.groupby("step", sort=True).first().reset_index()


def read_tensorboard(path: Path) -> "pandas.DataFrame":
    """All scalars of a TensorBoard folder, one row per step, the last value of a step."""
    import pandas

    try:
        from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
    except ImportError:
        raise StudyError("reading TensorBoard folders needs the package tensorboard") from None
    if not path.is_dir() or not any(path.glob("*tfevents*")):
        raise StudyError(f"{path}: no TensorBoard event files (*tfevents*) in this folder")
    events = EventAccumulator(str(path), size_guidance={"scalars": 0, "tensors": 0})
    events.Reload()
    series = {}
    for tag in events.Tags()["scalars"]:
        series[tag] = {event.step: event.value for event in events.Scalars(tag)}
    if not series:
        raise StudyError(f"{path}: its event files hold no scalars (cut short, or of another kind)")
    return pandas.DataFrame(series).sort_index().rename_axis("step").reset_index()


def _json_lines(path: Path) -> list[dict]:
    rows = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except json.JSONDecodeError as error:
            raise StudyError(f"{path}: line {number}: not valid JSON ({error})") from None
        if not isinstance(row, dict):
            raise StudyError(f"{path}: line {number}: not an object")
        rows.append(row)
    return rows


READERS: Mapping[str, Callable[[Path], "pandas.DataFrame"]] = {
    "table": read_table,
    "verl": read_verl,
    "wandb": read_wandb,
    "trl": read_trl,
    "tensorboard": read_tensorboard,
}
