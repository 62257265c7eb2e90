"""Fit one law to every group of a study's curves."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from rlscale.core.digests import digest
from rlscale.core.errors import StudyError
from rlscale.core.tables import k_of
from rlscale.laws.arrays import Array
from rlscale.laws.documents import Fits, empty_result, group_result
from rlscale.laws.fitting import fit_points
from rlscale.laws.groups import (
    Group,
    build_groups,
    check_counts,
    mean_curves,
    metric_rows,
    select_rows,
)
from rlscale.laws.law import Fit, Law
from rlscale.laws.pass_at_k import pass_at_k
from rlscale.laws.points import Points, points_of
from rlscale.laws.protocols import check_protocols, check_scoring
from rlscale.laws.results import Cells, FitResult, StudyFit, Uncertainty
from rlscale.laws.spec import FitSpec
from rlscale.laws.straight import FreeSlopes
from rlscale.laws.uncertainty import (
    SCOPES,
    Replicates,
    block_replicates,
    crossed_replicates,
)

if TYPE_CHECKING:
    import pandas


@dataclass(frozen=True)
class Sources:
    """What a study knows of its cells beside the curves.

    Attributes:
        outcomes: outcomes.parquet, for intervals over redrawn problems.
        protocols: protocols.csv, to name settings that differ between cells.
        expected: Cells that the study names; those without rows are named as missing.
    """

    outcomes: "pandas.DataFrame | None" = None
    protocols: "pandas.DataFrame | None" = None
    expected: Sequence[str] = ()


def fit_study(table: "pandas.DataFrame", spec: FitSpec, sources: Sources = Sources()) -> StudyFit:
    """Fit one law to every (family, variant) of a curves table.

    Args:
        table: Curves (``rlscale.core.tables.read_curves``) of one study; rows whose ``status`` is
            not ``ok`` are left out and their cells named.
        spec: What to fit, and how.
        sources: What the study knows beside.

    Raises:
        StudyError: The curves cannot be fitted as asked; the message says why and what to do.
    """
    settings = spec.settings
    rows = select_rows(table, settings.select)
    rows, column, benchmark = metric_rows(rows, spec.metric, settings.benchmark)
    studies = sorted(rows["study"].unique())
    if len(studies) > 1:
        raise StudyError(
            f"curves of several studies in one fit ({', '.join(studies)}): choose with "
            "fit.select.study"
        )
    check_counts(rows, column, spec.weighting)
    check_scoring(rows)
    digests = check_protocols(rows, sources.protocols, settings.allow_differences)
    groups = build_groups(rows, x=spec.x, column=column, size=settings.size)
    outcomes = sources.outcomes if column == "loss" or k_of(column) else None

    def shares(group: Group) -> Array | None:
        if outcomes is None:
            return None
        return outcome_shares(group, outcomes, benchmark, k_of(column) or 1)

    found = [fit_group(group, spec, shares(group)) for group in groups]
    widest = min((made for _, made in found), key=lambda made: (*SCOPES, "none").index(made.scope))
    return StudyFit(
        kind="fit",
        study=studies[0],
        law=spec.law,
        equation=spec.rule.equation,
        x=spec.x,
        metric=spec.metric,
        benchmark=benchmark,
        size=settings.size,
        scope=widest.scope,
        uncertainty=Uncertainty(
            widest.method, widest.label(settings.level), settings.bootstrap.replicates,
            settings.bootstrap.seed, widest.freedom,
        ),
        level=settings.level,
        settings=settings,
        selection=settings.select,
        protocol_digests=tuple(digests),
        problems=None if outcomes is None else _problems(outcomes, benchmark),
        cells=_cells(table, groups, sources.expected),
        groups=tuple(result for result, _ in found),
    )  # fmt: skip


def _cells(table: "pandas.DataFrame", groups: Sequence[Group], expected: Sequence[str]) -> Cells:
    """What became of the study's cells."""
    return Cells(
        used=tuple(sorted(cell for group in groups for cell in group.cells)),
        missing=tuple(sorted(set(expected) - set(table["cell"]))),
        diverged=tuple(sorted(table.loc[table["status"] != "ok", "cell"].unique())),
    )


