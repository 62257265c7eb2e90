"""From curves.csv to the curves of a group: selection, cells x steps arrays, spread of runs."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from rlscale.core.errors import StudyError
from rlscale.core.tables import k_of, pass_columns
from rlscale.laws.arrays import Array, Bools, Indices
from rlscale.laws.one_setting import SETTINGS, mixed, size_label

if TYPE_CHECKING:
    import pandas

X_COLUMNS = {
    "compute": "compute_flops",
    "compute_full": "compute_flops_full",
    "data": "data_samples",
    "steps": "step",
    "tokens": "tokens",
}
# What a fit takes grows with the cube of the sizes and, a thousand times over for its intervals,
# with sizes times steps.
_MOST_SIZES, _MOST_POINTS, _MOST_VALUES = 200, 100_000, 10_000_000
SIZES = ("n_params", "n_params_total", "n_params_nominal", "tau", "group_size")


@dataclass(frozen=True)
class Group:
    """The curves of one (family, variant): C cells of M sizes at T steps, NaN where not measured.

    Attributes:
        family, variant: Names of the group.
        models: Names of the sizes, ascending in N (M).
        n: The sizes N (M).
        cells: Cell paths (C).
        size_of: Index of each cell's size (C).
        steps: Steps on which any cell was measured, ascending, without 0 (T).
        x: Abscissa (C, T).
        value: The metric, positive or zero (C, T).
        variance: Sampling variance of log value, NaN where unknown (C, T).
        draws: Answers behind a value that is a share, NaN where unknown (C, T).
    """

    family: str
    variant: str
    models: tuple[str, ...]
    n: Array
    cells: tuple[str, ...]
    size_of: Indices
    steps: Array
    x: Array
    value: Array
    variance: Array
    draws: Array

    def per_size(self, array: Array) -> Array:
        """Mean over the cells of each size (M, T), NaN where no cell was measured."""
        known = np.isfinite(array)
        count = self.members @ known
        total = self.members @ np.where(known, array, 0.0)
        return np.divide(total, count, out=np.full(total.shape, np.nan), where=count > 0)

    def part(
        self, cells: Bools | slice = slice(None), steps: Bools | slice = slice(None)
    ) -> "Group":
        """The curves of some cells at some steps."""
        sizes = np.unique(self.size_of[cells])
        return replace(
            self,
            models=tuple(self.models[m] for m in sizes),
            n=self.n[sizes],
            cells=tuple(np.array(self.cells)[cells]),
            size_of=np.searchsorted(sizes, self.size_of[cells]).astype(np.int64),
            steps=self.steps[steps],
            x=self.x[cells][:, steps],
            value=self.value[cells][:, steps],
            variance=self.variance[cells][:, steps],
            draws=self.draws[cells][:, steps],
        )

    @property
    def members(self) -> Array:
        """Which cells belong to which size (M, C), 0 or 1."""
        return (np.arange(len(self.models))[:, None] == self.size_of).astype(float)

    @property
    def runs(self) -> Array:
        """Cells measured per size and step (M, T)."""
        return self.members @ np.isfinite(self.value)


def select_rows(table: "pandas.DataFrame", select: Mapping[str, Any]) -> "pandas.DataFrame":
    """Keep the rows whose columns have one of the selected values.

    Raises:
        StudyError: A column is unknown, or nothing is left.
    """
    rows = table
    for column, wanted in select.items():
        if column not in table.columns:
            raise StudyError(f"fit.select: '{column}' is not a column of the curves table")
        values = wanted if isinstance(wanted, list | tuple) else [wanted]
        kept = rows[rows[column].isin(values)]
        if kept.empty:
            found = ", ".join(map(str, sorted(rows[column].dropna().unique()))) or "nothing"
            raise StudyError(
                f"fit.select: no row has {column} in {values}; the curves hold {found}"
            )
        rows = kept
    return rows


def metric_rows(
    table: "pandas.DataFrame", metric: str, benchmark: str
) -> tuple["pandas.DataFrame", str, str]:
    """Rows, column and benchmark of a metric; cells that diverged or were refused are left out.

    Args:
        table: Curves.
        metric: ``loss`` or ``response_length`` of ``benchmark``, ``pass_at_<k>`` for 1 - pass@k on
            it, or another benchmark's name for the loss on it.
        benchmark: The held-out benchmark.

    Returns:
        Rows of the benchmark, the column that holds the metric, the benchmark's name.
    """
    column = metric if metric in ("loss", "response_length") or k_of(metric) else "loss"
    if column not in table:
        known = ", ".join(pass_columns(table.columns)) or "none"
        raise StudyError(
            f"metric '{metric}': the curves have no such column (of pass@k: {known}); "
            "evaluation.pass_at names k, and every problem needs k samples"
        )
    name = benchmark if column == metric else metric
    rows = table[(table["benchmark"] == name) & (table["status"] == "ok")]
    if rows.empty and (table["benchmark"] == name).any():
        raise StudyError(f"benchmark '{name}': every selected cell diverged or was refused")
    if rows.empty:
        found = ", ".join(sorted(table["benchmark"].unique()))
        raise StudyError(f"metric '{metric}': no rows of benchmark '{name}'; there are {found}")
    if rows[column].isna().all():
        raise StudyError(f"metric '{metric}': column {column} is empty for benchmark '{name}'")
    return (rows.assign(**{column: 1 - rows[column]}) if k_of(metric) else rows), column, name


def build_groups(rows: "pandas.DataFrame", *, x: str, column: str, size: str) -> list[Group]:
    """Arrange curve rows as one Group per (family, variant).

    Step 0 is left out: there, x = 0. Rows without the metric are left out as not measured.

    Args:
        rows: Curve rows of one benchmark.
        x: Key of ``X_COLUMNS``.
        column: Column of the metric.
        size: Column that holds N.

    Raises:
        StudyError: N or x is missing, a size has two values of N, or an axis that is not swept
            still has several values, or there are more sizes or steps than a fit can take.
    """
    rows = _trained(rows, column, (X_COLUMNS[x], size))
    label = size_label(size)
    groups = []
    for (family, variant), part in rows.groupby(["family", "variant"], sort=True):
        values = {name: part[name].dropna().unique() for name in SETTINGS}
        if said := mixed(str(variant), values, size):
            raise StudyError(said)
        groups.append(_build_group(part, str(family), str(variant), x, column, size, label))
    return groups


def run_curves(rows: "pandas.DataFrame", *, x: str, column: str) -> Group:
    """The curves of single runs: as ``build_groups``, with every cell a size of its own.

    Raises:
        StudyError: x is missing, or there are more cells or steps than a fit can take.
    """
    rows = _trained(rows, column, (X_COLUMNS[x],))
    rows = rows.assign(place=rows.groupby("cell").ngroup() + 1.0)
    return _build_group(rows, "", "single runs", x, column, "place", "cell")


def _trained(rows: "pandas.DataFrame", column: str, needed: tuple[str, ...]) -> "pandas.DataFrame":
    """Rows after step 0 that have the metric, in order.

    Raises:
        StudyError: One of the columns that are needed is empty.
    """
    for name in needed:
        bad = rows[rows[name].isna() & (rows["step"] > 0)]
        if len(bad):
            raise StudyError(
                f"column {name} is empty for cell {bad['cell'].iloc[0]}, step "
                f"{bad['step'].iloc[0]:g} ({len(bad)} rows): fill it or choose another x or size "
                "(rlscale fit: --x, --size; a study: fit.x, fit.size)"
            )
    rows = rows[rows["step"].gt(0) & rows[column].notna()]
    return rows.assign(family=rows["family"].fillna("")).sort_values(["cell", "step"])


def _build_group(
    part: "pandas.DataFrame", family: str, variant: str, x: str, column: str, size: str, label: str
) -> Group:
    sizes, size_of = _sizes(part, size, label)
    cells, steps = list(size_of.index), np.sort(part["step"].unique())
    _check_extent(variant, label, len(sizes), len(cells), len(steps))

    def grid(name: str) -> Array:
        wide = part.pivot(index="cell", columns="step", values=name)
        return wide.reindex(index=cells, columns=steps).to_numpy(float)

    value = grid(column)
    if (value < 0).any():
        raise StudyError(f"{variant}: negative values of {column}")
    draws = np.where(np.isfinite(grid("n_samples")), grid("n_samples"), grid("n_problems"))
    if column != "loss":
        draws = np.full_like(value, np.nan)
    smooth = (value * draws + 0.5) / (draws + 1)
    order = {name: m for m, name in enumerate(sizes.index)}
    return Group(
        family=family,
        variant=variant,
        models=tuple(format(m, "g") if isinstance(m, float) else str(m) for m in sizes.index),
        n=sizes.to_numpy(float),
        cells=tuple(cells),
        size_of=np.array([order[name] for name in size_of]),
        steps=steps,
        x=grid(X_COLUMNS[x]),
        value=value,
        variance=(1 - smooth) / (smooth * draws),
        draws=draws,
    )


def _sizes(
    part: "pandas.DataFrame", size: str, label: str
) -> "tuple[pandas.Series[Any], pandas.Series[Any]]":
    """Size by name, ascending, and the name of each cell's size.

    Raises:
        StudyError: Rows disagree about a size, or about a cell's.
    """
    sizes = part.groupby(label)[size].agg(["min", "max"]).sort_values("min", kind="stable")
    unequal = sizes.index[sizes["min"] != sizes["max"]]
    if len(unequal):
        raise StudyError(f"{label} {unequal[0]}: rows disagree about its {size}")
    names = part.groupby("cell", sort=True)[label].agg(["first", "nunique"])
    unequal = names.index[names["nunique"] > 1]
    if len(unequal):
        raise StudyError(f"cell {unequal[0]}: rows disagree about its {label}")
    return sizes["min"], names["first"]


def _check_extent(variant: str, label: str, sizes: int, cells: int, steps: int) -> None:
    """Refuse what would take all of the memory, or hours, before it is laid out."""
    if sizes > _MOST_SIZES:
        raise StudyError(
            f"{variant}: {sizes} values of {label}, and a fit takes {_MOST_SIZES} at most; choose "
            f"some with fit.select.{label} (--select {label}=...)"
        )
    if sizes * steps > _MOST_POINTS or cells * steps > _MOST_VALUES:
        raise StudyError(
            f"{variant}: {cells} curves of {sizes} values of {label} were measured at {steps} "
            f"different steps, and a fit takes {_MOST_POINTS:,} values times steps at most; keep "
            "fewer steps, the same ones of all curves"
        )


def mean_curves(group: Group) -> Array:
    """Mean of each size's runs at every step (M, T), NaN where no run was measured.

    Where runs differ in which steps they have, a run's level would move the mean as it comes and
    goes. So value = factor of the run * curve of the size: both by turns, factors of mean 1. Where
    every run was measured, the curve is their plain mean. A mean share of exactly 0 or 1 becomes
    (c + 1/2) / (n + 1), where n is known.
    """
    mean = group.per_size(group.value)
    for m in range(len(group.models)):
        cells = group.size_of == m
        measured = group.runs[m] > 0
        known = np.isfinite(group.value[cells][:, measured])
        if not known.all():
            value = np.where(known, group.value[cells][:, measured], 0.0)
            mean[m, measured] = _two_way(value, known, mean[m, measured])
    draws = group.members @ np.where(np.isfinite(group.draws), group.draws, 0.0)
    edge = ((mean <= 0) | (mean >= 1)) & (draws > 0)
    return np.where(edge, (mean * draws + 0.5) / (draws + 1), mean)


def _two_way(value: Array, known: Bools, mean: Array) -> Array:
    """Curve of a size whose runs differ in their steps; ``value`` is 0 where not known."""
    factor = np.ones(len(value))
    for _ in range(200):
        total = (factor[:, None] * known).sum(0)
        curve = np.divide(value.sum(0), total, out=mean.copy(), where=total > 0)
        expected = (curve * known).sum(1)
        new = np.divide(value.sum(1), expected, out=np.ones(len(value)), where=expected > 0)
        new = new / new.mean()
        done = np.abs(new - factor).max() < 1e-12
        factor = new
        if done:
            break
    return curve


def run_variance(group: Group) -> tuple[float, int]:
    """Between-run variance of log value beyond sampling, pooled, and its degrees of freedom.

    Zero, with zero degrees of freedom, where no size has two runs.
    """
    deviation, freedom = relative_deviations(group)
    if freedom == 0:
        return 0.0, 0
    excess = deviation**2 - np.where(np.isfinite(group.variance), group.variance, 0.0)
    return max(0.0, float(np.nanmean(excess[np.isfinite(deviation)]))), freedom


def relative_deviations(group: Group) -> tuple[Array, int]:
    """Deviation of each run from its size's mean, relative to that mean (C, T).

    Rescaled by sqrt(r / (r - 1)), so that its variance is a run's; NaN for single runs. Also the
    degrees of freedom, sum of (r - 1).
    """
    mean = mean_curves(group)[group.size_of]
    runs = group.runs[group.size_of]
    with np.errstate(invalid="ignore", divide="ignore"):
        factor = np.where(runs > 1, np.sqrt(runs / (runs - 1)), np.nan)
        deviation = np.where(mean > 0, (group.value - mean) / mean, np.nan) * factor
    cells = np.bincount(group.size_of, minlength=len(group.models))
    return deviation, int((cells - 1).sum())


def check_counts(rows: "pandas.DataFrame", column: str, weighting: str) -> None:
    """Refuse to weight losses by a sampling variance that their rows do not tell.

    Raises:
        StudyError: A loss has neither n_samples nor n_problems.
    """
    if column != "loss" or weighting in ("equal", "runs"):
        return
    bad = rows[rows["n_samples"].isna() & rows["n_problems"].isna()]
    if len(bad):
        raise StudyError(
            f"fit.weighting: {weighting} needs n_samples or n_problems, which "
            f"{len(bad)} rows lack (cell {bad['cell'].iloc[0]}); use 'equal' or 'runs'"
        )
