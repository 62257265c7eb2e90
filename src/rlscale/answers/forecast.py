"""Forecasts: what a law says about rows that it never saw.

Three steps, three files, so that no file that a fit reads holds a target row:
``split_curves`` writes the rows to learn from and the names and sizes of the targets;
``forecast_curves`` fits and predicts a grid of x; ``rlscale.answers.ranking`` compares with what
happened.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from rlscale.core.errors import StudyError
from rlscale.laws.arrays import Array, Bools
from rlscale.laws.backtest import conformal_reach, reach_of
from rlscale.laws.fitting import fit_points
from rlscale.laws.groups import (
    Group,
    build_groups,
    check_counts,
    metric_rows,
    run_variance,
    select_rows,
)
from rlscale.laws.law import Fit
from rlscale.laws.mixture import mix
from rlscale.laws.pivots import draw_curves
from rlscale.laws.points import Points, free_lines, points_of
from rlscale.laws.prediction import unseen_size
from rlscale.laws.records import Record
from rlscale.laws.spec import FitSpec, Settings
from rlscale.laws.straight import FreeSlopes, carry_on, line_error
from rlscale.laws.study import trouble
from rlscale.laws.turning import turned
from rlscale.laws.uncertainty import block_replicates, crossed_replicates

if TYPE_CHECKING:
    import pandas

# Predictions run from a hundredth of the first x seen to a thousand times the last.
_GRID = 401
_NEXT = 3  # Sizes that the shape of a probed curve is carried on from.


@dataclass(frozen=True)
class Split(Record):
    """What a forecast sees and what is its target.

    Attributes:
        kind: ``intra``, the first part of every run -> the rest; ``inter``, smaller sizes -> the
            largest.
        first_share: Share of the last step that is seen (intra).
        held_out_sizes: How many of the largest sizes are the target (inter).
        intercept_from_target: The paper's own protocol: the target's intercept is tuned on the
            target, so that this is no forecast.
        probe: First points of every target that are seen, for its level alone (inter).
    """

    kind: str
    first_share: float = 0.25
    held_out_sizes: int = 1
    intercept_from_target: bool = False
    probe: int = 0

    @classmethod
    def of(cls, section: Mapping[str, Any]) -> "Split":
        """A split from one entry of ``forecast.protocols``."""
        return cls(**section)

    @property
    def looks(self) -> bool:
        """Whether the target has rows that the law itself must not learn from."""
        return self.tuned or (self.kind == "inter" and self.probe > 0)

    @property
    def tuned(self) -> bool:
        """Whether the target's own rows are seen."""
        return self.kind == "inter" and self.intercept_from_target


@dataclass(frozen=True)
class Target(Record):
    """A size to forecast."""

    family: str
    variant: str
    model: str
    n: float


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


@dataclass(frozen=True)
class Slopes:
    """Covariance of the sizes' free slopes (M, M), and its degrees of freedom."""

    covariance: Array
    freedom: float


def split_curves(
    table: "pandas.DataFrame", split: Split, settings: Settings, metric: str
) -> tuple["pandas.DataFrame", list[Target]]:
    """Rows to learn from, and what to forecast.

    Args:
        table: Curves.
        split: What is seen.
        settings: How curves are fitted (selection, benchmark, size).
        metric: Metric to forecast.

    Returns:
        The rows that a fit may see, and the targets.

    Raises:
        StudyError: Nothing is left to learn from, or nothing to forecast.
    """
    rows, _, _ = metric_rows(select_rows(table, settings.select), metric, settings.benchmark)
    rows = rows[rows["step"] > 0].assign(family=rows["family"].fillna(""))
    size = settings.size
    label = "model" if size.startswith("n_params") else size
    if split.kind == "intra":
        last = rows.groupby(["family", "variant", label])["step"].transform("max")
        seen = rows["step"] <= split.first_share * last
        targets = rows[~seen]
    else:
        rank = rows.groupby(["family", "variant"])[size].rank(method="dense", ascending=False)
        seen = rank > split.held_out_sizes
        targets = rows[~seen]
        if split.tuned:
            seen = seen | True
        elif split.probe:
            first = rows.groupby(["family", "variant", label])["step"].rank(method="dense")
            seen = seen | (first <= split.probe)
            targets = rows[~seen]
    if not seen.any() or targets.empty:
        raise StudyError(
            f"forecast: the {split.kind} split leaves {int(seen.sum())} rows to learn from "
            f"and {len(targets)} to forecast; change first_share or held_out_sizes"
        )
    each = targets.groupby(["family", "variant", label], sort=True)
    wanted = each[size].first().rename("n").reset_index()
    return rows[seen], [
        Target(family, variant, _text(name), float(n))
        for family, variant, name, n in wanted.itertuples(index=False)
    ]


