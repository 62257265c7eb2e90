"""Names in a configuration that registries know; installed packages may add to them."""

from collections.abc import Iterator, Mapping
from typing import Any

from rlscale.curves.readers import CURVE_READERS
from rlscale.data.layouts import check_layout
from rlscale.laws.registry import LAWS


def check_names(config: Mapping[str, Any]) -> None:
    """Refuse names that no registry knows, before anything runs.

    Raises:
        StudyError: Names the key and near names.
    """
    for where, layout in _layouts(config):
        check_layout(layout, where)
    if "ingest" in config:
        CURVE_READERS.check(config["ingest"]["format"], "ingest.format")
    for section in ("fit", "forecast"):
        for name in config.get(section, {}).get("laws", ()):
            LAWS.check(name, f"{section}.laws")


def _layouts(config: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for name, entry in config.get("data", {}).items():
        for where, part in ((f"data.{name}", entry), (f"data.{name}.held_out", entry["held_out"])):
            if "read" in part:
                yield f"{where}.read.layout", part["read"]["layout"]
