"""`rlscale joint-law curves.csv`: do variants or families share K_max, N0, or both.

Groups are the (family, variant) of one curves table, or of several.
"""

import argparse
from pathlib import Path

from rlscale.cli.fit import add_select_argument, selected


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("curves", type=Path, nargs="+", help="curves.csv, one or several")
    parser.add_argument("--x", default="data", help="data, compute, compute_full, steps or tokens")
    parser.add_argument("--metric", default="loss", help="loss, pass_at_10, ... or a benchmark")
    parser.add_argument("--benchmark", default="held_out", help="the held-out benchmark")
    parser.add_argument("--size", default="n_params", help="column of the swept size N")
    parser.add_argument("--weighting", default="variance", help="equal, runs, variance or steps")
    add_select_argument(parser)


def run(arguments: argparse.Namespace) -> None:
    """Fit every sharing; print its test and the parameters of each group."""
    from rlscale.answers.joint import joint_laws
    from rlscale.core.tables import read_measured_curves
    from rlscale.laws.spec import FitSpec, Settings

    tables = {str(path): read_measured_curves(path)[0] for path in arguments.curves}
    settings = Settings(
        benchmark=arguments.benchmark,
        size=arguments.size,
        weighting=arguments.weighting,
        select=selected(arguments, next(iter(tables.values()))),
    )
    spec = FitSpec(x=arguments.x, metric=arguments.metric, settings=settings)
    found = joint_laws(tables, spec)
    if found["scope"].iloc[0] == "block":
        print("One run of each size: nothing is known of other runs.")
    for sharing, own in found.groupby("sharing", sort=False):
        first = own.iloc[0]
        test = "" if first["p"] != first["p"] else f", p = {first['p']:.2g} if it holds"
        print(
            f"shared: {sharing}: misfit {first['misfit']:.1f} on {first['freedom']}{test}, "
            f"AIC +{first['aic']:.1f}"
        )
        for row in own.to_dict("records"):
            print(f"  {row['group']}: K_max = {row['K_max']:.4g}, N0 = {row['N0']:.4g}")
