"""Forecasts: what a law says about rows that it never saw.

Three steps, three files, so that no file that a fit reads holds a target row:
``split_curves`` writes the rows to learn from and the names and sizes of the targets;
``forecast_curves`` fits and predicts a grid of x; ``rlscale.answers.ranking`` compares with what
happened.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from rlscale.core.errors import StudyError
from rlscale.laws.equations import CURVE_LAWS, LAWS
from rlscale.laws.fitting import Fit, Points, carry_on, fit_law, points_of
from rlscale.laws.points import (
    Group,
    build_groups,
    check_counts,
    metric_rows,
    run_variance,
    select_rows,
)
from rlscale.laws.results import resolve, trouble
from rlscale.laws.uncertainty import block_replicates, crossed_replicates

if TYPE_CHECKING:
    import pandas

# Predictions run from a hundredth of the first x seen to a thousand times the last.
_GRID = 401


def split_curves(
    table: "pandas.DataFrame", protocol: Mapping[str, Any], settings: Mapping[str, Any], metric: str
) -> tuple["pandas.DataFrame", list[dict]]:
    """Rows to learn from, and what to forecast.

    Args:
        table: Curves.
        protocol: One entry of ``forecast.protocols``.
        settings: The ``fit`` section (selection, benchmark, size).
        metric: Metric to forecast.

    Returns:
        The rows that a fit may see, and one entry per target size: family, variant, model, n.

    Raises:
        StudyError: Nothing is left to learn from, or nothing to forecast.
    """
    settings = resolve(settings)
    rows, _, _ = metric_rows(select_rows(table, settings["select"]), metric, settings["benchmark"])
    rows = rows[rows["step"] > 0].assign(family=rows["family"].fillna(""))
    size = settings["size"]
    label = "model" if size.startswith("n_params") else size
    if protocol["kind"] == "intra":
        last = rows.groupby(["family", "variant", label])["step"].transform("max")
        seen = rows["step"] <= protocol["first_share"] * last
        targets = rows[~seen]
    else:
        rank = rows.groupby(["family", "variant"])[size].rank(method="dense", ascending=False)
        seen = rank > protocol["held_out_sizes"]
        targets = rows[~seen]
        if protocol["intercept_from_target"]:
            seen = seen | True
    if not seen.any() or targets.empty:
        raise StudyError(
            f"forecast: the {protocol['kind']} split leaves {int(seen.sum())} rows to learn from "
            f"and {len(targets)} to forecast; change first_share or held_out_sizes"
        )
    wanted = targets.groupby(["family", "variant", label], sort=True)[size].first().reset_index()
    entries = [
        {"family": family, "variant": variant, "model": _text(name), "n": float(n)}
        for family, variant, name, n in wanted.itertuples(index=False)
    ]
    return rows[seen], entries


def _text(name) -> str:
    return format(name, "g") if isinstance(name, float) else str(name)


def forecast_curves(
    train: "pandas.DataFrame",
    targets: list[dict],
    *,
    law: str,
    protocol: Mapping[str, Any],
    x: str,
    metric: str,
    settings: Mapping[str, Any],
) -> dict:
    """Fit a law to the rows to learn from and predict every target on a grid of x.

    What a law says nothing about for an unseen size is carried on along a straight line in log N
    (``Fit.predict_new``). Intervals are for the mean of
    as many runs as the sizes seen had: uncertain parameters, the scatter of levels about that
    line, other runs, and the noise of measuring.

    Returns:
        Law, protocol, and per target the predicted log of the metric with its interval.
    """
    settings = resolve(settings)
    rows, column, _ = metric_rows(train, metric, settings["benchmark"])
    check_counts(rows, column, settings["weighting"])
    groups = build_groups(rows, x=x, column=column, size=settings["size"])
    predictions = []
    for group in groups:
        own = (group.family, group.variant)
        wanted = [target for target in targets if (target["family"], target["variant"]) == own]
        predictions += forecast_group(group, wanted, law, protocol, settings)
    return {
        "law": law,
        "protocol": dict(protocol),
        "is_forecast": not protocol.get("intercept_from_target", False),
        "x": x,
        "metric": metric,
        "level": settings["level"],
        "predictions": predictions,
    }


def forecast_group(group: Group, wanted, law, protocol, settings) -> list[dict]:
    """Predictions for the targets of one group, as the entries of ``forecast_curves``."""
    points = points_of(group, "equal" if law == "paper" else settings["weighting"])
    learnt = points
    tuned = protocol["kind"] == "inter" and protocol["intercept_from_target"]
    if tuned:
        names = [target["model"] for target in wanted]
        kept = np.array([name not in names for name in group.models])
        learnt = _subset(points, kept)
    found = trouble(group, law)
    if found:
        return [{**target, "status": found[0], "reason": found[1]} for target in wanted]
    u = np.linspace(np.log(np.nanmin(group.x) / 100), np.log(np.nanmax(group.x) * 1000), _GRID)
    rng = np.random.default_rng([settings["bootstrap"]["seed"], 4])
    fit = fit_law(law, learnt, settings["robust"])
    deviations = _deviations(group, points, fit, protocol, settings)
    if tuned:
        deviations = deviations[:, kept]
    both = replace(learnt, y=np.concatenate([learnt.y, learnt.y + deviations]))
    fits = fit_law(law, both, settings["robust"], fit if law in CURVE_LAWS else None)
    result = []
    for target in wanted:
        if protocol["kind"] == "intra":
            m = group.models.index(target["model"])
            y = fits.predict(np.broadcast_to(u, (len(group.models), len(u))))[:, m]
            noise = np.zeros((len(y) - 1, 1))
        elif tuned:
            y = _tuned_level(fits, points, group.models.index(target["model"]), u)
            noise = np.zeros((len(y) - 1, 1))
        else:
            y = fits.predict_new(target["n"], u)
            noise = _unseen_size(fits, target["n"], u, rng)
        noise = noise + _measurement(group, fit, y[0], rng, len(noise))
        low, high = np.quantile(
            y[1:] + noise, [(1 - settings["level"]) / 2, (1 + settings["level"]) / 2], axis=0
        )
        rows = [
            {"x": float(np.exp(a)), "log_value": float(b), "low": float(c), "high": float(d)}
            for a, b, c, d in zip(u, y[0], low, high, strict=True)
        ]
        result.append({**target, "status": "ok", "reason": "", "grid": rows})
    return result


def _subset(points: Points, kept: np.ndarray) -> Points:
    names = tuple(name for name, keep in zip(points.models, kept, strict=True) if keep)
    return Points(names, points.n[kept], points.u[kept], points.y[:, kept], points.w[kept])


def _deviations(group, points, fit, protocol, settings) -> np.ndarray:
    """Replicates of the points seen: other runs (inter), or these runs and residuals (intra)."""
    bootstrap = settings["bootstrap"]
    crossed = crossed_replicates(group, None, bootstrap["replicates"], bootstrap["seed"])
    runs = crossed.deviations.get("fixed")
    if protocol["kind"] == "inter" and runs is not None:
        return runs
    own = fit.law in CURVE_LAWS and fit.points is points
    base = fit if own else fit_law("free_slopes", points)
    per_size = -(-base.n_parameters() // len(base.points.n))
    replicates = block_replicates(
        points, base.predict(points.u)[0], per_size, bootstrap["replicates"], bootstrap["seed"],
        bootstrap["block"],
    )  # fmt: skip
    freedom = max(1, int(points.present.sum()) - base.n_parameters())
    rng = np.random.default_rng([bootstrap["seed"], 5])
    student = np.sqrt(freedom / rng.chisquare(freedom, bootstrap["replicates"]))
    blocks = replicates.deviations["block"] * student[:, None, None]
    # ASSUME a run's departure from the common line may change as much as it was: the same runs go
    # on, but their slopes so far bind them no more than other runs' slopes would.
    return blocks if runs is None else blocks + runs


def _tuned_level(fits: Fit, points: Points, m: int, u: np.ndarray) -> np.ndarray:
    """# PAPER the target's intercept is fitted to the target's own rows, with k from the law."""
    present = points.present[m]
    own_u, own_y, w = points.u[m, present], points.y[0, m, present], points.w[m, present]
    shape = fits.predict_new(points.n[m], np.concatenate([own_u, u]))
    if fits.law == "paper":
        basis = np.exp(shape[:, : len(own_u)])
        level = np.log((w * basis * np.exp(own_y)).sum(1) / (w * basis**2).sum(1))
    else:
        level = (w * (own_y - shape[:, : len(own_u)])).sum(1) / w.sum()
    return shape[:, len(own_u) :] + level[:, None]