def _problems(outcomes: "pandas.DataFrame", benchmark: str) -> str:
    """Digest of a benchmark's problems."""
    own = outcomes.loc[outcomes["benchmark"].eq(benchmark), "problem_id"]
    return digest(sorted(map(str, own.unique())))


def outcome_shares(group: Group, outcomes: "pandas.DataFrame", benchmark: str, k: int = 1) -> Array:
    """pass@k per problem (P, C, T), NaN where a cell was not measured.

    Raises:
        StudyError: A measured point lacks the outcome of a problem that others have.
    """
    rows = outcomes[
        outcomes["benchmark"].eq(benchmark)
        & outcomes["cell"].isin(group.cells)
        & outcomes["step"].isin(group.steps)
    ]
    rows = rows[rows["n"] >= k]
    rows = rows.assign(share=pass_at_k(rows["n_correct"].tolist(), rows["n"].tolist(), k))
    wide = rows.pivot(index="problem_id", columns=["cell", "step"], values="share")
    shares = np.full((len(wide), *group.value.shape), np.nan)
    for c, cell in enumerate(group.cells):
        for t, step in enumerate(group.steps):
            if not np.isfinite(group.value[c, t]):
                continue
            if (cell, step) not in wide.columns or wide[cell, step].isna().any():
                raise StudyError(
                    f"outcomes: cell {cell}, step {step:g} lacks problems of benchmark "
                    f"'{benchmark}' that other points have; evaluate it again, or fit without"
                )
            shares[:, c, t] = wide[cell, step]
    return shares


def fit_group(
    group: Group, spec: FitSpec, shares: Array | None = None
) -> tuple[FitResult, Replicates]:
    """Fit a law to one group, with replicates. Returns its result, and them."""
    none = Replicates({}, dict.fromkeys(SCOPES, "no_replicates"), None)
    law, robust = spec.rule, spec.settings.robust
    points = points_of(group, spec.weighting)
    found = trouble(group, law)
    if found:
        return empty_result(group, spec, *found), none
    fit = fit_points(law, points, robust)
    replicates = _replicates(group, points, fit, spec, shares)
    fits = {}
    for scope, deviations in replicates.deviations.items():
        both = replace(points, y=np.concatenate([points.y, points.y + deviations]))
        fits[scope] = fit_points(law, both, robust, fit)
    return group_result(group, Fits(spec, fit, fits, replicates)), replicates


def _replicates(
    group: Group, points: Points, fit: Fit, spec: FitSpec, shares: Array | None
) -> Replicates:
    bootstrap = spec.settings.bootstrap
    crossed = crossed_replicates(group, points, shares, bootstrap.replicates, bootstrap.seed)
    if crossed.deviations:
        return crossed
    base = fit if fit.law.curved else fit_points(FreeSlopes(), points)
    per_size = -(-base.n_parameters() // len(group.models))
    return block_replicates(points, base.predict(points.u)[0], per_size, bootstrap)


def trouble(group: Group, law: Law) -> tuple[str, str] | None:
    """Status and reason why a group cannot be fitted, or None."""
    runs = group.runs
    zero = (mean_curves(group) == 0) & (runs > 0)
    if zero.any():
        m, t = np.argwhere(zero)[0]
        return "zero_loss", (
            f"{group.models[m]} at step {group.steps[t]:g} has a mean of exactly 0 "
            f"({zero.sum()} points): log L is undefined; give n_problems or n_samples, or select "
            "earlier steps"
        )
    u = group.per_size(np.log(group.x))
    for m, name in enumerate(group.models):
        found = len(np.unique(u[m, runs[m] > 0]))
        if found < law.least_points:
            return "too_few_points", (
                f"{name} has {found} distinct x; {law.name} needs at least {law.least_points} per "
                "size"
            )
    if len(group.models) < law.least_sizes:
        return "too_few_sizes", (
            f"{len(group.models)} size(s); {law.name} needs at least {law.least_sizes}"
        )
    return None


def rounded(value: Any) -> Any:
    """A document with floats at 10 significant digits, so that equal fits give equal bytes."""
    if isinstance(value, float):
        return float(f"{value:.10g}")
    if isinstance(value, Mapping):
        return {key: rounded(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [rounded(item) for item in value]
    return value
