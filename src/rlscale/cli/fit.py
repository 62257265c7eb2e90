"""`rlscale fit curves.csv`: fit curves made anywhere, in the small analysis environment."""

import argparse
import io
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING

from rlscale.core.errors import StudyError

if TYPE_CHECKING:
    import pandas

    from rlscale.laws.quantities import Quantity
    from rlscale.laws.results import SizeResult, StudyFit
    from rlscale.laws.spec import FitSpec

_MEANINGS = {
    "n_params": "n_params, parameters without embeddings",
    "n_params_total": "n_params_total, parameters with embeddings",
    "n_params_nominal": "n_params_nominal, the number in the model's name",
}


@dataclass(frozen=True)
class Fitted:
    """A fit and the curves that it is of, and what was left out or looks wrong."""

    curves: "pandas.DataFrame"
    result: "StudyFit"
    said: list[str]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    add_fit_arguments(parser)
    parser.add_argument("--output", type=Path, help="write the whole result (JSON)")
    parser.add_argument("--table", type=Path, help="write the numbers (.csv, .md or .tex)")
    parser.add_argument("--report", type=Path, help="write a page of all this (.html)")
    parser.add_argument(
        "--figure", type=Path, help="draw points and law (.pdf, .svg or .png); as CSV beside it"
    )


