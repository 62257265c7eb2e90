"""What an evaluation's settings (``rlscale.study.settings.evaluation``) say. Light to import."""

from collections.abc import Mapping
from typing import Any

from rlscale.evaluation.benchmarks import BENCHMARKS
from rlscale.evaluation.scoring import SCORINGS, rule_of
from rlscale.judging.verifiers import VERIFIERS

PASS_RATE = "pass_rate"  # what stands for a benchmark where a data set is asked


def verifier_of(own: Mapping[str, Any], settings: Mapping[str, Any]) -> str:
    """Who judges a benchmark's answers: its rule says, else its settings, its module, the study."""
    rule = rule_of(own["scoring"], own["module"])
    named = own.get("verifier") or BENCHMARKS.get(own["module"]).verifier
    return rule.verifier or named or settings["verifier"]


def samples_wanted(settings: Mapping[str, Any], benchmark: str, step: int) -> int:
    """Samples per problem of a benchmark at a step: its own number, or more by a top-up."""
    wanted = settings["benchmarks"][benchmark]["samples"]
    for entry in settings["top_up"]:
        match = entry["match"]
        if match.get("benchmark", benchmark) == benchmark and match.get("step", step) == step:
            wanted = max(wanted, entry["samples"])
    return wanted


def modules_used(settings: Mapping[str, Any]) -> list[str]:
    """Modules that an evaluation loads by name, for digests of code: benchmarks and verifiers.

    Args:
        settings: ``rlscale.study.settings.evaluation`` of a cell.
    """
    modules = set()
    for own in settings["benchmarks"].values():
        modules |= {BENCHMARKS.module(own["module"]), SCORINGS.module(own["scoring"])}
        modules.add(VERIFIERS.module(verifier_of(own, settings)))
    return sorted(modules)
