"""Runs of several settings set against each other at one x: what each gives there, and how sure.

A run gives log of the metric at u = log x by a line through its points near u. Where a run does not
reach u, three lines disagree about what comes, and all of them count (``FORMS``).
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy import stats

from rlscale.laws.arrays import Array, Bools, Indices
from rlscale.laws.points import Points

# What may come beyond the last point: learning goes on as over the whole run, or as over its second
# half in log x, or stops.
FORMS = ("whole", "late", "stop")
LEAST = 3  # Points of a run.
_FURTHER = np.log(1.1)  # ASSUME a line holds for a tenth of x more: runs end at unequal compute.
_BENT = 0.05  # Chance of calling straight curves bent.
_PAIRED = 4  # Degrees of freedom from which on pairing is worth those that it takes.

_Reading = tuple[float, float, float, float]  # A run's value, stretch, noise and freedom.


@dataclass(frozen=True)
class Readings:
    """One number of each of C runs.

    Attributes:
        value: The number (C).
        stretch: Its variance relative to that of a mean of points (C).
        noise: Its variance by the scatter of the run's own points about its line (C).
        freedom: Degrees of freedom of ``noise`` (C).
    """

    value: Array
    stretch: Array
    noise: Array
    freedom: Array


@dataclass(frozen=True)
class Difference:
    """One setting minus another, or a mean of such differences.

    Attributes:
        estimate: The difference.
        se: Its standard error.
        freedom: Degrees of freedom of ``se``.
        scope: ``paired`` or ``runs``, over other runs; ``residuals`` of one run each, which know
            nothing of other runs.
    """

    estimate: float
    se: float
    freedom: float
    scope: str

    def ends(self, level: float) -> tuple[float, float]:
        """Interval by Student's t."""
        half = float(stats.t.ppf((1 + level) / 2, self.freedom)) * self.se
        return self.estimate - half, self.estimate + half


def reaches(points: Points, u: float) -> Bools:
    """Whether each run was measured at log x = ``u`` (C)."""
    first = np.where(points.present, points.u, np.inf).min(1)
    last = np.where(points.present, points.u, -np.inf).max(1)
    return np.asarray((first - _FURTHER <= u) & (u <= last + _FURTHER))


def read_off(points: Points, u: float, form: str) -> Readings:
    """Log of the metric that each run has at log x = ``u`` (C), by one of ``FORMS``."""
    found = []
    seen = reaches(points, u)
    for c, present in enumerate(points.present):
        own, y = points.u[c, present], points.y[0, c, present]
        near = np.ones(len(own), bool) if form == "whole" and not seen[c] else _near(own, u)
        at = min(u, own.max()) if form == "stop" else u
        found.append(_line(own[near], y[near], at)[0])
    return _readings(found)


def what_comes(points: Points, u: float, own: Bools, bend: bool) -> list[Readings]:
    """Log of the metric of each run at log x = ``u`` by all that may come.

    Args:
        points: Points of the runs (C).
        u: Where.
        own: The runs of one setting (C).
        bend: Whether the curves bend. Then one setting may stop where the others go on, and they
            where it goes on: the last two readings, which repeat the second where none bends.
    """
    whole, late, stop = (read_off(points, u, form) for form in FORMS)
    if not bend:
        return [whole, late, stop, late, late]
    return [whole, late, stop, _either(own, stop, late), _either(own, late, stop)]


def _either(own: Bools, one: Readings, other: Readings) -> Readings:
    values = ((getattr(one, name), getattr(other, name)) for name in Readings.__annotations__)
    return Readings(*(np.where(own, first, second) for first, second in values))


def bends(points: Points, arm: Indices) -> str:
    """Whether the runs' second halves in log x differ in slope from their first, on average."""
    if (points.present.sum(1) < 2 * LEAST).any():
        return "unknown"
    share = np.bincount(arm) / len(arm)
    found = contrast(turns(points), arm, np.full(len(arm), np.nan), share.tolist())
    if found is None:
        return "unknown"
    low, high = found.ends(1 - _BENT)
    return "yes" if low > 0 or high < 0 else "no"


def slopes(points: Points) -> Readings:
    """Learning efficiency k of each run (C), minus the slope of the line through all its points."""
    found = _readings(
        [
            _line(points.u[c, present], points.y[0, c, present], 0.0)[1]
            for c, present in enumerate(points.present)
        ]
    )
    return replace(found, value=-found.value)


def turns(points: Points) -> Readings:
    """How much steeper each run's second half in log x is than its first (C)."""
    found = []
    for c, present in enumerate(points.present):
        own, y = points.u[c, present], points.y[0, c, present]
        halves = []
        for end in (own.min(), own.max()):
            near = _near(own, end)
            halves.append(_line(own[near], y[near], 0.0)[1])
        (early, _, noise, freedom), (late, _, other, more) = halves
        found.append((early - late, 1.0, noise + other, freedom + more))
    return _readings(found)