def _text(name: object) -> str:
    return format(name, "g") if isinstance(name, float) else str(name)


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
    kept = np.ones(len(group.models), bool)
    if split.looks:
        kept = ~np.isin(group.models, [target.model for target in wanted])
        if split.probe and not law.parameters:
            # Its level is the target's own: what is left to carry on is the shape of curves, which
            # the sizes next to the target know best.
            kept[np.flatnonzero(kept)[:-_NEXT]] = False
    if split.kind == "inter" and split.probe:
        group = group.part(cells=kept[group.size_of])
    found = trouble(group, law)
    if found:
        return [Forecast(target, *found) for target in wanted]
    learnt = _subset(points, kept)
    u = np.linspace(np.log(np.nanmin(group.x) / 100), np.log(np.nanmax(group.x) * 1000), _GRID)
    rng = np.random.default_rng([settings.bootstrap.seed, 4])
    fit = fit_points(law, learnt, settings.robust)
    if law.conformal and split.kind == "intra":
        reach = conformal_reach(law, points, settings.level)
        if reach is not None:
            return _conformal(fit, reach, wanted, u)
    deviations, slopes = _deviations(group, fit, spec, split)
    if deviations.shape[1] > len(learnt.models):
        deviations = deviations[:, kept]
    both = replace(learnt, y=np.concatenate([learnt.y, learnt.y + deviations]))
    fits = fit_points(law, both, settings.robust, fit)
    result = []
    for target in wanted:
        y, noise = _predict(fits, points, target, split, u, rng)
        if split.kind == "inter" and not split.tuned:
            noise = noise + _scatter_of_k(fits, slopes, target, split, points, u, rng)
            if split.probe and not law.mixed():
                noise = noise + _scatter_of_shape(points, target, u, rng, len(noise))
        noise = noise + _measurement(group, fit, y[0], rng, len(noise))
        ends = [(1 - settings.level) / 2, (1 + settings.level) / 2]
        low, high = np.quantile(y[1:] + noise, ends, axis=0)
        if split.kind == "inter" and not split.looks and law.mixed():
            other = _levels_elsewhere(group, fits, slopes, target, settings, u)
            if other is not None:
                low, high = np.minimum(low, other[0]), np.maximum(high, other[1])
        result.append(Forecast(target, "ok", "", _rows(u, y[0], low, high)))
    return result


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


def _predict(
    fits: Fit, points: Points, target: Target, split: Split, u: Array, rng: np.random.Generator
) -> tuple[Array, Array]:
    """log of the metric (B, G), and what an unseen size adds to it (B - 1, G or 1)."""
    none = np.zeros((len(fits.theta) - 1, 1))
    if split.kind == "intra":
        m = points.models.index(target.model)
        return fits.predict(np.broadcast_to(u, (len(points.models), len(u))))[:, m], none
    if split.tuned:
        return _tuned(fits, points, points.models.index(target.model), u), none
    if split.probe:
        m = points.models.index(target.model)
        return _tuned(fits, points, m, u), _anchor(fits, points, m, len(none), rng)
    return fits.predict_new(target.n, u), unseen_size(fits, target.n, u, rng)


def _anchor(fits: Fit, points: Points, m: int, count: int, rng: np.random.Generator) -> Array:
    """Error of a level that rests on a target's first points (B, 1)."""
    present = points.present[m]
    own = points.u[m, present]
    apart = points.y[0, m, present] - _tuned(fits, points, m, own)[0]
    freedom = max(1, len(own) - 1)
    spread = np.sqrt((apart**2).sum() / freedom / len(own))
    return np.asarray(spread * rng.standard_t(freedom, (count, 1)))


def _scatter_of_k(
    fits: Fit,
    slopes: Slopes,
    target: Target,
    split: Split,
    points: Points,
    u: Array,
    rng: np.random.Generator,
) -> Array:
    """What k from all laws with scatter adds to k by this law's replicates (B, G)."""
    laws, count = fits.law.mixed(), len(fits.theta) - 1
    if not laws or len(fits.points.n) < 3:
        return np.zeros((count, 1))
    new = np.array([target.n])
    mixture = mix(laws, fits.points.n, fits.slope[0], slopes.covariance, slopes.freedom)
    k = mixture.draw(target.n, count, rng)
    centre = carry_on(fits.points.n, fits.points.centre[None], new)[0, 0]
    if split.probe:
        m = points.models.index(target.model)
        centre = points.u[m, points.present[m]].mean()
    return np.asarray((fits.k(new)[1:] - k[:, None]) * (u - centre))


def _levels_elsewhere(
    group: Group, fits: Fit, slopes: Slopes, target: Target, settings: Settings, u: Array
) -> tuple[Array, Array] | None:
    """Ends (G) of what follows if levels are a line in log N at another x than the middle."""
    rng = np.random.default_rng([settings.bootstrap.seed, 8])
    laws, n, count = fits.law.mixed(), fits.points.n, len(fits.theta) - 1
    if len(n) < 3:
        return None
    k = mix(laws, n, fits.slope[0], slopes.covariance, slopes.freedom).draw(target.n, count, rng)
    drawn = draw_curves(fits, target.n, u, k, rng)
    if drawn is None:
        return None
    drawn = drawn + _measurement(group, fits, drawn.mean(0), rng, count)
    low, high = np.quantile(drawn, [(1 - settings.level) / 2, (1 + settings.level) / 2], axis=0)
    return low, high


