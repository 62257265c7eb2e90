"""The `rlscale` command: fit curves made anywhere, in the small analysis environment."""

from pathlib import Path
from typing import Annotated

import typer

from rlscale.errors import StudyError, sentence_not_traceback

app = typer.Typer(add_completion=False, no_args_is_help=True, help=__doc__)


@app.callback()
def _several_commands() -> None:
    """Fit scaling laws of RL post-training to curves."""


def _selection(pairs: list[str]) -> dict:
    chosen = {}
    for pair in pairs:
        column, equals, values = pair.partition("=")
        if not equals:
            raise StudyError(f"--select {pair}: the form is column=value or column=value,value")
        chosen[column] = [_number(value) for value in values.split(",")]
    return chosen


def _number(text: str) -> float | str:
    try:
        return float(text)
    except ValueError:
        return text


@app.command()
def fit(
    curves: Annotated[Path, typer.Argument(help="curves.csv; docs/ingest.md makes one")],
    law: Annotated[str, typer.Option(help="a law of docs/law.md")] = "saturating",
    x: Annotated[str, typer.Option(help="data, compute, compute_full, steps or tokens")] = "data",
    metric: Annotated[str, typer.Option(help="loss, response_length or a benchmark")] = "loss",
    benchmark: Annotated[str, typer.Option(help="the held-out benchmark")] = "held_out",
    size: Annotated[str, typer.Option(help="column of the swept size")] = "n_params",
    weighting: Annotated[str, typer.Option(help="equal, variance or steps")] = "variance",
    select: Annotated[list[str] | None, typer.Option(help="rows to fit: column=value")] = None,
    outcomes: Annotated[Path | None, typer.Option(help="outcomes.parquet")] = None,
    output: Annotated[Path | None, typer.Option(help="write the whole result (JSON)")] = None,
) -> None:
    """Fit one law to a curves table; print parameters with intervals and a verdict."""
    import pandas

    from rlscale.manifests import write_json
    from rlscale.results import fit_curves, rounded
    from rlscale.tables import read_curves

    settings = {
        "benchmark": benchmark,
        "size": size,
        "weighting": weighting,
        "select": _selection(select or []),
    }
    document = rounded(
        fit_curves(
            read_curves(curves),
            law=law,
            x=x,
            metric=metric,
            settings=settings,
            outcomes=pandas.read_parquet(outcomes) if outcomes else None,
        )
    )
    if output:
        write_json(output, document)
    typer.echo(f"{document['equation']}   ({metric} against {x}, N = {size})")
    typer.echo(document["uncertainty"]["label"])
    for group in document["groups"]:
        typer.echo(f"\n{group['family']} {group['variant']}: {group['verdict']}")
        for entry in group["sizes"]:
            typer.echo(_size_line(entry, group["scope"]))


def _size_line(entry: dict, scope: str) -> str:
    ends = entry["k"]["intervals"].get(scope, {"low": None})
    interval = "" if ends["low"] is None else f" [{ends['low']:.4f}, {ends['high']:.4f}]"
    law = "" if entry["k_law"] is None else f"   law {entry['k_law']:.4f}"
    return (
        f"  {entry['model']:20} N = {entry['n']:<10.4g} k = {entry['k']['estimate']:.4f}{interval}"
        f"{law}   rmse {entry['rmse']:.4f} ({entry['n_points']} points, {entry['n_runs']} runs)"
    )


@sentence_not_traceback
def main() -> None:
    """Entry point of the command."""
    app(standalone_mode=True)
