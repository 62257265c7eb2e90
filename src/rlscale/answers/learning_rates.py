"""Learning rates compared: which one of a grid ends lowest, and whether the grid was wide enough.

One rate for all sizes biases k(N), so a study may train some cells under several rates: recipes
that differ in ``grpo.learning_rate``, each with a sweep of its own (docs/training.md).
"""

from typing import TYPE_CHECKING

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
        ``loss`` (that mean), ``edge`` (whether ``best`` is the smallest or the largest of them).
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
            best = losses.idxmin()
            ends = losses.index[[0, -1]]
            found.append((*key, tuple(losses.index), best, losses.min(), best in ends))
    return pandas.DataFrame(found, columns=[*_ALIKE, "rates", "best", "loss", "edge"])
