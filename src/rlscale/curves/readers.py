"""Curve readers: what trainers and trackers leave behind, as a table with a row per logged step.

A reader is a function from a path to a DataFrame. Its rows stand in the order in which they were
logged. Of several runs in a file, ``attrs["several"]`` is true and the column ``run`` has their
names (a panel of W&B has columns of them: ``rlscale.curves.panels``); what was guessed or left out
stands in ``attrs["notes"]``. Other packages add theirs
(docs/ingest.md). Light to import.
"""

import json
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rlscale.core.errors import StudyError
from rlscale.core.registry import Registry
from rlscale.core.swelling import check_cells
from rlscale.curves.panels import as_panel, with_step
from rlscale.curves.separated import separated
from rlscale.curves.texts import (
    console_lines,
    frame,
    json_lines,
    kind_of,
    noted,
    notes_of,
    read_json,
    read_parquet,
    read_text,
    several,
)
from rlscale.curves.units import thinned

if TYPE_CHECKING:
    import pandas

CURVE_READERS: Registry[Callable[[Path], "pandas.DataFrame"]] = Registry(
    "format",
    "rlscale.curve_readers",
    {
        "table": "rlscale.curves.readers:read_table",
        "verl": "rlscale.curves.readers:read_verl",
        "wandb": "rlscale.curves.readers:read_wandb",
        "trl": "rlscale.curves.readers:read_trl",
        "tensorboard": "rlscale.curves.readers:read_tensorboard",
        "trackio": "rlscale.curves.formats.trackio:read_trackio",
        "mlflow": "rlscale.curves.formats.mlflow:read_mlflow",
        "openrlhf": "rlscale.curves.formats.openrlhf:read_openrlhf",
        "prime_rl": "rlscale.curves.formats.prime_rl:read_prime_rl",
        "nemo_rl": "rlscale.curves.formats.nemo_rl:read_nemo_rl",
        "completions": "rlscale.curves.formats.completions:read_completions",
        "lm_eval": "rlscale.curves.formats.evaluations:read_lm_eval",
        "lighteval": "rlscale.curves.formats.evaluations:read_lighteval",
        "evalplus": "rlscale.curves.formats.evaluations:read_evalplus",
    },
)

_METRIC_NAMES = ("metric", "metric_name", "key", "tag")
_CELLS, _NAMED = 20_000_000, 5  # that are made, and metrics in the note
_CONSOLE = re.compile(r"(?:^|\s)step:(\d+) - (.*)")
_PAIR = re.compile(
    r"(.+):(?:[a-z_][\w.]*\()?([-+]?(?:(?:\d[\d.]*|\.\d+)(?:e[-+]?\d+)?|nan|inf))(?:[,)\s].*)?"
    r"|(.+):(.*)",
    re.I,
)


def read_table(path: Path) -> "pandas.DataFrame":
    """CSV (separated by comma, semicolon or tab), JSON Lines, a JSON list of rows, Parquet; where a
    row holds one metric, each is a column too.
    """
    return by_metric(_read_any(path))


def by_metric(table: "pandas.DataFrame") -> "pandas.DataFrame":
    """A table with a row per metric and step, as MLflow exports it: a column per metric too."""
    names = [name for name in _METRIC_NAMES if name in table.columns]
    if len(names) != 1 or "value" not in table.columns:
        return table
    metrics = table[names[0]].astype("string")
    every = [metric for metric in metrics.dropna().unique() if metric not in table.columns]
    if len(every) * len(table) > _CELLS:
        return table
    found = {metric: table["value"].where(metrics == metric) for metric in every}
    note = f"'{names[0]}' says what 'value' is: {', '.join(every[:_NAMED])} are columns too"
    return noted(table.assign(**found), [*notes_of(table), note])


def _read_any(path: Path) -> "pandas.DataFrame":
    kind = kind_of(path)
    if kind == ".parquet":
        return read_parquet(path)
    text = read_text(path)
    lines = kind in (".jsonl", ".ndjson") or (kind != ".json" and text.lstrip().startswith("{"))
    if lines or (kind == ".json" and _begins_with_object(text)):
        rows, notes = json_lines(text, path)
        return noted(frame(rows, path), notes)
    return _json_table(path) if kind == ".json" else separated(text, path)


