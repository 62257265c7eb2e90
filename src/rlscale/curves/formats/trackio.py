"""trackio's local store: ``<project>.db`` (SQLite), by default in the Hugging Face cache."""

import json
from pathlib import Path
from typing import TYPE_CHECKING

from rlscale.curves.formats.sqlite import opened, rows_of
from rlscale.curves.texts import distinct_names, several

if TYPE_CHECKING:
    import pandas


def read_trackio(path: Path) -> "pandas.DataFrame":
    """All runs of a project; a run's configuration is called ``config/<key>``."""
    import pandas

    with opened(path, "trackio", "metrics") as store:
        logged = rows_of(store, "metrics", path)
        configured = rows_of(store, "configs", path)
    key = "run_id" if "run_id" in logged else "run_name"  # stores of before 2026 have names alone
    names, notes = distinct_names(dict(zip(logged[key], logged["run_name"], strict=True)))
    configs = dict(zip(configured.get(key, ()), configured.get("config", ()), strict=True))
    runs = {}
    for identity, own in logged.groupby(key, sort=False):
        values = pandas.DataFrame([json.loads(text) for text in own["metrics"]])
        settings = json.loads(configs.get(identity, "{}"))
        fixed = {f"config/{name}": value for name, value in settings.items() if _plain(value)}
        runs[names[str(identity)]] = values.assign(step=own["step"].to_numpy(), **fixed)
    return several(runs, notes)


def _plain(value: object) -> bool:
    return isinstance(value, str | int | float)
