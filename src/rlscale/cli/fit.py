"""`rlscale fit curves.csv`: fit curves made anywhere, in the small analysis environment."""

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rlscale.core.errors import StudyError


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
    from rlscale.laws.results import fit_curves, rounded

    settings = {
        "benchmark": arguments.benchmark,
        "size": arguments.size,
        "weighting": arguments.weighting,
        "select": dict(_selection(pair) for pair in arguments.select),
    }
    outcomes = pandas.read_parquet(arguments.outcomes) if arguments.outcomes else None
    document = rounded(
        fit_curves(
            read_curves(arguments.curves),
            law=arguments.law,
            x=arguments.x,
            metric=arguments.metric,
            settings=settings,
            outcomes=outcomes,
        )
    )
    if arguments.output:
        write_json(arguments.output, document)
    print(f"{document['equation']}   ({arguments.metric} against {arguments.x})")
    print(document["uncertainty"]["label"])
    for group in document["groups"]:
        print(f"\n{group['family']} {group['variant']}: {group['verdict']}")
        for entry in group["sizes"]:
            print(_size_line(entry, group["scope"]))


def _selection(pair: str) -> tuple[str, list]:
    column, equals, values = pair.partition("=")
    if not equals:
        raise StudyError(f"--select {pair}: the form is column=value or column=value,value")
    return column, [_value(text) for text in values.split(",")]


def _value(text: str) -> float | str:
    try:
        return float(text)
    except ValueError:
        return text


def _size_line(entry: Mapping[str, Any], scope: str) -> str:
    ends = entry["k"]["intervals"].get(scope, {"low": None})
    interval = "" if ends["low"] is None else f" [{ends['low']:.4f}, {ends['high']:.4f}]"
    law = "" if entry["k_law"] is None else f"   law {entry['k_law']:.4f}"
    return (
        f"  {entry['model']:20} N = {entry['n']:<10.4g} k = {entry['k']['estimate']:.4f}{interval}"
        f"{law}   rmse {entry['rmse']:.4f} ({entry['n_points']} points, {entry['n_runs']} runs)"
    )
