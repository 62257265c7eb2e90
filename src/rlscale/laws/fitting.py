"""Fit a law to points, by squares or robustly."""

from dataclasses import replace

import numpy as np

from rlscale.laws.law import Fit, Law
from rlscale.laws.points import Points, free_lines

HUBER = 1.345  # Threshold in standard deviations: 95 % efficiency under normal noise.


def fit_points(law: Law, points: Points, robust: bool = False, start: Fit | None = None) -> Fit:
    """Fit a law to every one of the B sets of points.

    Args:
        law: The law.
        points: Points; each size has at least two distinct u.
        robust: Huber loss on the weighted residuals (iteratively reweighted) instead of squares.
        start: Fit of the same law whose first entry starts a search, in the place of the law's
            own starts: for bootstrap replicates.
    """
    fit = _fit_squares(law, points, start)
    if not robust:
        return fit
    base = points.w if points.w.ndim == 3 else points.w[None]
    scaled = np.sqrt(base) * fit.residuals()
    inside = np.where(points.present, np.abs(scaled), np.nan)
    sigma = 1.4826 * np.nanmedian(inside, axis=(1, 2))[:, None, None]
    for _ in range(50):
        ratio = HUBER * sigma / np.maximum(np.abs(scaled), 1e-300)
        weighted = replace(points, w=base * np.minimum(1.0, ratio))
        fit = _fit_squares(law, weighted, fit)
        previous, scaled = scaled, np.sqrt(base) * fit.residuals()
        if np.abs(scaled - previous).max() <= 1e-10 * np.abs(scaled).max():
            break
    return fit


def _fit_squares(law: Law, points: Points, start: Fit | None) -> Fit:
    w = points.w if points.w.ndim == 3 else points.w[None]
    lines = free_lines(points, w)
    found = law.solve(points, w, lines, start)
    objective = np.zeros(len(lines.slope)) if found.objective is None else found.objective
    fit = Fit(
        law, points, found.theta, found.intercept, lines.slope, lines.intercept, objective,
        found.converged,
    )  # fmt: skip
    if found.objective is not None:
        return fit
    return replace(fit, objective=(w * fit.residuals() ** 2).sum((1, 2)))