def add_fit_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what to fit, and how."""
    parser.add_argument("curves", type=Path, help="curves.csv; docs/ingest.md tells how to make it")
    parser.add_argument("--law", default="saturating", help="a law of docs/law.md")
    parser.add_argument("--x", default="data", help="data, compute, compute_full, steps or tokens")
    parser.add_argument(
        "--metric",
        default="loss",
        help="loss, response_length, pass_at_10 (1 - pass@10), ... or a benchmark",
    )
    parser.add_argument("--benchmark", default="held_out", help="the held-out benchmark")
    parser.add_argument("--size", default="n_params", help="column of the swept size N")
    parser.add_argument("--weighting", default="variance", help="equal, runs, variance or steps")
    add_select_argument(parser)
    parser.add_argument("--outcomes", type=Path, help="outcomes.parquet, to redraw problems")


def add_select_argument(parser: argparse.ArgumentParser) -> None:
    """Declare which rows to take."""
    parser.add_argument(
        "--select", nargs="*", default=[], metavar="COLUMN=VALUE[,VALUE]|LOW..HIGH",
        help="rows to take: model=7b,14b step=10..100",
    )  # fmt: skip


def selected(
    arguments: argparse.Namespace, curves: "pandas.DataFrame"
) -> dict[str, list[float | str]]:
    """Column -> values of the rows that ``--select`` names."""
    return dict(_selection(pair, curves) for pair in arguments.select)


def run(arguments: argparse.Namespace) -> int:
    """Fit and print parameters with intervals, a verdict and a line per size.

    Returns:
        Exit status: 1 where no group could be fitted.
    """
    from rlscale.answers.fit_table import unit, write_table
    from rlscale.core.files import write_json
    from rlscale.laws.registry import law_named
    from rlscale.laws.study import rounded

    fitted = fit(arguments)
    found = fitted.result
    if arguments.output:
        curves = os.path.relpath(arguments.curves, arguments.output.parent)
        write_json(arguments.output, {**rounded(found.to_json()), "curves": curves})
    if arguments.table:
        write_table(found, arguments.table)
    if arguments.figure:
        _write_figure(fitted, arguments.figure)
    if arguments.report:
        _write_report(fitted, arguments.report)
    print(f"{found.equation}   ({arguments.metric} against {arguments.x})")
    print(found.uncertainty.label)
    start = (fitted.curves["step"] == 0).any()
    untold = "; step 0 is left out, as its x is 0 and log x has no value there" if start else ""
    print(f"N is {_MEANINGS.get(found.size, found.size)}{untold}")
    for group in found.groups:
        print(f"\n{group.family} {group.variant}: {group.verdict}")
        for name, quantity in group.parameters.items():
            ends, units = _interval(quantity, group.scope, ".4g"), unit(found, name)
            print(f"  {name} = {quantity.estimate:.4g}{ends}{units and f' ({units})'}")
        for size in group.sizes:
            print(_size_line(size, group.scope))
            if not law_named(arguments.law).straight:
                print(_parameter_line(size, group.scope))
    return 0 if any(group.sizes for group in found.groups) else 1


def fit(arguments: argparse.Namespace) -> Fitted:
    """Fit as the arguments say; what is left out or looks wrong is printed."""
    return fit_curves(arguments.curves, *asked(arguments), arguments.outcomes)


def asked(arguments: argparse.Namespace) -> "tuple[tuple[pandas.DataFrame, int], FitSpec]":
    """The curves, how many rows have no loss, and the fit that the arguments ask for."""
    from rlscale.core.tables import read_measured_curves
    from rlscale.laws.spec import FitSpec, Settings

    measured = read_measured_curves(arguments.curves)
    settings = Settings(
        benchmark=arguments.benchmark,
        size=arguments.size,
        weighting=arguments.weighting,
        select=selected(arguments, measured[0]),
    )
    return measured, FitSpec(arguments.law, arguments.x, arguments.metric, settings)


def fit_curves(
    path: Path,
    measured: "tuple[pandas.DataFrame, int]",
    spec: "FitSpec",
    outcomes: Path | None = None,
) -> Fitted:
    """Fit what ``read_measured_curves`` gave; what is left out or looks wrong is printed."""
    from rlscale.curves.trends import trends
    from rlscale.data.tables import read_parquet
    from rlscale.laws.protocols import read_differences
    from rlscale.laws.study import Sources, fit_study
    from rlscale.study.layout import PROTOCOLS

    curves, empty = measured
    drawn = read_parquet(outcomes) if outcomes else None
    beside = path.parent / PROTOCOLS.name
    protocols = read_differences(beside) if beside.exists() else None
    left_out = [f"{path}: {empty} rows without a loss are left out"] if empty else []
    warnings = [f"warning: {path}: {warning}" for warning in trends(curves)]
    print(*left_out, sep="\n", end="\n" if left_out else "")
    print(*warnings, sep="\n", end="\n" if warnings else "", file=sys.stderr)
    result = fit_study(curves, spec, Sources(drawn, protocols))
    return Fitted(curves, result, left_out + warnings)


def _write_figure(fitted: Fitted, path: Path) -> None:
    """Draw the fitted curves over their points, and write what is drawn beside the figure."""
    from rlscale.core.files import new_file, write_text

    if path.suffix not in (".pdf", ".svg", ".png"):
        raise StudyError(f"{path}: a figure ends in .pdf, .svg or .png")
    path.parent.mkdir(parents=True, exist_ok=True)
    with new_file(path) as handle:
        table = _draw(fitted, handle, path.suffix[1:])
    write_text(path.with_suffix(".csv"), table.to_csv(index=False, float_format="%.10g"))


def _write_report(fitted: Fitted, path: Path) -> None:
    from rlscale.core.files import write_text
    from rlscale.report.fit_page import fit_html

    if path.suffix != ".html":
        raise StudyError(f"{path}: a report ends in .html")
    picture = io.BytesIO()
    _draw(fitted, picture, "svg")
    svg = picture.getvalue().decode()
    write_text(path, fit_html(fitted.result, svg[svg.index("<svg") :], fitted.said))


def _draw(fitted: Fitted, target: IO[bytes], kind: str) -> "pandas.DataFrame":
    """Draw points and law; returns what is drawn."""
    from rlscale.laws.study import rounded
    from rlscale.report.figures.curves import fitted_curves
    from rlscale.report.figures.inputs import Inputs
    from rlscale.report.figures.style import style

    result = fitted.result
    name = f"{result.law}-{result.x}-{result.metric}"
    settings = {"palette": "viridis", "compute": "compute"}
    inputs = Inputs(fitted.curves, {name: rounded(result.to_json())}, settings=settings)
    with style():
        figure, table, _ = fitted_curves(inputs, result.law, result.x, result.metric)
        figure.savefig(target, format=kind)
    return table


def _selection(pair: str, curves: "pandas.DataFrame") -> tuple[str, list[float | str]]:
    column, equals, values = pair.partition("=")
    if not equals:
        raise StudyError(f"--select {pair}: the form is column=value, =value,value or =low..high")
    low, dots, high = values.partition("..")
    if dots:
        ends = _value("", low or "-inf"), _value("", high or "inf")
        if column not in curves.columns or any(isinstance(end, str) for end in ends):
            raise StudyError(f"--select {pair}: a range is of numbers, of a column of curves.csv")
        known = curves[column]
        return column, sorted(known[known.between(*ends)].unique().tolist())
    return column, [_value(column, text) for text in values.split(",")]


def _value(column: str, text: str) -> float | str:
    from rlscale.core.tables import TEXT_COLUMNS

    if column in TEXT_COLUMNS:
        return text  # a model may be called 7
    try:
        return float(text)
    except ValueError:
        return text


def _size_line(size: "SizeResult", scope: str) -> str:
    interval = _interval(size.k, scope, ".4f")
    law = "" if size.k_law is None else f"   law {size.k_law:.4f}"
    return (
        f"  {size.model:20} N = {size.n:<10.4g} k = {size.k.estimate:.4f}{interval}"
        f"{law}   rmse {size.rmse:.4f} ({size.n_points} points, {size.n_runs} runs)"
    )


def _parameter_line(size: "SizeResult", scope: str) -> str:
    """The law's own parameters of a size."""
    found = [
        f"{name} = {quantity.estimate:.4g}{_interval(quantity, scope, '.4g')}"
        for name, quantity in size.parameters.items()
    ]
    return " " * 23 + "   ".join(found)


def _interval(quantity: "Quantity", scope: str, form: str) -> str:
    ends = quantity.intervals.get(scope)
    if ends is None or ends.status != "ok":
        return ""
    low, high = ("open" if end is None else format(end, form) for end in (ends.low, ends.high))
    return f" [{low}, {high}]"
