"""Forecasts: what a law says about rows that it never saw.

Three steps, three files, so that no file that a fit reads holds a target row:
``rlscale.answers.splits`` writes the rows to learn from and the names and sizes of the targets;
``forecast_curves`` fits and predicts a grid of x; ``rlscale.answers.ranking`` compares with what
happened.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from rlscale.answers.forecast_errors import Seen, deviations, interval
from rlscale.answers.splits import Split, Target
from rlscale.laws.arrays import Array, Bools
from rlscale.laws.backtest import conformal_reach, reach_of
from rlscale.laws.fitting import fit_points
from rlscale.laws.groups import Group, build_groups, check_counts, metric_rows
from rlscale.laws.law import Fit, Law
from rlscale.laws.points import points_of
from rlscale.laws.records import Record
from rlscale.laws.spec import FitSpec
from rlscale.laws.study import trouble
from rlscale.laws.turning import turned

if TYPE_CHECKING:
    import pandas

# Predictions run from a hundredth of the first x seen to a thousand times the last.
_GRID = 401
_NEXT = 3  # Sizes that the shape of a probed curve is carried on from.


@dataclass(frozen=True)
class GridPoint(Record):
    """The forecast at one x: log of the metric, and its interval."""

    x: float
    log_value: float
    low: float
    high: float


@dataclass(frozen=True)
class Forecast:
    """The forecast of one target; no grid unless the status is ``ok``."""

    target: Target
    status: str
    reason: str
    grid: tuple[GridPoint, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """As an entry of a forecast document."""
        own = {**self.target.to_json(), "status": self.status, "reason": self.reason}
        return own | {"grid": [row.to_json() for row in self.grid]} if self.grid else own


def forecast_curves(
    train: "pandas.DataFrame", targets: Sequence[Target], spec: FitSpec, split: Split
) -> dict[str, Any]:
    """Fit a law to the rows to learn from and predict every target on a grid of x.

    What a law says nothing about for an unseen size is carried on along a straight line in log N
    (``Fit.predict_new``). Intervals are for the mean of
    as many runs as the sizes seen had: uncertain parameters, the scatter of intercepts about that
    line, other runs, and the noise of measuring.

    Returns:
        The forecast document: law, protocol, and per target the predicted log of the metric with
        its interval.
    """
    settings = spec.settings
    rows, column, _ = metric_rows(train, spec.metric, settings.benchmark)
    check_counts(rows, column, settings.weighting)
    predictions = []
    for group in build_groups(rows, x=spec.x, column=column, size=settings.size):
        own = (group.family, group.variant)
        wanted = [target for target in targets if (target.family, target.variant) == own]
        predictions += forecast_group(group, wanted, spec, split)
    return {
        "law": spec.law,
        "protocol": split.to_json(),
        "is_forecast": not split.tuned,
        "x": spec.x,
        "metric": spec.metric,
        "level": settings.level,
        "predictions": [found.to_json() for found in predictions],
    }


def forecast_group(
    group: Group, wanted: Sequence[Target], spec: FitSpec, split: Split
) -> list[Forecast]:
    """Forecasts of the targets of one group."""
    law, settings = spec.rule, spec.settings
    points = points_of(group, spec.weighting)
    kept = _learnt_from(group, wanted, law, split)
    if split.kind == "inter" and split.probe:
        group = group.part(cells=kept[group.size_of])
    found = trouble(group, law)
    if found:
        return [Forecast(target, *found) for target in wanted]
    u = np.linspace(np.log(np.nanmin(group.x) / 100), np.log(np.nanmax(group.x) * 1000), _GRID)
    learnt = points.part(kept)
    fit = fit_points(law, learnt, settings.robust)
    if law.conformal and split.kind == "intra":
        reach = conformal_reach(law, points, settings.level)
        if reach is not None:
            return _conformal(fit, reach, wanted, u)
    moved, slopes = deviations(group, fit, spec, split)
    if moved.shape[1] > len(learnt.models):
        moved = moved[:, kept]
    both = replace(learnt, y=np.concatenate([learnt.y, learnt.y + moved]))
    fits = fit_points(law, both, settings.robust, fit)
    seen = Seen(group, points, split, settings, fit, fits, slopes)
    rng = np.random.default_rng([settings.bootstrap.seed, 4])
    return [
        Forecast(target, "ok", "", _rows(u, *interval(seen, target, u, rng))) for target in wanted
    ]


def _learnt_from(group: Group, wanted: Sequence[Target], law: Law, split: Split) -> Bools:
    """The sizes whose points the law itself may learn from (M)."""
    kept = np.ones(len(group.models), bool)
    if split.looks:
        kept = ~np.isin(group.models, [target.model for target in wanted])
        if split.probe and not law.parameters:
            # Its level is the target's own: what is left to carry on is the shape of curves, which
            # the sizes next to the target know best.
            kept[np.flatnonzero(kept)[:-_NEXT]] = False
    return kept


def _rows(u: Array, y: Array, low: Array, high: Array) -> tuple[GridPoint, ...]:
    return tuple(
        GridPoint(float(np.exp(a)), float(b), float(c), float(d))
        for a, b, c, d in zip(u, y, low, high, strict=True)
    )


def _conformal(fit: Fit, reach: float, wanted: Sequence[Target], u: Array) -> list[Forecast]:
    """The rest of runs, with intervals by past errors, and as wide as a turn just now asks for."""
    points, result = fit.points, []
    y = fit.predict(np.broadcast_to(u, (len(points.models), len(u))))[0]
    turn = turned(points, u)
    for target in wanted:
        m = points.models.index(target.model)
        last = points.u[m, points.present[m]].max()
        half = reach * reach_of(y[m], u - last)
        low, high = y[m] - half, y[m] + half
        if turn is not None:
            ahead = u > last
            low = np.where(ahead, np.minimum(low, turn[0][m]), low)
            high = np.where(ahead, np.maximum(high, turn[1][m]), high)
        result.append(Forecast(target, "ok", "", _rows(u, y[m], low, high)))
    return result
