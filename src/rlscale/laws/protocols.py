"""What differs between the protocols of cells, and the refusal to fit such cells together."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rlscale.core.errors import StudyError
from rlscale.core.files import read_json, write_text

if TYPE_CHECKING:
    import pandas

# In every train.json's settings, but no settings of the protocol.
_NO_PROTOCOL = ("protocol_digest", "code", "recipe.overridden")


def differences(
    settings: Mapping[str, Mapping[str, Any]], ignored: Iterable[str] = ()
) -> dict[str, dict[str, str]]:
    """The settings that are not the same in all cells.

    Args:
        settings: Cell -> its settings, nested.
        ignored: Dotted keys, or beginnings of some, that may differ.

    Returns:
        Dotted key -> cell -> its value as text, ``-`` where the cell has no such key.
    """
    flat = {cell: _flatten(own) for cell, own in settings.items()}
    found = {}
    for key in sorted(set().union(*flat.values())):
        values = {cell: str(own.get(key, "-")) for cell, own in flat.items()}
        if len(set(values.values())) > 1 and not _covered(key, ignored):
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


def check_protocols(
    rows: "pandas.DataFrame", manifests: Mapping[str, Path] | None, allowed: Sequence[str]
) -> list[str]:
    """Refuse rows whose cells were trained or measured under differing protocols.

    Args:
        rows: Curve rows to be fitted together.
        manifests: Cell -> its train.json, to name the settings that differ; None without them.
        allowed: Settings that may differ (``fit.allow_differences``), as dotted keys of the
            manifests' settings or their beginnings.

    Returns:
        The digests found, sorted.

    Raises:
        StudyError: They differ in something that is not allowed; the message holds the table.
    """
    first = rows.dropna(subset=["protocol_digest"]).groupby("protocol_digest")["cell"].min()
    digests = sorted(first.index)
    if len(digests) <= 1:
        return digests
    listed = "; ".join(f"{first[d]} has {d}" for d in digests)
    if not manifests:
        raise StudyError(
            f"cells of differing protocols in one fit: {listed}. Narrow fit.select, or name what "
            "may differ in fit.allow_differences"
        )
    settings = {cell: read_json(manifests[cell])["settings"] for cell in first}
    if not differences(settings, _NO_PROTOCOL):
        raise StudyError(
            f"cells of differing protocols in one fit, though they were trained alike: {listed}. "
            "They were evaluated under other settings or on other data: evaluate them again"
        )
    differing = differences(settings, (*_NO_PROTOCOL, *allowed))
    if differing:
        head = "setting | " + " | ".join(settings)
        lines = [f"{key} | " + " | ".join(values.values()) for key, values in differing.items()]
        raise StudyError(
            "cells of differing protocols in one fit; narrow fit.select, or name what may differ "
            "in fit.allow_differences:\n" + "\n".join([head, *lines])
        )
    return digests


def _covered(key: str, names: Iterable[str]) -> bool:
    return any(key == name or key.startswith(f"{name}.") for name in names)


def _flatten(value: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    flat = {}
    for key, item in value.items():
        if isinstance(item, Mapping):
            flat |= _flatten(item, f"{prefix}{key}.")
        else:
            flat[f"{prefix}{key}"] = item
    return flat
