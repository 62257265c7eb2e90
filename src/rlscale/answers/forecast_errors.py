"""What a forecast may miss by: replicates of the fit, and what they do not know."""

from dataclasses import dataclass, replace

import numpy as np

from rlscale.answers.splits import Split, Target
from rlscale.laws.arrays import Array
from rlscale.laws.fitting import fit_points
from rlscale.laws.groups import Group, run_variance
from rlscale.laws.law import Fit
from rlscale.laws.points import Points, free_lines, points_of
from rlscale.laws.spec import FitSpec, Settings
from rlscale.laws.straight import FreeSlopes, carry_on, line_error
from rlscale.laws.uncertainty import block_replicates, crossed_replicates
from rlscale.laws.unseen import Slopes, at_drawn_x, centre_of, scatter_of_k, scatter_of_level


@dataclass(frozen=True)
class Seen:
    """What the forecasts of a group rest on.

    Attributes:
        group: The curves that the law learnt from.
        points: Points of all sizes, those of a target that is looked at too.
        split: What is seen.
        settings: How curves are fitted.
        estimate: The law's fit to what it learns from.
        fits: The same again and, after it, its replicates (B).
        slopes: What is known of the sizes' slopes.
    """

    group: Group
    points: Points
    split: Split
    settings: Settings
    estimate: Fit
    fits: Fit
    slopes: Slopes

    @property
    def replicates(self) -> int:
        """B - 1."""
        return len(self.fits.theta) - 1

    def size_of(self, target: Target) -> int:
        """Index of a target that has points."""
        return self.points.models.index(target.model)

    def middle_of(self, target: Target) -> float:
        """Mean log x of a target's own points."""
        m = self.size_of(target)
        return float(self.points.u[m, self.points.present[m]].mean())

    @property
    def ends(self) -> list[float]:
        """Quantiles at which an interval of the settings' level ends."""
        return [(1 - self.settings.level) / 2, (1 + self.settings.level) / 2]


def deviations(group: Group, fit: Fit, spec: FitSpec, split: Split) -> tuple[Array, Slopes]:
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


def interval(
    seen: Seen, target: Target, u: Array, rng: np.random.Generator
) -> tuple[Array, Array, Array]:
    """Estimate of a target's log of the metric at log x, and the ends of its interval.

    Args:
        seen: What the forecast rests on.
        target: Whose curve.
        u: log x (G).
        rng: Draws what the replicates do not know.

    Returns:
        Three of shape (G).
    """
    split = seen.split
    y, noise = _predict(seen, target, u, rng)
    if split.kind == "inter" and not split.tuned:
        known = seen.middle_of(target) if split.probe else centre_of(seen.fits, target.n)
        noise = noise + scatter_of_k(seen.fits, seen.slopes, target.n, u - known, rng)
        if split.probe and not seen.fits.law.mixed():
            noise = noise + _scatter_of_shape(seen, target, u, rng)
    noise = noise + _measurement(seen, seen.estimate, y[0], rng)
    low, high = np.quantile(y[1:] + noise, seen.ends, axis=0)
    if split.kind == "inter" and not split.looks:
        other = _levels_elsewhere(seen, target, u)
        if other is not None:
            low, high = np.minimum(low, other[0]), np.maximum(high, other[1])
    return y[0], low, high


def _predict(seen: Seen, target: Target, u: Array, rng: np.random.Generator) -> tuple[Array, Array]:
    """log of the metric (B, G), and what an unseen size adds to it (B - 1, G or 1)."""
    fits, none = seen.fits, np.zeros((seen.replicates, 1))
    if seen.split.kind == "intra":
        every = np.broadcast_to(u, (len(seen.points.models), len(u)))
        return fits.predict(every)[:, seen.size_of(target)], none
    if seen.split.tuned:
        return _tuned(seen, target, u), none
    if seen.split.probe:
        return _tuned(seen, target, u), _anchor(seen, target, rng)
    return fits.predict_new(target.n, u), scatter_of_level(fits, target.n, u, rng)


def _tuned(seen: Seen, target: Target, u: Array) -> Array:
    """# PAPER the target's intercept is fitted to the target's own rows, with k from the law."""
    points, m = seen.points, seen.size_of(target)
    present = points.present[m]
    own_u, own_y, w = points.u[m, present], points.y[0, m, present], points.w[m, present]
    shape = seen.fits.predict_new(points.n[m], np.concatenate([own_u, u]))
    intercept = seen.fits.law.tuned_intercept(shape[:, : len(own_u)], own_y, w)
    return np.asarray(shape[:, len(own_u) :] + intercept[:, None])


def _anchor(seen: Seen, target: Target, rng: np.random.Generator) -> Array:
    """Error of a level that rests on a target's first points (B, 1)."""
    points, m = seen.points, seen.size_of(target)
    present = points.present[m]
    own = points.u[m, present]
    apart = points.y[0, m, present] - _tuned(seen, target, own)[0]
    freedom = max(1, len(own) - 1)
    spread = np.sqrt((apart**2).sum() / freedom / len(own))
    return np.asarray(spread * rng.standard_t(freedom, (seen.replicates, 1)))


def _levels_elsewhere(seen: Seen, target: Target, u: Array) -> tuple[Array, Array] | None:
    """Ends (G) of what follows if levels are a line in log N at another x than the middle."""
    rng = np.random.default_rng([seen.settings.bootstrap.seed, 8])
    drawn = at_drawn_x(seen.fits, seen.slopes, target.n, u, rng)
    if drawn is None:
        return None
    drawn = drawn + _measurement(seen, seen.fits, drawn.mean(0), rng)
    low, high = np.quantile(drawn, seen.ends, axis=0)
    return low, high


def _scatter_of_shape(seen: Seen, target: Target, u: Array, rng: np.random.Generator) -> Array:
    """How far a target's slope may lie from that carried on, as sizes' own do (B, G).

    Laws without k(N) know no scatter of their shapes over sizes. Nor do fewer than three sizes.
    """
    points = seen.points
    if len(points.models) < 4:
        return np.zeros((seen.replicates, 1))
    others = points.part(np.arange(len(points.models)) != seen.size_of(target))
    slope = free_lines(others, others.w[None]).slope
    apart = (slope - carry_on(others.n, slope, others.n))[0]
    spread, freedom = line_error(others.n, apart, target.n)
    drawn = rng.standard_t(freedom, (seen.replicates, 1))
    return np.asarray(spread * drawn * (u - seen.middle_of(target)))


def _measurement(seen: Seen, fit: Fit, y: Array, rng: np.random.Generator) -> Array:
    """Noise of a measured mean of runs at predicted log values y (G), as (B, G)."""
    group, present = seen.group, fit.points.present
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
    return spread * rng.standard_normal((seen.replicates, len(y)))
