"""Modules that a set loads by name."""

from collections.abc import Mapping
from typing import Any

from rlscale.data.layouts import AUTO, LAYOUTS
from rlscale.judging.verifiers import VERIFIERS


def modules_used(settings: Mapping[str, Any]) -> list[str]:
    """Modules that a set loads by name, for digests of code: its layouts and its verifier.

    Args:
        settings: The set's entry of the configuration's ``data`` section.
    """
    read = [part["read"] for part in (settings, settings["held_out"]) if "read" in part]
    named = [[part["layout"]] if part["layout"] != AUTO else LAYOUTS.names() for part in read]
    layouts = {LAYOUTS.module(name) for names in named for name in names}
    return sorted({VERIFIERS.module(settings["verifier"]), *layouts})
