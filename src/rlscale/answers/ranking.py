"""Forecasts against what happened: error, bias, coverage and skill, one ranking table."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from rlscale.laws.arrays import Array
from rlscale.laws.groups import Group, build_groups, metric_rows, select_rows
from rlscale.laws.points import Points, points_of
from rlscale.laws.registry import BASELINES
from rlscale.laws.spec import Settings

if TYPE_CHECKING:
    import pandas

COLUMNS = (
    "protocol", "is_forecast", "family", "variant", "model", "n", "law", "status", "points", "rmse",
    "bias", "coverage", "width", "noise", "skill_constant", "skill_last_value", "rank",
)  # fmt: skip

# Of every target point: error, low and high (ends of the interval) minus what was observed, and the
# sampling variance of that.
Errors = dict[str, Array]


def score_forecasts(
    curves: "pandas.DataFrame",
    forecasts: Sequence[Mapping[str, Any]],
    name: str,
    settings: Settings,
) -> "pandas.DataFrame":
    """Compare forecasts with the target rows.

    Args:
        curves: The full curves table.
        forecasts: Documents of ``rlscale.answers.forecast.forecast_curves``, one per law, all of
            one protocol.
        name: Name of the protocol.
        settings: How curves are fitted.

    Returns:
        One row per (family, variant, target size, law), and one per (family, variant, law) over
        all targets (model ``all``), best first. Errors are predicted minus observed log of the
        metric, averaged over runs; ``noise`` is their sampling error alone;
        skill is 1 - mse / mse of the baseline; rank is by rmse.
    """
    import pandas

    first = forecasts[0]
    rows, column, _ = metric_rows(
        select_rows(curves, settings.select), first["metric"], settings.benchmark
    )
    groups = build_groups(rows, x=first["x"], column=column, size=settings.size)
    table = []
    for group in groups:
        points = points_of(group, "equal")
        errors = {}
        for document in forecasts:
            for target in document["predictions"]:
                if (target["family"], target["variant"]) != (group.family, group.variant):
                    continue
                key = (target["model"], document["law"])
                if target["status"] != "ok":
                    table.append(_empty_row(name, document, target))
                    continue
                m = group.models.index(target["model"])
                errors[key] = target_errors(group, points, m, target["grid"], document["protocol"])
        table += _rows(name, group, errors, forecasts)
    frame = pandas.DataFrame(table).reindex(columns=list(COLUMNS))
    total = frame["model"].eq("all")
    return (
        frame.assign(total=total)
        .sort_values(
            ["family", "variant", "total", "n", "rank", "law"],
            ascending=[True, True, False, True, True, True],
            kind="stable",
        )
        .drop(columns="total")
    )


def target_errors(
    group: Group,
    points: Points,
    m: int,
    grid: Sequence[Mapping[str, float]],
    protocol: Mapping[str, Any],
) -> Errors:
    """A forecast of size ``m`` against what was observed there and set aside by the protocol.

    Args:
        group: All curves, those that were set aside too.
        points: Its points.
        m: Index of the size.
        grid: The forecast's grid.
        protocol: The split, as the forecast document has it.
    """
    present = points.present[m]
    if protocol["kind"] == "intra":
        last = group.steps[present].max()
        present = present & (group.steps > protocol["first_share"] * last)
    elif protocol.get("probe"):
        present = present & (present.cumsum() > protocol["probe"])
    u, y = points.u[m, present], points.y[0, m, present]
    at = np.log([row["x"] for row in grid])
    value, low, high = (
        np.interp(u, at, [row[name] for row in grid]) for name in ("log_value", "low", "high")
    )
    noise = (group.per_size(group.variance) / group.runs.clip(1))[m, present]
    return {"error": value - y, "low": low - y, "high": high - y, "noise": noise}


def _rows(
    name: str,
    group: Group,
    errors: Mapping[tuple[str, str], Errors],
    forecasts: Sequence[Mapping[str, Any]],
) -> list[dict[str, Any]]:
    """Rows of a group: of every target by itself, and of all of them together."""
    models = sorted({model for model, _ in errors}, key=group.models.index)
    rows = []
    for model in [*models, "all"]:
        parts = {}
        for document in forecasts:
            law = document["law"]
            wanted = models if model == "all" else [model]
            own = [errors[m, law] for m in wanted if (m, law) in errors]
            if own:
                parts[law] = {k: np.concatenate([part[k] for part in own]) for k in own[0]}
        target = {
            "family": group.family,
            "variant": group.variant,
            "model": model,
            "n": None if model == "all" else group.n[group.models.index(model)],
        }
        rows += [
            {
                "protocol": name,
                "is_forecast": document["is_forecast"],
                **target,
                "law": document["law"],
                "status": "ok",
                **_measures(document["law"], parts),
            }
            for document in forecasts
            if document["law"] in parts
        ]
    return rows


def _measures(law: str, parts: Mapping[str, Errors]) -> dict[str, Any]:
    """How well a law told these points, and its rank among all laws that told them."""
    part = parts[law]
    mse = {other: float((errors["error"] ** 2).mean()) for other, errors in parts.items()}
    order = sorted(mse, key=lambda other: (mse[other], other))
    return {
        "points": len(part["error"]),
        "rmse": np.sqrt(mse[law]),
        "bias": part["error"].mean(),
        "coverage": ((part["low"] <= 0) & (part["high"] >= 0)).mean(),
        "width": (part["high"] - part["low"]).mean(),
        "noise": np.sqrt(part["noise"].mean()),
        **{
            f"skill_{base}": 1 - mse[law] / mse[base] if base in mse else None for base in BASELINES
        },
        "rank": order.index(law) + 1,
    }


def _empty_row(name: str, document: Mapping[str, Any], target: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "protocol": name, "is_forecast": document["is_forecast"], "family": target["family"],
        "variant": target["variant"], "model": target["model"], "n": target["n"],
        "law": document["law"], "status": target["status"], "points": 0,
    }  # fmt: skip
