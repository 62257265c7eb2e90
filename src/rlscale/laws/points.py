"""Points of fits: runs averaged per size and step, with weights."""

from dataclasses import dataclass

import numpy as np

from rlscale.core.errors import StudyError
from rlscale.laws.arrays import Array, Bools
from rlscale.laws.groups import Group, mean_curves, run_variance

WEIGHTINGS = ("equal", "runs", "variance", "steps")


@dataclass(frozen=True)
class Points:
    """Points of B fits: M sizes, T steps; weight 0 marks a point that was not measured.

    Attributes:
        models: Names of the sizes (M).
        n: Sizes N, ascending (M).
        u: log x (M, T).
        y: log of the metric (B, M, T).
        w: Weights (M, T), or (B, M, T) after reweighting.
    """

    models: tuple[str, ...]
    n: Array
    u: Array
    y: Array
    w: Array

    @property
    def centre(self) -> Array:
        """Unweighted mean of u over each size's points (M)."""
        present = self.present
        return (self.u * present).sum(1) / present.sum(1)

    @property
    def present(self) -> Bools:
        """Measured points (M, T)."""
        return self.w > 0 if self.w.ndim == 2 else self.w[0] > 0

    def part(self, sizes: Bools) -> "Points":
        """The points of these sizes (M) alone."""
        if sizes.all():
            return self
        names = tuple(name for name, kept in zip(self.models, sizes, strict=True) if kept)
        return Points(names, self.n[sizes], self.u[sizes], self.y[:, sizes], self.w[sizes])


@dataclass(frozen=True)
class Lines:
    """Free line of every size.

    Attributes:
        intercept: log of the metric at ``Points.centre`` (B, M).
        slope: k, minus the line's slope (B, M).
        spread: Weighted sum of squares of u about its mean (B, M).
    """

    intercept: Array
    slope: Array
    spread: Array


def weighted_mean(values: Array, w: Array) -> Array:
    """Mean over steps."""
    return np.asarray((w * values).sum(-1) / w.sum(-1))


def free_lines(points: Points, w: Array) -> Lines:
    """Weighted least squares, size by size."""
    mean_u = weighted_mean(points.u[None], w)
    du = w * (points.u - mean_u[..., None])
    spread = (du * points.u).sum(-1)
    slope = -(du * points.y).sum(-1) / spread
    intercept = weighted_mean(points.y, w) + slope * (mean_u - points.centre)
    return Lines(intercept, slope, np.broadcast_to(spread, slope.shape))


def points_of(group: Group, weighting: str) -> Points:
    """Average a group's runs (log of their mean curve, mean of log x) and weight the points.

    A mean of exactly zero has no logarithm and gets no weight; ``study.trouble`` refuses it.
    """
    w = weights(group, weighting)
    value = mean_curves(group)
    u = group.per_size(np.log(group.x))
    present = (w > 0) & (value > 0)
    w = np.where(present, w, 0.0)
    return Points(
        models=group.models,
        n=group.n,
        u=np.where(present, u, 0.0),
        y=np.log(np.where(present, value, 1.0))[None],
        w=w,
    )


def weights(group: Group, weighting: str) -> Array:
    """Weight of every (size, step) point (M, T); 0 where nothing was measured.

    - ``equal``: every size the same total weight, every point of it the same share.
    - ``runs``: every size the same total weight, a point of it in proportion to the answers behind
      its mean, or to its runs where answers were not counted.
    - ``variance``: 1 / (sampling variance + pooled run variance) of the point's mean log value.
    - ``steps``: as ``variance``, times the number of steps that the point stands for (half the gap
      to its neighbours), so that log-spaced checkpoints do not weight early steps.

    Raises:
        StudyError: The weighting is unknown.
    """
    runs = group.runs
    if weighting == "equal":
        return np.divide((runs > 0).astype(float), (runs > 0).sum(1, keepdims=True).clip(1))
    if weighting == "runs":
        behind = _answers(group)
        return np.asarray(behind / behind.sum(1, keepdims=True))
    if weighting not in WEIGHTINGS:
        raise StudyError(f"fit.weighting: '{weighting}' is none of {', '.join(WEIGHTINGS)}")
    pooled, freedom = run_variance(group)
    sampling = group.per_size(group.variance)
    if freedom == 0 and not np.isfinite(sampling[runs > 0]).any():
        pooled = 1.0  # Nothing is known of a variance: all measurements count alike.
    total = np.where(np.isfinite(sampling), sampling, 0.0) + pooled
    if not (total[runs > 0] > 0).all():
        raise StudyError(f"{group.variant}: runs do not differ at all; use fit.weighting: equal")
    result = np.divide(runs, total, out=np.zeros_like(runs), where=runs > 0)
    return result * _gaps(group, runs) if weighting == "steps" else result


def _answers(group: Group) -> Array:
    """Answers behind every mean (M, T); runs where not all answers were counted."""
    measured = np.isfinite(group.value)
    if not np.isfinite(group.draws[measured]).all():
        return group.runs
    return group.members @ np.where(measured, group.draws, 0.0)


def _gaps(group: Group, runs: Array) -> Array:
    gaps = np.zeros_like(runs)
    for row, present in zip(gaps, runs > 0, strict=True):
        if present.sum() > 1:
            row[present] = np.gradient(group.steps[present])
        else:
            row[present] = 1.0
    return gaps
