"""Numbers with intervals."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy import stats

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


def interval(values: Array, level: float, freedom: float = np.inf) -> Interval:
    """Percentile interval and standard error of replicates.

    Args:
        values: Replicates, spread as Student's t of ``freedom`` degrees.
        level: Coverage.
        freedom: Their degrees of freedom. The standard error is read off the middle of their
            distribution: the variance of t has none for 2 degrees or fewer.
    """
    finite = values[np.isfinite(values)]
    if len(finite) < len(values) * 0.9:
        return Interval("not_fitted")
    low, high = np.quantile(finite, [(1 - level) / 2, (1 + level) / 2])
    one = stats.norm.cdf(1.0)
    below, above = np.quantile(finite, [1 - one, one])
    se = (above - below) / 2 / stats.t.ppf(one, freedom)
    return Interval("ok", float(se), float(low), float(high))
