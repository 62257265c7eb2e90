"""What differs between the protocols of cells, and the refusal to fit such cells together."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rlscale.core.errors import StudyError
from rlscale.core.files import write_text

if TYPE_CHECKING:
    import pandas


def differences(settings: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, str]]:
    """The settings that are not the same in all cells.

    Args:
        settings: Cell -> its settings, nested.

    Returns:
        Dotted key -> cell -> its value as text, ``-`` where the cell has no such key.
    """
    flat = {cell: _flatten(own) for cell, own in settings.items()}
    found = {}
    for key in sorted(set().union(*flat.values())):
        values = {cell: str(own.get(key, "-")) for cell, own in flat.items()}
        if len(set(values.values())) > 1:
            found[key] = values
    return found


def write_differences(protocols: Mapping[str, Mapping[str, Any]], path: str) -> None:
    """Write the table of a study: a row per setting that differs and value, with its cells.

    Args:
        protocols: Cell -> ``rlscale.study.grid.protocol`` of it.
        path: The CSV: setting, value, cells (how many), which (their paths); without rows where
            all cells share one protocol.
    """
    import pandas

    rows = []
    for setting, values in differences(protocols).items():
        for value in sorted(set(values.values())):
            own = [cell for cell in values if values[cell] == value]
            rows.append((setting, value, len(own), " ".join(own)))
    table = pandas.DataFrame(rows, columns=["setting", "value", "cells", "which"])
    write_text(path, table.to_csv(index=False))


def read_differences(path: Path) -> "pandas.DataFrame":
    """Read what ``write_differences`` wrote, all columns as text."""
    import pandas

    return pandas.read_csv(path, dtype=str, keep_default_na=False)


def check_protocols(
    rows: "pandas.DataFrame", protocols: "pandas.DataFrame | None", allowed: Sequence[str]
) -> list[str]:
    """Refuse rows whose cells were trained or measured under differing protocols.

    Args:
        rows: Curve rows to be fitted together.
        protocols: protocols.csv (``read_differences``), to name the settings that differ; None
            where there is none.
        allowed: Settings that may differ (``fit.allow_differences``), as dotted keys of that table
            or their beginnings.

    Returns:
        The digests found, sorted.

    Raises:
        StudyError: They differ in something that is not allowed; the message holds the table.
    """
    first = rows.dropna(subset=["protocol_digest"]).groupby("protocol_digest")["cell"].min()
    digests = sorted(first.index)
    if len(digests) <= 1:
        return digests
    values = {} if protocols is None else _values(protocols, list(first))
    if not values:
        listed = "; ".join(f"{first[d]} has {d}" for d in digests)
        raise StudyError(
            f"cells of differing protocols in one fit: {listed}. Narrow fit.select; no table "
            "(results/protocols.csv) names a setting in which they differ"
        )
    differing = {key: found for key, found in values.items() if not _covered(key, allowed)}
    if differing:
        head = "setting | " + " | ".join(first)
        lines = [f"{key} | " + " | ".join(found) for key, found in differing.items()]
        raise StudyError(
            "cells of differing protocols in one fit; narrow fit.select, or name what may differ "
            "in fit.allow_differences:\n" + "\n".join([head, *lines])
        )
    return digests


def check_scoring(rows: "pandas.DataFrame") -> None:
    """Refuse rows whose responses were judged by different rules of scoring.

    Args:
        rows: Curve rows to be fitted together; of curves from elsewhere ``scoring`` may be empty.

    Raises:
        StudyError: There are several; names them, a cell of each, and what to do.
    """
    rules = rows.dropna(subset=["scoring"]).fillna({"scoring_digest": ""})
    for benchmark, own in rules.groupby("benchmark"):
        first = own.groupby(["scoring", "scoring_digest"])["cell"].min()
        if len(first) > 1:
            listed = "; ".join(
                f"{cell} by {name} {rule}".rstrip()
                for (name, rule), cell in zip(first.index.tolist(), first, strict=True)
            )
            raise StudyError(
                f"scores of {benchmark} by several rules of scoring in one fit: {listed}. They are "
                "different quantities: give all the same 'scoring' and evaluate again (responses "
                "that are there are only judged again), or narrow fit.select"
            )


def _values(protocols: "pandas.DataFrame", cells: Sequence[str]) -> dict[str, list[str]]:
    """Setting -> its value in each of some cells, of the settings in which those differ."""
    found: dict[str, dict[str, str]] = {}
    for setting, value, which in protocols[["setting", "value", "which"]].itertuples(index=False):
        own = found.setdefault(setting, {})
        own |= dict.fromkeys(set(cells).intersection(which.split()), str(value))
    return {
        setting: [own.get(cell, "-") for cell in cells]
        for setting, own in found.items()
        if len({own.get(cell, "-") for cell in cells}) > 1
    }


def _covered(key: str, names: Iterable[str]) -> bool:
    return any(key == name or key.startswith(f"{name}.") for name in names)


def _flatten(value: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, item in value.items():
        if isinstance(item, Mapping):
            flat |= _flatten(item, f"{prefix}{key}.")
        else:
            flat[f"{prefix}{key}"] = item
    return flat
