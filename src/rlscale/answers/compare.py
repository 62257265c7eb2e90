"""Two studies side by side: their parameters and slopes, and the differences with intervals."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from rlscale.core.errors import StudyError

if TYPE_CHECKING:
    import pandas


def compare_fits(one: Mapping[str, Any], other: Mapping[str, Any]) -> "pandas.DataFrame":
    """Differences between two fits of the same law to different studies.

    The studies' runs are independent, so that the variances of their estimates add; the interval
    of a difference takes each side's distance from its own estimate (square-root-sum, after Donner
    and Zou), which keeps skewed intervals skewed. Problems are independent only where the studies
    have other ones: on the same problems what those add moves both sides alike, and intervals are
    those over runs (scope ``fixed``).

    Args:
        one: Fit document of the first study.
        other: Fit document of the second.

    Returns:
        One row per (variant, quantity): both estimates, difference other - one, its interval, a
        verdict, and the scope of each side.

    Raises:
        StudyError: A fit is of an older version; they are of different laws, x, metrics,
            benchmarks, sizes or levels, or share no variant.
    """
    import pandas

    for document in (one, other):
        if "problems" not in document:
            raise StudyError(
                f"compare: the fit of {document['study']} is of an older version; fit it again"
            )
    for key in ("law", "x", "metric", "benchmark", "size", "level"):
        if one[key] != other[key]:
            raise StudyError(
                f"compare: {one['study']} has {key} {one[key]}, {other['study']} {other[key]}"
            )
    same = one["problems"] is not None and one["problems"] == other["problems"]
    rows = []
    for a in one["groups"]:
        for b in other["groups"]:
            if a["variant"] == b["variant"]:
                scopes = ("fixed", "fixed") if same else (a["scope"], b["scope"])
                rows += _rows((one["study"], other["study"]), a, b, scopes)
    if not rows:
        raise StudyError(f"compare: {one['study']} and {other['study']} share no variant")
    return pandas.DataFrame(rows)


def _rows(
    studies: tuple[str, str], a: Mapping[str, Any], b: Mapping[str, Any], scopes: tuple[str, str]
) -> list[dict[str, Any]]:
    pairs = [(name, q, b["parameters"].get(name)) for name, q in a["parameters"].items()]
    slopes = {size["model"]: size["k"] for size in b["sizes"]}
    pairs += [(f"k({s['model']})", s["k"], slopes.get(s["model"])) for s in a["sizes"]]
    rows = []
    for name, left, right in pairs:
        if right is None:
            continue
        low, high = _difference(left, scopes[0], right, scopes[1])
        if low is None or high is None:
            verdict = "no interval"
        else:
            verdict = "differ" if low > 0 or high < 0 else "cannot be told apart"
        rows.append(
            {
                "variant": a["variant"], "quantity": name, "one": studies[0], "other": studies[1],
                "estimate_one": left["estimate"], "estimate_other": right["estimate"],
                "difference": right["estimate"] - left["estimate"], "low": low, "high": high,
                "scope_one": scopes[0], "scope_other": scopes[1], "verdict": verdict,
            }
        )  # fmt: skip
    return rows


def _difference(
    left: Mapping[str, Any], scope_left: str, right: Mapping[str, Any], scope_right: str
) -> tuple[float | None, float | None]:
    ends = []
    for quantity, scope in ((left, scope_left), (right, scope_right)):
        found = quantity["intervals"].get(scope)
        if found is None or found["low"] is None or found["high"] is None:
            return None, None
        ends.append((quantity["estimate"], found["low"], found["high"]))
    (a, a_low, a_high), (b, b_low, b_high) = ends
    return (
        b - a - float(np.hypot(b - b_low, a_high - a)),
        b - a + float(np.hypot(b_high - b, a - a_low)),
    )
