"""Which setting is better at equal compute: recipes, reuse factors, group sizes, variants.

Settings of one axis that are alike in all else are compared at multiples of the largest budget that
all of them were measured at, in efficiency k, and in the loss that a sigmoid ends at.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from rlscale.answers.arms import AXES, Arms, alike, arms_of, as_text, known_x, varied
from rlscale.core.errors import StudyError
from rlscale.laws.arrays import Array
from rlscale.laws.contrast import (
    FORMS,
    Difference,
    Readings,
    mean_of,
    reaches,
    slopes,
    what_comes,
)
from rlscale.laws.fitting import fit_points
from rlscale.laws.groups import X_COLUMNS, metric_rows, select_rows
from rlscale.laws.points import Points
from rlscale.laws.protocols import check_scoring
from rlscale.laws.registry import law_named
from rlscale.laws.spec import Settings

if TYPE_CHECKING:
    import pandas

MULTIPLES = (1.0, 2.0, 10.0)
SPANNED = (0.25, 0.5, *MULTIPLES)
COLUMNS = (
    "axis", "family", "model", "recipe", "variant", "tau", "group_size", "value", "reference",
    "x", "quantity", "multiple", "at", "measured", "of_value", "of_reference", "difference", "low",
    "high", "runs_value", "runs_reference", "scope", "freedom", "bends", "verdict",
)  # fmt: skip
DEFAULTS = Settings()
ALL_SIZES = "all sizes"
_AT_END = 1e-3  # A loss below cannot be told from none.
_WORDS = {"ln_loss": "better", "k": "learns faster", "end": "ends lower"}
_NAMES = {"tau": "tau ", "group_size": "G = "}


@dataclass(frozen=True)
class _Told:
    """One quantity of two settings, by one form or by several.

    Attributes:
        value: The setting.
        quantity, multiple: As in ``COLUMNS``; the multiple is NaN for what has none.
        at: x; NaN where there is none, or several.
        measured: Whether both settings were measured there.
        means: The quantity for the setting and for the reference.
        parts: Their difference by each form; none where nothing tells how sure it is.
        runs: Runs of the setting and of the reference.
        bends: As ``Arms.bends``.
        doubt: Why it is no finding; empty where it is.
    """

    value: str
    quantity: str
    multiple: float
    at: float
    measured: bool
    means: tuple[float, float]
    parts: tuple[Difference, ...]
    runs: tuple[int, int]
    bends: str
    doubt: str = ""


def compare_settings(
    curves: "pandas.DataFrame",
    axis: str,
    *,
    x: str,
    settings: Settings = DEFAULTS,
    metric: str = "loss",
    reference: str | None = None,
    multiples: Sequence[float] = MULTIPLES,
) -> "pandas.DataFrame":
    """Compare the settings of one axis at equal x.

    Args:
        curves: Curves of one study.
        axis: One of ``AXES``.
        x: Key of ``rlscale.laws.groups.X_COLUMNS``.
        settings: Of it ``select``, ``benchmark`` and ``level``.
        metric: As for fits, but a share.
        reference: The setting that all others are compared with; None for the one with most runs,
            the first of equals.
        multiples: Of the largest x that all settings of a size were measured at.

    Returns:
        ``COLUMNS``. Differences are value minus reference: of ln of the loss (``ln_loss``), of
        ``k``, and of the loss at endless x by a sigmoid per run (``end``). Beyond what was measured
        the interval holds those of all ``rlscale.laws.contrast.FORMS``, and the estimate is their
        median. Where several sizes were compared, ``model`` is ``all sizes`` for their mean.

    Raises:
        StudyError: The axis, x, metric or a multiple is none, no two settings are alike in all
            else, the reference is none of them, or a run cannot be compared.
    """
    import pandas

    if axis not in AXES:
        raise StudyError(f"axis '{axis}' is none of {', '.join(AXES)}")
    if x not in X_COLUMNS:
        raise StudyError(f"x '{x}' is none of {', '.join(X_COLUMNS)}")
    if metric == "response_length":
        raise StudyError("settings are compared by a loss: of a benchmark, or pass_at_<k>")
    if not multiples or not all(0 < multiple < np.inf for multiple in multiples):
        raise StudyError("multiples of the common budget are numbers above 0, such as 1 2 10")
    rows, column, _ = metric_rows(select_rows(curves, settings.select), metric, settings.benchmark)
    check_scoring(rows)
    found: list[dict[str, Any]] = []
    for own in alike(rows, axis):
        chosen = _reference(own, axis, reference)
        if chosen is not None:
            told = _told(own, axis, x, column, chosen, sorted(multiples))
            found += [
                {"axis": axis, "reference": chosen, "x": x} | _row(*one, axis, chosen, settings)
                for one in told
            ]
    if not found:
        raise StudyError(_nothing(rows, axis, reference))
    return pandas.DataFrame(found, columns=[*COLUMNS])


def compare_all(
    curves: "pandas.DataFrame",
    settings: Settings = DEFAULTS,
    data: Mapping[str, str] | None = None,
) -> "tuple[pandas.DataFrame, list[str]]":
    """Compare the settings of every axis that a study varies, by all x that it knows.

    Args:
        curves: The study's curves.
        settings: As for fits.
        data: The data set of each recipe, where they differ: held-out problems are each set's own,
            so that recipes of two sets have no loss in common.

    Returns:
        ``COLUMNS``, without rows where nothing can be compared; and why an axis has none.
    """
    import pandas

    if data and len(set(data.values())) > 1:
        parts = [part for _, part in curves.groupby(curves["recipe"].map(data), dropna=False)]
        found = [compare_all(part, settings) for part in parts]
        known = [table for table, _ in found if len(table)] or [found[0][0]]
        return pandas.concat(known), [why for _, told in found for why in told]
    tables, lacking = [], []
    for axis in varied(curves[curves["benchmark"] == settings.benchmark]):
        for x in known_x(curves):
            try:
                tables.append(
                    compare_settings(curves, axis, x=x, settings=settings, multiples=SPANNED)
                )
            except StudyError as error:
                lacking.append(f"{axis} by {x} is not compared: {error}")
    return pandas.concat(tables) if tables else pandas.DataFrame(columns=[*COLUMNS]), lacking


def _reference(rows: "pandas.DataFrame", axis: str, wanted: str | None) -> str | None:
    """The setting to compare with; None where these rows lack the one that is wanted."""
    runs = rows.groupby("value")["cell"].nunique()
    if wanted is None:
        return str(runs[rows.sort_values(axis)["value"].unique()].idxmax())
    return wanted if wanted in runs.index else None


def _nothing(rows: "pandas.DataFrame", axis: str, reference: str | None) -> str:
    found = ", ".join(sorted({as_text(value) for value in rows[axis].dropna()})) or "none"
    if any(True for _ in alike(rows, axis)):
        return f"no setting {axis} = {reference} to compare with; the curves hold {found}"
    return (
        f"nothing to compare: no two values of {axis} (there are: {found}) were trained from the "
        f"same model with the same {', '.join(name for name in AXES if name != axis)}"
    )


def _told(
    rows: "pandas.DataFrame",
    axis: str,
    x: str,
    column: str,
    reference: str,
    multiples: Sequence[float],
) -> "Iterator[tuple[Mapping[str, Any], _Told]]":
    """What each size tells, then their mean, with the columns that it is of."""
    parts = [part for _, part in rows.groupby("place") if reference in set(part["value"])]
    by_size: dict[tuple[str, str, float], list[_Told]] = {}
    for part in parts:
        arms = arms_of(part, axis, x, column)
        for one in _of_size(arms, reference, multiples):
            yield arms.key, one
            by_size.setdefault((one.value, one.quantity, one.multiple), []).append(one)
    for several in by_size.values():
        if len(several) > 1:
            yield {**arms.key, "model": ALL_SIZES}, _mean(several)


def _of_size(arms: Arms, reference: str, multiples: Sequence[float]) -> Iterator[_Told]:
    others = [name for name in arms.names if name != reference]
    for multiple in multiples:
        u = arms.reach + float(np.log(multiple))
        seen = reaches(arms.points, u)
        for value in others:
            own = arms.of(value) > 0
            readings = what_comes(arms.points, u, own, arms.bends == "yes")
            lines = [found.value for found in readings[: len(FORMS)]]
            middle = np.exp(np.median(lines, axis=0))
            measured = all((arms.of(name) * seen).any() for name in (value, reference))
            told = _pair(arms, "ln_loss", value, reference, readings, middle)
            yield replace(told, multiple=multiple, at=float(np.exp(u)), measured=measured)
    k = slopes(arms.points)
    ends = _ends(arms.points)
    for value in others:
        yield _pair(arms, "k", value, reference, [k], k.value)
        if ends is not None:
            told = _pair(arms, "end", value, reference, [ends], ends.value)
            own = arms.of(value) + arms.of(reference) > 0
            none = int((ends.value[own] < _AT_END).sum())
            doubt = f"not identified: {none} of {own.sum()} sigmoids end at no loss at all"
            yield replace(told, doubt=doubt if none else "")


def _ends(points: Points) -> Readings | None:
    """Loss at endless x by a sigmoid per run (C); None where a run has too few points for one."""
    law = law_named("sigmoid")
    if (points.present.sum(1) <= law.least_points).any():
        return None
    fit = fit_points(law, points)
    value = 1 - law.size_parameters(fit)["A"][0]
    nothing = np.zeros_like(value)
    return Readings(value, nothing + 1, nothing, nothing + 1)


def _pair(
    arms: Arms,
    quantity: str,
    value: str,
    reference: str,
    readings: Sequence[Readings],
    of_run: Array,
) -> _Told:
    parts = [arms.contrast(found, value, reference) for found in readings]
    one, other = arms.of(value), arms.of(reference)
    return _Told(
        value=value,
        quantity=quantity,
        multiple=np.nan,
        at=np.nan,
        measured=True,
        means=(float(of_run @ one / one.sum()), float(of_run @ other / other.sum())),
        parts=tuple(part for part in parts if part is not None),
        runs=(int(one.sum()), int(other.sum())),
        bends=arms.bends,
    )


def _mean(several: Sequence[_Told]) -> _Told:
    """Mean over sizes of one quantity."""
    known = all(one.parts for one in several)
    turned = [one.bends for one in several]
    return replace(
        several[0],
        at=np.nan,
        measured=all(one.measured for one in several),
        means=(float(np.mean([one.means[0] for one in several])),
               float(np.mean([one.means[1] for one in several]))),
        parts=tuple(map(mean_of, zip(*(one.parts for one in several), strict=True)))
        if known else (),
        runs=(sum(one.runs[0] for one in several), sum(one.runs[1] for one in several)),
        bends=next((word for word in ("yes", "unknown") if word in turned), "no"),
        doubt=next((one.doubt for one in several if one.doubt), ""),
    )  # fmt: skip


def _row(
    key: Mapping[str, Any], told: _Told, axis: str, reference: str, settings: Settings
) -> dict[str, Any]:
    ends = [part.ends(settings.level) for part in told.parts]
    low, high = (min(a for a, _ in ends), max(b for _, b in ends)) if ends else (np.nan, np.nan)
    one, other = told.means
    plain = np.log(one / other) if told.quantity == "ln_loss" else one - other
    lines = [part.estimate for part in told.parts[: len(FORMS)]]
    middle = float(np.median(lines)) if ends else plain
    return {
        **key, "value": told.value, "quantity": told.quantity, "multiple": told.multiple,
        "at": told.at, "measured": "yes" if told.measured else "beyond",
        "of_value": one, "of_reference": other, "difference": middle, "low": low, "high": high,
        "runs_value": told.runs[0], "runs_reference": told.runs[1],
        "scope": told.parts[0].scope if ends else "none",
        "freedom": min(part.freedom for part in told.parts) if ends else np.nan,
        "bends": told.bends, "verdict": _verdict(told, axis, reference, low, high),
    }  # fmt: skip


def _verdict(told: _Told, axis: str, reference: str, low: float, high: float) -> str:
    if told.doubt:
        return told.doubt
    if not np.isfinite(low):
        return "no interval: one run of each, and nothing tells how sure"
    names = [_NAMES.get(axis, "") + name for name in (told.value, reference)]
    up, down = names if told.quantity == "k" else names[::-1]
    words = [f"{up if low > 0 else down} {_WORDS[told.quantity]}"]
    if low <= 0 <= high:
        words = ["not told apart"]
    if not told.measured:
        words.append("beyond what was measured")
        words += ["where the curves bend already"] * (told.bends == "yes")
    if told.parts[0].scope == "residuals":
        words.append("of these runs alone")
    return ", ".join(words)
