"""What is asked of laws: the rest of a curve, a larger size, one benchmark from another."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import TYPE_CHECKING

from rlscale.answers.splits import Split
from rlscale.bank.source import Source, Sweep
from rlscale.laws.backtest import ORIGINS
from rlscale.laws.groups import select_rows
from rlscale.laws.spec import Bootstrap, Settings

if TYPE_CHECKING:
    import pandas

KINDS = REST, SIZE, BENCHMARK = "rest", "size", "benchmark"
PROBES = (0, 5)  # First points of the target that are seen.
_LEAST_SEEN = 4  # Sizes from which a larger one is forecast.
_REPLICATES = 50  # Two draws lie outside each end of a 90 % interval: more are not worth the time.


@dataclass(frozen=True)
class Task:
    """One question to all laws.

    Attributes:
        kind: ``rest`` of curves, a larger ``size``, a ``benchmark`` from another at that size.
        setting: Share of the curve, or points of the target, that are seen.
        table: All rows that it is about, with what is to be forecast.
        split: What is seen.
        settings: How curves are fitted.
        counted: Cells whose forecasts are scored; others stand in another sweep too.
    """

    kind: str
    setting: str
    table: "pandas.DataFrame"
    split: Split
    settings: Settings
    counted: frozenset[str] = frozenset()


def tasks_of(source: Source) -> Iterator[Task]:
    """The tasks of a source; a cell that stands in several sweeps counts in the first."""
    left = frozenset(source.counted["cell"])
    for sweep in source.card.sweeps:
        rows = select_rows(source.curves, sweep.select)
        for task in _of_sweep(source, sweep, rows):
            yield replace(task, counted=left)
        left -= set(rows["cell"])


def _of_sweep(source: Source, sweep: Sweep, rows: "pandas.DataFrame") -> Iterator[Task]:
    """The tasks of a sweep, by variant and benchmark."""
    for _, own in rows.groupby("variant", sort=True):
        for benchmark, table in own.groupby("benchmark", sort=True):
            settings = _settings(sweep, str(benchmark))
            yield from _rest(table, settings)
            if sweep.size.startswith("n_params"):
                yield from _sizes(table, settings)
                if benchmark != source.card.benchmark:
                    reference = own[own["benchmark"] == source.card.benchmark]
                    yield from _from_benchmark(table, reference, settings)


def _settings(sweep: Sweep, benchmark: str) -> Settings:
    return Settings(
        benchmark=benchmark,
        size=sweep.size,
        weighting="equal",
        bootstrap=Bootstrap(replicates=_REPLICATES),
    )


def _rest(table: "pandas.DataFrame", settings: Settings) -> Iterator[Task]:
    """What follows a share of the steps that were measured, which need not begin at step 1."""
    steps = table.loc[table["step"] > 0, "step"]
    for share in ORIGINS:
        cut = steps.min() + share * (steps.max() - steps.min())
        split = Split("intra", first_share=float(cut / steps.max()))
        yield Task(REST, str(Fraction(share).limit_denominator(9)), table, split, settings)


def _sizes(table: "pandas.DataFrame", settings: Settings) -> Iterator[Task]:
    """Every size that has enough smaller ones, from all of those."""
    sizes = sorted(table[settings.size].unique())
    for largest in sizes[_LEAST_SEEN:]:
        rows = table[table[settings.size] <= largest]
        yield from _probed(SIZE, rows, settings)


def _from_benchmark(
    table: "pandas.DataFrame", reference: "pandas.DataFrame", settings: Settings
) -> Iterator[Task]:
    """The largest size, where x is 1 / loss on the other benchmark: it grows as that is learnt."""
    if table[settings.size].nunique() <= _LEAST_SEEN:
        return
    known = reference.set_index(["cell", "step"])["loss"].rename("known")
    rows = table.join(known, on=["cell", "step"], how="inner")
    rows = rows[rows["known"] > 0]
    yield from _probed(BENCHMARK, rows.assign(data_samples=1 / rows["known"]), settings)


def _probed(kind: str, rows: "pandas.DataFrame", settings: Settings) -> Iterator[Task]:
    for probe in PROBES:
        yield Task(kind, str(probe), rows, Split("inter", probe=probe), settings)
