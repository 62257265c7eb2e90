"""Sources of the bank: a folder each, with curves.csv and a card that says whose they are."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rlscale.core.errors import StudyError
from rlscale.core.files import file_sha256
from rlscale.core.tables import read_curves
from rlscale.core.yaml_files import load
from rlscale.laws.records import Record
from rlscale.study.schema import schema_findings

if TYPE_CHECKING:
    import pandas

BANK = Path(__file__).parents[3] / "resources/bank"
_SCHEMA = Path(__file__).parents[3] / "workflow/schemas/bank_card.schema.yaml"


@dataclass(frozen=True)
class Sweep(Record):
    """Curves that are fitted together.

    Attributes:
        size: Column of what differs between them: a size, tau or the group size.
        select: Column -> value or values of its rows.
    """

    size: str
    select: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Card:
    """What a source says of itself; workflow/schemas/bank_card.schema.yaml explains each key."""

    source: str
    url: str
    origin: str
    reading_error: float
    runs_per_point: str
    benchmark: str
    sweeps: tuple[Sweep, ...]
    quirks: tuple[str, ...]
    licence: str = ""
    facts: str = ""
    repeats: tuple[str, ...] = ()

    @property
    def terms(self) -> str:
        """By what right the numbers stand here."""
        return self.licence or f"facts {self.facts}"


@dataclass(frozen=True)
class Source:
    """A source of the bank.

    Attributes:
        name: Its folder's name.
        card: What it says of itself.
        curves: Its curves (``rlscale.core.tables``).
        files: Sha256 of card and curves.
    """

    name: str
    card: Card
    curves: "pandas.DataFrame"
    files: tuple[str, str]

    @property
    def counted(self) -> "pandas.DataFrame":
        """Its curves without those that stand here twice."""
        return self.curves[~self.curves["cell"].isin(self.card.repeats)]

    @property
    def curve_count(self) -> int:
        """Curves: pairs of a cell and a benchmark."""
        return int(self.counted.groupby(["cell", "benchmark"]).ngroups)


def read_card(path: Path) -> Card:
    """Read and check a card.

    Raises:
        StudyError: It is missing, no YAML, or not as its schema says; names every mistake.
    """
    said = load(path)
    found = schema_findings(said, load(_SCHEMA))
    if found:
        raise StudyError("\n".join(f"{path}: {sentence}" for sentence in found))
    lists = {name: tuple(said.get(name, ())) for name in ("quirks", "repeats")}
    sweeps = tuple(Sweep(**sweep) for sweep in said["sweeps"])
    return Card(**said | lists | {"sweeps": sweeps})


def read_source(folder: Path) -> Source:
    """Read a folder of the bank; what its curves say is not checked here (``bank.check``).

    Raises:
        StudyError: The card or the table is not what it should be.
    """
    card, curves = folder / "card.yaml", folder / "curves.csv"
    if not card.is_file():
        raise StudyError(f"{folder}: no card.yaml, so that nobody knows whose curves these are")
    return Source(
        folder.name, read_card(card), read_curves(curves), (file_sha256(card), file_sha256(curves))
    )


def source_folders(bank: Path, names: Sequence[str] = ()) -> list[Path]:
    """The folders of a bank, sorted, or those of some names.

    Raises:
        StudyError: There is no bank, or no such source.
    """
    folders = sorted(path for path in bank.glob("*") if path.is_dir())
    if not folders:
        raise StudyError(f"{bank}: no folder of curves; add one by `rlscale bank add`")
    known = {path.name: path for path in folders}
    unknown = [name for name in names if name not in known]
    if unknown:
        raise StudyError(f"{bank}: no source '{unknown[0]}'; there are {', '.join(known)}")
    return [known[name] for name in names] if names else folders
