"""One group's result: its numbers and intervals, and what ``findings`` says of them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np
from scipy import stats

from rlscale.laws.arrays import Array, Bools
from rlscale.laws.bends import Bends, bends
from rlscale.laws.beyond import k_beyond
from rlscale.laws.findings import contestants, in_words, said_to_bend, verdicts_of
from rlscale.laws.groups import Group
from rlscale.laws.identification import Identification, identify
from rlscale.laws.law import Fit
from rlscale.laws.quantities import Interval, Quantity, interval
from rlscale.laws.results import (
    Contrast,
    CurvePoint,
    FitResult,
    FittedPoint,
    IdentificationResult,
    PointResult,
    ProfilePoint,
    SizeResult,
)
from rlscale.laws.spec import FitSpec
from rlscale.laws.uncertainty import SCOPES, Replicates
from rlscale.laws.unseen import Slopes

Read = Callable[[Fit], Array]


def empty_result(group: Group, spec: FitSpec, status: str, reason: str) -> FitResult:
    """Result of a group that could not be fitted."""
    return FitResult(
        group.family, group.variant, "none", status, reason, parameters={}, sizes=(), curve=(),
        fitted=(), points=(), contrast=None, identification=None, beyond=(),
        verdicts=None, verdict=f"Not fitted: {reason}.", objective=None,
        n_points=int((group.runs > 0).sum()), n_parameters=0, aic=None, spec=spec,
    )  # fmt: skip


@dataclass(frozen=True)
class Fits:
    """The estimate, and per scope the estimate with its replicates."""

    spec: FitSpec
    estimate: Fit
    by_scope: Mapping[str, Fit]
    replicates: Replicates

    @property
    def widest(self) -> Fit | None:
        """The fits of the widest scope."""
        return self.by_scope.get(self.replicates.scope)

    @property
    def slopes(self) -> Slopes | None:
        """What is known of the sizes' free slopes in the widest scope."""
        widest, replicates = self.widest, self.replicates
        if widest is None:
            return None
        freedom = replicates.judged.get(replicates.scope, replicates.effective)
        if replicates.spread:
            return Slopes(replicates.covariance[replicates.scope], freedom)
        return Slopes(np.atleast_2d(np.cov(widest.slope[1:].T)), freedom)

    def quantity(self, read: Read, size: int | None = None) -> Quantity:
        """Estimate and intervals of ``read(fit) -> (B)``; ``size`` where one size alone says it."""
        level, missing = self.spec.settings.level, self.replicates.missing
        freedom = self.replicates.effective
        if size is not None and self.replicates.spread:
            freedom = float(self.replicates.spread.each[size])
        intervals = {
            name: interval(read(self.by_scope[name])[1:], level, freedom)
            if name in self.by_scope
            else Interval(missing.get(name, "not_applicable"))
            for name in SCOPES
        }
        return Quantity(float(read(self.estimate)[0]), intervals)

    def of_free_line(self, read: Read, size: int | None = None) -> Quantity:
        """As ``quantity``, for what a free line says, whatever the law.

        Residual blocks of a law that bends are laid around that law's own curve, not around the
        points: their free lines are no replicates of the points' line.
        """
        found = self.quantity(read, size)
        if not self.estimate.law.curved:
            return found
        return replace(found, intervals={**found.intervals, "block": Interval("not_applicable")})


def group_result(group: Group, fits: Fits) -> FitResult:
    """Result of a fitted group."""
    fit, law = fits.estimate, fits.estimate.law
    flat = law.straight and not np.any(np.abs(fit.slope[0]) > 1e-12)
    found = None if flat else _identify(fits)
    bent = bends(
        group, fit.points, fits.replicates.spread, fits.replicates.problems,
        None if law.curved else fits.replicates.deviations.get("block"),
    )  # fmt: skip
    status, reason = _status(fits, found, flat=flat)
    count, p = int(fit.points.present.sum()), fit.n_parameters()
    variance = fit.objective[0] / count
    result = FitResult(
        family=group.family,
        variant=group.variant,
        scope=fits.replicates.scope,
        status=status,
        reason=reason,
        parameters=_parameters(fits),
        sizes=_sizes(group, fits),
        curve=_curve(fits),
        fitted=_fitted(fits),
        points=_points(group, fit),
        contrast=_contrast(group, fits) if len(group.models) > 1 else None,
        identification=_identification(found, bent, fits) if found else None,
        beyond=_beyond(group, found, bent, fits) if found else (),
        verdicts=None,
        verdict="",
        objective=float(fit.objective[0]),
        n_points=count,
        n_parameters=p,
        aic=float(count * np.log(variance) + 2 * p) if variance > 0 else None,
        spec=fits.spec,
        estimate=fit,
        replicated=fits.widest,
        slopes=fits.slopes,
    )
    replicated = fits.replicates.spread is not None
    result = replace(result, verdicts=verdicts_of(result, found, bent, fit, replicated=replicated))
    return replace(result, verdict=in_words(result, found, bent, law))


