"""One group's entry of a fit document (workflow/schemas/fit.schema.yaml): numbers into words."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from rlscale.laws.equations import CURVE_LAWS, LAWS, SLOPE_LAWS
from rlscale.laws.fitting import Fit
from rlscale.laws.identification import identify
from rlscale.laws.points import Group
from rlscale.laws.uncertainty import SCOPES, Replicates, interval, no_interval


def empty_entry(group: Group, status: str, reason: str) -> dict:
    """Entry of a group that could not be fitted."""
    return {
        "family": group.family, "variant": group.variant, "scope": "none",
        "status": status, "reason": reason,
        "parameters": {}, "sizes": [], "curve": [], "fitted": [], "points": [], "contrast": None,
        "identification": None, "verdict": f"Not fitted: {reason}.", "objective": None,
        "n_points": int((group.runs > 0).sum()), "n_parameters": 0, "aic": None,
    }  # fmt: skip


def fit_entry(
    group: Group,
    fit: Fit,
    fits: Mapping[str, Fit],
    replicates: Replicates,
    settings: Mapping[str, Any],
) -> dict:
    """Entry of a fitted group.

    Args:
        group: The curves.
        fit: The estimate.
        fits: Scope -> fits of the estimate (first) and its replicates.
        replicates: What they were made from.
        settings: Resolved fit settings.
    """
    level, law, scope = settings["level"], fit.law, replicates.scope

    def quantity(read) -> dict:
        """Estimate and intervals of ``read(fit) -> (B)``."""
        intervals = {
            name: interval(read(fits[name])[1:], level)
            if name in fits
            else no_interval(replicates.missing.get(name, "not_applicable"))
            for name in SCOPES
        }
        return {"estimate": float(read(fit)[0]), "intervals": intervals}

    def free_line(read) -> dict:
        """As ``quantity``, for what a free line says, whatever the law.

        Residual blocks of a law that bends are laid around that law's own curve, not around the
        points: their free lines are no replicates of the points' line.
        """
        found = quantity(read)
        if law in CURVE_LAWS:
            found["intervals"]["block"] = no_interval("not_applicable")
        return found

    parameters = {
        name: quantity(lambda f, name=name: f.shared_parameters()[name])
        for name in fit.shared_parameters()
    }
    status, reason = _status(fit)
    if status == "at_bound" and law in SLOPE_LAWS:
        _open_ends(fit, fits, parameters)
    k_law = fit.k_law()
    residual, present = fit.residuals()[0], fit.points.present
    own = fit.size_parameters()
    sizes = []
    for m, model in enumerate(group.models):
        sizes.append(
            {
                "model": model,
                "n": float(group.n[m]),
                "k": free_line(lambda f, m=m: f.slope[:, m]),
                "intercept": free_line(lambda f, m=m: f.free_level[:, m]),
                "k_law": None if k_law is None else float(k_law[0, m]),
                "parameters": {
                    name: quantity(lambda f, m=m, name=name: f.size_parameters()[name][:, m])
                    for name in own
                },
                "n_points": int(present[m].sum()),
                "n_runs": int((group.size_of == m).sum()),
                "rmse": float(np.sqrt((residual[m, present[m]] ** 2).mean())),
            }
        )
    found = None
    flat = law in SLOPE_LAWS and not np.any(np.abs(fit.slope[0]) > 1e-12)
    if law in ("saturating", "paper") and fits and not flat:
        main = fits[scope]
        found = identify(main.points, main.slope, level)
    count = int(present.sum())
    variance = fit.objective[0] / count
    p = fit.n_parameters()
    entry = {
        "family": group.family,
        "variant": group.variant,
        "scope": scope,
        "status": status,
        "reason": reason,
        "parameters": parameters,
        "sizes": sizes,
        "curve": _curve(fit, fits.get(scope), level),
        "fitted": _fitted(fit, fits.get(scope), level),
        "points": _points(group, fit),
        "contrast": _contrast(group, free_line, scope) if len(group.models) > 1 else None,
        "identification": _identification(found, fits, scope, level) if found else None,
        "verdict": "",
        "objective": float(fit.objective[0]),
        "n_points": count,
        "n_parameters": p,
        "aic": float(count * np.log(variance) + 2 * p) if variance > 0 else None,
    }
    if found and status == "ok" and found.verdict in ("not_identified", "power"):
        entry["status"] = "not_identified"
        entry["reason"] = "these data do not tell K_max and N0 apart from a pure power law in N"
    if flat:
        entry["status"] = "not_identified"
        entry["reason"] = "the curves are flat: k is 0 at every size"
    entry["verdict"] = _verdict(entry, found, scope)
    return entry


def _status(fit: Fit) -> tuple[str, str]:
    if not fit.converged[0]:
        return "not_converged", f"the search for {fit.law} ended before it converged"
    law = LAWS[fit.law]
    ended = []
    if fit.law in SLOPE_LAWS and law.parameters:
        low, high = law.shape_bounds(fit.points.n)
        s = fit.theta[0, 1]
        if min(s - low, high - s) < 1e-6 * (high - low):
            ended = [law.parameters[1]]
    elif fit.law in CURVE_LAWS and law.shared:
        at = (fit.theta[0] <= law.lower) | (fit.theta[0] >= law.upper)
        ended = [name for name, found in zip(law.parameters, at, strict=True) if found]
    if ended:
        return "at_bound", f"{', '.join(ended)} at the end of the searched range"
    return "ok", ""


def _open_ends(fit: Fit, fits, parameters) -> None:
    """Null the ends of intervals of the shape parameter that are only the searched range's."""
    law = LAWS[fit.law]
    low, high = law.shape_bounds(fit.points.n)
    name = law.parameters[1]
    for scope, replicated in fits.items():
        ends = law.report(np.ones(2), np.array([low, high]))[name]
        found = parameters[name]["intervals"][scope]
        for side, end in (("low", ends[0]), ("high", ends[1])):
            if replicated.theta.size and found[side] is not None:
                at = abs(np.log(abs(found[side] / end))) < 1e-6 if end else False
                found[side] = None if at else found[side]


