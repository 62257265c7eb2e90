"""The piece of a configuration that decides one step's result, and nothing else."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from rlscale.core.cell import Cell
from rlscale.evaluation.tasks import PASS_RATE
from rlscale.study.grid import recipe_of

_ASKING = (
    "variant",
    "max_tokens",
    "seed",
    "temperature",
    "top_p",
    "dtype",
    "prompt",
    "cpu_threads",
)


def evaluation_settings(config: Mapping[str, Any], cell: Cell) -> dict[str, Any]:
    """All settings that decide one cell's evaluation, and nothing else.

    Args:
        config: The study's configuration, defaults filled in.
        cell: The cell.
    """
    recipe = recipe_of(config, cell)
    evaluation = dict(config["evaluation"])
    evaluation.pop("machine")
    extra = evaluation.pop("top_up")
    return {
        **evaluation,
        "variant": cell.variant,
        "prompt": {"template": recipe.template},
        "verifier": recipe.verifier,
        "cpu_threads": recipe.cpu_threads,
        "benchmarks": {
            name: {
                "module": settings.get("module", name),
                "samples": settings["samples"],
                "max_tokens": settings.get("max_tokens", evaluation["max_tokens"]),
            }
            for name, settings in config["benchmarks"].items()
        },
        "top_up": [_top_up(entry) for entry in extra if _concerns(entry["match"], cell)],
    }


def asking_settings(entry: Mapping[str, Any]) -> dict[str, Any]:
    """What decides the responses to a set's problems, in the form of an evaluation's settings.

    Args:
        entry: The set's entry of the configuration's ``data`` section, with ``pass_rate``.
    """
    own = entry["pass_rate"]
    asked = {"module": "held_out", "samples": own["samples"], "max_tokens": own["max_tokens"]}
    return {
        **{key: own[key] for key in _ASKING},
        "verifier": entry["verifier"],
        "benchmarks": {PASS_RATE: asked},
        "top_up": [],
    }


def _concerns(match: Mapping[str, Any], cell: Cell) -> bool:
    fields = asdict(cell)
    return all(str(fields[key]) == str(value) for key, value in match.items() if key in fields)


def _top_up(entry: Mapping[str, Any]) -> dict[str, Any]:
    """A top-up without what only says which cells are meant; numbers may come as text."""
    match = {}
    if "step" in entry["match"]:
        match["step"] = int(entry["match"]["step"])
    if "benchmark" in entry["match"]:
        match["benchmark"] = entry["match"]["benchmark"]
    return {"match": match, "samples": int(entry["samples"])}
