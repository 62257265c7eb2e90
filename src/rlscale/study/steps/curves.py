"""Steps from evaluated cells, or files made elsewhere, to the study's tables."""

from collections.abc import Mapping
from typing import Any

from rlscale.core.tables import write_curves
from rlscale.curves import assemble, ingest
from rlscale.curves.intake import intake_page
from rlscale.study import grid, inputs, layout, settings
from rlscale.study.layout import CellFiles

Config = Mapping[str, Any]


def make_curve(config: Config, cell: str) -> None:
    """Join one cell's scores with its ledger."""
    own = settings.curve(config, grid.find(grid.expand(config), cell))
    files = CellFiles.of(cell)
    assemble.make_curve(
        own["study"],
        own["protocol_digest"],
        own["pass_at"],
        train=files.train,
        evaluation=files.evaluation,
        curve=files.curve,
        costs=files.costs,
    )


def collect_curves(config: Config) -> None:
    """Put the tables of all cells together."""
    cells = [cell.path for cell in inputs.collected(config)]
    assemble.collect(
        {cell: CellFiles.of(cell).curve.parent for cell in cells},
        curves=layout.CURVES,
        outcomes=layout.OUTCOMES,
        ledger=layout.LEDGER,
    )


def collect_timings(config: Config) -> None:
    """Put what all cells took together."""
    cells = [cell.path for cell in inputs.collected(config)]
    assemble.join({cell: CellFiles.of(cell).timings for cell in cells}, layout.TIMINGS)


def ingest_curves(config: Config) -> None:
    """Read curves that were made elsewhere."""
    intake = ingest.read_runs(config["ingest"], config["study"])
    write_curves(intake.table, layout.CURVES)
    print(intake_page(intake, config["ingest"]))
