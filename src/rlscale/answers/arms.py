"""Runs that differ in one setting alone: which cells are alike in all else, and their points."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from rlscale.core.errors import StudyError
from rlscale.laws.arrays import Array, Indices
from rlscale.laws.contrast import LEAST, Difference, Readings, bends, contrast
from rlscale.laws.groups import X_COLUMNS, run_curves
from rlscale.laws.points import Points, points_of
from rlscale.laws.straight import FreeSlopes
from rlscale.laws.study import trouble

if TYPE_CHECKING:
    import pandas

AXES = ("recipe", "variant", "tau", "group_size")


@dataclass(frozen=True)
class Arms:
    """The settings of one axis at one size, all else alike.

    Attributes:
        key: Columns that the runs share -> values; that of the axis is none of theirs.
        names: Settings as text (A).
        points: Their runs' points (C runs).
        arm: Index of each run's setting (C).
        seed: Its seed, NaN where unknown (C).
        reach: log x that all settings were measured to.
        bends: Whether the runs turn: ``yes``, ``no`` or ``unknown``.
    """

    key: Mapping[str, Any]
    names: tuple[str, ...]
    points: Points
    arm: Indices
    seed: Array
    reach: float
    bends: str

    def of(self, name: str) -> Array:
        """Which runs are of a setting (C), 0 or 1."""
        return np.asarray(self.arm == self.names.index(name), dtype=np.float64)

    def contrast(self, found: Readings, value: str, reference: str) -> Difference | None:
        """One setting minus another."""
        weights = [float(name == value) - float(name == reference) for name in self.names]
        return contrast(found, self.arm, self.seed, weights)


def arms_of(rows: "pandas.DataFrame", axis: str, x: str, column: str) -> Arms:
    """The runs of one size.

    Raises:
        StudyError: A run has a loss of 0 whose samples nothing counts, or too few points.
    """
    group = run_curves(rows, x=x, column=column)
    refused = trouble(group, FreeSlopes())
    if refused:
        raise StudyError(f"cell {refused[1]}")
    points = points_of(group, "equal")
    for cell, u, present in zip(group.cells, points.u, points.present, strict=True):
        if len(np.unique(u[present])) < LEAST:
            raise StudyError(
                f"cell {cell}: {present.sum()} points after step 0, and a comparison needs "
                f"{LEAST}; evaluate more checkpoints, or leave it out (select)"
            )
    own = rows.drop_duplicates("cell").set_index("cell").loc[list(group.cells)]
    names = tuple(own.sort_values(axis)["value"].unique())
    arm = np.array([names.index(value) for value in own["value"]])
    last = np.where(points.present, points.u, -np.inf).max(1)
    reach = min(float(last[arm == a].max()) for a in range(len(names)))
    key = {name: own[name].iloc[0] for name in ("family", "model", *AXES)} | {axis: ""}
    seed = own["seed"].to_numpy(float, na_value=np.nan)
    return Arms(key, names, points, arm, seed, reach, bends(points, arm))


def alike(rows: "pandas.DataFrame", axis: str) -> "Iterator[pandas.DataFrame]":
    """Rows of cells that differ in ``axis``, model and seed alone, of models with two settings.

    Each has the further columns ``value``, its setting as text, and ``place``, a number per model
    that grows with its size.
    """
    rows = rows.fillna({"family": "", "recipe": ""}).dropna(subset=axis)
    n = rows["n_params"].fillna(rows["n_params_nominal"]).fillna(0)
    rows = rows.assign(value=[as_text(value) for value in rows[axis]], n=n)
    others = [name for name in ("family", *AXES) if name != axis]
    for _, own in rows.groupby(others, dropna=False, sort=True):
        own = own[own.groupby("model")["value"].transform("nunique") > 1]
        if len(own):
            n = own.groupby("model")["n"].transform("min")
            yield own.assign(place=own.assign(n=n).groupby(["n", "model"]).ngroup())


def varied(curves: "pandas.DataFrame") -> list[str]:
    """Those of ``AXES`` in which some cells differ that are alike in all else."""
    return [axis for axis in AXES if next(alike(curves, axis), None) is not None]


def known_x(curves: "pandas.DataFrame") -> list[str]:
    """Compute and data, as far as every row has them; steps where it has neither."""
    trained = curves[curves["step"] > 0]
    known = [x for x in ("compute", "data") if trained[X_COLUMNS[x]].notna().all()]
    return known or ["steps"]


def as_text(value: Any) -> str:
    """A setting as text."""
    return value if isinstance(value, str) else f"{value:g}"
