"""What a study said before its runs: claims that its own rule judges, and registered forecasts."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from rlscale.core.errors import StudyError
from rlscale.laws.groups import X_COLUMNS, metric_rows, select_rows
from rlscale.report.figures.means import means_by
from rlscale.report.figures.style import human

if TYPE_CHECKING:
    import pandas

CLAIM_COLUMNS = ("claim", "found", "verdict")
FORECAST_COLUMNS = ("variant", "metric", "against", "n", "x", "value", "low", "high")
_NEAR = 0.01  # Relative distance within which a size or an x is the one that was named.
_WORDS = {"holds": "supported", "fails": "contradicted"}
_CHIPS = {"holds": "yes", "fails": "no", "inside": "yes", "outside": "no", "undecided": "undecided"}


@dataclass(frozen=True)
class Row:
    """A claim or a forecast, as the report shows it.

    Attributes:
        name: The claim, or what is forecast.
        text: What the claim says; empty where its name says it.
        found: What was found, or forecast and measured value.
        verdict: Its verdict.
    """

    name: str
    found: str
    verdict: str
    text: str = ""

    @property
    def chip(self) -> str:
        """How the verdict is shown."""
        return _CHIPS.get(self.verdict, "")

    @property
    def said(self) -> str:
        """The verdict in the words that the report has for its own."""
        return _WORDS.get(self.verdict, self.verdict)


def own_claims(path: Path) -> list[Row]:
    """Claims of a file with the columns of ``CLAIM_COLUMNS``, and perhaps ``text``.

    Raises:
        StudyError: The file or a column is missing, or a cell is empty.
    """
    rows = _rows(path, CLAIM_COLUMNS, texts=True)
    return [Row(row["claim"], row["found"], row["verdict"], row.get("text", "")) for row in rows]


def forecasts(
    path: Path,
    curves: "pandas.DataFrame",
    select: Mapping[str, Any],
    size: str,
    benchmark: str,
    level: float,
) -> list[Row]:
    """Registered forecasts beside what was measured there: the mean over runs, its interval.

    Args:
        path: A file with the columns of ``FORECAST_COLUMNS`` (``rlscale forecast --output``).
        curves: curves.csv.
        select: The fits' selection.
        size: Column that holds N.
        benchmark: The benchmark that the fits are of.
        level: Coverage of the interval of what was measured.

    Raises:
        StudyError: The file or a column is missing, or a row is no forecast.
    """
    found = []
    for number, row in enumerate(_rows(path, FORECAST_COLUMNS)):
        texts = [name for name in FORECAST_COLUMNS[3:] if isinstance(row[name], str)]
        if texts:
            raise StudyError(f"{path}: column '{texts[0]}' must hold numbers alone")
        if row["against"] not in X_COLUMNS:
            known = ", ".join(X_COLUMNS)
            raise StudyError(f"{path}: row {number}: against '{row['against']}' is none of {known}")
        rows, column, _ = metric_rows(select_rows(curves, select), row["metric"], benchmark)
        own = rows[
            (rows["variant"] == row["variant"])
            & np.isclose(rows[size], row["n"], rtol=_NEAR)
            & np.isclose(rows[X_COLUMNS[row["against"]]].astype(float), row["x"], rtol=_NEAR)
            & rows[column].notna()
        ]
        spread = rows.fillna({"loss_se": 0.0})  # unknown of problems, the runs' alone
        means = means_by(spread, ["variant", size, "step"], column, level)
        found.append(_judged(row, means.merge(own[["variant", size, "step"]].drop_duplicates())))
    return found


def _judged(row: Mapping[str, Any], measured: "pandas.DataFrame") -> Row:
    """A forecast beside the runs that reached its place.

    It is outside where its interval and that of the mean over runs lie apart, and undecided where
    they overlap but the forecast's does not hold the mean.
    """
    metric = str(row["metric"])
    name = f"{row['variant']} {human(row['n'])}, {metric} at {row['against']} {row['x']:.4g}"
    said = f"{row['value']:.3f} [{row['low']:.3f}, {row['high']:.3f}]"
    if measured.empty:
        return Row(name, f"forecast {said}", "not measured")
    own = measured.iloc[-1].to_dict()
    mean, runs = own["value"], own["n_runs"]
    known = np.isfinite(own["low"])
    low, high = (own["low"], own["high"]) if known else (mean, mean)
    ends = f" [{low:.3f}, {high:.3f}]" if known else ""
    words = f"forecast {said}, measured {mean:.3f}{ends} ({runs} run{'s' * (runs != 1)})"
    if row["low"] <= mean <= row["high"]:
        return Row(name, words, "inside")
    return Row(name, words, "outside" if high < row["low"] or low > row["high"] else "undecided")


def _rows(path: Path, columns: tuple[str, ...], *, texts: bool = False) -> list[dict[Any, Any]]:
    """Rows of a CSV with these columns, none of them empty."""
    import pandas

    try:
        table = pandas.read_csv(path, dtype=str if texts else None)
    except (OSError, ValueError) as error:
        raise StudyError(f"{path}: cannot be read ({error}); the report names it") from None
    lacking = [column for column in columns if column not in table]
    if lacking:
        raise StudyError(f"{path}: no column '{lacking[0]}'; it needs {', '.join(columns)}")
    empty = table[list(columns)].isna()
    if empty.to_numpy().any():
        row, column = np.argwhere(empty.to_numpy())[0]
        raise StudyError(f"{path}: row {row}: '{columns[column]}' is empty; fill it or remove it")
    records: list[dict[Any, Any]] = table.fillna("").to_dict("records")
    return records
