"""What `import rlscale` offers of laws: the functions that the command line and the rules use.

All examples run on the published curves that the package's repository ships.

>>> curves = read_curves("config/published.yaml")
>>> published = {"select": {"recipe": "main"}, "size": "n_params_nominal", "weighting": "equal"}
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rlscale.answers.forecast import forecast_curves
from rlscale.answers.ranking import score_forecasts
from rlscale.answers.recommend import Wishes
from rlscale.answers.recommend import recommend as _recommend
from rlscale.answers.splits import Split, split_curves
from rlscale.core.errors import StudyError
from rlscale.core.scalars import check_kind
from rlscale.core.tables import curves_of
from rlscale.core.tables import read_curves as _read_table
from rlscale.laws.registry import DEFAULT
from rlscale.laws.results import FitResult
from rlscale.laws.spec import FitSpec, Settings
from rlscale.laws.study import Sources, fit_study

if TYPE_CHECKING:
    import pandas

_OUTCOME_COLUMNS = ("benchmark", "cell", "step", "problem_id", "n", "n_correct")


def read_curves(path: Path | str) -> "pandas.DataFrame":
    """Read curves: a curves table, or what a study's configuration says of curves made elsewhere.

    Args:
        path: ``curves.csv`` (docs/tables.md), or a study's ``config.yaml`` with an ``ingest``
            section, whose paths count from the current folder (docs/ingest.md).

    Raises:
        StudyError: The table or the section is not what it should be.

    >>> read_curves("config/published.yaml")["model"].nunique()
    7
    """
    check_kind(path, (str, Path), "read_curves", "the path of a file")
    path = Path(path)
    if path.suffix not in (".yaml", ".yml"):
        return _read_table(path)
    from rlscale.core.yaml_files import load
    from rlscale.curves.ingest import ingest_curves

    study = load(path)
    if not isinstance(study, dict) or "ingest" not in study:
        raise StudyError(f"{path}: no section `ingest`: it says nothing of curves made elsewhere")
    return ingest_curves(study["ingest"], study.get("study", path.stem))


def fit(
    curves: "pandas.DataFrame",
    law: str = DEFAULT,
    x: str = "data",
    metric: str = "loss",
    outcomes: "pandas.DataFrame | None" = None,
    **settings: Any,
) -> list[FitResult]:
    """Fit a law to every (family, variant) of a study's curves.

    Args:
        curves: Curves of one study.
        law: Name of a law (docs/law.md).
        x: data, compute, compute_full, steps or tokens.
        metric: loss, response_length, or a benchmark's name for the loss on it.
        outcomes: outcomes.parquet, for intervals over redrawn problems.
        **settings: As in the configuration's ``fit`` section.

    Raises:
        StudyError: The curves cannot be fitted as asked; the message says why and what to do.

    >>> curves = read_curves("config/published.yaml")
    >>> published = {"select": {"recipe": "main"}, "size": "n_params_nominal", "weighting": "equal"}
    >>> (base,) = fit(curves, **published)
    >>> round(base.parameters["K_max"].estimate, 3)
    0.137
    >>> there = base.predict(n=72e9, x=512 * 50)
    >>> round(there.estimate, 2), there.seen
    (0.46, True)
    """
    spec = FitSpec(law, x, metric, Settings.of(settings))
    return list(fit_study(curves_of(curves), spec, Sources(_outcomes(outcomes))).groups)


def _outcomes(table: "pandas.DataFrame | None") -> "pandas.DataFrame | None":
    """Outcomes with the columns that intervals over problems need."""
    if table is None:
        return None
    import pandas

    check_kind(table, pandas.DataFrame, "outcomes", "a pandas.DataFrame of outcomes.parquet")
    missing = [name for name in _OUTCOME_COLUMNS if name not in table.columns]
    if missing:
        raise StudyError(f"outcomes: column(s) {', '.join(missing)} missing")
    return table.reset_index(drop=True)


@dataclass(frozen=True)
class Scores:
    """Forecasts of some laws and how they did.

    Attributes:
        table: One row per size and law, and one per law over all sizes: rmse in log of the metric,
            bias, coverage of the intervals, skill against the baselines, rank (docs/law.md).
        forecasts: The forecast of every law: grids of x with log values and intervals.
    """

    table: "pandas.DataFrame"
    forecasts: tuple[dict[str, Any], ...]


def forecast(
    curves: "pandas.DataFrame",
    split: Split,
    laws: Sequence[str] = (DEFAULT,),
    x: str = "data",
    metric: str = "loss",
    **settings: Any,
) -> Scores:
    """Forecast the rows that a split sets aside, by laws that never saw them, and score them.

    Args:
        curves: Curves of one study.
        split: What is seen and what is the target.
        laws: Names of laws.
        x: As for ``fit``.
        metric: As for ``fit``.
        **settings: As in the configuration's ``fit`` section.

    Raises:
        StudyError: As for ``fit``, or the split leaves nothing to learn from or to forecast.

    >>> curves = read_curves("config/published.yaml")
    >>> published = {"select": {"recipe": "main"}, "size": "n_params_nominal", "weighting": "equal"}
    >>> split = Split("intra", first_share=0.4)
    >>> scores = forecast(curves, split, ["floor", "constant"], **published)
    >>> overall = scores.table[scores.table["model"] == "all"]
    >>> overall["law"].tolist()
    ['floor', 'constant']
    """
    check_kind(split, Split, "split", 'a Split, such as rlscale.Split("intra"),')
    check_kind(laws, (list, tuple), "laws", "a list of names")
    if not laws:
        raise StudyError("laws: none is named; name one, such as saturating")
    curves, fitting = curves_of(curves), Settings.of(settings)
    train, targets = split_curves(curves, split, fitting, metric)
    documents = tuple(
        forecast_curves(train, targets, FitSpec(law, x, metric, fitting), split) for law in laws
    )
    return Scores(score_forecasts(curves, documents, split.kind, fitting), documents)


def recommend(
    curves: "pandas.DataFrame",
    wishes: Wishes | None = None,
    outcomes: "pandas.DataFrame | None" = None,
    **settings: Any,
) -> str:
    """What to train next, what reuse of data costs and what would tell settings apart (Markdown).

    Args:
        curves: Curves of one study.
        wishes: Budgets, target losses, the margin of reuse; None for the defaults.
        outcomes: outcomes.parquet, for the number of problems.
        **settings: As in the configuration's ``fit`` section.

    Raises:
        StudyError: As for ``fit``.

    >>> curves = read_curves("config/published.yaml")
    >>> published = {"select": {"recipe": "main"}, "size": "n_params_nominal", "weighting": "equal"}
    >>> recommend(curves, **published).splitlines()[0]
    '# Recommendation for the study published'
    """
    wishes = wishes or Wishes()
    check_kind(wishes, Wishes, "wishes", "an rlscale.Wishes")
    return _recommend(curves_of(curves), Settings.of(settings), wishes, _outcomes(outcomes))
