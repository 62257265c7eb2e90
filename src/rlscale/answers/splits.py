"""Which rows of a study a forecast may see, and which sizes it is to tell."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rlscale.core.errors import StudyError
from rlscale.core.scalars import check_count, check_number
from rlscale.laws.groups import metric_rows, select_rows
from rlscale.laws.records import Record
from rlscale.laws.spec import Settings

if TYPE_CHECKING:
    import pandas

KINDS = ("intra", "inter")


@dataclass(frozen=True)
class Split(Record):
    """What a forecast sees and what is its target.

    Attributes:
        kind: ``intra``, the first part of every run -> the rest; ``inter``, smaller sizes -> the
            largest.
        first_share: Share of the last step that is seen (intra).
        held_out_sizes: How many of the largest sizes are the target (inter).
        intercept_from_target: The paper's own protocol: the target's intercept is tuned on the
            target, so that this is no forecast.
        probe: First points of every target that are seen, for its level alone (inter).
    """

    kind: str
    first_share: float = 0.25
    held_out_sizes: int = 1
    intercept_from_target: bool = False
    probe: int = 0

    def __post_init__(self) -> None:
        """Refuse what no split is.

        Raises:
            StudyError: The kind is unknown, or a number is out of bounds.
        """
        if self.kind not in KINDS:
            raise StudyError(f"split: kind {self.kind!r} is none of {', '.join(KINDS)}")
        check_number(self.first_share, "split: first_share", 0, 1)
        check_count(self.held_out_sizes, "split: held_out_sizes", 1)
        check_count(self.probe, "split: probe", 0)

    @classmethod
    def of(cls, section: Mapping[str, Any]) -> "Split":
        """A split from one entry of ``forecast.protocols``."""
        return cls(**section)

    @property
    def looks(self) -> bool:
        """Whether the target has rows that the law itself must not learn from."""
        return self.tuned or (self.kind == "inter" and self.probe > 0)

    @property
    def tuned(self) -> bool:
        """Whether the target's own rows are seen."""
        return self.kind == "inter" and self.intercept_from_target


@dataclass(frozen=True)
class Target(Record):
    """A size to forecast."""

    family: str
    variant: str
    model: str
    n: float


def split_curves(
    table: "pandas.DataFrame", split: Split, settings: Settings, metric: str
) -> tuple["pandas.DataFrame", list[Target]]:
    """Rows to learn from, and what to forecast.

    Args:
        table: Curves.
        split: What is seen.
        settings: How curves are fitted (selection, benchmark, size).
        metric: Metric to forecast.

    Returns:
        The rows that a fit may see, and the targets.

    Raises:
        StudyError: Nothing is left to learn from, or nothing to forecast.
    """
    rows, _, _ = metric_rows(select_rows(table, settings.select), metric, settings.benchmark)
    rows = rows[rows["step"] > 0].assign(family=rows["family"].fillna(""))
    size = settings.size
    label = "model" if size.startswith("n_params") else size
    if split.kind == "intra":
        last = rows.groupby(["family", "variant", label])["step"].transform("max")
        seen = rows["step"] <= split.first_share * last
        targets = rows[~seen]
    else:
        rank = rows.groupby(["family", "variant"])[size].rank(method="dense", ascending=False)
        seen = rank > split.held_out_sizes
        targets = rows[~seen]
        if split.tuned:
            seen = seen | True
        elif split.probe:
            first = rows.groupby(["family", "variant", label])["step"].rank(method="dense")
            seen = seen | (first <= split.probe)
            targets = rows[~seen]
    if not seen.any() or targets.empty:
        raise StudyError(
            f"forecast: the {split.kind} split leaves {int(seen.sum())} rows to learn from "
            f"and {len(targets)} to forecast; change first_share or held_out_sizes"
        )
    each = targets.groupby(["family", "variant", label], sort=True)
    wanted = each[size].first().rename("n").reset_index()
    return rows[seen], [
        Target(family, variant, _text(name), float(n))
        for family, variant, name, n in wanted.itertuples(index=False)
    ]


def _text(name: object) -> str:
    return format(name, "g") if isinstance(name, float) else str(name)
