"""Is data that are used again worth less than fresh ones, and by how much."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from rlscale.answers.arms import alike
from rlscale.core.errors import StudyError
from rlscale.laws.groups import build_groups, check_counts, metric_rows, select_rows
from rlscale.laws.points import points_of
from rlscale.laws.protocols import check_scoring
from rlscale.laws.reuse import ReuseFit, Sums, fit_reuse
from rlscale.laws.spec import Settings
from rlscale.laws.straight import FreeSlopes
from rlscale.laws.study import trouble

if TYPE_CHECKING:
    import pandas

COLUMNS = (
    "family", "model", "recipe", "variant", "group_size", "layout", "tau", "runs", "scope",
    "form", "equation", "parameter", "estimate", "low", "high", "second_use", "second_low",
    "second_high", "whole", "whole_low", "whole_high", "p_none", "misfit", "freedom", "aic",
    "left_out",
)  # fmt: skip


def reuse_laws(
    curves: "pandas.DataFrame", settings: Settings, layout: str, metric: str = "loss"
) -> "pandas.DataFrame":
    """Fit every form of ``rlscale.laws.reuse`` to all that was trained with several tau.

    Args:
        curves: Curves of one study, with ``data_samples``.
        settings: Of it ``select``, ``benchmark``, ``weighting``, ``level`` and the seed.
        layout: How problems were repeated: ``per_epoch`` or ``interleaved``.
        metric: As for fits.

    Returns:
        ``COLUMNS``, a row per model and form: ``second_use`` is what a problem's second use is
        worth, ``whole`` what all data at the largest tau are worth, both in fresh ones; ``p_none``
        the chance of a fit so much better than that without any effect; ``aic`` above that of the
        best form; ``left_out`` the RMS in ln of the metric of a tau forecast from the others.

    Raises:
        StudyError: Nothing was trained with two tau, the layout is unknown, or a curve cannot be
            fitted.
    """
    import pandas

    rows, column, _ = metric_rows(select_rows(curves, settings.select), metric, settings.benchmark)
    check_scoring(rows)
    check_counts(rows, column, settings.weighting)
    found = [
        row
        for own in alike(rows, "tau")
        for _, part in own.groupby("place")
        for row in _rows(part, column, settings, layout)
    ]
    if not found:
        taus = ", ".join(f"{tau:g}" for tau in sorted(rows["tau"].dropna().unique())) or "none"
        raise StudyError(
            f"no model was trained with two values of tau, all else alike (there are: {taus})"
        )
    return pandas.DataFrame(found, columns=[*COLUMNS])


def verdict(rows: "pandas.DataFrame") -> str:
    """What the rows of one model say: the best form, what a second use and all data are worth."""
    known = rows[rows["second_use"].notna()]
    best = known.sort_values("aic").iloc[0].to_dict()
    tau = str(best["tau"]).split()[-1]
    alone = ", of these runs alone" if best["scope"] == "residuals" else ""
    worth = (
        f"the second use of a problem is worth {_words(best, 'second', 'second_use')} of a fresh "
        f"one, all {tau} uses together {_words(best, 'whole', 'whole')} of as many fresh ones "
        f"({best['form']}, {best['parameter']} = {_words(best, '', 'estimate')})"
    )
    share = best["whole_high"]
    said = "not shown to be worth less" if not share < 1 else "worth less"
    if best["whole_low"] > 1:
        said = "worth more"
    return f"Data used again are {said} than fresh ones{alone}: {worth}."


def _words(row: dict[Any, Any], name: str, estimate: str) -> str:
    low, high = (row[f"{name}_{end}" if name else end] for end in ("low", "high"))
    ends = ["open" if not np.isfinite(end) else f"{end:.3g}" for end in (low, high)]
    return f"{row[estimate]:.3g} [{ends[0]}, {ends[1]}]"


def _rows(
    part: "pandas.DataFrame", column: str, settings: Settings, layout: str
) -> Iterator[dict[str, Any]]:
    """The forms fitted to one model."""
    (group,) = build_groups(part, x="data", column=column, size="tau")
    refused = trouble(group, FreeSlopes())
    if refused:
        raise StudyError(f"tau {refused[1]}")
    points = points_of(group, settings.weighting)
    fits, sums = fit_reuse(group, points, layout, settings.level, settings.bootstrap.seed)
    shared = {name: part[name].iloc[0] for name in COLUMNS[:5]}
    shared |= {"layout": layout, "tau": " ".join(group.models), "runs": len(group.cells)}
    for found in fits:
        yield shared | _row(found, sums, float(group.n.max()))


def _row(found: ReuseFit, sums: Sums, largest: float) -> dict[str, Any]:
    form = found.form
    thetas: Sequence[float] = (found.theta, found.low, found.high)
    second = [form.worth(theta, 2.0) - 1 for theta in thetas]
    whole = [form.worth(theta, largest) / largest for theta in thetas]
    return {
        "scope": sums.scope, "form": form.name, "equation": form.equation,
        "parameter": form.parameter, "estimate": found.theta, "low": found.low, "high": found.high,
        "second_use": second[0], "second_low": second[1], "second_high": second[2],
        "whole": whole[0], "whole_low": whole[1], "whole_high": whole[2],
        "p_none": found.p_none, "misfit": found.misfit, "freedom": found.freedom,
        "aic": found.aic, "left_out": found.left_out,
    }  # fmt: skip