def _scatter_of_shape(
    points: Points, target: Target, u: Array, rng: np.random.Generator, count: int
) -> Array:
    """How far a target's slope may lie from that carried on, as sizes' own do (B, G).

    Laws without k(N) know no scatter of their shapes over sizes. Nor do fewer than three sizes.
    """
    if len(points.models) < 4:
        return np.zeros((count, 1))
    m = points.models.index(target.model)
    others = _subset(points, np.arange(len(points.models)) != m)
    slope = free_lines(others, others.w[None]).slope
    apart = (slope - carry_on(others.n, slope, others.n))[0]
    spread, freedom = line_error(others.n, apart, target.n)
    centre = points.u[m, points.present[m]].mean()
    return np.asarray(spread * rng.standard_t(freedom, (count, 1)) * (u - centre))


def _subset(points: Points, kept: Bools) -> Points:
    if kept.all():
        return points
    names = tuple(name for name, keep in zip(points.models, kept, strict=True) if keep)
    return Points(names, points.n[kept], points.u[kept], points.y[:, kept], points.w[kept])


def _deviations(group: Group, fit: Fit, spec: FitSpec, split: Split) -> tuple[Array, Slopes]:
    """Replicates of the points seen: other runs (inter), or these runs and residuals (intra)."""
    bootstrap, points = spec.settings.bootstrap, points_of(group, spec.weighting)
    crossed = crossed_replicates(group, points, None, bootstrap.replicates, bootstrap.seed)
    runs = crossed.deviations.get("fixed")
    if split.kind == "inter" and runs is not None:
        return runs, Slopes(crossed.covariance["fixed"], crossed.effective)
    own = fit.law.curved and len(fit.points.n) == len(points.n)
    base = fit if own else fit_points(FreeSlopes(), points)
    per_size = -(-base.n_parameters() // len(base.points.n))
    replicates = block_replicates(points, base.predict(points.u)[0], per_size, bootstrap)
    freedom = max(1, int(points.present.sum()) - base.n_parameters())
    rng = np.random.default_rng([bootstrap.seed, 5])
    student = np.sqrt(freedom / rng.chisquare(freedom, bootstrap.replicates))
    drawn = replicates.deviations["block"]
    free = fit_points(FreeSlopes(), replace(points, y=points.y + drawn))
    slopes = Slopes(np.asarray(np.cov(free.slope.T), dtype=np.float64), freedom)
    blocks = drawn * student[:, None, None]
    # ASSUME a run's departure from the common line may change as much as it was: the same runs go
    # on, but their slopes so far bind them no more than other runs' slopes would.
    return (blocks if runs is None else blocks + runs), slopes


def _tuned(fits: Fit, points: Points, m: int, u: Array) -> Array:
    """# PAPER the target's intercept is fitted to the target's own rows, with k from the law."""
    present = points.present[m]
    own_u, own_y, w = points.u[m, present], points.y[0, m, present], points.w[m, present]
    shape = fits.predict_new(points.n[m], np.concatenate([own_u, u]))
    intercept = fits.law.tuned_intercept(shape[:, : len(own_u)], own_y, w)
    return np.asarray(shape[:, len(own_u) :] + intercept[:, None])


def _measurement(group: Group, fit: Fit, y: Array, rng: np.random.Generator, count: int) -> Array:
    """Noise of a measured mean of runs at predicted log values y (G), as (B, G)."""
    present = fit.points.present
    scaled = fit.residuals()[0][present]
    freedom = max(1, len(scaled) - fit.n_parameters())
    kept = np.isin(group.models, fit.points.models)
    sampling = (group.per_size(group.variance) / group.runs.clip(1))[kept][present]
    if not np.isfinite(sampling).all():
        spread = np.full(y.shape, np.sqrt((scaled**2).sum() / freedom))
    else:
        pooled, _ = run_variance(group)
        expected = sampling + pooled / group.runs.clip(1)[kept][present]
        ratio = (scaled**2 / expected).sum() / freedom
        mean = np.exp(fit.points.y[0][present])
        odds = (1 - mean) / mean
        loss = np.exp(np.minimum(y, -1e-3))
        # Sampling variance of log L goes as (1 - L) / L.
        # A ratio of sums: points without any right answer say nothing of the noise elsewhere.
        scale = expected.sum() / odds.sum() if odds.sum() > 0 else 0.0
        spread = np.sqrt(ratio * scale * (1 - loss) / loss)
    return spread * rng.standard_normal((count, len(y)))
