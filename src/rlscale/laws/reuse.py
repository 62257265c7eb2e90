"""tau as a factor of the law: how much data that are used again are worth.

After x problems of which U are unique, every problem has been used 1 + R times, R = x / U - 1. All
tau share one curve of effective data, ln L = E - k v + q v^2 with v = ln D'(U, R), and differ in D'
alone. The decay is that of Muennighoff et al. 2023, arXiv 2305.16264, equation 5.
"""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from scipy import stats

from rlscale.core.errors import StudyError
from rlscale.laws.arrays import Array, Bools
from rlscale.laws.groups import Group
from rlscale.laws.points import Points, free_lines
from rlscale.laws.spec import Bootstrap
from rlscale.laws.spread import draw_runs, run_spread
from rlscale.laws.uncertainty import block_replicates

LAYOUTS = ("per_epoch", "interleaved")
_PARTS = 4  # Means that a tau's curve is reduced to, over equal parts of log x.
_DRAWS = 2000


@dataclass(frozen=True)
class Form:
    """One way in which reuse may count.

    Attributes:
        name: Its name.
        equation: Effective data, or what is added to ln L.
        parameter: Its parameter; empty where there is none.
        none: Value of the parameter at which reused data are as good as fresh ones.
        effective: ln D' from ln U, R and the parameter; None where D' is x.
        added: What the parameter multiplies in ln L, from ln tau and centred ln x; None for D'.
    """

    name: str
    equation: str
    parameter: str = ""
    none: float = np.nan
    effective: Callable[[Array, Array, Array], Array] | None = None
    added: Callable[[Array, Array], Array] | None = None

    def grid(self, most: float) -> Array:
        """Values of the parameter to search, R at most ``most``; one value where it is linear."""
        if self.name == "decay":
            return np.geomspace(1e-2, 1e4, 400)
        if self.name == "share":
            lowest = -0.9 / max(most, 1.0)
            return np.r_[np.linspace(lowest, 0, 40), np.geomspace(1e-3, 3.0, 360)]
        return np.linspace(-1.0, 2.0, 401) if self.name == "power" else np.array([np.nan])

    def worth(self, theta: float, tau: float) -> float:
        """What a problem used ``tau`` times is worth, in fresh problems; NaN where D' is x."""
        if self.effective is None or theta == -np.inf:
            return float("nan")
        if theta == np.inf:
            return tau if self.none == np.inf else np.inf
        return float(
            np.exp(self.effective(np.zeros(1), np.array([tau - 1.0]), np.array([theta]))[0])
        )


FORMS = (
    Form("none", "D' = U (1 + R)"),
    Form(
        "share", "D' = U (1 + w R)", "w", 1.0,
        lambda u, r, w: u + np.log1p(w * r),
    ),
    Form(
        "decay", "D' = U (1 + R* (1 - exp(-R/R*)))", "R*", np.inf,
        lambda u, r, s: u + np.log1p(s * -np.expm1(-r / s)),
    ),
    Form(
        "power", "D' = U (1 + R)^a", "a", 1.0,
        lambda u, r, a: u + a * np.log1p(r),
    ),
    Form("shift", "ln L + c ln tau", "c", 0.0, added=lambda t, v: t + 0 * v),
    Form("slope", "ln L + c ln tau ln x", "c", 0.0, added=lambda t, v: t * v),
)  # fmt: skip


@dataclass(frozen=True)
class Sums:
    """Curves of several tau reduced to means over parts of log x (n in all), and their errors.

    Attributes:
        operator: What makes the means of log of the metric of a tau (M, T) -> (n, M, T).
        value: The means (n).
        tau: tau of each (n).
        root: Inverse root of their covariance (n, n).
        freedom: Degrees of freedom of that covariance.
        scope: ``runs``, or ``residuals`` where there is one run of each tau.
    """

    operator: Array
    value: Array
    tau: Array
    root: Array
    freedom: float
    scope: str


@dataclass(frozen=True)
class ReuseFit:
    """One form fitted.

    Attributes:
        form: The form.
        theta: Its parameter; NaN where it has none.
        low, high: Its interval; infinite where open within the searched range.
        misfit: Chi-squared of the means about it.
        freedom: Means minus parameters.
        left_out: RMS in ln of the metric of each tau's means, forecast from the other tau; NaN with
            fewer than three tau.
        p_none: Chance of a fit so much better than that without any effect, if there is none.
        aic: AIC above that of the best form, misfit divided by that per degree of freedom.
    """

    form: Form
    theta: float
    low: float
    high: float
    misfit: float
    freedom: int
    left_out: float
    p_none: float
    aic: float


