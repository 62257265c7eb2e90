"""Replicates of a group's points under other runs, other problems, or other residual blocks.

Every replicate is a deviation to be added to log of the mean metric, (B, M, T). Percentiles over
replicates are the intervals of whatever is computed from them.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from scipy import stats

from rlscale.laws.arrays import Array
from rlscale.laws.groups import Group, mean_curves
from rlscale.laws.points import Points
from rlscale.laws.spec import Bootstrap
from rlscale.laws.spread import RunSpread, draw_runs, run_spread, slope_variance

_ENDLESS = 1e6  # Degrees of freedom of what is as good as known.
SCOPES = ("fixed", "redrawn", "block")
LABELS = {
    "redrawn": "{level:g} % intervals over runs and problems (crossed bootstrap: other runs on "
    "other problems of the same kind)",
    "fixed": "{level:g} % intervals over runs (these problems; other runs)",
    "block": "{level:g} % intervals from residual blocks of mean curves (no replicate runs: "
    "nothing is known of the variance between runs)",
    "none": "no intervals",
}


@dataclass(frozen=True)
class Replicates:
    """Deviations of log metric per scope, or the status why a scope has none.

    Attributes:
        deviations: Scope -> (B, M, T).
        missing: Scope -> status (``no_replicates``, ``no_outcomes``, ``not_applicable``).
        freedom: Degrees of freedom of the between-run variance, pooled over sizes; None for blocks.
        covariance: Scope -> covariance of the sizes' free slopes (M, M); none for blocks.
        judged: Scope -> degrees of freedom of that covariance.
        spread: How runs differ; None for blocks.
        problems: What each problem adds to log of the metric (P, M, T); None where they are fixed.
    """

    deviations: Mapping[str, Array]
    missing: Mapping[str, str]
    freedom: int | None
    covariance: Mapping[str, Array] = field(default_factory=dict)
    judged: Mapping[str, float] = field(default_factory=dict)
    spread: RunSpread | None = None
    problems: Array | None = None

    @property
    def effective(self) -> float:
        """Degrees of freedom that intervals count with; no limit for blocks."""
        return self.spread.effective if self.spread else _ENDLESS

    @property
    def scope(self) -> str:
        """The widest scope there is: redrawn, else fixed, else block, else none."""
        order = ("redrawn", "fixed", "block")
        return next((name for name in order if name in self.deviations), "none")

    @property
    def method(self) -> str:
        """Name of the method that made them."""
        if "block" in self.deviations:
            return "block_bootstrap"
        return "crossed_bootstrap" if self.deviations else "none"

    def label(self, level: float) -> str:
        """One sentence for captions."""
        return LABELS[self.scope].format(level=100 * level)


def crossed_replicates(
    group: Group, points: Points, shares: Array | None, count: int, seed: int
) -> Replicates:
    """Crossed bootstrap: runs drawn per size, problems drawn once for all cells and steps.

    Runs. Level, slope and rest of a run's deviation (``rlscale.laws.spread``) are drawn apart, each
    at its size's scale; where runs differ in their steps, the mean is that of the fit. A factor
    sqrt(f / chi2_f) per replicate and size turns percentiles into those of Student's t; the
    covariance of slopes, which verdicts rest on, is without it and without any draw.

    Problems. One multinomial resample per replicate, shared by all cells and steps. It also moves
    the samples' noise, which the runs' deviations already hold: per size, the problem part is
    shrunk to the share of its variance (in the slope) that the runs have in common.

    Args:
        group: The curves.
        points: What is fitted of them.
        shares: Share of correct samples (P, C, T), NaN where not measured; None without outcomes.
        count: Replicates.
        seed: Seed.
    """
    spread = run_spread(group, points)
    if spread is None:
        return Replicates({}, {"fixed": "no_replicates", "redrawn": "no_replicates"}, None)
    rng = np.random.default_rng([seed, 1])
    f = spread.effective
    # Every replicate one of as many equal shares of the distribution: no luck in the tails.
    runs, each = draw_runs(group, spread, count, rng), spread.each[:, None]
    part = rng.permutation((np.arange(count) + 0.5) / count)[:, None, None]
    runs = runs * np.sqrt(each / stats.chi2.ppf(part, each))
    deviations, missing = {"fixed": runs}, {"block": "not_applicable"}
    judged = {"fixed": f}
    covariance = {"fixed": np.diag(slope_variance(group, spread))}
    moves = None
    if shares is None:
        missing["redrawn"] = "no_outcomes"
    else:
        # Its own stream: the same problems are drawn whatever the number of runs and steps.
        problems = np.random.default_rng([seed, 2])
        moves = _problem_moves(group, shares)
        p = len(shares)
        drawn = problems.multinomial(p, np.full(p, 1 / p), size=count)
        moved = -(drawn @ moves.reshape(p, -1)).reshape(count, *moves.shape[1:]) / p
        deviations["redrawn"] = runs + moved
        slopes = np.einsum("pmt,mt->pm", moves, spread.influence)
        own = slopes.T @ slopes / p**2
        covariance["redrawn"] = covariance["fixed"] + own
        # Satterthwaite: variances over problems are known far better than those over runs.
        parts = np.trace(covariance["fixed"]) ** 2 / f + np.trace(own) ** 2 / (p - 1)
        judged["redrawn"] = float(np.trace(covariance["redrawn"]) ** 2 / parts) if parts else f
    return Replicates(deviations, missing, spread.freedom, covariance, judged, spread, moves)


def _problem_moves(group: Group, shares: Array) -> Array:
    """What each problem adds to log of the mean metric, minus signed (P, M, T)."""
    members = group.members
    known = np.isfinite(shares)
    counts = np.einsum("mc,pct->pmt", members, known.astype(float))
    mean = np.einsum("mc,pct->pmt", members, np.where(known, shares, 0.0)) / counts.clip(1)
    loss = mean_curves(group)
    measured = group.runs > 0
    centred = (mean - mean.mean(0)) / np.where(measured & (loss > 0), loss, 1.0)
    centred = np.where(measured, centred, 0.0)
    return np.asarray(centred * _common_share(group, shares, centred, loss)[:, None])


def _common_share(group: Group, shares: Array, centred: Array, loss: Array) -> Array:
    """Per size, sqrt of the part of the problems' variance in the slope that runs share."""
    result = np.ones(len(group.models))
    u = np.log(group.x)
    for m in range(len(result)):
        cells = np.flatnonzero(group.size_of == m)
        if len(cells) < 2:
            continue
        steps = np.isfinite(shares[:, cells]).all((0, 1)) & (loss[m] > 0)
        du = u[cells].mean(0)[steps]
        du = du - du.mean()
        own = -(shares[:, cells][..., steps] / loss[m, steps]) @ du
        total = (-centred[:, m][:, steps] @ du).var()
        noise = (own - own.mean(1, keepdims=True)).var(0).sum() / (len(cells) - 1) / len(cells)
        result[m] = np.sqrt(max(0.0, 1 - noise / total)) if total > 0 else 0.0
    return result


