"""A benchmark's problems, written for all cells that are asked them."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rlscale.core.manifests import Provenance, write_manifest
from rlscale.evaluation.benchmarks import BENCHMARKS
from rlscale.evaluation.local_files import table_rows

SOLVED = ("question", "answer")
"""Columns of a file of solved examples (key ``examples``)."""
_EXAMPLES = 16  # kept of it


def make_benchmark(
    name: str, settings: Mapping[str, Any], *, problems: Path, manifest: Path
) -> None:
    """Write a benchmark's problem table and its manifest.

    Args:
        name: Its name in the configuration.
        settings: ``module`` and, of its entry there, the keys in ``LOADING``.
        problems: Where the table goes.
        manifest: Where the manifest goes.
    """
    benchmark = BENCHMARKS.get(settings["module"])
    sources = {"source": "path", "examples": "examples"}
    provenance = Provenance(
        __name__,
        {**settings, "version": benchmark.version},
        {name: Path(settings[key]) for name, key in sources.items() if key in settings},
        used=[BENCHMARKS.module(settings["module"])],
        seed=settings.get("seed"),
    )
    table = benchmark.load(settings)
    facts: dict[str, Any] = {"examples": _solved(settings)} if "examples" in settings else {}
    problems.parent.mkdir(parents=True, exist_ok=True)
    table.to_parquet(problems, index=False)
    write_manifest(
        manifest,
        provenance,
        kind="benchmark",
        name=name,
        files=[problems],
        rows=len(table),
        **facts,
    )


def _solved(settings: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Questions and answers at the beginning of the file of solved examples."""
    rows = table_rows({"path": settings["examples"]}, settings["module"], SOLVED)[:_EXAMPLES]
    return [(str(row["question"]), str(row["answer"])) for row in rows]
