"""Which size to train with a budget, for a target, and which further run would tell most."""

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
_SEED = 9
_CURVES_BEND = (
    "**The curves bend** in log-log ({}), which the law does not: trust this table inside what "
    "was measured only."
)
_NO_COMPUTE = (
    "No compute is stated: the cheapest size is that of the fewest parameters times "
    "problems, which is FLOPs where responses are equally long."
)


def advice_on_sizes(
    group: Group,
    shares: Array | None,
    settings: Settings,
    x: str,
    budgets: Sequence[float],
    targets: Sequence[float],
) -> list[str]:
    """The advice on one group's sizes, as lines of Markdown.

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
    if not found.deviations:
        return ["**No advice on sizes**: one run per size gives no intervals over runs.", ""]
    both = np.concatenate([points.y, points.y + found.deviations[found.scope]])
    fits = fit_points(law, replace(points, y=both), settings.robust)
    sizes = _Sizes(group, fits, settings.level, x, _price(group, settings, x))
    budgets = budgets or _reached(group)
    targets = targets or [float(np.exp(points.y[0][points.present]).min())]
    bent = bends(group, points, found.spread, found.problems)
    bend = bent.p_straight is not None and bent.p_straight < _BENT
    return [
        *([_CURVES_BEND.format(bent.words), ""] if bend else []),
        sizes.advice(max(budgets)),
        "",
        f"| {x} | best size | loss there | how sure | next best |",
        "| --- | --- | --- | --- | --- |",
        *map(sizes.budget_line, budgets),
        "",
        f"| target loss | cheapest size | {x} needed | how sure |",
        "| --- | --- | --- | --- |",
        *map(sizes.target_line, targets),
        *(["", _NO_COMPUTE] if x == "data" else []),
        "",
        *sizes.next_run(estimate, found),
        "",
    ]


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
    """The best size for a budget: its index, loss in words, share of replicates, the next best."""

    size: int
    loss: str
    share: float
    second: int
    loss_of_second: float


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

    def best(self, budget: float) -> _Best:
        """The best size for a budget."""
        models = self.group.models
        loss = np.exp(own_curves(self.fits, np.log([budget]))[..., 0])
        best = loss.argmin(1)
        share = np.bincount(best[1:], minlength=len(models)) / (len(best) - 1)
        m = int(best[0])
        low, high = np.quantile(loss[1:, m], self.ends)
        second = int(np.argsort(loss[0])[1]) if len(models) > 1 else m
        words = f"{loss[0, m]:.3f} [{low:.3f}, {high:.3f}]"
        return _Best(m, words, float(share[m]), second, float(loss[0, second]))

    def budget_line(self, budget: float) -> str:
        """A row of the table of budgets."""
        best, models = self.best(budget), self.group.models
        outside = "" if self.measured(best.size, budget) else " (outside what was measured)"
        return (
            f"| {budget:.3g} {self.unit} | {models[best.size]}{outside} | {best.loss} | "
            f"{best.share:.0%} of replicates | "
            f"{models[best.second]}: {best.loss_of_second:.3f} |"
        )

    def advice(self, budget: float) -> str:
        """The size to train with a budget, as a sentence."""
        best = self.best(budget)
        outside = "" if self.measured(best.size, budget) else ", outside what was measured"
        return (
            f"With {budget:.3g} {self.unit}, train **{self.group.models[best.size]}**: expected "
            f"loss {best.loss}, the best in {best.share:.0%} of replicates{outside}."
        )

    def target_line(self, target: float) -> str:
        """A row of the table of targets."""
        fits, k = self.fits, self.fits.slope
        with np.errstate(divide="ignore", over="ignore"):
            away = (fits.free_intercept - np.log(target)) / k
            needed = np.where(k > 0, np.exp(fits.points.centre + away), np.inf)
        best = (needed * self.price).argmin(1)
        m = int(best[0])
        if not np.isfinite(needed[0, m]):
            return f"| {target:.3f} | none: no size learns | - | - |"
        low, high = np.quantile(needed[1:, m], self.ends)
        share = (best[1:] == m).mean()
        outside = "" if self.measured(m, needed[0, m]) else " (outside what was measured)"
        return (
            f"| {target:.3f} | {self.group.models[m]}{outside} | {needed[0, m]:.3g} {self.unit} "
            f"[{low:.2g}, {high:.2g}] | {share:.0%} of replicates |"
        )

    def measured(self, m: int, x: float) -> bool:
        """Whether a size was measured at an x, or on both sides of it."""
        own = self.group.x[self.group.size_of == m]
        return bool(np.nanmin(own) <= x <= np.nanmax(own))

    def next_run(self, estimate: Fit, found: Replicates) -> list[str]:
        """Which further run narrows k at twice the largest size most, per run and per FLOP."""
        group = self.group
        target = np.array([2 * group.n.max()])
        variance = self._variance(estimate, found)
        part = _sensitivity(estimate, target) ** 2 * variance
        runs = np.bincount(group.size_of, minlength=len(group.models))
        saved = part / (runs + 1) / part.sum()
        cost = np.nanmax(np.where(np.isfinite(group.x), group.x, np.nan), axis=1)
        per_size = self.price * [cost[group.size_of == m].mean() for m in range(len(runs))]
        best, cheapest = int(saved.argmax()), int((saved / per_size).argmax())
        k, told = estimate.k(target)[0, 0], ""
        slopes = Slopes(np.diag(variance), found.effective)
        drawn = draw_k(self.fits, slopes, float(target[0]), np.random.default_rng(_SEED))
        if drawn is not None:
            low, high = np.quantile(drawn, self.ends)
            told = f" [{low:.4f}, {high:.4f}], whichever law of k(N) holds"
        lines = [
            f"Forecast of k at twice the largest size: {k:.4f} by the law{told} (standard error "
            f"over runs {np.sqrt(part.sum()):.4f}). One more run of **{group.models[best]}** "
            f"narrows it most: its variance over runs falls by {saved[best]:.0%}."
        ]
        if cheapest != best:
            lines.append(
                f"Per unit of its own cost, one more run of {group.models[cheapest]} buys most "
                f"({saved[cheapest]:.0%})."
            )
        return lines

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