def _begins_with_object(text: str) -> bool:
    """Whether the first line of several is a JSON object: JSON Lines that are called .json."""
    first, _, rest = text.strip().partition("\n")
    try:
        return bool(rest) and isinstance(json.loads(first), dict)
    except (ValueError, RecursionError):
        return False


def _json_table(path: Path) -> "pandas.DataFrame":
    import pandas

    document = read_json(path)
    if _are_rows(document):
        return frame(document, path)
    if isinstance(document, dict):
        within = [key for key, value in document.items() if value and _are_rows(value)]
        if len(within) == 1:
            rows = frame(document[within[0]], path)
            return noted(rows, [f"rows are those under '{within[0]}'"])
        if within and len(within) == len(document):
            runs = {key: frame(document[key], path) for key in within}
            return several(runs, path, ["a run a key"])
        if _is_of_pandas(document):
            return pandas.DataFrame(document)
        if document and all(isinstance(column, list) for column in document.values()):
            if len({len(column) for column in document.values()}) > 1:
                raise StudyError(f"{path}: its columns are not of one length")
            return pandas.DataFrame(document)
    kind = "an object" if isinstance(document, dict) else "of another form"
    hint = (
        "; it looks like an evaluation's results: --format lm_eval or lighteval, and the folder "
        "of those of all checkpoints"
        if isinstance(document, dict) and "results" in document
        else ""
    )
    raise StudyError(f"{path}: its JSON is {kind}, not a list of rows{hint}")


def _are_rows(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(row, dict) for row in value)


def _is_of_pandas(document: Mapping[str, Any]) -> bool:
    """Whether it is {column: {row: value}}, as pandas writes a table by default."""
    columns = list(document.values())
    return (
        len(columns) > 1
        and all(
            isinstance(column, dict) and column.keys() == columns[0].keys() for column in columns
        )
        and not any(isinstance(value, dict | list) for value in columns[0].values())
    )


def read_verl(path: Path) -> "pandas.DataFrame":
    """verl: its file logger's {"step": int, "data": {metric: value}} per line, or its console's."""
    text = read_text(path)
    if not text.lstrip().startswith(("{", "[")):
        return _read_console(path, whole=text.endswith("\n"))
    logged, notes = json_lines(text, path)
    rows = []
    for number, line in enumerate(logged, 1):
        if "step" not in line or not isinstance(line.get("data"), dict):
            raise StudyError(
                f'{path}: line {number}: no {{"step": ..., "data": {{...}}}} of verl\'s file logger'
            )
        rows.append({"step": line["step"]} | line["data"])
    return noted(frame(rows, path), notes)


def _read_console(path: Path, whole: bool) -> "pandas.DataFrame":
    """verl's console logger: step:5 - name:0.2 - name:np.float64(0.3)."""
    lines, notes = console_lines(path)
    rows = []
    for found in filter(None, map(_CONSOLE.search, lines)):
        pairs = (_PAIR.fullmatch(part.strip()) for part in found[2].split(" - "))
        values = {pair[1] or pair[3]: pair[2] or pair[4] for pair in pairs if pair}
        rows.append({"step": float(found[1])} | values)
    if not whole and rows and _CONSOLE.search(lines[-1]) and _lacks_values(rows):
        rows.pop()
        notes.append(f"line {len(lines)} was cut off in writing; it is left out")
    if not rows:
        raise StudyError(
            f"{path}: neither JSON Lines of verl's file logger (trainer.logger=[console,file]) nor "
            "lines 'step:N - name:value' of its console"
        )
    return noted(frame(rows, path), notes)


def _lacks_values(rows: list[dict[str, Any]]) -> bool:
    """Whether the last row has a part of the values of an earlier one, and of none all."""
    last, earlier = rows[-1].keys(), [row.keys() for row in rows[:-1]]
    return any(last < names for names in earlier) and last not in earlier


def read_wandb(path: Path) -> "pandas.DataFrame":
    """W&B: a run's history (CSV, JSON Lines or Parquet), the CSV of a panel of one or more runs, a
    folder of runs as they lie on disk, or one of its .wandb files.

    A panel stays as it is until it is known which of its metrics are read.
    """
    if path.is_dir() or path.suffix == ".wandb":
        from rlscale.curves.formats.wandb_folder import read_wandb_folder

        return with_step(read_wandb_folder(path), path, sampled=False)
    return as_wandb(read_table(path), path)


