"""What figures read: curves and fits, and the points and intervals that are drawn from them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.special import stdtrit

from rlscale.errors import StudyError
from rlscale.manifests import read_json
from rlscale.plots.style import human
from rlscale.points import build_groups, metric_rows, run_variance, select_rows
from rlscale.tables import read_curves

if TYPE_CHECKING:
    import pandas

    from rlscale.points import Group

X_LABELS = {
    "data": "data $D$ (problems seen)",
    "compute": "training compute $C$ (FLOPs, $6NT$)",
    "compute_full": "compute (FLOPs, all passes)",
    "steps": "step",
    "tokens": "tokens",
}


class NothingToDraw(Exception):
    """This study has no data for a figure; the message says what is lacking."""


@dataclass(frozen=True)
class Inputs:
    """Everything a figure may draw from.

    Attributes:
        curves: The curves table, or None where a figure does not ask for it.
        fits: Fit documents by ``<law>-<x>-<metric>``.
        tables: Paths of further files by name (ledger, data reports, forecasts, ...).
        settings: The ``figures`` section of the configuration, with the fit's ``benchmark`` (the
            held-out one) and ``level``.
        expected: Cells that the study names, for the list of missing ones.
    """

    curves: "pandas.DataFrame | None"
    fits: Mapping[str, dict]
    tables: Mapping[str, Path] = field(default_factory=dict)
    settings: Mapping[str, Any] = field(default_factory=dict)
    expected: Sequence[str] = ()

    @property
    def palette(self) -> str:
        """Name of the palette."""
        return self.settings["palette"]

    def fit(self, law: str, x: str, metric: str = "loss") -> dict:
        """A fit document.

        Raises:
            NothingToDraw: The study does not make it.
        """
        name = f"{law}-{x}-{metric}"
        if name not in self.fits:
            raise NothingToDraw(f"its configuration does not ask for the fit {name}")
        return self.fits[name]

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
    documents = {}
    for path in fits:
        document = read_json(path)
        if document.get("kind") != "fit":
            raise StudyError(f"{path}: not a fit (kind {document.get('kind')!r}); run it again")
        documents[path.stem] = document
    table = read_curves(curves) if curves else None
    return Inputs(table, documents, tables, settings, expected)


def fitted_groups(inputs: Inputs, document: Mapping[str, Any]) -> dict[tuple, "Group"]:
    """The points behind a fit, per (family, variant): the same selection, from the curves."""
    rows = select_rows(inputs.curves, document["selection"])
    rows, column, _ = metric_rows(rows, document["metric"], document["benchmark"])
    rows = rows[~rows["cell"].isin(document["cells"]["diverged"])]
    groups = build_groups(rows, x=document["x"], column=column, size=document["size"])
    return {(group.family, group.variant): group for group in groups}


def mean_points(group: "Group", level: float) -> "pandas.DataFrame":
    """Mean over runs of every (size, step), with its interval over runs (these problems).

    The variance between runs is pooled over sizes and steps, so that two or three runs give an
    honest t interval; without a second run anywhere, the interval is sampling noise alone.

    Returns:
        model, n, step, x, value, low, high, n_runs, one row per measured point.
    """
    import pandas

    pooled, freedom = run_variance(group)
    quantile = float(stdtrit(freedom or np.inf, 0.5 + level / 2))
    value, runs = group.per_size(group.value), group.runs
    x = np.exp(group.per_size(np.log(group.x)))
    sampling = group.per_size(group.variance)
    total = np.where(np.isfinite(sampling), sampling, 0.0) + pooled
    half = quantile * np.sqrt(np.divide(total, runs, out=np.zeros_like(total), where=runs > 0))
    known = np.isfinite(sampling) | (freedom > 0)
    rows = []
    for m, model in enumerate(group.models):
        for t, step in enumerate(group.steps):
            if runs[m, t] == 0:
                continue
            spread = half[m, t] if known[m, t] else np.nan
            rows.append(
                {
                    "family": group.family,
                    "variant": group.variant,
                    "model": model,
                    "n": group.n[m],
                    "step": int(step),
                    "x": x[m, t],
                    "value": value[m, t],
                    "low": value[m, t] * np.exp(-spread),
                    "high": value[m, t] * np.exp(spread),
                    "n_runs": int(runs[m, t]),
                }
            )
    return pandas.DataFrame(rows)


def bars_mean(group: "Group", level: float) -> str:
    """One sentence on what the error bars of ``mean_points`` are."""
    _, freedom = run_variance(group)
    if freedom:
        return (
            f"bars = {100 * level:g} % intervals of the mean over runs "
            f"(variance between runs pooled, {freedom} degrees of freedom)."
        )
    if np.isfinite(group.variance).any():
        return f"bars = {100 * level:g} % sampling noise only (one run per size)."
    return "one curve per size and no counts, so no error bars."


def interval(quantity: Mapping[str, Any], scope: str) -> tuple[float, float, str]:
    """Interval of a fit's quantity: low, high and the scope it is of.

    The document's own scope where the quantity has it, else residual blocks; NaN without any.
    """
    for name in dict.fromkeys((scope, "redrawn", "fixed", "block")):
        found = quantity["intervals"].get(name)
        if found and found["status"] == "ok":
            high = found["high"]
            return found["low"], np.inf if high is None else high, name
    return np.nan, np.nan, "none"


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
