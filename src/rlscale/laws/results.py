"""The result of a fit as a document: workflow/schemas/fit.schema.yaml."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from rlscale.core.errors import StudyError
from rlscale.laws.documents import empty_entry, fit_entry
from rlscale.laws.equations import CURVE_LAWS, LAWS
from rlscale.laws.fitting import fit_law, points_of
from rlscale.laws.points import (
    X_COLUMNS,
    Group,
    build_groups,
    check_counts,
    metric_rows,
    select_rows,
)
from rlscale.laws.protocols import check_protocols
from rlscale.laws.uncertainty import (
    SCOPES,
    Replicates,
    block_replicates,
    crossed_replicates,
)

if TYPE_CHECKING:
    import pandas

DEFAULTS = {
    "select": {},
    "allow_differences": [],
    "benchmark": "held_out",
    "size": "n_params",
    "weighting": "variance",
    "robust": False,
    "level": 0.9,
    "bootstrap": {"replicates": 1000, "seed": 20261123, "block": 10},
}


def fit_curves(
    table: "pandas.DataFrame",
    *,
    law: str,
    x: str,
    metric: str,
    settings: Mapping[str, Any],
    outcomes: "pandas.DataFrame | None" = None,
    protocols: "pandas.DataFrame | None" = None,
    expected: Sequence[str] = (),
) -> dict:
    """Fit one law to every (family, variant) of a curves table.

    Args:
        table: Curves (``rlscale.core.tables.read_curves``) of one study; rows whose ``status`` is
            not ``ok`` are left out and their cells named.
        law: Key of ``rlscale.laws.equations.LAWS``.
        x: Key of ``rlscale.laws.points.X_COLUMNS``.
        metric: ``loss``, ``response_length`` or a benchmark's name.
        settings: The ``fit`` section of the configuration; ``DEFAULTS`` where it is silent.
        outcomes: outcomes.parquet, for intervals over redrawn problems.
        protocols: protocols.csv, to name settings that differ between cells.
        expected: Cells that the study names; those without rows are named as missing.

    Returns:
        A document after workflow/schemas/fit.schema.yaml.

    Raises:
        StudyError: The curves cannot be fitted as asked; the message says why and what to do.
    """
    settings = resolve(settings)
    _check_names(law, x)
    rows = select_rows(table, settings["select"])
    rows, column, benchmark = metric_rows(rows, metric, settings["benchmark"])
    studies = sorted(rows["study"].unique())
    if len(studies) > 1:
        raise StudyError(
            f"curves of several studies in one fit ({', '.join(studies)}): choose with "
            "fit.select.study"
        )
    check_counts(rows, column, "equal" if law == "paper" else settings["weighting"])
    digests = check_protocols(rows, protocols, settings["allow_differences"])
    groups = build_groups(rows, x=x, column=column, size=settings["size"])
    entries, scopes = [], []
    for group in groups:
        shares = None
        if outcomes is not None and column == "loss":
            shares = outcome_shares(group, outcomes, benchmark)
        entry, replicates = fit_group(group, law, settings, shares)
        entries.append(entry)
        scopes.append(replicates)
    widest = min(scopes, key=lambda r: (*SCOPES, "none").index(r.scope))
    bootstrap = settings["bootstrap"]
    return {
        "kind": "fit",
        "study": studies[0],
        "law": law,
        "equation": LAWS[law].equation,
        "x": x,
        "metric": metric,
        "benchmark": benchmark,
        "size": settings["size"],
        "scope": widest.scope,
        "uncertainty": {
            "method": widest.method,
            "label": widest.label(settings["level"]),
            "replicates": bootstrap["replicates"],
            "seed": bootstrap["seed"],
            "degrees_of_freedom": widest.freedom,
        },
        "level": settings["level"],
        "settings": settings,
        "selection": settings["select"],
        "protocol_digests": digests,
        "cells": {
            "used": sorted(cell for group in groups for cell in group.cells),
            "missing": sorted(set(expected) - set(table["cell"])),
            "diverged": sorted(table.loc[table["status"] != "ok", "cell"].unique()),
        },
        "groups": entries,
    }


def resolve(settings: Mapping[str, Any]) -> dict:
    """Settings with ``DEFAULTS`` filled in; unknown keys are refused."""
    unknown = sorted(set(settings) - set(DEFAULTS))
    if unknown:
        raise StudyError(f"fit: unknown key(s) {', '.join(unknown)}; known: {', '.join(DEFAULTS)}")
    merged = DEFAULTS | dict(settings)
    merged["bootstrap"] = DEFAULTS["bootstrap"] | dict(merged["bootstrap"])
    return merged


def _check_names(law: str, x: str) -> None:
    if law not in LAWS:
        raise StudyError(f"law '{law}' is none of {', '.join(LAWS)}")
    if x not in X_COLUMNS:
        raise StudyError(f"x '{x}' is none of {', '.join(X_COLUMNS)}")


def outcome_shares(group: Group, outcomes: "pandas.DataFrame", benchmark: str) -> np.ndarray:
    """Share of correct samples per problem (P, C, T), NaN where a cell was not measured.

    Raises:
        StudyError: A measured point lacks the outcome of a problem that others have.
    """
    rows = outcomes[
        outcomes["benchmark"].eq(benchmark)
        & outcomes["cell"].isin(group.cells)
        & outcomes["step"].isin(group.steps)
    ]
    rows = rows.assign(share=rows["n_correct"] / rows["n"])
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
    group: Group, law: str, settings: Mapping[str, Any], shares: np.ndarray | None = None
) -> tuple[dict, Replicates]:
    """Fit a law to one group, with replicates. Returns its entry of the document, and them."""
    none = Replicates({}, dict.fromkeys(SCOPES, "no_replicates"), None)
    weighting = "equal" if law == "paper" else settings["weighting"]
    points = points_of(group, weighting)
    found = trouble(group, law)
    if found:
        return empty_entry(group, *found), none
    fit = fit_law(law, points, settings["robust"])
    replicates = _replicates(group, points, fit, settings, shares)
    fits = {}
    for scope, deviations in replicates.deviations.items():
        both = replace(points, y=np.concatenate([points.y, points.y + deviations]))
        start = fit if law in CURVE_LAWS else None
        fits[scope] = fit_law(law, both, settings["robust"], start)
    return fit_entry(group, fit, fits, replicates, settings), replicates


def _replicates(group, points, fit, settings, shares) -> Replicates:
    bootstrap = settings["bootstrap"]
    crossed = crossed_replicates(group, shares, bootstrap["replicates"], bootstrap["seed"])
    if crossed.deviations:
        return crossed
    base = fit if fit.law in CURVE_LAWS else fit_law("free_slopes", points)
    per_size = 2 if base.law == "free_slopes" else -(-base.n_parameters() // len(group.models))
    return block_replicates(
        points, base.predict(points.u)[0], per_size, bootstrap["replicates"], bootstrap["seed"],
        bootstrap["block"],
    )  # fmt: skip


def trouble(group: Group, law: str) -> tuple[str, str] | None:
    """Status and reason why a group cannot be fitted, or None."""
    runs = group.runs
    zero = (group.per_size(group.value) == 0) & (runs > 0)
    if zero.any():
        m, t = np.argwhere(zero)[0]
        return "zero_loss", (
            f"{group.models[m]} at step {group.steps[t]:g} has a mean of exactly 0 "
            f"({zero.sum()} points): log L is undefined; measure with more problems or select "
            "earlier steps"
        )
    least = 2
    if law in CURVE_LAWS and not LAWS[law].shared:
        least = len(LAWS[law].size_parameters)
    u = group.per_size(np.log(group.x))
    for m, name in enumerate(group.models):
        found = len(np.unique(u[m, runs[m] > 0]))
        if found < least:
            return "too_few_points", (
                f"{name} has {found} distinct x; {law} needs at least {least} per size"
            )
    need = 3 if law in ("saturating", "paper", "power", "decomposition") else 1
    if len(group.models) < need:
        return "too_few_sizes", f"{len(group.models)} size(s); {law} needs at least {need}"
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