def as_wandb(table: "pandas.DataFrame", path: Path) -> "pandas.DataFrame":
    """The table of a file that W&B exported: a panel's, or a run's with its steps."""
    panel = any(" - " in str(name) for name in table.columns)
    return as_panel(table, path) if panel else with_step(table, path)


def read_trl(path: Path) -> "pandas.DataFrame":
    """TRL's (transformers') trainer_state.json, or the folder that holds it: its log_history.

    Of a run with several checkpoints, the last one's; a folder of several runs gives each.
    """
    if not path.is_dir():
        return _log_history(path)
    states: dict[str, list[Path]] = {}
    for file in path.rglob("trainer_state.json"):
        run = file.parent.parent if "checkpoint-" in file.parent.name else file.parent
        name = "." if run == path.parent else str(run.relative_to(path))
        states.setdefault(name, []).append(file)
    if not states:
        raise StudyError(f"{path}: no trainer_state.json is in this folder")
    runs = {run: _log_history(max(own, key=_checkpoint_number)) for run, own in states.items()}
    if len(runs) == 1:
        return next(iter(runs.values()))
    return several(dict(sorted(runs.items())), path)


def _log_history(path: Path) -> "pandas.DataFrame":
    state = read_json(path)
    logged = state.get("log_history") if isinstance(state, dict) else None
    if not isinstance(logged, list) or not all(isinstance(row, dict) for row in logged):
        raise StudyError(f"{path}: no log_history: not a trainer_state.json")
    table = frame(logged, path)
    if table.empty or "step" not in table:
        raise StudyError(f"{path}: its log_history is empty: the trainer logged nothing")
    return noted(table, [])


def _checkpoint_number(path: Path) -> int:
    """Number in the name of the checkpoint's folder; a state outside of any is the last."""
    number = re.search(r"checkpoint-(\d+)", str(path.parent))
    return int(number[1]) if number else 1 << 60


def read_tensorboard(path: Path) -> "pandas.DataFrame":
    """All scalars of a TensorBoard folder and of those below it, as one run; or one scalar's points
    as its page gives them (CSV or JSON), called ``Value``.
    """
    import pandas

    if path.is_file():
        return _downloaded(path)
    try:
        from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
        from tensorboard.util.tensor_util import make_ndarray
    except ImportError:
        raise StudyError("reading TensorBoard folders needs the package tensorboard") from None
    folders = sorted({file.parent for file in path.rglob("*tfevents*")}) if path.is_dir() else []
    if not folders:
        raise StudyError(f"{path}: no TensorBoard event files (*tfevents*) in this folder")
    parts = []
    for folder in folders:
        events = EventAccumulator(str(folder), size_guidance={"scalars": 0, "tensors": 0})
        events.Reload()
        for tag in events.Tags()["scalars"]:
            logged = [(e.wall_time, e.step, e.value) for e in events.Scalars(tag)]
            parts.append(pandas.DataFrame(logged, columns=["time", "step", tag]))
        for tag in events.Tags()["tensors"]:  # how TensorFlow 2 and tensorboard.summary write them
            if events.SummaryMetadata(tag).plugin_data.plugin_name == "scalars":
                logged = [
                    (e.wall_time, e.step, make_ndarray(e.tensor_proto).item())
                    for e in events.Tensors(tag)
                ]
                parts.append(pandas.DataFrame(logged, columns=["time", "step", tag]))
    if not parts:
        raise StudyError(f"{path}: its event files hold no scalars (cut short, or of another kind)")
    check_cells(path, sum(map(len, parts)), len(parts))
    table = pandas.concat(parts, ignore_index=True).sort_values("time", kind="stable")
    return noted(table.drop(columns="time").reset_index(drop=True), [])


def _downloaded(path: Path) -> "pandas.DataFrame":
    """Points of a scalar that TensorBoard's page offers, of which it keeps 1,000 at most."""
    import pandas

    names = ["Wall time", "Step", "Value"]
    if kind_of(path) == ".json":
        points = read_json(path)
        whole = isinstance(points, list) and all(
            isinstance(point, list) and len(point) == len(names) for point in points
        )
        table = pandas.DataFrame(points, columns=names) if whole else pandas.DataFrame()
    else:
        table = separated(read_text(path), path)
    if [str(name) for name in table.columns] != names:
        raise StudyError(f"{path}: neither a folder of TensorBoard's nor a scalar's points of it")
    table = table.rename(columns={"Step": "step"})
    return noted(table, [*notes_of(table), *thinned(table["step"])])