def summed(group: Group, points: Points, seed: int) -> Sums:
    """Reduce the curves of a group whose sizes are tau.

    Raises:
        StudyError: A tau has too few points.
    """
    drawn, freedom, scope = _deviations(group, points, seed)
    rows, taus, roots = [], [], []
    for m, tau in enumerate(group.n):
        own = _means_of_parts(points, m)
        if len(own) < 2:
            raise StudyError(f"tau {tau:g}: too few points to tell what reuse does")
        moved = np.einsum("imt,bmt->bi", np.array(own), drawn)
        roots.append(_inverse_root(np.cov(moved.T)))
        rows += own
        taus += [tau] * len(own)
    operator = np.array(rows)
    root = np.zeros((len(rows), len(rows)))
    at = 0
    for block in roots:
        root[at : at + len(block), at : at + len(block)] = block
        at += len(block)
    value = np.einsum("imt,mt->i", operator, points.y[0])
    return Sums(operator, value, np.array(taus), root, float(freedom), scope)


def _deviations(group: Group, points: Points, seed: int) -> tuple[Array, float, str]:
    """How the points may differ: draws (B, M, T), their degrees of freedom, what they are of."""
    spread = run_spread(group, points)
    if spread is not None:
        drawn = draw_runs(group, spread, _DRAWS, np.random.default_rng([seed, 9]))
        return drawn, spread.effective, "runs"
    lines = free_lines(points, points.w[None])
    centred = points.u - points.centre[:, None]
    fitted = lines.intercept[0, :, None] - lines.slope[0, :, None] * centred
    blocks = block_replicates(points, fitted, 2, Bootstrap(_DRAWS, seed))
    return blocks.deviations["block"], np.inf, "residuals"


def _means_of_parts(points: Points, m: int) -> list[Array]:
    """Weights (M, T) of the mean of one size's points in each part of log x that has some."""
    u = points.u[points.present]
    edges = np.linspace(u.min(), u.max() + 1e-9, _PARTS + 1)
    means = []
    for low, high in pairwise(edges):
        inside = points.present[m] & (points.u[m] >= low) & (points.u[m] < high)
        if inside.any():
            row = np.zeros(points.u.shape)
            row[m, inside] = points.w[m, inside] / points.w[m, inside].sum()
            means.append(row)
    return means


def _inverse_root(covariance: Array) -> Array:
    values, vectors = np.linalg.eigh(covariance)
    # Runs that hardly differ leave directions that a few draws call exact.
    values = np.maximum(values, 1e-4 * values.max() + 1e-16)
    return np.asarray(vectors / np.sqrt(values) @ vectors.T)


def unique_and_repeats(group: Group, points: Points, layout: str) -> tuple[Array, Array]:
    """ln U and R of every point (M, T): unique problems so far, and uses beyond the first.

    ``per_epoch``: a tau goes through its D / tau problems, then through them again; D is what the
    longest run saw. ``interleaved``: each problem tau times in a row.

    Raises:
        StudyError: The layout is unknown.
    """
    if layout not in LAYOUTS:
        raise StudyError(f"layout '{layout}' is none of {', '.join(LAYOUTS)}")
    tau = group.n[:, None]
    unique = points.u - np.log(tau)
    if layout == "per_epoch":
        total = points.u[points.present].max()
        unique = np.minimum(points.u, total - np.log(tau))
    return unique, np.where(points.present, np.expm1(np.maximum(0.0, points.u - unique)), 0.0)


def fit_reuse(
    group: Group, points: Points, layout: str, level: float, seed: int
) -> tuple[list[ReuseFit], Sums]:
    """Fit every form to curves that differ in tau.

    Args:
        group: Curves whose sizes are tau.
        points: Their points.
        layout: One of ``LAYOUTS``.
        level: Coverage of intervals.
        seed: Of the draws that tell how runs differ.

    Raises:
        StudyError: The layout is unknown, or a tau has too few points.
    """
    sums = summed(group, points, seed)
    reuse = unique_and_repeats(group, points, layout)
    stacks = {form: _stack(form, points, sums, group.n, reuse) for form in FORMS}
    everything = np.ones(len(sums.value), bool)
    found = {form: _profile(form, stacks[form], sums, everything) for form in FORMS}
    free = {form: len(everything) - 3 - bool(form.parameter) for form in FORMS}
    least = {form: float(q.min()) for form, (_, q) in found.items()}
    per = {form: max(1.0, least[form] / max(1, free[form])) for form in FORMS}
    scale = min(per.values())
    aic = {form: least[form] / scale - 2 * free[form] for form in FORMS}
    result = []
    for form, (thetas, q) in found.items():
        freedom = sums.freedom if np.isfinite(sums.freedom) else max(1, free[form])
        low = high = p = np.nan
        if form.parameter:
            low, high = _ends(thetas, q, least[form] + per[form] * stats.f.ppf(level, 1, freedom))
            p = float(stats.f.sf(max(0.0, least[FORMS[0]] - least[form]) / scale, 1, freedom))
        result.append(
            ReuseFit(
                form=form,
                theta=float(thetas[q.argmin()]),
                low=low,
                high=high,
                misfit=least[form],
                freedom=free[form],
                left_out=_left_out(form, stacks[form], sums),
                p_none=p,
                aic=aic[form] - min(aic.values()),
            )
        )
    return result, sums


