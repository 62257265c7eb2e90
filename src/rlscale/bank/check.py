"""What is wrong with a source of the bank: units, counts that fall, points that stand twice."""

import itertools
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np

from rlscale.bank.source import Source
from rlscale.core.errors import StudyError
from rlscale.core.tables import LEAST_SIZE
from rlscale.laws.groups import build_groups, select_rows

if TYPE_CHECKING:
    import pandas

_SIZES = ("n_params", "n_params_total", "n_params_nominal")
_GROWING = ("data_samples", "compute_flops", "compute_flops_full", "tokens")
_LEAST_POINTS = 4  # Of a curve, step 0 aside: fewer show no shape.
_SAME = 5  # Points in common by which two curves are known to be one.
_BYTES = 1_000_000  # Of a table in git.


def check_sources(sources: Sequence[Source]) -> None:
    """Refuse what no fit should read.

    Raises:
        StudyError: A line for each thing that is wrong.
    """
    found = [f"{own.name}: {said}" for own in sources for said in _findings(own)]
    found += list(_same_curves(sources))
    if found:
        raise StudyError("\n".join(found))


def _findings(source: Source) -> Iterator[str]:
    curves = source.curves
    other = curves.loc[curves["study"] != source.name, "study"].unique()
    if len(other):
        yield f"column study says '{other[0]}'; it must be the folder's name"
    if (size := len(curves.to_csv())) > _BYTES:
        yield f"curves.csv would take {size:,} bytes of git: keep fewer rows, or track it by DVC"
    yield from _unit_findings(curves)
    yield from _curve_findings(curves)
    yield from _card_findings(source)


def _unit_findings(curves: "pandas.DataFrame") -> Iterator[str]:
    for name in _SIZES:
        small = curves[curves[name] < LEAST_SIZE]
        if len(small):
            yield (
                f"{name} {small[name].iloc[0]:g} of {small['model'].iloc[0]}: sizes are numbers of "
                "parameters; write 7e9 for 7B"
            )
    trained = curves[curves["step"] > 0]
    few = trained[trained["data_samples"] < trained["step"]]
    if len(few):
        yield (
            f"{_where(few)}: data_samples {few['data_samples'].iloc[0]:g} after that many steps; "
            "count problems, not epochs or thousands"
        )
    n = trained[list(_SIZES)].min(axis=1)
    cheap = trained[trained["compute_flops"] < 6 * n * trained["data_samples"]]
    if len(cheap):
        yield (
            f"{_where(cheap)}: compute_flops {cheap['compute_flops'].iloc[0]:g} is less than 6 N "
            "for one token of each problem; write FLOPs, not PFLOPs or days"
        )
    odd = curves[(curves["loss"] + curves["pass_at_1"] - 1).abs() > 1e-6]
    if len(odd):
        yield f"{_where(odd)}: loss is not 1 - pass_at_1"


def _curve_findings(curves: "pandas.DataFrame") -> Iterator[str]:
    for (cell, benchmark), own in curves.groupby(["cell", "benchmark"], sort=True):
        own = own[own["step"] > 0].sort_values("step")
        if len(own) < _LEAST_POINTS:
            yield f"{cell}, {benchmark}: {len(own)} points after step 0; {_LEAST_POINTS} are needed"
        if own["data_samples"].isna().any():
            yield f"{cell}, {benchmark}: data_samples is empty"
        for name in _GROWING:
            falls = own[name].diff() <= 0
            if falls.any():
                step = own["step"][falls].iloc[0]
                yield f"{cell}, {benchmark}: {name} does not grow at step {step:g}"


def _card_findings(source: Source) -> Iterator[str]:
    card, curves = source.card, source.curves
    if not (curves["benchmark"] == card.benchmark).any():
        yield f"card.yaml: benchmark '{card.benchmark}' is not in curves.csv"
    for cell in sorted(set(card.repeats) - set(curves["cell"])):
        yield f"card.yaml: repeats names the cell '{cell}', which is not in curves.csv"
    covered: set[str] = set()
    for sweep in card.sweeps:
        try:
            rows = select_rows(curves, sweep.select)
            for _, own in rows.groupby("benchmark"):
                build_groups(own, x="data", column="loss", size=sweep.size)
        except StudyError as error:
            yield f"card.yaml: sweep of {sweep.size}: {error}"
            return
        covered |= set(rows["cell"])
    for cell in sorted(set(curves["cell"]) - covered):
        yield f"{cell}: stands in no sweep of card.yaml"


def _same_curves(sources: Sequence[Source]) -> Iterator[str]:
    """Pairs of curves that agree wherever both were measured."""
    rows = {
        (own.name, str(cell), str(benchmark)): curve.set_index("step")["loss"]
        for own in sources
        for (cell, benchmark), curve in own.counted.groupby(["cell", "benchmark"])
    }
    for one, two in itertools.combinations(rows, 2):
        if one[2] != two[2]:
            continue
        steps = rows[one].index.intersection(rows[two].index)
        first, second = rows[one][steps].to_numpy(), rows[two][steps].to_numpy()
        if len(steps) >= _SAME and np.ptp(first) > 0 and np.array_equal(first, second):
            yield (
                f"{one[0]}: {one[1]} is the curve of {two[0]}: {two[1]} on {one[2]}; remove one, "
                "or name its cell in `repeats` of the card"
            )


def _where(rows: "pandas.DataFrame") -> str:
    return f"{rows['cell'].iloc[0]}, step {rows['step'].iloc[0]:g}"
