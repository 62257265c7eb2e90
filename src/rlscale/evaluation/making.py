"""A benchmark's problems, written for all cells that are asked them."""

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rlscale.core.manifests import write_manifest
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
    started = time.time()
    benchmark = BENCHMARKS.get(settings["module"])
    table = benchmark.load(settings)
    sources = {key: Path(settings[key]) for key in ("path", "examples") if key in settings}
    facts: dict[str, Any] = {"examples": _solved(settings)} if "examples" in settings else {}
    problems.parent.mkdir(parents=True, exist_ok=True)
    table.to_parquet(problems, index=False)
    write_manifest(
        manifest,
        kind="benchmark",
        name=name,
        settings={**settings, "version": benchmark.version},
        inputs={"source" if key == "path" else key: path for key, path in sources.items()},
        files=[problems],
        seed=settings.get("seed"),
        started=started,
        code=__name__,
        used=[BENCHMARKS.module(settings["module"])],
        rows=len(table),
        **facts,
    )


def _solved(settings: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Questions and answers at the beginning of the file of solved examples."""
    rows = table_rows({"path": settings["examples"]}, settings["module"], SOLVED)[:_EXAMPLES]
    return [(str(row["question"]), str(row["answer"])) for row in rows]