def _ends(thetas: Array, q: Array, reach: float) -> tuple[float, float]:
    """Where a profile crosses ``reach`` on either side of its least value."""
    best = int(q.argmin())
    ends = []
    for step, open_end in ((-1, -np.inf), (1, np.inf)):
        i = best
        while 0 <= i + step < len(q) and q[i + step] <= reach:
            i += step
        if not 0 <= i + step < len(q):
            ends.append(open_end)
            continue
        share = (reach - q[i]) / (q[i + step] - q[i])
        ends.append(float(thetas[i] + share * (thetas[i + step] - thetas[i])))
    return ends[0], ends[1]


@dataclass(frozen=True)
class _Stack:
    """A form's columns at each value of its parameter.

    Attributes:
        thetas: The values (G).
        columns: What E, k, q (and c) multiply in the means (G, n, 3 or 4).
    """

    thetas: Array
    columns: Array


def _stack(
    form: Form, points: Points, sums: Sums, tau: Array, reuse: tuple[Array, Array]
) -> _Stack:
    u = np.where(points.present, points.u, 0.0)
    centre = points.u[points.present].mean()
    thetas = form.grid(float(reuse[1].max()))
    shape = (len(thetas), 1, 1)
    effective = np.broadcast_to(u, (len(thetas), *u.shape))
    if form.effective is not None:
        effective = form.effective(reuse[0], reuse[1], thetas.reshape(shape))
    v = np.where(points.present, effective - centre, 0.0)
    parts = [np.ones_like(v), -v, v**2]
    if form.added is not None:
        parts.append(form.added(np.log(tau)[:, None], v))
    return _Stack(thetas, np.einsum("imt,jgmt->gij", sums.operator, np.array(parts)))


def _profile(form: Form, stack: _Stack, sums: Sums, keep: Bools) -> tuple[Array, Array]:
    """Values of the parameter, and chi-squared of the means that are kept at each.

    A linear parameter has a parabola about its estimate.
    """
    root = sums.root[np.ix_(keep, keep)]
    y = root @ sums.value[keep]
    columns = root @ stack.columns[:, keep]
    if form.added is None:
        basis, _ = np.linalg.qr(columns)
        return stack.thetas, y @ y - ((y @ basis) ** 2).sum(-1)
    effects, rest = _solve(columns[0], y)
    _, own = _solve(columns[0, :, :3], columns[0, :, 3])
    information = float(own @ own)
    width = np.sqrt(max(1.0, float(rest @ rest)) / max(information, 1e-300))
    thetas = effects[3] + width * np.linspace(-12, 12, 401)
    return thetas, rest @ rest + (thetas - effects[3]) ** 2 * information


def _left_out(form: Form, stack: _Stack, sums: Sums) -> float:
    """RMS of each tau's means, forecast from the other tau."""
    taus = np.unique(sums.tau)
    if len(taus) < 3:
        return float("nan")
    errors: list[float] = []
    for tau in taus:
        keep = sums.tau != tau
        _, q = _profile(form, stack, sums, keep)
        columns = stack.columns[0 if form.added else int(q.argmin())]
        root = sums.root[np.ix_(keep, keep)]
        effects, _ = _solve(root @ columns[keep], root @ sums.value[keep])
        errors += list(sums.value[~keep] - columns[~keep] @ effects)
    return float(np.sqrt(np.mean(np.square(errors))))


def _solve(columns: Array, y: Array) -> tuple[Array, Array]:
    """Least squares: effects and what is left."""
    effects = np.asarray(np.linalg.lstsq(columns, y, rcond=None)[0], dtype=np.float64)
    return effects, np.asarray(y - columns @ effects, dtype=np.float64)
