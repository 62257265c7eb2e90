"""Curve readers: what trainers and trackers leave behind, as a table with a row per logged step.

Other packages add theirs: a function from a path to a DataFrame (docs/ingest.md). Light to import.
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from rlscale.core.errors import StudyError
from rlscale.core.registry import Registry

if TYPE_CHECKING:
    import pandas

CURVE_READERS: Registry[Callable[[Path], "pandas.DataFrame"]] = Registry(
    "format",
    "rlscale.curve_readers",
    {name: f"{__name__}:read_{name}" for name in ("table", "verl", "wandb", "trl", "tensorboard")},
)


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
