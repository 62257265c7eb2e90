"""`rlscale reuse curves.csv`: are data that are used again worth less than fresh ones, how much.

Every form of effective data is fitted jointly to all tau of a model, with the curves' own shape
shared, and compared with reuse that costs nothing (docs/law.md).
"""

import argparse
from pathlib import Path

from rlscale.cli.fit import add_select_argument, selected
from rlscale.core.errors import StudyError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("curves", type=Path, help="curves.csv; docs/ingest.md tells how to make it")
    parser.add_argument(
        "--layout", default="per_epoch",
        help="how problems were repeated: per_epoch, or interleaved (tau times in a row)",
    )  # fmt: skip
    parser.add_argument("--metric", default="loss", help="loss, pass_at_10, ... or a benchmark")
    parser.add_argument("--benchmark", default="held_out", help="the held-out benchmark")
    parser.add_argument("--weighting", default="variance", help="equal, runs, variance or steps")
    parser.add_argument("--level", type=float, default=0.9, help="coverage of the intervals (0.9)")
    parser.add_argument("--table", type=Path, help="write the numbers (.csv)")
    add_select_argument(parser)


def run(arguments: argparse.Namespace) -> None:
    """Fit the forms, and print a verdict and a line per form."""
    from rlscale.answers.reuse import reuse_laws, verdict
    from rlscale.core.files import write_text
    from rlscale.core.tables import read_measured_curves
    from rlscale.laws.spec import Settings

    if not 0 < arguments.level < 1:
        raise StudyError(f"--level {arguments.level:g}: a coverage lies between 0 and 1")
    if arguments.table and arguments.table.suffix != ".csv":
        raise StudyError(f"{arguments.table}: a table of reuse ends in .csv")
    curves, _ = read_measured_curves(arguments.curves)
    settings = Settings(
        benchmark=arguments.benchmark,
        level=arguments.level,
        weighting=arguments.weighting,
        select=selected(arguments, curves),
    )
    found = reuse_laws(curves, settings, arguments.layout, arguments.metric)
    if arguments.table:
        write_text(arguments.table, found.to_csv(index=False, float_format="%.10g"))
    keys = ["family", "model", "recipe", "variant", "group_size"]
    for _, own in found.groupby(keys, sort=False, dropna=False):
        first = own.iloc[0]
        print(
            f"{first['model']} {first['variant']}, tau {first['tau']} ({first['runs']} runs, "
            f"{first['layout']}): {verdict(own)}"
        )
        for row in own.to_dict("records"):
            value = "" if not row["parameter"] else (
                f"{row['parameter']} = {row['estimate']:.4g} [{row['low']:.4g}, {row['high']:.4g}],"
                f" p = {row['p_none']:.2g} against none, "
            )  # fmt: skip
            forecast = "" if row["left_out"] != row["left_out"] else (
                f", a tau left out forecast to {row['left_out']:.4f} in ln L"
            )  # fmt: skip
            print(
                f"  {row['form']:6} {row['equation']}: {value}misfit {row['misfit']:.1f} on "
                f"{row['freedom']}, AIC +{row['aic']:.1f}{forecast}"
            )
