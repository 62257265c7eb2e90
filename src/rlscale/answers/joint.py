"""Do variants or families share K_max, N0, or both: joint laws over groups, each sharing tested."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from rlscale.core.errors import StudyError
from rlscale.laws.groups import Group, build_groups, check_counts, metric_rows, select_rows
from rlscale.laws.joint import Slopes, fit_joint
from rlscale.laws.points import free_lines, points_of
from rlscale.laws.protocols import check_scoring
from rlscale.laws.registry import law_named
from rlscale.laws.spec import FitSpec
from rlscale.laws.study import fit_group, trouble

if TYPE_CHECKING:
    import pandas


def joint_laws(curves: "Mapping[str, pandas.DataFrame]", spec: FitSpec) -> "pandas.DataFrame":
    """Fit the saturating law to all groups of some curves tables, sharing nothing to everything.

    Args:
        curves: Curves tables by name; every (family, variant) of each is a group.
        spec: What to fit; its law is not asked.

    Returns:
        A row per sharing and group: sharing, group, K_max, N0, misfit and its degrees of freedom,
        p (of the sharing against parameters of their own), aic (above the best), scope.

    Raises:
        StudyError: There are fewer than two groups of three sizes, or a group cannot be fitted.
    """
    import pandas

    found = [one for name, table in curves.items() for one in _slopes(name, table, spec)]
    if len(found) < 2:
        raise StudyError(
            "a joint law needs two groups (family, variant) of three sizes each at least; there "
            f"are: {', '.join(slopes.name for slopes, _ in found) or 'none'}"
        )
    groups = [slopes for slopes, _ in found]
    scope = "block" if "block" in {scope for _, scope in found} else "fixed"
    rows = [
        {"sharing": joint.sharing, "group": group.name, "K_max": k_max, "N0": n0,
         "misfit": joint.misfit, "freedom": joint.freedom, "p": joint.p, "aic": joint.aic,
         "scope": scope}
        for joint in fit_joint(groups)
        for group, k_max, n0 in zip(groups, joint.k_max, joint.n0, strict=True)
    ]  # fmt: skip
    return pandas.DataFrame(rows)


def _slopes(name: str, table: "pandas.DataFrame", spec: FitSpec) -> Iterator[tuple[Slopes, str]]:
    settings = spec.settings
    rows, column, _ = metric_rows(
        select_rows(table, settings.select), spec.metric, settings.benchmark
    )
    check_counts(rows, column, settings.weighting)
    check_scoring(rows)
    law = law_named("saturating")
    for group in build_groups(rows, x=spec.x, column=column, size=settings.size):
        refused = trouble(group, law)
        if refused and refused[0] == "too_few_sizes":
            continue
        if refused:
            raise StudyError(f"{name}, {group.variant}: {refused[1]}")
        yield _of_group(" ".join(filter(None, (name, group.family, group.variant))), group, spec)


def _of_group(name: str, group: Group, spec: FitSpec) -> tuple[Slopes, str]:
    points = points_of(group, spec.settings.weighting)
    k = free_lines(points, points.w[None]).slope[0]
    _, replicates = fit_group(group, spec)
    if "fixed" in replicates.covariance:
        covariance = replicates.covariance["fixed"]
        return Slopes(name, group.n, k, covariance, replicates.judged["fixed"]), "fixed"
    drawn = replace(points, y=points.y + replicates.deviations["block"])
    covariance = np.diag(free_lines(drawn, points.w[None]).slope.var(0))
    freedom = float(points.present.sum() - 2 * len(group.n))
    return Slopes(name, group.n, k, covariance, freedom), "block"