def block_replicates(
    points: Points, fitted: Array, parameters: int, bootstrap: Bootstrap
) -> Replicates:
    """Moving-block bootstrap of residuals per size, where only mean curves exist.

    Args:
        points: Points of one fit.
        fitted: Their fitted values (M, T).
        parameters: Parameters fitted per size, for the small-sample correction.
        bootstrap: Replicates, seed, and points per block, at most a fifth of a curve:
            neighbouring steps share a run.
    """
    count = bootstrap.replicates
    rng = np.random.default_rng([bootstrap.seed, 3])
    deviations = np.zeros((count, *fitted.shape))
    for m, present in enumerate(points.present):
        residual = (points.y[0, m] - fitted[m])[present]
        t = len(residual)
        size = max(1, min(bootstrap.block, t // 5))
        # Blocks of b leave t - b + 1 positions: short curves would otherwise vary too little.
        free = max(1, t - parameters - (size - 1))
        residual = (residual - residual.mean()) * np.sqrt(t / free)
        blocks = -(-t // size)
        first = rng.integers(t - size + 1, size=(count, blocks))
        taken = (first[..., None] + np.arange(size)).reshape(count, -1)[:, :t]
        # The observed residuals are taken out: a deviation is added to y, not to the fit.
        deviations[:, m, present] = residual[taken] - (points.y[0, m] - fitted[m])[present]
    missing = {"fixed": "no_replicates", "redrawn": "no_replicates"}
    return Replicates({"block": deviations}, missing, None)
