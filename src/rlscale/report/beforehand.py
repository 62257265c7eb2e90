"""What a study said before its runs: claims that its own rule judges, and registered forecasts."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from rlscale.core.errors import StudyError
from rlscale.laws.groups import X_COLUMNS, metric_rows, select_rows
from rlscale.report.figures.style import human

if TYPE_CHECKING:
    import pandas

CLAIM_COLUMNS = ("claim", "found", "verdict")
FORECAST_COLUMNS = ("variant", "metric", "against", "n", "x", "value", "low", "high")
_NEAR = 0.01  # Relative distance within which a size or an x is the one that was named.
_CHIPS = {"holds": "yes", "fails": "no", "inside": "yes", "outside": "no", "undecided": "undecided"}


@dataclass(frozen=True)
class Row:
    """A claim or a forecast, as the report shows it.

    Attributes:
        name: The claim, or what is forecast.
        found: What was found, or forecast and measured value.
        verdict: Its verdict.
    """

    name: str
    found: str
    verdict: str

    @property
    def chip(self) -> str:
        """How the verdict is shown."""
        return _CHIPS.get(self.verdict, "")


def own_claims(path: Path) -> list[Row]:
    """Claims of a file with the columns of ``CLAIM_COLUMNS``.

    Raises:
        StudyError: The file or a column is missing, or a cell is empty.
    """
    rows = _rows(path, CLAIM_COLUMNS, texts=True)
    return [Row(row["claim"], row["found"], row["verdict"]) for row in rows]


def forecasts(
    path: Path, curves: "pandas.DataFrame", select: Mapping[str, Any], size: str, benchmark: str
) -> list[Row]:
    """Registered forecasts beside what was measured there: the mean over runs.

    Args:
        path: A file with the columns of ``FORECAST_COLUMNS`` (``rlscale forecast --output``).
        curves: curves.csv.
        select: The fits' selection.
        size: Column that holds N.
        benchmark: The benchmark that the fits are of.

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
        ]
        found.append(_judged(row, own[column].dropna()))
    return found


def _judged(row: Mapping[str, Any], measured: "pandas.Series[float]") -> Row:
    """A forecast beside the runs that reached its place."""
    metric = str(row["metric"])
    name = f"{row['variant']} {human(row['n'])}, {metric} at {row['against']} {row['x']:.4g}"
    said = f"{row['value']:.3f} [{row['low']:.3f}, {row['high']:.3f}]"
    if measured.empty:
        return Row(name, f"forecast {said}", "not measured")
    mean, runs = float(measured.mean()), len(measured)
    inside = row["low"] <= mean <= row["high"]
    words = f"forecast {said}, measured {mean:.3f} ({runs} run{'s' * (runs != 1)})"
    return Row(name, words, "inside" if inside else "outside")


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
    records: list[dict[Any, Any]] = table[list(columns)].to_dict("records")
    return records