def _identify(fits: Fits) -> Identification | None:
    """The law against its rival, by the slopes' covariance in the widest scope."""
    contest, slopes = fits.estimate.law.contest(), fits.slopes
    if not contest or slopes is None:
        return None
    n, level = fits.estimate.points.n, fits.spec.settings.level
    own = fits.estimate.slope[0]
    return identify(n, own, slopes.covariance, slopes.freedom, level, contest)


def _status(fits: Fits, found: Identification | None, *, flat: bool) -> tuple[str, str]:
    """Status of a fit, and the reason where it is not ``ok``."""
    fit = fits.estimate
    if flat:
        return "not_identified", "the curves are flat: k is 0 at every size"
    if not fit.converged[0]:
        return "not_converged", f"the search for {fit.law.name} ended before it converged"
    ended = fit.law.at_end(fit)
    if ended:
        return "at_bound", f"{', '.join(ended)} at the end of the searched range"
    if found and fits.replicates.spread and found.verdict != "identified":
        told, rival = contestants(fit.law)
        return "not_identified", f"these data do not tell {told} apart from {rival}"
    return "ok", ""


def _parameters(fits: Fits) -> dict[str, Quantity]:
    parameters = {
        name: fits.quantity(lambda f, name=name: f.shared_parameters()[name])  # type: ignore[misc]
        for name in fits.estimate.shared_parameters()
    }
    for scope, own in fits.by_scope.items():
        for name, ends in own.law.unbounded(own).items():
            found = parameters[name].intervals
            opened = _open(found[scope], ends, fits.spec.settings.level)
            parameters[name] = replace(parameters[name], intervals={**found, scope: opened})
    return parameters


def _open(found: Interval, ends: tuple[Bools, Bools], level: float) -> Interval:
    """An interval without the ends that are only those of the searched range.

    Args:
        found: The interval.
        ends: Which fits, the estimate first, lie at the lower end and at the upper.
        level: Coverage.
    """
    low, high = (float(end[1:].mean()) > (1 - level) / 2 for end in ends)
    return replace(found, low=None if low else found.low, high=None if high else found.high)


def _sizes(group: Group, fits: Fits) -> tuple[SizeResult, ...]:
    fit = fits.estimate
    k_law, present, residual = fit.k_fitted(), fit.points.present, fit.residuals()[0]
    own = fit.size_parameters()

    def size(m: int) -> SizeResult:
        return SizeResult(
            model=group.models[m],
            n=float(group.n[m]),
            k=fits.of_free_line(lambda f: f.slope[:, m], m),
            intercept=fits.of_free_line(lambda f: f.free_intercept[:, m], m),
            k_law=None if k_law is None else float(k_law[0, m]),
            parameters={
                name: fits.quantity(lambda f, name=name: f.size_parameters()[name][:, m])  # type: ignore[misc]
                for name in own
            },
            n_points=int(present[m].sum()),
            n_runs=int((group.size_of == m).sum()),
            rmse=float(np.sqrt((residual[m, present[m]] ** 2).mean())),
        )

    return tuple(size(m) for m in range(len(group.models)))


def _curve(fits: Fits) -> tuple[CurvePoint, ...]:
    fit = fits.estimate
    if not (fit.law.straight and fit.law.parameters):
        return ()
    n = fit.points.n
    grid = np.geomspace(n.min() / 2, n.max() * 2, 121)
    low, high = _band(fits, lambda f: f.k(grid), grid.shape)
    k = fit.k(grid)[0]
    return tuple(
        CurvePoint(float(a), float(b), c, d) for a, b, c, d in zip(grid, k, low, high, strict=True)
    )


def _fitted(fits: Fits) -> tuple[FittedPoint, ...]:
    points = fits.estimate.points
    first = np.where(points.present, points.u, np.inf).min(1)
    last = np.where(points.present, points.u, -np.inf).max(1)
    u = np.linspace(first, last, 41, axis=1)
    y = fits.estimate.predict(u)[0]
    low, high = _band(fits, lambda f: f.predict(u), y.shape)
    rows = []
    for m, model in enumerate(points.models):
        for g in range(u.shape[1]):
            ends = [None if end[m][g] is None else float(np.exp(end[m][g])) for end in (low, high)]
            rows.append(FittedPoint(model, float(np.exp(u[m, g])), float(np.exp(y[m, g])), *ends))
    return tuple(rows)


