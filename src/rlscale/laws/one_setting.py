"""Curves of one fit differ in the swept size and in seeds, in nothing else that a cell is."""

from collections.abc import Collection, Mapping
from typing import Any

SETTINGS = ("recipe", "model", "tau", "group_size")


def size_label(size: str) -> str:
    """The part of a cell that a swept size names: parameters are the model's."""
    return "model" if size.startswith("n_params") else size


def mixed(variant: str, values: Mapping[str, Collection[Any]], size: str) -> str | None:
    """What to choose before curves can be fitted together; None where they can.

    Args:
        variant: Of the curves, for the sentence.
        values: Different values of each of ``SETTINGS``.
        size: The swept size, a column of curves.csv.
    """
    for name in SETTINGS:
        if name != size_label(size) and len(values[name]) > 1:
            listed = ", ".join(map(str, sorted(values[name])))
            return (
                f"{variant}: the rows to fit have several values of {name} ({listed}); "
                f"choose one with fit.select.{name}"
            )
    return None
