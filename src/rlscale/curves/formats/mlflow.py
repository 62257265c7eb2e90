"""MLflow's local stores: the folder ``mlruns``, or the SQLite file ``mlflow.db``.

Read as they lie there, without the package. Parameters of a run are called ``params/<name>``.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from rlscale.core.errors import StudyError
from rlscale.curves.formats.sqlite import opened, rows_of
from rlscale.curves.texts import distinct_names, several

if TYPE_CHECKING:
    import pandas


@dataclass(frozen=True)
class _Run:
    """One run of a store.

    Attributes:
        identity: MLflow's.
        name: Its user's.
        deleted: Whether it was deleted.
        metrics: Columns key, step, value, timestamp; a row per logged value.
        params: What it was run with.
    """

    identity: str
    name: str
    deleted: bool
    metrics: "pandas.DataFrame"
    params: Mapping[str, str]


def read_mlflow(path: Path) -> "pandas.DataFrame":
    """All runs of a store that were not deleted."""

    found = list(_of_folder(path) if path.is_dir() else _of_file(path))
    alive = [run for run in found if not run.deleted and len(run.metrics)]
    if not alive:
        raise StudyError(f"{path}: no runs with metrics in this MLflow store")
    names, notes = distinct_names({run.identity: run.name for run in alive})
    if len(found) > len(alive):
        notes.append(f"{len(found) - len(alive)} runs are deleted or hold no metrics: left out")
    return several({names[run.identity]: _rows(run) for run in alive}, notes)


def _rows(run: _Run) -> "pandas.DataFrame":
    """A row per logged value, in the order of time, each metric in a column of its own."""
    logged = run.metrics.sort_values(["timestamp", "step"], kind="stable").reset_index(drop=True)
    table = logged.pivot(columns="key", values="value")
    fixed = {f"params/{name}": value for name, value in run.params.items()}
    return table.assign(step=logged["step"], **fixed)


def _of_file(path: Path) -> Iterator[_Run]:
    with opened(path, "MLflow", "runs") as store:
        runs, metrics, params, tags = (
            rows_of(store, name, path) for name in ("runs", "metrics", "params", "tags")
        )
    if "is_nan" in metrics:
        metrics["value"] = metrics["value"].mask(metrics["is_nan"].astype(bool))
    named = tags[tags["key"] == "mlflow.runName"].set_index("run_uuid")["value"]
    for run in runs.itertuples():
        own = params[params["run_uuid"] == run.run_uuid]
        yield _Run(
            str(run.run_uuid),
            str(named.get(run.run_uuid, run.name)),
            str(run.lifecycle_stage) == "deleted",
            metrics[metrics["run_uuid"] == run.run_uuid],
            dict(zip(own["key"], own["value"], strict=True)),
        )


def _of_folder(path: Path) -> Iterator[_Run]:
    import yaml

    found = sorted(file for file in path.rglob("meta.yaml") if (file.parent / "metrics").is_dir())
    for file in found:
        meta = yaml.safe_load(file.read_text(encoding="utf-8"))
        folder = file.parent
        params = {
            str(own.relative_to(folder / "params")): own.read_text(encoding="utf-8").strip()
            for own in sorted((folder / "params").rglob("*"))
            if own.is_file()
        }
        yield _Run(
            folder.name,
            str(meta.get("run_name") or _tag(folder, "mlflow.runName") or folder.name),
            meta.get("lifecycle_stage") == "deleted" or ".trash" in folder.parts,
            _metrics_of_folder(folder / "metrics"),
            params,
        )


def _tag(folder: Path, name: str) -> str:
    file = folder / "tags" / name
    return file.read_text(encoding="utf-8").strip() if file.is_file() else ""


def _metrics_of_folder(folder: Path) -> "pandas.DataFrame":
    """Files of lines 'timestamp value step', called as the metric."""
    import pandas

    rows = []
    for file in sorted(file for file in folder.rglob("*") if file.is_file()):
        key = file.relative_to(folder).as_posix()
        for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), 1):
            try:
                time, value, step = line.split()[:3]
                rows.append((key, int(step), float(value), int(time)))
            except ValueError:
                raise StudyError(
                    f"{file}: line {number}: '{line}' is not MLflow's 'time value step'"
                ) from None
    return pandas.DataFrame(rows, columns=["key", "step", "value", "timestamp"])
