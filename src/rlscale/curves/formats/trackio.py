"""trackio's local store: ``<project>.db`` (SQLite), by default in the Hugging Face cache."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rlscale.core.errors import StudyError
from rlscale.core.labels import shown
from rlscale.curves.formats.sqlite import opened, rows_of
from rlscale.curves.texts import distinct_names, frame, several

if TYPE_CHECKING:
    import pandas


def read_trackio(path: Path) -> "pandas.DataFrame":
    """All runs of a project; a run's configuration is called ``config/<key>``."""
    with opened(path, "trackio", "metrics") as store:
        logged = rows_of(store, "metrics", path, ("run_name", "step", "metrics"))
        configured = rows_of(store, "configs", path, ("config",))
    key = "run_id" if "run_id" in logged else "run_name"  # stores of before 2026 have names alone
    names, notes = distinct_names(dict(zip(logged[key], logged["run_name"], strict=True)))
    configs = dict(zip(configured.get(key, ()), configured.get("config", ()), strict=True))
    runs = {}
    for identity, own in logged.groupby(key, sort=False):
        values = frame([_object(text, path) for text in own["metrics"]], path)
        settings = _object(configs.get(identity, "{}"), path)
        fixed = {f"config/{name}": value for name, value in settings.items() if _plain(value)}
        runs[names[str(identity)]] = values.assign(step=own["step"].to_numpy(), **fixed)
    return several(runs, path, notes)


def _object(text: object, path: Path) -> dict[str, Any]:
    try:
        found = json.loads(text) if isinstance(text, str | bytes) else None
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise StudyError(
            f"{path}: holds {shown(text)} where trackio writes a JSON object; is the file damaged?"
        )
    return found


def _plain(value: object) -> bool:
    return isinstance(value, str | int | float)
