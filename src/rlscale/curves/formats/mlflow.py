"""MLflow's local stores: the folder ``mlruns``, or the SQLite file ``mlflow.db``.

Read as they lie there, without the package. Parameters of a run are called ``params/<name>``.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from rlscale.core.errors import StudyError
from rlscale.core.labels import shown
from rlscale.core.swelling import check_cells
from rlscale.core.yaml_files import load
from rlscale.curves.formats.sqlite import opened, rows_of
from rlscale.curves.texts import distinct_names, read_text, several

if TYPE_CHECKING:
    import pandas

_TABLES = {
    "runs": ("run_uuid", "name", "lifecycle_stage"),
    "metrics": ("run_uuid", "key", "value", "timestamp", "step"),
    "params": ("run_uuid", "key", "value"),
    "tags": ("run_uuid", "key", "value"),
}


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
    return several({names[run.identity]: _rows(run, path) for run in alive}, path, notes)


def _rows(run: _Run, path: Path) -> "pandas.DataFrame":
    """A row per logged value, in the order of time, each metric in a column of its own."""
    check_cells(path, len(run.metrics), run.metrics["key"].nunique() + len(run.params))
    logged = run.metrics.sort_values(["timestamp", "step"], kind="stable").reset_index(drop=True)
    table = logged.pivot(columns="key", values="value")
    fixed = {f"params/{name}": value for name, value in run.params.items()}
    return table.assign(step=logged["step"], **fixed)


def _of_file(path: Path) -> Iterator[_Run]:
    with opened(path, "MLflow", "runs") as store:
        runs, metrics, params, tags = (
            rows_of(store, name, path, needed) for name, needed in _TABLES.items()
        )
    if "is_nan" in metrics:
        metrics["value"] = metrics["value"].mask(metrics["is_nan"].astype(bool))
    names = tags[tags["key"] == "mlflow.runName"]
    named = dict(zip(names["run_uuid"], names["value"], strict=True))
    logged, given = dict(list(metrics.groupby("run_uuid"))), dict(list(params.groupby("run_uuid")))
    for run in runs.to_dict("records"):
        identity = run["run_uuid"]
        own = given.get(identity, params.head(0))
        yield _Run(
            str(identity),
            str(named.get(identity, run["name"])),
            str(run["lifecycle_stage"]) == "deleted",
            logged.get(identity, metrics.head(0)),
            dict(zip(own["key"], own["value"], strict=True)),
        )


def _of_folder(path: Path) -> Iterator[_Run]:
    found = sorted(file for file in path.rglob("meta.yaml") if (file.parent / "metrics").is_dir())
    for file in found:
        meta = load(_own(file))
        if not isinstance(meta, dict):
            raise StudyError(f"{file}: is no section of keys, as MLflow writes it")
        folder = file.parent
        params = {
            str(own.relative_to(folder / "params")): read_text(_own(own)).strip()
            for own in sorted((folder / "params").rglob("*"))
            if not own.is_dir()
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
    return read_text(_own(file)).strip() if file.exists() else ""


def _own(file: Path) -> Path:
    """A file of the store itself; a link may lead to what is nobody's metric.

    Raises:
        StudyError: It is a link.
    """
    if file.is_symlink():
        raise StudyError(f"{file}: is a link; MLflow writes none. Put the file itself there")
    return file


def _metrics_of_folder(folder: Path) -> "pandas.DataFrame":
    """Files of lines 'timestamp value step', called as the metric."""
    import pandas

    rows = []
    for file in sorted(file for file in folder.rglob("*") if not file.is_dir()):
        key = file.relative_to(folder).as_posix()
        for number, line in enumerate(read_text(_own(file)).splitlines(), 1):
            try:
                time, value, step = line.split()[:3]
                rows.append((key, int(step), float(value), int(time)))
            except ValueError:
                raise StudyError(
                    f"{file}: line {number}: {shown(line)} is not MLflow's 'time value step'"
                ) from None
    return pandas.DataFrame(rows, columns=["key", "step", "value", "timestamp"])
