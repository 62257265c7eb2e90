"""`make cluster-status`: how the cells of a study stand, and why those that failed did."""

import csv
import re
from pathlib import Path

from rlscale.jobs import attempts
from rlscale.jobs.schedulers import QueuedJob
from rlscale.study import cluster, layout, runs
from rlscale.study.layout import CellFiles

_STEPS = {
    "train_cell": "Train",
    "evaluate_cell": "Evaluate",
    "make_curve": "Join scores and ledger of",
}
_LAST_LINES = 8


def show() -> None:
    """Print done, running, waiting and failed cells, last log lines of failures, and GPU-hours."""
    messages = "|".join(_STEPS.values())
    outstanding = set(re.findall(rf"(?:{messages}) (\S+)$", runs.dry_run(), re.MULTILINE))
    present = {
        str(path.parent.relative_to(layout.CELL_FOLDERS))
        for path in layout.CELL_FOLDERS.glob("**/curve.csv")
    }
    queue = cluster.jobs(Path.cwd())
    stands: dict[str, list[str]] = {"done": sorted(present - outstanding)}
    for cell in sorted(outstanding):
        stands.setdefault(_stand(cell, queue), []).append(cell)
    for stand, cells in stands.items():
        print(f"{stand}: {len(cells)}")
        if stand != "done":
            print("".join(f"  {cell}\n" for cell in cells), end="")
    for cell in stands.get("failed", []):
        log = CellFiles.of(cell).log
        print(f"{log}: {attempts.history(_record(cell))[-1].get('end', 'killed without a word')}")
        if log.exists():
            print(
                "".join(
                    f"    {line}\n"
                    for line in log.read_text(encoding="utf-8").splitlines()[-_LAST_LINES:]
                )
            )
    print(_spent())


def _stand(cell: str, queue: list[QueuedJob]) -> str:
    name = cell.replace("/", "_")
    states = {job.state for job in queue if job.step.replace("/", "_").endswith(f"_{name}")}
    if states:
        return "running" if "RUNNING" in states else "waiting in the queue"
    ends = [entry.get("end", "killed") for entry in attempts.history(_record(cell))]
    return "failed" if ends and ends[-1] != "ok" else "not started"


def _record(cell: str) -> Path:
    return CellFiles.of(cell).attempts


def _spent() -> str:
    """GPU-hours of training so far, beside what results/plan.csv planned for the study."""
    records = layout.ATTEMPTS.glob("**/*.jsonl")
    entries = [entry for record in records for entry in attempts.history(record)]
    ended = [entry for entry in entries if "ended" in entry]
    hours = sum((entry["ended"] - entry["started"]) * entry["gpus"] / 3600 for entry in ended)
    said = f"GPU-hours of training: {hours:.1f}"
    if len(ended) < len(entries):
        said += f" and what {len(entries) - len(ended)} attempts took that run or were killed"
    if not layout.PLAN.exists():
        return f"{said} (planned: see `snakemake -c1 results/plan.md`)"
    with layout.PLAN.open(encoding="utf-8") as table:
        rows = [row for row in csv.DictReader(table) if float(row["gpus"])]
    planned = sum(float(row["gpu_hours"]) for row in rows)
    return f"{said}, of {planned:,.1f} planned with evaluation ({layout.PLAN})"
