"""`rlscale fit curves.csv`: fit curves made anywhere, in the small analysis environment."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from rlscale.core.errors import StudyError

if TYPE_CHECKING:
    from rlscale.laws.results import SizeResult


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("curves", type=Path, help="curves.csv; docs/ingest.md tells how to make it")
    parser.add_argument("--law", default="saturating", help="a law of docs/law.md")
    parser.add_argument("--x", default="data", help="data, compute, compute_full, steps or tokens")
    parser.add_argument("--metric", default="loss", help="loss, response_length or a benchmark")
    parser.add_argument("--benchmark", default="held_out", help="the held-out benchmark")
    parser.add_argument("--size", default="n_params", help="column of the swept size N")
    parser.add_argument("--weighting", default="variance", help="equal, variance or steps")
    parser.add_argument(
        "--select", nargs="*", default=[], metavar="COLUMN=VALUE[,VALUE]", help="rows to fit"
    )
    parser.add_argument("--outcomes", type=Path, help="outcomes.parquet, to redraw problems")
    parser.add_argument("--output", type=Path, help="write the whole result (JSON)")


def run(arguments: argparse.Namespace) -> None:
    """Fit and print parameters with intervals, a verdict and a line per size."""
    import pandas

    from rlscale.core.files import write_json
    from rlscale.core.tables import read_curves
    from rlscale.laws.spec import FitSpec, Settings
    from rlscale.laws.study import Sources, fit_study, rounded

    settings = Settings(
        benchmark=arguments.benchmark,
        size=arguments.size,
        weighting=arguments.weighting,
        select=dict(_selection(pair) for pair in arguments.select),
    )
    spec = FitSpec(arguments.law, arguments.x, arguments.metric, settings)
    outcomes = pandas.read_parquet(arguments.outcomes) if arguments.outcomes else None
    found = fit_study(read_curves(arguments.curves), spec, Sources(outcomes))
    if arguments.output:
        write_json(arguments.output, rounded(found.to_json()))
    print(f"{found.equation}   ({arguments.metric} against {arguments.x})")
    print(found.uncertainty.label)
    for group in found.groups:
        print(f"\n{group.family} {group.variant}: {group.verdict}")
        for size in group.sizes:
            print(_size_line(size, group.scope))


def _selection(pair: str) -> tuple[str, list[float | str]]:
    column, equals, values = pair.partition("=")
    if not equals:
        raise StudyError(f"--select {pair}: the form is column=value or column=value,value")
    return column, [_value(text) for text in values.split(",")]


def _value(text: str) -> float | str:
    try:
        return float(text)
    except ValueError:
        return text


def _size_line(size: "SizeResult", scope: str) -> str:
    ends = size.k.intervals.get(scope)
    known = ends is not None and ends.low is not None
    interval = f" [{ends.low:.4f}, {ends.high:.4f}]" if ends and known else ""
    law = "" if size.k_law is None else f"   law {size.k_law:.4f}"
    return (
        f"  {size.model:20} N = {size.n:<10.4g} k = {size.k.estimate:.4f}{interval}"
        f"{law}   rmse {size.rmse:.4f} ({size.n_points} points, {size.n_runs} runs)"
    )
