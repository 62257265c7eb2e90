"""What the largest size will reach, by its own first points and the curves of the smaller ones.

The level of a size is what forecasts of it fail by; a few steps of one run tell it (docs/law.md).
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from rlscale.answers.forecast import Forecast, forecast_group
from rlscale.answers.splits import Split, Target
from rlscale.core.errors import StudyError
from rlscale.laws.groups import Group, build_groups, check_counts, metric_rows, select_rows
from rlscale.laws.prediction import Prediction
from rlscale.laws.spec import FitSpec

if TYPE_CHECKING:
    import pandas


def forecast_probed(
    curves: "pandas.DataFrame", spec: FitSpec, probe: int, places: Sequence[tuple[float, float]]
) -> Iterator[tuple[Target, Prediction]]:
    """Predict the largest size of every group from its first points and from smaller sizes.

    Args:
        curves: Curves of one study.
        spec: The law, and how it is fitted; it never sees the largest size.
        probe: Steps of the largest size that are seen, for its level alone; later ones are not.
        places: Sizes, each the largest one, and abscissas.

    Raises:
        StudyError: A place is of another size, no smaller size is there, or the law cannot be
            fitted to those.
    """
    settings = spec.settings
    rows = select_rows(curves, settings.select)
    rows, column, _ = metric_rows(rows, spec.metric, settings.benchmark)
    check_counts(rows, column, settings.weighting)
    for whole in build_groups(rows, x=spec.x, column=column, size=settings.size):
        group, target = _seen(whole, probe)
        (found,) = forecast_group(group, [target], spec, Split("inter", probe=probe))
        if not found.grid:
            raise StudyError(f"forecast: {found.reason}")
        for n, x in places:
            if not np.isclose(n, target.n, rtol=1e-6):
                raise StudyError(
                    f"forecast: with a probe N is the largest size of {target.variant}, "
                    f"{target.n:g} ({target.model}), not {n:g}"
                )
            yield target, _read(found, x, settings.level)


def _seen(whole: Group, probe: int) -> tuple[Group, Target]:
    """Smaller sizes with all of their steps and the largest with its first ones; the largest."""
    largest = len(whole.models) - 1
    if not largest:
        raise StudyError(f"forecast: {whole.variant} has one size; a probe needs smaller ones")
    own = whole.size_of == largest
    measured = (whole.runs[largest] > 0).cumsum() <= probe
    kept = np.where(own[:, None], measured & np.isfinite(whole.value), np.isfinite(whole.value))
    cells, steps = np.asarray(kept.any(1)), np.asarray(kept.any(0))
    hidden = replace(whole, value=np.where(kept, whole.value, np.nan))
    target = Target(whole.family, whole.variant, whole.models[largest], float(whole.n[largest]))
    return hidden.part(cells=cells, steps=steps), target


def _read(found: Forecast, x: float, level: float) -> Prediction:
    """A forecast at one x."""
    at = [row.x for row in found.grid]
    if not at[0] <= x <= at[-1]:
        raise StudyError(f"forecast: x = {x:g} lies outside {at[0]:.3g} to {at[-1]:.3g}")
    u = np.log(at)
    values = [[getattr(row, name) for row in found.grid] for name in ("log_value", "low", "high")]
    y, low, high = (float(np.exp(np.interp(np.log(x), u, own))) for own in values)
    return Prediction(found.target.n, x, y, low, high, level, seen=False)
