"""Numbers with intervals."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from rlscale.laws.arrays import Array
from rlscale.laws.records import Record


@dataclass(frozen=True)
class Interval(Record):
    """One interval.

    Attributes:
        status: ``ok``, or why there is none: no_replicates, no_outcomes, not_applicable,
            not_fitted.
        se: Standard error; None unless ok.
        low, high: Ends; None unless ok, or where open within the searched range.
    """

    status: str
    se: float | None = None
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class Quantity(Record):
    """An estimate with one interval per scope."""

    estimate: float
    intervals: Mapping[str, Interval]


def interval(values: Array, level: float) -> Interval:
    """Percentile interval and standard error of replicates."""
    finite = values[np.isfinite(values)]
    if len(finite) < len(values) * 0.9:
        return Interval("not_fitted")
    low, high = np.quantile(finite, [(1 - level) / 2, (1 + level) / 2])
    return Interval("ok", float(finite.std(ddof=1)), float(low), float(high))