def _unseen_size(fits: Fit, n: float, u: np.ndarray, rng) -> np.ndarray:
    """Scatter of levels about their line in log N, and the runs of the size itself (B, G)."""
    points, count = fits.points, len(fits.theta) - 1
    sizes = np.log(points.n)
    if LAWS[fits.law] in CURVE_LAWS.values() and LAWS[fits.law].shared:
        apart = (fits.residuals()[0] * points.present).sum(1) / points.present.sum(1)
    else:
        level = fits.free_level[:1]
        apart = (level - carry_on(points.n, level, points.n))[0]
    freedom = max(1, len(sizes) - 2)
    away = sizes - sizes.mean()
    leverage = 1 / len(sizes) + (np.log(n) - sizes.mean()) ** 2 / (away**2).sum()
    spread = np.sqrt((apart**2).sum() / freedom * (1 + leverage))
    scatter = spread * rng.standard_t(freedom, (count, 1))
    # ASSUME the runs of an unseen size drift like those of the largest size seen.
    drawn = 1 + rng.permutation(count)
    level = fits.free_level[drawn, -1:] - fits.free_level[:1, -1:]
    slope = fits.slope[drawn, -1:] - fits.slope[:1, -1:]
    centre = carry_on(points.n, points.centre[None], np.array([n]))[0, 0]
    return scatter + level - slope * (u - centre)


def _measurement(group: Group, fit: Fit, y: np.ndarray, rng, count: int) -> np.ndarray:
    """Noise of a measured mean of runs at predicted log values y (G), as (B, G)."""
    present = fit.points.present
    scaled = fit.residuals()[0][present]
    freedom = max(1, len(scaled) - fit.n_parameters())
    kept = np.isin(group.models, fit.points.models)
    sampling = (group.per_size(group.variance) / group.runs.clip(1))[kept][present]
    if not np.isfinite(sampling).all():
        spread = np.full(y.shape, np.sqrt((scaled**2).sum() / freedom))
    else:
        pooled, _ = run_variance(group)
        expected = sampling + pooled / group.runs.clip(1)[kept][present]
        ratio = (scaled**2 / expected).sum() / freedom
        mean = np.exp(fit.points.y[0][present])
        odds = (1 - mean) / mean
        loss = np.exp(np.minimum(y, -1e-3))
        # Sampling variance of log L goes as (1 - L) / L.
        scale = (expected / np.maximum(odds, 1e-9)).mean()
        spread = np.sqrt(ratio * scale * (1 - loss) / loss)
    return spread * rng.standard_normal((count, len(y)))
