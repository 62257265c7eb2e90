"""Curve readers: what trainers and trackers leave behind, as a table with a row per logged step.

A reader is a function from a path to a DataFrame. Its rows stand in the order in which they were
logged. Of several runs in a file, ``attrs["several"]`` is true and the column ``run`` has their
names; what was guessed or left out stands in ``attrs["notes"]``. Other packages add theirs
(docs/ingest.md). Light to import.
"""

import json
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rlscale.core.errors import StudyError
from rlscale.core.registry import Registry
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
    },
)

_CONSOLE = re.compile(r"(?:^|\s)step:(\d+) - (.*)")
_PAIR = re.compile(
    r"(.+):(?:[a-z_][\w.]*\()?([-+]?(?:(?:\d[\d.]*|\.\d+)(?:e[-+]?\d+)?|nan|inf))(?:[,)\s].*)?"
    r"|(.+):(.*)",
    re.I,
)
_COPIES = ("__MIN", "__MAX")


def read_table(path: Path) -> "pandas.DataFrame":
    """CSV (separated by comma, semicolon or tab), JSON Lines, a JSON list of rows, Parquet."""
    kind = kind_of(path)
    if kind == ".parquet":
        return read_parquet(path)
    text = read_text(path)
    lines = kind in (".jsonl", ".ndjson") or (kind != ".json" and text.lstrip().startswith("{"))
    if lines or (kind == ".json" and _begins_with_object(text)):
        rows, notes = json_lines(text, path)
        return noted(frame(rows), notes)
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
        return frame(document)
    if isinstance(document, dict):
        within = [key for key, value in document.items() if value and _are_rows(value)]
        if len(within) == 1:
            return noted(frame(document[within[0]]), [f"rows are those under '{within[0]}'"])
        if within and len(within) == len(document):
            return several({key: frame(document[key]) for key in within}, ["a run a key"])
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
    import pandas

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
    return noted(pandas.DataFrame(rows), notes)


def _read_console(path: Path, whole: bool) -> "pandas.DataFrame":
    """verl's console logger: step:5 - name:0.2 - name:np.float64(0.3)."""
    import pandas

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
    return noted(pandas.DataFrame(rows), notes)


def _lacks_values(rows: list[dict[str, Any]]) -> bool:
    """Whether the last row has a part of the values of an earlier one, and of none all."""
    last, earlier = rows[-1].keys(), [row.keys() for row in rows[:-1]]
    return any(last < names for names in earlier) and last not in earlier


def read_wandb(path: Path) -> "pandas.DataFrame":
    """W&B: a run's history (CSV, JSON Lines or Parquet), the CSV of a panel of one or more runs, a
    folder of runs as they lie on disk, or one of its .wandb files.

    A panel's columns are "<run> - <metric>", "<run> - <metric>__MIN" and "...__MAX".
    """
    if path.is_dir() or path.suffix == ".wandb":
        from rlscale.curves.formats.wandb_folder import read_wandb_folder

        table = read_wandb_folder(path)
        return _with_step(table, path, notes_of(table), folder=True)
    table = read_table(path)
    panel = [name for name in table.columns if " - " in str(name)]
    if panel:
        return _panel(table, panel, path)
    return _with_step(table, path, notes_of(table))


def _with_step(
    table: "pandas.DataFrame", path: Path, notes: list[str], folder: bool = False
) -> "pandas.DataFrame":
    steps = [
        name for name in ("train/global_step", "_step", "Step", "step") if name in table.columns
    ]
    if not steps:
        axis = table.columns[0] if len(table.columns) else "nothing"
        raise StudyError(
            f"{path}: neither Step nor _step; its first column is '{axis}': not a W&B export, a "
            "panel over time, or a table of runs (their last values); set a panel's x axis to Step "
            "and export that"
        )
    if len(steps) > 1:
        notes.append(f"steps are those of '{steps[0]}', not of '{steps[1]}'")
    if not folder:
        notes += thinned(table[steps[0]])
    return noted(table.assign(step=table[steps[0]]), notes)


def _panel(table: "pandas.DataFrame", panel: list[str], path: Path) -> "pandas.DataFrame":
    """One table per run, below each other; the runs' names in a column."""
    notes = notes_of(table)
    for name in panel:
        low, high = (f"{name}{suffix}" for suffix in _COPIES)
        if low in table.columns and (table[low] != table[high]).where(table[low].notna()).any():
            notes.append(f"'{name}' was down-sampled by W&B: __MIN and __MAX differ")
    values = [name for name in panel if not name.endswith(_COPIES)]
    shared = [name for name in table.columns if name not in panel]
    runs: dict[str, dict[str, str]] = {}
    for name in values:
        run, _, metric = name.rpartition(" - ")
        runs.setdefault(run, {})[name] = metric
    parts = {
        run: _with_step(
            table[[*shared, *names]].dropna(how="all", subset=list(names)).rename(columns=names),
            path,
            notes,
        )
        for run, names in runs.items()
    }
    return several(parts, list(dict.fromkeys(notes)))


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
    return next(iter(runs.values())) if len(runs) == 1 else several(dict(sorted(runs.items())))


def _log_history(path: Path) -> "pandas.DataFrame":
    import pandas

    state = read_json(path)
    logged = state.get("log_history") if isinstance(state, dict) else None
    if not isinstance(logged, list) or not all(isinstance(row, dict) for row in logged):
        raise StudyError(f"{path}: no log_history: not a trainer_state.json")
    table = pandas.DataFrame(logged)
    if table.empty or "step" not in table:
        raise StudyError(f"{path}: its log_history is empty: the trainer logged nothing")
    return noted(table, [])


def _checkpoint_number(path: Path) -> int:
    """Number in the name of the checkpoint's folder; a state outside of any is the last."""
    number = re.search(r"checkpoint-(\d+)", str(path.parent))
    return int(number[1]) if number else 1 << 60


def read_tensorboard(path: Path) -> "pandas.DataFrame":
    """All scalars of a TensorBoard folder and of those below it, as one run."""
    import pandas

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
    table = pandas.concat(parts, ignore_index=True).sort_values("time", kind="stable")
    return noted(table.drop(columns="time").reset_index(drop=True), [])
