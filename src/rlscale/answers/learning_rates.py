"""Learning rates compared: which one of a grid ends lowest, and whether the grid was wide enough.

One rate for all sizes biases k(N), so a study may train some cells under several rates: recipes
that differ in ``grpo.learning_rate``, each with a sweep of its own (docs/training.md).
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas

SETTING = "recipe.grpo.learning_rate"
_ALIKE = ["family", "model", "variant", "tau", "group_size"]


def best_rates(
    curves: "pandas.DataFrame", protocols: "pandas.DataFrame", benchmark: str
) -> "pandas.DataFrame":
    """The best learning rate of everything that was trained under several.

    Args:
        curves: curves.csv.
        protocols: protocols.csv, which names the cells of each rate where rates differ.
        benchmark: The benchmark whose loss decides.

    Returns:
        A row per family, model, variant, tau and group size that has several rates: ``rates``
        (tuple, ascending), ``best`` (lowest mean final loss over seeds; the smaller one of equals),
        ``loss`` (that mean), ``edge`` (whether ``best`` is the smallest or the largest of them),
        ``second`` (the next best), ``p`` (chance of means so far apart if both rates did alike, by
        Student's t over runs; NaN where every rate has one run).
    """
    import pandas

    own = protocols[protocols["setting"] == SETTING]
    rate_of = {
        cell: float(str(row.value)) for row in own.itertuples() for cell in str(row.which).split()
    }
    rows = curves[(curves["benchmark"] == benchmark) & curves["cell"].isin(list(rate_of))]
    last = rows.loc[rows.groupby("cell")["step"].idxmax()]
    last = last.assign(rate=last["cell"].map(rate_of))
    found = []
    for key, part in last.groupby(_ALIKE):
        losses = part.groupby("rate")["loss"].mean()  # ascending in rate
        if len(losses) > 1:
            best, ends = losses.idxmin(), losses.index[[0, -1]]
            second = losses.drop(best).idxmin()
            p = _chance(part.groupby("rate")["loss"], losses.drop(best).min() - losses.min())
            found.append((*key, tuple(losses.index), best, losses.min(), best in ends, second, p))
    columns = [*_ALIKE, "rates", "best", "loss", "edge", "second", "p"]
    return pandas.DataFrame(found, columns=columns)


def _chance(runs: Any, apart: float) -> float:
    """Two-sided chance of means ``apart`` of two of the rates ``runs`` is grouped by, pooled."""
    from scipy import stats

    counts, freedom = runs.count(), int((runs.count() - 1).sum())
    if not freedom:
        return float("nan")
    variance = float(((counts - 1) * runs.var().fillna(0.0)).sum()) / freedom
    error = (variance * 2 / counts.min()) ** 0.5
    return float(2 * stats.t.sf(apart / error, freedom)) if error else float(apart == 0)
