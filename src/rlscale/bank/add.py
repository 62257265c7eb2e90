"""A source from curves that were ingested or made by a study."""

from pathlib import Path
from typing import TYPE_CHECKING

from rlscale.bank.check import check_sources
from rlscale.bank.source import Source, read_card
from rlscale.core.errors import StudyError
from rlscale.core.files import file_sha256, write_text
from rlscale.core.tables import CURVE_KEY, check_curves, read_curves

if TYPE_CHECKING:
    import pandas

# What forecasts read, and what tells runs apart.
_KEPT = (
    "study", "recipe", "cell", "family", "model", "variant", "tau", "group_size", "seed",
    "n_params", "n_params_nominal", "step", "data_samples", "compute_flops", "benchmark",
    "n_problems", "n_samples", "loss", "status",
)  # fmt: skip


def add_source(curves: Path, card: Path, name: str, bank: Path) -> Source:
    """Write a folder of the bank: the columns that forecasts need, and the card.

    Args:
        curves: A curves table; cells that diverged or were refused stay in it, marked.
        card: The card.
        name: The folder's name.
        bank: The bank's folder.

    Raises:
        StudyError: The folder exists, or the validator refuses what would stand in it.
    """
    folder = bank / name
    if folder.exists():
        raise StudyError(f"{folder}: there is such a source; remove it, or choose another name")
    table = bank_table(read_curves(curves).assign(study=name))
    source = Source(name, read_card(card), check_curves(table, str(curves)), ("", ""))
    check_sources([source])
    write_text(folder / "card.yaml", card.read_text(encoding="utf-8"))
    write_text(folder / "curves.csv", table.to_csv(index=False, float_format="%.10g"))
    files = (file_sha256(folder / "card.yaml"), file_sha256(folder / "curves.csv"))
    return Source(name, source.card, source.curves, files)


def bank_table(curves: "pandas.DataFrame") -> "pandas.DataFrame":
    """The columns that the bank keeps, without empty ones, in a fixed order of rows."""
    table = curves.reindex(columns=list(_KEPT)).sort_values(list(CURVE_KEY), kind="stable")
    if (table["status"] == "ok").all():
        table = table.drop(columns="status")
    return table.dropna(axis="columns", how="all")
