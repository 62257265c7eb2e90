"""What `rlscale compare-settings` and `rlscale reuse` share: curves, level, and a table."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rlscale.cli.fit import add_select_argument, selected
from rlscale.core.errors import StudyError

if TYPE_CHECKING:
    import pandas

    from rlscale.laws.spec import Settings


def add_curves_argument(parser: argparse.ArgumentParser) -> None:
    """Declare the curves."""
    parser.add_argument("curves", type=Path, help="curves.csv; docs/ingest.md tells how to make it")


def add_shared_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what to compare, how sure, and where the numbers go."""
    parser.add_argument("--metric", default="loss", help="loss, pass_at_10, ... or a benchmark")
    parser.add_argument("--benchmark", default="held_out", help="the held-out benchmark")
    parser.add_argument("--level", type=float, default=0.9, help="coverage of the intervals (0.9)")
    parser.add_argument("--table", type=Path, help="write the numbers (.csv)")
    add_select_argument(parser)


def curves_and_settings(
    arguments: argparse.Namespace, **more: Any
) -> "tuple[pandas.DataFrame, Settings]":
    """The curves, and the settings of a fit that the arguments and ``more`` give.

    Raises:
        StudyError: The level is no coverage, the table no CSV, or the curves are none.
    """
    from rlscale.core.tables import read_measured_curves
    from rlscale.laws.spec import Settings

    if not 0 < arguments.level < 1:
        raise StudyError(f"--level {arguments.level:g}: a coverage lies between 0 and 1")
    if arguments.table and arguments.table.suffix != ".csv":
        raise StudyError(f"--table {arguments.table}: its name ends in .csv")
    curves, _ = read_measured_curves(arguments.curves)
    select = selected(arguments, curves)
    own = Settings(benchmark=arguments.benchmark, level=arguments.level, select=select, **more)
    return curves, own


def write_table(arguments: argparse.Namespace, found: "pandas.DataFrame") -> None:
    """Write the numbers, where a table is asked for."""
    from rlscale.core.files import write_text

    if arguments.table:
        write_text(arguments.table, found.to_csv(index=False, float_format="%.10g"))