def _curve(fit: Fit, replicated: Fit | None, level: float) -> list[dict]:
    if fit.law not in SLOPE_LAWS or not LAWS[fit.law].parameters:
        return []
    n = fit.points.n
    grid = np.geomspace(n.min() / 2, n.max() * 2, 121)
    k = fit.k(grid)[0]
    low, high = _band(replicated.k(grid)[1:] if replicated else None, level, k.shape)
    return [
        {"n": float(a), "k": float(b), "low": c, "high": d}
        for a, b, c, d in zip(grid, k, low, high, strict=True)
    ]


def _fitted(fit: Fit, replicated: Fit | None, level: float) -> list[dict]:
    points = fit.points
    first = np.where(points.present, points.u, np.inf).min(1)
    last = np.where(points.present, points.u, -np.inf).max(1)
    u = np.linspace(first, last, 41, axis=1)
    y = fit.predict(u)[0]
    low, high = _band(replicated.predict(u)[1:] if replicated else None, level, y.shape)
    rows = []
    for m, model in enumerate(points.models):
        for g in range(u.shape[1]):
            ends = [None if end[m][g] is None else float(np.exp(end[m][g])) for end in (low, high)]
            point = {"model": model, "x": float(np.exp(u[m, g])), "fitted": float(np.exp(y[m, g]))}
            rows.append(point | {"low": ends[0], "high": ends[1]})
    return rows


def _band(values: np.ndarray | None, level: float, shape) -> tuple[list, list]:
    if values is None:
        return np.full(shape, None).tolist(), np.full(shape, None).tolist()
    low, high = np.quantile(values, [(1 - level) / 2, (1 + level) / 2], axis=0)
    return low.tolist(), high.tolist()


