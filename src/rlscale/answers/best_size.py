"""Which size to train with a budget, for a target, and which further run would tell most.

A size is advised at a budget or for a loss that it was measured at, or on both sides of; what a
curve carried on beyond its data says stands beside it and is no advice.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from rlscale.laws.arrays import Array
from rlscale.laws.bends import bends
from rlscale.laws.fitting import fit_points
from rlscale.laws.groups import Group
from rlscale.laws.law import Fit
from rlscale.laws.points import points_of
from rlscale.laws.prediction import own_curves
from rlscale.laws.registry import DEFAULT, law_named
from rlscale.laws.spec import Settings
from rlscale.laws.straight import FreeSlopes
from rlscale.laws.uncertainty import Replicates, crossed_replicates
from rlscale.laws.unseen import Slopes, draw_k

_BENT = 0.05
_NARROW = 0.5  # Share of an interval below which what runs add to it is little.
_SEED = 9
_CURVES_BEND = (
    "**The curves bend** in log-log ({}), which the law does not: trust this table inside what "
    "was measured only."
)
_NO_COMPUTE = (
    "No compute is stated: the cheapest size is that of the fewest parameters times "
    "problems, which is FLOPs where responses are equally long."
)
_CARRIED = "better by a curve carried on"
_WITHIN = "the most at which two sizes were measured"
_ASKED = "the largest of recommend.budgets"
_MORE_SEEDS = "**Two more runs of every size of {}**: with one run a size, nothing of it is judged."


def advice_on_sizes(
    group: Group,
    shares: Array | None,
    settings: Settings,
    x: str,
    budgets: Sequence[float],
    targets: Sequence[float],
) -> tuple[list[str], list[str]]:
    """The advice on one group's sizes, and what to run next for it, as lines of Markdown.

    Args:
        group: Curves that the default law can be fitted to.
        shares: pass@1 per problem (P, C, T), for intervals over problems; None for these problems.
        settings: How curves are fitted.
        x: What budgets are in: ``compute`` or ``data``.
        budgets: Budgets to find the best size for; empty for three within what was measured.
        targets: Losses to find the cheapest size for; empty for the lowest that was measured.
    """
    points, law = points_of(group, settings.weighting), law_named(DEFAULT)
    bootstrap = settings.bootstrap
    found = crossed_replicates(group, points, shares, bootstrap.replicates, bootstrap.seed)
    estimate = fit_points(law, points, settings.robust)
    label = f"{group.family} {group.variant}".strip()
    if not found.deviations:
        refused = "**No advice on sizes**: one run per size gives no intervals over runs."
        return [refused, ""], [_MORE_SEEDS.format(label)]
    both = np.concatenate([points.y, points.y + found.deviations[found.scope]])
    fits = fit_points(law, replace(points, y=both), settings.robust)
    sizes = _Sizes(group, fits, settings.level, x, _price(group, settings, x))
    origin = _ASKED if budgets else _WITHIN
    budgets = budgets or _reached(group)
    targets = targets or [float(np.exp(points.y[0][points.present]).min())]
    bent = bends(group, points, found.spread, found.problems)
    bend = bent.p_straight is not None and bent.p_straight < _BENT
    forecast, run = sizes.next_run(estimate, found)
    lines = [
        *([_CURVES_BEND.format(bent.words), ""] if bend else []),
        sizes.advice(max(budgets), origin),
        "",
        f"| {x} | best size measured there | loss there | how sure | next best | {_CARRIED} |",
        "| --- | --- | --- | --- | --- | --- |",
        *map(sizes.budget_line, budgets),
        "",
        f"| target loss | cheapest size that reached it | {x} needed | how sure | {_CARRIED} |",
        "| --- | --- | --- | --- | --- |",
        *map(sizes.target_line, targets),
        *(["", _NO_COMPUTE] if x == "data" else []),
        "",
        forecast,
        "",
    ]
    return lines, [f"{label}: {run}"]


def _price(group: Group, settings: Settings, x: str) -> Array:
    """What one unit of x costs at each size (M), in FLOPs up to a factor: 6 N a token.

    Compute is FLOPs already; reuse and group size change nothing in what a problem costs here.
    """
    counts = x == "data" and settings.size.startswith("n_params")
    return group.n if counts else np.ones(len(group.n))


def _reached(group: Group) -> list[float]:
    """Three budgets, where none is stated: where at least two sizes were measured."""
    last = np.sort(group.per_size(group.x)[:, -1])
    return [float(v) for v in np.geomspace(np.nanmin(group.x), last[-2], 4)[1:]]


@dataclass(frozen=True)
class _Best:
    """The best size among some: its index, value in words, share of replicates, the next best."""

    size: int
    words: str
    share: float
    second: str


@dataclass(frozen=True)
class _Sizes:
    """What is asked of the sizes of one group.

    Attributes:
        group: Their curves.
        fits: The law's estimate and, after it, its replicates.
        level: Coverage of intervals.
        x: What budgets are in.
        price: Cost of one unit of x at each size (M).
    """

    group: Group
    fits: Fit
    level: float
    x: str
    price: Array

    @property
    def unit(self) -> str:
        """The unit of x."""
        return "FLOP" if self.x == "compute" else "problems"

    @property
    def ends(self) -> list[float]:
        """Quantiles at which intervals end."""
        return [(1 - self.level) / 2, (1 + self.level) / 2]

    def best(self, budget: float, among: Sequence[int]) -> _Best:
        """The best of some sizes for a budget."""
        loss = np.exp(own_curves(self.fits, np.log([budget]))[..., 0])[:, list(among)]
        best = loss.argmin(1)
        first, *rest = np.argsort(loss[0])
        low, high = np.quantile(loss[1:, first], self.ends)
        second = f"{self.group.models[among[rest[0]]]}: {loss[0, rest[0]]:.3f}" if rest else "–"
        words = f"{loss[0, first]:.3f} [{low:.3f}, {high:.3f}]"
        return _Best(among[first], words, float((best[1:] == first).mean()), second)

    def budget_line(self, budget: float) -> str:
        """A row of the table of budgets."""
        inside = self.inside([budget] * len(self.group.models))
        carried, lead = self._carried_to(budget, inside), f"| {budget:.3g} {self.unit} |"
        if not inside:
            return f"{lead} none | – | – | – | {carried or '–'} |"
        best = self.best(budget, inside)
        return (
            f"{lead} {self.group.models[best.size]} | {best.words} | {best.share:.0%} of "
            f"replicates | {best.second} | {carried or '–'} |"
        )

    def advice(self, budget: float, origin: str) -> str:
        """The size to train with a budget, as a sentence.

        Args:
            budget: The budget.
            origin: Where it comes from.
        """
        inside = self.inside([budget] * len(self.group.models))
        carried = self._carried_to(budget, inside)
        lead = f"With {budget:.3g} {self.unit} ({origin}),"
        if not inside:
            return f"{lead} **no size is advised**, as none was measured there; {carried}."
        best = self.best(budget, inside)
        doubt = f" Not advised: {carried}." if carried else ""
        return (
            f"{lead} train **{self.group.models[best.size]}**: expected loss {best.words}, in "
            f"{best.share:.0%} of replicates the best of the {len(inside)} sizes measured "
            f"there.{doubt}"
        )

    def _carried_to(self, budget: float, inside: Sequence[int]) -> str:
        """The best size by curves carried on, where that is none of those measured; in words."""
        best = self.best(budget, range(len(self.group.models)))
        if best.size in inside:
            return ""
        return f"{self.group.models[best.size]}, {best.words}, {self.beyond(best.size, budget)}"

    def target_line(self, target: float) -> str:
        """A row of the table of targets."""
        fits, k = self.fits, self.fits.slope
        with np.errstate(divide="ignore", over="ignore"):
            away = (fits.free_intercept - np.log(target)) / k
            needed = np.where(k > 0, np.exp(fits.points.centre + away), np.inf)
        cost, lead = needed * self.price, f"| {target:.3f} |"
        if not np.isfinite(needed[0]).any():
            return f"{lead} none: no size learns | – | – | – |"
        inside, m = self.inside(needed[0]), int(cost[0].argmin())
        carried = "–"
        if m not in inside:
            carried = (
                f"{self.group.models[m]}, {needed[0, m]:.3g} {self.unit}, "
                f"{self.beyond(m, needed[0, m])}"
            )
        if not inside:
            return f"{lead} none | – | – | {carried} |"
        m = inside[int(cost[0, inside].argmin())]
        low, high = np.quantile(needed[1:, m], self.ends)
        share = (cost[1:, inside].argmin(1) == inside.index(m)).mean()
        return (
            f"{lead} {self.group.models[m]} | {needed[0, m]:.3g} {self.unit} [{low:.2g}, "
            f"{high:.2g}] | {share:.0%} of replicates | {carried} |"
        )

    def inside(self, at: "Sequence[float] | Array") -> list[int]:
        """Sizes that were measured at these x (M), or on both sides of them."""
        return [m for m, x in enumerate(at) if self.measured(m, float(x))]

    def beyond(self, m: int, x: float) -> str:
        """How far an x lies from where a size was measured, in words."""
        own = self.group.x[self.group.size_of == m]
        last = float(np.nanmax(own))
        if x < last:
            return "before its first point: not supported"
        return f"{x / last:.3g} times its last point: not supported"

    def measured(self, m: int, x: float) -> bool:
        """Whether a size was measured at an x, or on both sides of it."""
        own = self.group.x[self.group.size_of == m]
        return bool(np.nanmin(own) <= x <= np.nanmax(own))

    def next_run(self, estimate: Fit, found: Replicates) -> tuple[str, str]:
        """The forecast of k at twice the largest size, and the run that narrows it most."""
        group = self.group
        target = np.array([2 * group.n.max()])
        variance = self._variance(estimate, found)
        part = _sensitivity(estimate, target) ** 2 * variance
        runs = np.bincount(group.size_of, minlength=len(group.models))
        saved = part / (runs + 1) / part.sum()
        best, error = int(saved.argmax()), float(np.sqrt(part.sum()))
        k, told, little = estimate.k(target)[0, 0], "", False
        slopes = Slopes(np.diag(variance), found.effective)
        drawn = draw_k(self.fits, slopes, float(target[0]), np.random.default_rng(_SEED))
        if drawn is not None:
            low, high = np.quantile(drawn, self.ends)
            told = f" [{low:.4f}, {high:.4f}], whichever law of k(N) holds"
            little = 2 * error < _NARROW * (high - low)
        forecast = (
            f"Forecast of k at twice the largest size: {k:.4f} by the law{told}; its standard "
            f"error over runs alone is {error:.4f}."
        )
        run = (
            f"one more run of **{group.models[best]}** takes {saved[best]:.0%} off the variance "
            "over runs of k at twice the largest size, the most that a single run takes"
        )
        if little:
            run += "; that interval is wide for want of larger sizes, which narrow it more"
        return forecast, f"{run}."

    def _variance(self, estimate: Fit, found: Replicates) -> Array:
        """Variance over runs of each size's free slope (M)."""
        if found.scope == "fixed":
            return np.asarray(self.fits.slope[1:].var(axis=0))
        points = replace(estimate.points, y=estimate.points.y + found.deviations["fixed"])
        return np.asarray(fit_points(FreeSlopes(), points).slope.var(axis=0))


def _sensitivity(estimate: Fit, target: Array) -> Array:
    """How k at a target size moves with the slope of each size's points (M)."""
    points, step = estimate.points, 1e-4
    gradient = np.empty(len(points.models))
    for m in range(len(points.models)):
        moved = points.y.copy()
        moved[0, m] -= step * (points.u[m] - points.centre[m]) * points.present[m]
        changed = fit_points(estimate.law, replace(points, y=moved)).k(target)[0, 0]
        gradient[m] = (changed - estimate.k(target)[0, 0]) / step
    return gradient