def _band(fits: Fits, read: Read, shape: tuple[int, ...]) -> tuple[list, list]:  # type: ignore[type-arg]
    """Ends of the band of the widest scope, nested as the values are; None without one."""
    if fits.widest is None:
        return np.full(shape, None).tolist(), np.full(shape, None).tolist()
    level = fits.spec.settings.level
    low, high = np.quantile(read(fits.widest)[1:], [(1 - level) / 2, (1 + level) / 2], axis=0)
    return low.tolist(), high.tolist()


def _points(group: Group, fit: Fit) -> tuple[PointResult, ...]:
    points, runs = fit.points, group.runs
    fitted, residual = fit.predict(points.u)[0], fit.residuals()[0]
    return tuple(
        PointResult(
            model=group.models[m],
            step=int(group.steps[t]),
            x=float(np.exp(points.u[m, t])),
            observed=float(np.exp(points.y[0, m, t])),
            fitted=float(np.exp(fitted[m, t])),
            residual=float(residual[m, t]),
            n_runs=int(runs[m, t]),
        )
        for m, t in np.argwhere(points.present)
    )


def _contrast(group: Group, fits: Fits) -> Contrast:
    difference = fits.of_free_line(lambda f: f.slope[:, -1] - f.slope[:, 0])
    replicates, level = fits.replicates, fits.spec.settings.level
    spread = replicates.spread
    # The less that is known of either size's runs, the wider; computed, so that no seed decides.
    share = min(spread.each[0], spread.each[-1]) / spread.effective if spread else 1.0
    computed = {
        scope: _by_student(difference.estimate, own, share * replicates.judged[scope], level)
        for scope, own in replicates.covariance.items()
    }
    difference = replace(difference, intervals={**difference.intervals, **computed})
    smaller, larger = group.models[0], group.models[-1]
    ends = difference.intervals.get(fits.replicates.scope)
    if ends is None or ends.low is None or ends.high is None:
        verdict = "no interval, no verdict"
    elif replicates.spread is None:
        verdict = f"one run per size: whether {larger} learns more than {smaller} is not judged"
    elif ends.low > 0:
        verdict = f"{larger} learns more per unit of log x than {smaller}"
    elif ends.high < 0:
        verdict = f"{larger} learns less per unit of log x than {smaller}"
    else:
        verdict = f"{larger} and {smaller} cannot be told apart"
    return Contrast(larger, smaller, difference, verdict)


def _by_student(estimate: float, covariance: Array, freedom: float, level: float) -> Interval:
    """Interval of k of the last size minus k of the first, by the covariance of slopes."""
    variance = covariance[0, 0] + covariance[-1, -1] - 2 * covariance[0, -1]
    error = float(np.sqrt(max(variance, 0.0)))
    half = error * float(stats.t.ppf((1 + level) / 2, freedom))
    return Interval("ok", error, estimate - half, estimate + half)


def _identification(found: Identification, bent: Bends, fits: Fits) -> IdentificationResult:
    fit, scope = fits.widest, fits.replicates.scope
    assert fit is not None
    inside = (fit.theta[1:, 0] > 0) & np.isfinite(fit.theta[1:, 1])
    logs = np.log(fit.theta[1:][inside, 0]), fit.theta[1:][inside, 1]
    spread = min(part.std() for part in logs) if inside.sum() > 2 else 0
    intervals = {name: Interval("not_applicable") for name in SCOPES}
    intervals[scope] = Interval("no_replicates")
    if bent.se is not None:
        half = bent.se * float(stats.t.ppf((1 + fits.spec.settings.level) / 2, bent.freedom))
        low, high = bent.curvature - half, bent.curvature + half
        intervals[scope] = Interval("ok", bent.se, low, high)
    parts = zip(found.n0[::4], found.k_max[::4], found.deviance[::4], strict=True)
    return IdentificationResult(
        verdict=found.verdict if fits.replicates.spread else "no_replicates",
        delta_aic=found.delta_aic,
        misfit=found.misfit,
        misfit_freedom=found.misfit_freedom,
        p_misfit=found.p_misfit,
        p_law=found.mixture.share(0),
        scatter=found.mixture.scatter,
        p_straight=bent.p_straight,
        curvature=Quantity(bent.curvature, intervals),
        correlation=float(np.corrcoef(*logs)[0, 1]) if spread > 0 else None,
        profile_low=found.low,
        profile_high=found.high,
        profile=tuple(ProfilePoint(float(a), float(b), float(c)) for a, b, c in parts),
    )


def _beyond(group: Group, found: Identification, bent: Bends, fits: Fits) -> tuple[CurvePoint, ...]:
    rows = k_beyond(group, fits.spec, fits.replicates, found.mixture, said_to_bend(bent) == "yes")
    return tuple(CurvePoint(*row) for row in rows)