def _points(group: Group, fit: Fit) -> list[dict]:
    points, runs = fit.points, group.runs
    fitted, residual = fit.predict(points.u)[0], fit.residuals()[0]
    return [
        {
            "model": group.models[m],
            "step": int(group.steps[t]),
            "x": float(np.exp(points.u[m, t])),
            "observed": float(np.exp(points.y[0, m, t])),
            "fitted": float(np.exp(fitted[m, t])),
            "residual": float(residual[m, t]),
            "n_runs": int(runs[m, t]),
        }
        for m, t in np.argwhere(points.present)
    ]


def _contrast(group: Group, quantity, scope: str) -> dict:
    difference = quantity(lambda f: f.slope[:, -1] - f.slope[:, 0])
    smaller, larger = group.models[0], group.models[-1]
    if scope == "none" or difference["intervals"][scope]["status"] != "ok":
        verdict = "no interval, no verdict"
    else:
        ends = difference["intervals"][scope]
        if ends["low"] > 0:
            verdict = f"{larger} learns more per unit of log x than {smaller}"
        elif ends["high"] < 0:
            verdict = f"{larger} learns less per unit of log x than {smaller}"
        else:
            verdict = f"{larger} and {smaller} cannot be told apart"
    return {"larger": larger, "smaller": smaller, "difference": difference, "verdict": verdict}


def _identification(found, fits, scope, level) -> dict:
    fit = fits[scope]
    inside = (fit.theta[1:, 0] > 0) & np.isfinite(fit.theta[1:, 1])
    logs = np.log(fit.theta[1:][inside, 0]), fit.theta[1:][inside, 1]
    spread = min(part.std() for part in logs) if inside.sum() > 2 else 0
    estimate = {name: no_interval("not_applicable") for name in SCOPES}
    curvature = found.curvature[1:]
    if scope == "block":  # residual blocks are laid on straight lines, so they scatter about 0
        curvature = curvature + found.curvature[0] - curvature.mean()
    estimate[scope] = interval(curvature, level)
    return {
        "verdict": found.verdict,
        "delta_aic": found.delta_aic,
        "p_straight": found.p_straight,
        "curvature": {"estimate": float(found.curvature[0]), "intervals": estimate},
        "correlation": float(np.corrcoef(*logs)[0, 1]) if spread > 0 else None,
        "profile_low": found.low,
        "profile_high": found.high,
        "profile": [
            {"n0": float(a), "k_max": float(b), "deviance": float(c)}
            for a, b, c in zip(found.n0[::4], found.k_max[::4], found.deviance[::4], strict=True)
        ],
    }


def _verdict(entry: dict, found, scope: str) -> str:
    sentences = []
    if entry["status"] not in ("ok", "not_identified"):
        sentences.append(f"{entry['reason'].capitalize()}.")
    for name, value in entry["parameters"].items():
        ends = value["intervals"].get(scope)
        text = f"{name} = {value['estimate']:.4g}"
        if ends and ends["status"] == "ok":
            low, high = (
                "open" if ends[side] is None else format(ends[side], ".3g")
                for side in ("low", "high")
            )
            text += f" [{low}, {high}]"
        sentences.append(f"{text}.")
    if found:
        sentences.append(
            {
                "identified": "These data identify K_max and N0: a pure power law in N fits worse "
                f"by {found.delta_aic:.1f} AIC.",
                "not_identified": "These data do not identify K_max and N0: a pure power law in N "
                f"does as well (AIC difference {found.delta_aic:+.1f}).",
                "power": "A pure power law in N fits better than a saturating one, by "
                f"{-found.delta_aic:.1f} AIC: no saturation is seen.",
                "bends": "The curves bend in log-log (mean second derivative "
                f"{found.curvature[0]:+.3g}, p = {found.p_straight:.2g} if straight): one "
                "slope per size depends on the window of steps, "
                "and so do K_max and N0.",
            }[found.verdict]
        )
    if entry["contrast"] and scope != "none":
        sentences.append(f"Slopes: {entry['contrast']['verdict']}.")
    return " ".join(sentences)
