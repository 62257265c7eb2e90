"""`rlscale reuse curves.csv`: are data that are used again worth less than fresh ones, how much.

Every form of effective data is fitted jointly to all tau of a model, with the curves' own shape
shared, and compared with reuse that costs nothing (docs/law.md).
"""

import argparse

from rlscale.cli.compared import (
    add_curves_argument,
    add_shared_arguments,
    curves_and_settings,
    write_table,
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    add_curves_argument(parser)
    parser.add_argument(
        "--layout", default="per_epoch",
        help="how problems were repeated: per_epoch, or interleaved (tau times in a row)",
    )  # fmt: skip
    parser.add_argument("--weighting", default="variance", help="equal, runs, variance or steps")
    add_shared_arguments(parser)


def run(arguments: argparse.Namespace) -> None:
    """Fit the forms, and print a verdict and a line per form."""
    from rlscale.answers.reuse import reuse_laws, verdict

    curves, settings = curves_and_settings(arguments, weighting=arguments.weighting)
    found = reuse_laws(curves, settings, arguments.layout, arguments.metric)
    write_table(arguments, found)
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