def _readings(found: Sequence[_Reading]) -> Readings:
    return Readings(*np.array(found, dtype=np.float64).T)


def _near(own: Array, u: float) -> Bools:
    """Points within half of the run's range of log x around ``u``, at least ``LEAST``."""
    half = (own.max() - own.min()) / 2
    start = np.clip(u - half / 2, own.min(), own.max() - half)
    inside = (own >= start - 1e-9) & (own <= start + half + 1e-9)
    if len(np.unique(own[inside])) >= LEAST:
        return np.asarray(inside)
    closest = np.abs(own - u)
    return np.asarray(closest <= np.sort(closest)[LEAST - 1])


def _line(u: Array, y: Array, at: float) -> tuple[_Reading, _Reading]:
    """Level at ``at`` and slope of a line: value, stretch, variance by residuals, its freedom."""
    du = u - u.mean()
    spread = float((du**2).sum())
    slope = float(du @ y) / spread
    away = at - u.mean()
    left = y - y.mean() - slope * du
    freedom = max(1, len(u) - 2)
    variance = float(left @ left) / freedom
    if variance > 0:  # Noise of neighbours adds up.
        together = float(np.clip((left[1:] @ left[:-1]) / (left @ left), 0.0, 0.9))
        variance *= (1 + together) / (1 - together)
    stretch = 1 + away**2 * len(u) / spread
    value = float(y.mean()) + slope * float(away)
    level = (value, float(stretch), variance * float(stretch) / len(u), float(freedom))
    return level, (slope, 1.0, variance / spread, float(freedom))


def contrast(
    found: Readings, arm: Indices, seed: Array, weights: Sequence[float]
) -> Difference | None:
    """A weighted sum over settings of what their runs give; None where nothing tells how sure.

    Runs of one seed are set against each other (a two-way layout of settings and seeds) where
    that leaves ``_PAIRED`` degrees of freedom. Otherwise all runs count as independent: too wide,
    not too narrow, where runs of one seed have something in common. ASSUME runs of all settings
    spread alike, as far as their lines are stretched alike.

    Args:
        found: What each run gives (C).
        arm: Index of its setting (C).
        seed: Its seed, NaN where unknown (C).
        weights: Of the settings, in the order of their indices.
    """
    arms = (arm[:, None] == np.arange(len(weights))).astype(float)
    seeds = (seed[:, None] == np.unique(seed[np.isfinite(seed)])).astype(float)
    if np.isfinite(seed).all():
        wanted = np.r_[weights, np.zeros(seeds.shape[1])]
        paired = _least_squares(np.c_[arms, seeds], found, wanted, "paired")
        if paired is not None and paired.freedom >= _PAIRED:
            return paired
    apart = _least_squares(arms, found, np.array(weights), "runs")
    if apart is None or apart.freedom > 0:
        return apart
    if not (found.noise > 0).all():
        return None
    shares = np.array(weights)[arm] / arms.sum(0)[arm]
    return _sum(found.value, shares, found.noise, found.freedom, "residuals")


def _least_squares(columns: Array, found: Readings, wanted: Array, scope: str) -> Difference | None:
    """Weighted least squares; None where the runs do not say what is wanted."""
    weighted = columns / found.stretch[:, None]
    normal = columns.T @ weighted
    inverse = np.linalg.pinv(normal, rcond=1e-10, hermitian=True)
    if not np.allclose(wanted @ inverse @ normal, wanted, atol=1e-8):
        return None
    effects = inverse @ (weighted.T @ found.value)
    left = found.value - columns @ effects
    freedom = len(left) - int(np.linalg.matrix_rank(columns))
    variance = float((left**2 / found.stretch).sum()) / max(1, freedom)
    se = np.sqrt(variance * (wanted @ inverse @ wanted))
    return Difference(float(wanted @ effects), float(se), float(freedom), scope)


def mean_of(parts: Sequence[Difference]) -> Difference:
    """Mean of independent differences."""
    scopes = [part.scope for part in parts]
    shares = np.full(len(parts), 1 / len(parts))
    return _sum(
        np.array([part.estimate for part in parts]),
        shares,
        np.array([part.se**2 for part in parts]),
        np.array([part.freedom for part in parts]),
        "residuals" if "residuals" in scopes else max(scopes),
    )


def _sum(value: Array, shares: Array, variance: Array, freedom: Array, scope: str) -> Difference:
    """A weighted sum of independent numbers, its degrees of freedom by Satterthwaite's rule."""
    parts = shares**2 * variance
    total = parts.sum()
    known = total**2 / (parts**2 / freedom).sum() if total > 0 else freedom.sum()
    return Difference(float(shares @ value), float(np.sqrt(total)), float(known), scope)
