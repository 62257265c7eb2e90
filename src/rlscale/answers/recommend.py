"""Answers, not only parameters: what to train next, what reuse costs, what would tell apart."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import stats

from rlscale.laws.arrays import Array
from rlscale.laws.bends import bends
from rlscale.laws.fitting import fit_points
from rlscale.laws.groups import Group, build_groups, metric_rows, select_rows
from rlscale.laws.law import Fit
from rlscale.laws.points import points_of
from rlscale.laws.registry import DEFAULT, law_named
from rlscale.laws.spec import Settings
from rlscale.laws.straight import FreeSlopes
from rlscale.laws.study import outcome_shares, trouble
from rlscale.laws.uncertainty import Replicates, crossed_replicates

if TYPE_CHECKING:
    import pandas

_POWER = 0.8  # Chance of seeing a difference that is there.
_BENT = 0.05
_MANY = 10_000  # Runs: beyond, the number no longer matters.


@dataclass(frozen=True)
class Wishes:
    """What is asked of a recommendation: the ``recommend`` section, and the fits' margin.

    Attributes:
        budgets: Budgets (FLOPs) to find the best size for; empty for three within what was
            measured.
        targets: Losses to find the cheapest size for; empty for the lowest that was measured.
        margin: Rise in loss that counts as no cost of reuse.
        confidence: One-sided confidence of the statement on tau.
    """

    budgets: Sequence[float] = ()
    targets: Sequence[float] = ()
    margin: float = 0.02
    confidence: float = 0.95


def recommend(
    curves: "pandas.DataFrame",
    settings: Settings,
    wishes: Wishes,
    outcomes: "pandas.DataFrame | None" = None,
) -> str:
    """Write the recommendation of a study as Markdown.

    Args:
        curves: The study's curves.
        settings: How curves are fitted.
        wishes: What is asked.
        outcomes: outcomes.parquet, for the number of problems.
    """
    level = settings.level
    parts = [f"# Recommendation for the study {curves['study'].iloc[0]}", ""]
    rows = select_rows(curves, settings.select)
    rows, _, benchmark = metric_rows(rows, "loss", settings.benchmark)
    x = "compute" if rows.loc[rows["step"] > 0, "compute_flops"].notna().all() else "data"
    for group in build_groups(rows, x=x, column="loss", size=settings.size):
        parts += [f"## {group.family} {group.variant}", ""]
        refused = trouble(group, law_named(DEFAULT))
        if refused:
            parts += [f"**No law, hence no advice on sizes**: {refused[1]}.", ""]
            continue
        shares = outcome_shares(group, outcomes, benchmark) if outcomes is not None else None
        parts += _sizes(group, shares, settings, wishes, x)
    parts += _reuse(curves[curves["status"] == "ok"], wishes, outcomes, benchmark)
    parts.append(
        f"Intervals are {100 * level:g} % intervals over runs"
        + (" and problems" if outcomes is not None else " on these problems")
        + ". Losses outside the range of compute that was measured rest on the law alone."
    )
    return "\n".join(parts) + "\n"


def _sizes(
    group: Group, shares: Array | None, settings: Settings, wishes: Wishes, x: str
) -> list[str]:
    points, law, level = points_of(group, settings.weighting), law_named(DEFAULT), settings.level
    bootstrap = settings.bootstrap
    found = crossed_replicates(group, points, shares, bootstrap.replicates, bootstrap.seed)
    estimate = fit_points(law, points, settings.robust)
    lines = []
    if not found.deviations:
        return ["**No advice on sizes**: one run per size gives no intervals over runs.", ""]
    both = np.concatenate([points.y, points.y + found.deviations[found.scope]])
    fits = fit_points(law, replace(points, y=both), settings.robust)
    bent = bends(group, points, found.spread, found.problems)
    if bent.p_straight is not None and bent.p_straight < _BENT:
        lines += [
            "**The curves bend** in log-log, which the law does not: trust this table inside what "
            "was measured only.",
            "",
        ]
    unit = "FLOP" if x == "compute" else "problems"
    budgets = wishes.budgets or _reached(group)
    lines += [_advice(fits, group, max(budgets), unit, level), ""]
    targets = wishes.targets or [float(np.exp(points.y[0][points.present]).min())]
    lines += [
        f"| {x} | best size | loss there | how sure | next best |",
        "| --- | --- | --- | --- | --- |",
    ]
    lines += [_budget_line(fits, group, budget, unit, level) for budget in budgets]
    lines += [
        "",
        f"| target loss | cheapest size | {x} needed | how sure |",
        "| --- | --- | --- | --- |",
    ]
    price = _price(group, settings, x)
    lines += [_target_line(fits, group, target, unit, level, price) for target in targets]
    if x == "data":
        lines += [
            "",
            "No compute is stated: the cheapest size is that of the fewest parameters times "
            "problems, which is FLOPs where responses are equally long.",
        ]
    lines += ["", *_next_cell(group, estimate, fits, found, price), ""]
    return lines


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


def _best(fits: Fit, group: Group, budget: float, level: float) -> _Best:
    u = np.full((len(group.models), 1), np.log(budget))
    loss = np.exp(fits.predict(u)[..., 0])
    best = loss.argmin(1)
    share = np.bincount(best[1:], minlength=len(group.models)) / (len(best) - 1)
    m = int(best[0])
    low, high = np.quantile(loss[1:, m], [(1 - level) / 2, (1 + level) / 2])
    second = int(np.argsort(loss[0])[1]) if len(group.models) > 1 else m
    words = f"{loss[0, m]:.3f} [{low:.3f}, {high:.3f}]"
    return _Best(m, words, float(share[m]), second, float(loss[0, second]))


def _budget_line(fits: Fit, group: Group, budget: float, unit: str, level: float) -> str:
    best = _best(fits, group, budget, level)
    outside = "" if _inside(group, best.size, budget) else " (outside what was measured)"
    return (
        f"| {budget:.3g} {unit} | {group.models[best.size]}{outside} | {best.loss} | "
        f"{best.share:.0%} of replicates | "
        f"{group.models[best.second]}: {best.loss_of_second:.3f} |"
    )


def _advice(fits: Fit, group: Group, budget: float, unit: str, level: float) -> str:
    """The size to train with a budget, as a sentence."""
    best = _best(fits, group, budget, level)
    outside = "" if _inside(group, best.size, budget) else ", outside what was measured"
    return (
        f"With {budget:.3g} {unit}, train **{group.models[best.size]}**: expected loss "
        f"{best.loss}, the best in {best.share:.0%} of replicates{outside}."
    )


def _target_line(
    fits: Fit, group: Group, target: float, unit: str, level: float, price: Array
) -> str:
    k = fits.k_fitted()
    assert k is not None
    with np.errstate(divide="ignore", over="ignore"):
        needed = np.where(
            k > 0, np.exp(fits.points.centre + (fits.intercept - np.log(target)) / k), np.inf
        )
    best = (needed * price).argmin(1)
    m = int(best[0])
    if not np.isfinite(needed[0, m]):
        return f"| {target:.3f} | none: no size learns | - | - |"
    low, high = np.quantile(needed[1:, m], [(1 - level) / 2, (1 + level) / 2])
    share = (best[1:] == m).mean()
    outside = "" if _inside(group, m, needed[0, m]) else " (outside what was measured)"
    return (
        f"| {target:.3f} | {group.models[m]}{outside} | {needed[0, m]:.3g} {unit} "
        f"[{low:.2g}, {high:.2g}] | {share:.0%} of replicates |"
    )


def _inside(group: Group, m: int, x: float) -> bool:
    own = group.x[group.size_of == m]
    return bool(np.nanmin(own) <= x <= np.nanmax(own))


def _next_cell(
    group: Group, estimate: Fit, fits: Fit, found: Replicates, price: Array
) -> list[str]:
    """Which further run narrows k at twice the largest size most, per run and per FLOP."""
    target = np.array([2 * group.n.max()])
    variance = fits.slope[1:].var(axis=0) if found.scope == "fixed" else None
    if variance is None:
        points = replace(estimate.points, y=estimate.points.y + found.deviations["fixed"])
        variance = fit_points(FreeSlopes(), points).slope.var(axis=0)
    runs = np.bincount(group.size_of, minlength=len(group.models))
    gradient = np.empty(len(group.models))
    for m in range(len(group.models)):
        centred = estimate.points.u[m] - estimate.points.centre[m]
        step = 1e-4
        moved = estimate.points.y.copy()
        moved[0, m] -= step * centred * estimate.points.present[m]
        changed = fit_points(estimate.law, replace(estimate.points, y=moved)).k(target)[0, 0]
        gradient[m] = (changed - estimate.k(target)[0, 0]) / step
    part = gradient**2 * variance
    saved = part / (runs + 1) / part.sum()
    cost = np.nanmax(np.where(np.isfinite(group.x), group.x, np.nan), axis=1)
    per_size = price * [cost[group.size_of == m].mean() for m in range(len(runs))]
    best, cheapest = int(saved.argmax()), int((saved / per_size).argmax())
    k = estimate.k(target)[0, 0]
    lines = [
        f"Forecast of k at twice the largest size: {k:.4f} (standard error over runs "
        f"{np.sqrt(part.sum()):.4f}). One more run of **{group.models[best]}** narrows it most: "
        f"its variance over runs falls by {saved[best]:.0%}."
    ]
    if cheapest != best:
        lines.append(
            f"Per unit of its own cost, one more run of {group.models[cheapest]} buys most "
            f"({saved[cheapest]:.0%})."
        )
    return lines


def _reuse(
    curves: "pandas.DataFrame", wishes: Wishes, outcomes: "pandas.DataFrame | None", benchmark: str
) -> list[str]:
    """What tau costs at equal steps, and what would tell two settings apart."""
    rows = curves[curves["benchmark"] == benchmark]
    lines = ["## Reuse of data (tau)", ""]
    keys = ["family", "model", "variant", "group_size", "recipe"]
    told = False
    for name, part in rows.groupby(keys, dropna=False, sort=True):
        last = part.groupby("tau")["step"].max().min()
        final = part[part["step"] == last]
        arms = {int(tau): arm for tau, arm in final.groupby("tau")}
        if len(arms) < 2 or min(arms) != 1:
            continue
        told = True
        label = f"{name[1]} {name[2]}, G = {name[3]:g}, {name[4]}"
        lines += _reuse_of(label, last, arms, wishes, outcomes, benchmark)
    if not told:
        lines.append("No model was trained with several tau, tau = 1 among them.")
    return [*lines, ""]


def _reuse_of(
    label: str,
    last: float,
    arms: Mapping[int, "pandas.DataFrame"],
    wishes: Wishes,
    outcomes: "pandas.DataFrame | None",
    benchmark: str,
) -> list[str]:
    freedom = sum(len(arm) - 1 for arm in arms.values())
    if freedom == 0:
        return [f"{label}: **no statement** on reuse, as there is one run per tau."]
    pooled = sum(((arm["loss"] - arm["loss"].mean()) ** 2).sum() for arm in arms.values()) / freedom
    reach = stats.t.ppf(wishes.confidence, freedom)
    lines = [
        f"{label}, loss at step {last:g} (runs' SD {np.sqrt(pooled):.4f}, {freedom} degrees of "
        "freedom):", "",
        f"| tau | runs | rise over tau 1 | at most ({wishes.confidence:.0%}) | within "
        f"{wishes.margin:g} | to see a rise of {wishes.margin:g} |",
        "| --- | --- | --- | --- | --- | --- |",
    ]  # fmt: skip
    within = [1]
    for tau, arm in arms.items():
        if tau == 1:
            continue
        rise = arm["loss"].mean() - arms[1]["loss"].mean()
        error = np.sqrt(pooled * (1 / len(arm) + 1 / len(arms[1])))
        most = rise + reach * error
        fits_margin = most <= wishes.margin
        if fits_margin and within[-1] == _before(tau, arms):
            within.append(tau)
        needed = _needed(wishes.margin, pooled, arm, arms[1], outcomes, benchmark, last)
        lines.append(
            f"| {tau} | {len(arm)} | {rise:+.4f} | {most:+.4f} | "
            f"{'yes' if fits_margin else 'not shown'} | {needed} |"
        )
    statement = (
        f"The largest tau shown, with {wishes.confidence:.0%} confidence, to cost at most "
        f"{wishes.margin:g} in loss is **tau = {within[-1]}**."
    )
    if len(within) == 1:
        statement = (
            f"**No tau above 1** is shown, with {wishes.confidence:.0%} confidence, to cost at "
            f"most {wishes.margin:g} in loss; that is no proof that any costs more."
        )
    return [*lines, "", statement, ""]


def _before(tau: int, arms: Mapping[int, Any]) -> int:
    taus = sorted(arms)
    return taus[taus.index(tau) - 1]


def runs_needed(rise: float, variance: float) -> int:
    """Runs per setting with which a two-sided 5 % t test sees a rise with chance 0.8, at least 2.

    Args:
        rise: The difference that is to be seen.
        variance: Of a run.
    """
    runs = 2
    while True:
        freedom, centre = 2 * (runs - 1), abs(rise) / np.sqrt(2 * variance / runs)
        edge = stats.t.ppf(0.975, freedom)
        seen = stats.nct.sf(edge, freedom, centre) + stats.nct.cdf(-edge, freedom, centre)
        if seen >= _POWER or runs >= _MANY:
            return runs
        runs += 1 if runs < 20 else runs // 10


def _needed(
    rise: float,
    pooled: float,
    arm: "pandas.DataFrame",
    one: "pandas.DataFrame",
    outcomes: "pandas.DataFrame | None",
    benchmark: str,
    last: float,
) -> str:
    """Runs per setting, and problems, for a two-sided 5 % t test of power 0.8 to see a rise."""
    text = f"{runs_needed(rise, pooled)} runs each"
    if outcomes is None:
        return text
    wide = outcomes[(outcomes["benchmark"] == benchmark) & (outcomes["step"] == last)]
    share = wide.assign(share=wide["n_correct"] / wide["n"])
    mean = [
        share[share["cell"].isin(side["cell"])].groupby("problem_id")["share"].mean()
        for side in (arm, one)
    ]
    spread = (mean[0] - mean[1]).var()
    factor = (stats.norm.ppf(0.975) + stats.norm.ppf(_POWER)) ** 2
    return f"{text}; for these runs {max(2, int(np.ceil(spread * factor / rise**2)))} problems"
