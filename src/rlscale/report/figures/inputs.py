"""What figures read: curves and fits, and the points and intervals that are drawn from them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from rlscale.core.errors import StudyError
from rlscale.core.files import read_json
from rlscale.core.tables import read_curves
from rlscale.laws.groups import build_groups, metric_rows, select_rows
from rlscale.report.figures.style import human

if TYPE_CHECKING:
    import pandas

    from rlscale.laws.groups import Group

X_LABELS = {
    "data": "problems seen $D$",
    "compute": "training compute $C$ = $6NT$ (FLOPs)",
    "compute_full": "training compute, all passes (FLOPs)",
    "steps": "step",
    "tokens": "tokens",
    "k": "samples $k$, one of which must be right",
}
SCOPES = {  # Of a fit's intervals: what would be another draw.
    "redrawn": "other runs on other problems",
    "fixed": "other runs on these problems",
    "block": "residual blocks of mean curves, one run per size",
}


class NothingToDraw(Exception):
    """This study has no data for a figure; the message says what is lacking."""


@dataclass(frozen=True)
class Inputs:
    """Everything a figure may draw from.

    Attributes:
        curves: The curves table; empty where a figure does not ask for it.
        fits: Fit documents by ``<law>-<x>-<metric>``.
        tables: Paths of further files by name (ledger, data reports, forecasts, ...).
        settings: ``palette`` and ``compute`` of the configuration's ``figures``, with the fits'
            ``benchmark`` (the held-out one), ``select``, ``size``, ``level`` and ``margin``.
        expected: Cells that the study names, for the list of missing ones.
    """

    curves: "pandas.DataFrame"
    fits: Mapping[str, dict[str, Any]]
    tables: Mapping[str, Path] = field(default_factory=dict)
    settings: Mapping[str, Any] = field(default_factory=dict)
    expected: Sequence[str] = ()

    @property
    def palette(self) -> str:
        """Name of the palette."""
        return self.settings["palette"]

    @property
    def compute(self) -> str:
        """The count that figures draw as compute: ``compute`` (6NT) or ``compute_full``."""
        return self.settings["compute"]

    def fit(self, law: str, x: str, metric: str = "loss") -> dict[str, Any]:
        """A fit document.

        Raises:
            NothingToDraw: The study does not make it.
        """
        name = f"{law}-{x}-{metric}"
        if name not in self.fits:
            raise NothingToDraw(f"its configuration does not ask for the fit {name}")
        return self.fits[name]

    def table(self, name: str) -> "pandas.DataFrame":
        """A further table.

        Raises:
            NothingToDraw: The study does not make it.
        """
        import pandas

        return pandas.read_csv(self.path(name))

    def path(self, name: str) -> Path:
        """Path of a further file; NothingToDraw where the study does not make it."""
        if name not in self.tables:
            raise NothingToDraw(f"it makes no {name.replace('_', ' ')}")
        return self.tables[name]

    def published(self, variant: str, x: str) -> "pandas.DataFrame":
        """Published K_max and N0 of a variant on an axis; no rows where none are asked for."""
        import pandas

        if "published" not in self.tables:
            return pandas.DataFrame({"protocol": [], "K_max": [], "N0": []})
        table = self.table("published")
        lacking = sorted({"variant", "x", "protocol", "K_max", "N0_b"} - set(table))
        if lacking:
            raise StudyError(f"{self.path('published')}: no column {lacking[0]}")
        own = table[(table["variant"] == variant) & (table["x"] == x)]
        return own.assign(N0=1e9 * own["N0_b"])[["protocol", "K_max", "N0"]]

    def size_rows(self) -> "pandas.DataFrame":
        """Rows of the sweep over sizes (the fits' selection), all benchmarks and steps."""
        return select_rows(self.curves, self.settings["select"]).fillna({"family": ""})

    def missing(self) -> str:
        """A sentence on cells that the study names but has no rows for; empty when none."""
        absent = sorted(set(self.expected) - set(self.curves["cell"]))
        if not absent:
            return ""
        shown = ", ".join(absent[:3]) + (", …" if len(absent) > 3 else "")
        return f"Missing: {len(absent)} of {len(self.expected)} cells ({shown})."


def read_inputs(
    curves: Path | None,
    fits: Sequence[Path],
    tables: Mapping[str, Path],
    settings: Mapping[str, Any],
    expected: Sequence[str],
) -> Inputs:
    """Read what a figure draws from.

    Raises:
        StudyError: A file is missing or is not what its place says.
    """
    import pandas

    documents = {}
    for path in fits:
        document = read_json(path)
        if document.get("kind") != "fit":
            raise StudyError(f"{path}: not a fit (kind {document.get('kind')!r}); run it again")
        documents[path.stem] = document
    table = read_curves(curves) if curves else pandas.DataFrame()
    return Inputs(table, documents, tables, settings, expected)


def fitted_groups(inputs: Inputs, document: Mapping[str, Any]) -> dict[tuple[str, str], "Group"]:
    """The points behind a fit, per (family, variant): the same selection, from the curves."""
    rows = select_rows(inputs.curves, document["selection"])
    rows, column, _ = metric_rows(rows, document["metric"], document["benchmark"])
    rows = rows[~rows["cell"].isin(document["cells"]["diverged"])]
    groups = build_groups(rows, x=document["x"], column=column, size=document["size"])
    return {(group.family, group.variant): group for group in groups}


def interval(quantity: Mapping[str, Any], scope: str) -> tuple[float, float, str]:
    """Interval of a fit's quantity in the group's scope: low, high and the scope.

    An open end is infinite; without an interval both ends are NaN and the scope is ``none``.
    """
    found = quantity["intervals"].get(scope)
    if not found or found["status"] != "ok":
        return np.nan, np.nan, "none"
    low, high = found["low"], found["high"]
    return -np.inf if low is None else low, np.inf if high is None else high, scope


def span(quantity: Mapping[str, Any], scope: str, write: Callable[[float], str]) -> str:
    """The interval in words, `` [low, high]``; empty when there is none."""
    low, high, found = interval(quantity, scope)
    if found == "none":
        return ""
    ends = [write(end) if np.isfinite(end) else "open" for end in (low, high)]
    return f" [{ends[0]}, {ends[1]}]"


def fixed(value: float, digits: int = 3) -> str:
    """A number at some decimals; what rounds to zero has no sign."""
    text = f"{value:.{digits}f}"
    return text.removeprefix("-") if not text.strip("-0.") else text


def size_label(model: str, n: float, size: str) -> str:
    """Short label of a size: its N in words, or the value of tau or G."""
    if size == "tau":
        return f"τ = {model}"
    if size == "group_size":
        return f"G = {model}"
    return human(n)


def title(family: str, variant: str, several_families: bool) -> str:
    """Panel title of a group."""
    return f"{family}, {variant}" if several_families and family else variant
