"""`rlscale compare-settings curves.csv --axis recipe`: which is better at equal compute, how sure.

At multiples of the largest budget that all settings of a size were measured at, with an interval
over runs; beyond what was measured it holds what several lines say (docs/law.md).
"""

import argparse
from collections.abc import Hashable, Mapping, Sequence
from typing import Any

from rlscale.cli.compared import (
    add_curves_argument,
    add_shared_arguments,
    curves_and_settings,
    write_table,
)

_SHARED = ("model", "recipe", "variant", "tau", "group_size")
_UNITS = {"compute": "FLOP", "compute_full": "FLOP", "data": "problems"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    add_curves_argument(parser)
    parser.add_argument("--axis", required=True, help="recipe, variant, tau or group_size")
    parser.add_argument("--against", help="the setting to compare with; else that of most runs")
    parser.add_argument(
        "--x", nargs="+", default=[],
        help="compute, data, ...; else compute and data, as far as the curves have them",
    )  # fmt: skip
    parser.add_argument(
        "--times", nargs="+", type=float, default=[1.0, 2.0, 10.0], metavar="NUMBER",
        help="multiples of the largest common budget",
    )  # fmt: skip
    add_shared_arguments(parser)


def run(arguments: argparse.Namespace) -> None:
    """Compare, and print a line per setting, quantity and budget."""
    import pandas

    from rlscale.answers.arms import known_x
    from rlscale.answers.equal_compute import compare_settings

    curves, settings = curves_and_settings(arguments)
    tables = [
        compare_settings(
            curves, arguments.axis, x=x, settings=settings, metric=arguments.metric,
            reference=arguments.against, multiples=arguments.times,
        )
        for x in arguments.x or known_x(curves)
    ]  # fmt: skip
    found = pandas.concat(tables, ignore_index=True)
    write_table(arguments, found)
    print(
        f"{arguments.level:.0%} intervals, each for itself; ln L: setting minus reference, below 0 "
        "the setting has the lower loss"
    )
    keys = ["family", *_SHARED, "x", "value", "reference"]
    for _, own in found.groupby(keys, sort=False, dropna=False):
        print("\n" + "\n".join(_lines(own.to_dict("records"))))


def _lines(rows: Sequence[Mapping[Hashable, Any]]) -> list[str]:
    """A setting against the reference: what is compared, then a line per quantity."""
    first = rows[0]
    shared = [
        str(first[name]) if isinstance(first[name], str) else f"{name} {first[name]:g}"
        for name in _SHARED
        if str(first[name])
    ]
    head = (
        f"{', '.join(shared)}: {first['axis']} {first['value']} ({first['runs_value']} runs) "
        f"against {first['reference']} ({first['runs_reference']})"
    )
    return [head, *(_line(row) for row in rows)]


def _line(row: Mapping[Hashable, Any]) -> str:
    ends = "" if row["low"] != row["low"] else f" [{row['low']:+.3f}, {row['high']:+.3f}]"
    at = ""
    if row["at"] == row["at"]:
        at = f" = {row['at']:.3g} {_UNITS.get(row['x'], row['x'])}"
    what = {
        "ln_loss": f"ln L at {row['multiple']:g} x the common {row['x']}{at}",
        "k": f"k, by {row['x']}",
        "end": f"loss at endless {row['x']}",
    }[row["quantity"]]
    values = f"{row['of_value']:.3f} against {row['of_reference']:.3f}"
    return f"  {what}: {row['difference']:+.3f}{ends}, {values}: {row['verdict']}"
