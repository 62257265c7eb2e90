"""Replicates of a group's points under other runs, other problems, or other residual blocks.

Every replicate is a deviation to be added to log of the mean metric, (B, M, T). Percentiles over
replicates are the intervals of whatever is computed from them.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from rlscale.core.errors import StudyError
from rlscale.laws.arrays import Array
from rlscale.laws.groups import Group, relative_deviations, run_variance
from rlscale.laws.points import Points
from rlscale.laws.spec import Bootstrap

# ASSUME half of the pooled degrees of freedom count: sizes share one variance only roughly. Chosen
# on simulated studies with seeds of their own (docs/law.md), not on those that report coverage.
_EFFECTIVE = 0.5
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
    """

    deviations: Mapping[str, Array]
    missing: Mapping[str, str]
    freedom: int | None

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


def crossed_replicates(group: Group, shares: Array | None, count: int, seed: int) -> Replicates:
    """Crossed bootstrap: runs drawn per size, problems drawn once for all cells and steps.

    Runs. A run's deviation from its size's mean, relative to it, is standardised by its expected
    scale (sampling plus pooled run variance); each size draws as many standardised curves as it
    has runs, from the runs of all sizes (so that the between-run variance is pooled), rescaled by
    sqrt(r / (r - 1)). One factor sqrt(f / chi2_f) per replicate, f half the pooled degrees of
    freedom, turns percentiles into those of Student's t.

    Problems. One multinomial resample per replicate, shared by all cells and steps. It also moves
    the samples' noise, which the runs' deviations already hold: per size, the problem part is
    shrunk to the share of its variance (in the slope) that the runs have in common.

    Args:
        group: The curves.
        shares: Share of correct samples (P, C, T), NaN where not measured; None without outcomes.
        count: Replicates.
        seed: Seed.
    """
    deviation, freedom = relative_deviations(group)
    if freedom == 0:
        return Replicates({}, {"fixed": "no_replicates", "redrawn": "no_replicates"}, None)
    rng = np.random.default_rng([seed, 1])
    runs = _run_part(group, deviation, freedom, count, rng)
    deviations, missing = {"fixed": runs}, {"block": "not_applicable"}
    if shares is None:
        missing["redrawn"] = "no_outcomes"
    else:
        # Its own stream: the same problems are drawn whatever the number of runs and steps.
        problems = np.random.default_rng([seed, 2])
        deviations["redrawn"] = runs + _problem_part(group, shares, count, problems)
    return Replicates(deviations, missing, freedom)


def _run_part(
    group: Group, deviation: Array, freedom: int, count: int, rng: np.random.Generator
) -> Array:
    pooled, _ = run_variance(group)
    sampling = group.per_size(group.variance)
    variance = np.where(np.isfinite(sampling), sampling, 0.0) + pooled
    # Without any scale (equal runs, or a metric that is no share) all points count alike.
    scale = np.sqrt(np.where(variance > 0, variance, 1.0))
    standard = deviation / scale[group.size_of]
    runs = group.runs
    result = np.zeros((count, *runs.shape))
    effective = max(1.0, _EFFECTIVE * freedom)
    student = np.sqrt(effective / rng.chisquare(effective, count))
    for m in range(len(group.models)):
        measured = runs[m] > 0
        donors = np.flatnonzero(np.isfinite(standard[:, measured]).all(1))
        if not len(donors):
            raise StudyError(
                f"{group.models[m]} ({group.variant}): no run covers all of its steps, so that the "
                "spread between runs is unknown there; select steps that every run has"
            )
        drawn = donors[rng.integers(len(donors), size=(count, int(runs[m].max())))]
        mean = standard[drawn].mean(1)
        result[:, m, measured] = (mean * scale[m])[:, measured]
    return result * student[:, None, None]


def _problem_part(group: Group, shares: Array, count: int, rng: np.random.Generator) -> Array:
    problems = len(shares)
    members = group.members
    known = np.isfinite(shares)
    counts = np.einsum("mc,pct->pmt", members, known.astype(float))
    mean = np.einsum("mc,pct->pmt", members, np.where(known, shares, 0.0)) / counts.clip(1)
    loss = group.per_size(group.value)
    measured = group.runs > 0
    centred = (mean - mean.mean(0)) / np.where(measured & (loss > 0), loss, 1.0)
    flat = np.where(measured, centred, 0.0).reshape(problems, -1)
    drawn = rng.multinomial(problems, np.full(problems, 1 / problems), size=count)
    moved = -(drawn @ flat).reshape(count, *measured.shape) / problems
    return moved * _common_share(group, shares, centred, loss)[None, :, None]


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
