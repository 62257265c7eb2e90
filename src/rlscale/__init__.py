"""Scaling-law studies of RL post-training: the science behind the workflow.

Nothing here imports Snakemake or reads config.yaml; rules pass paths and settings in.
"""

import importlib
from typing import Any

__version__ = "0.2.0"
_PUBLIC = {
    "FitResult": "rlscale.laws.results",
    "Intake": "rlscale.curves.ingest",
    "Prediction": "rlscale.laws.prediction",
    "Scores": "rlscale.answers.api",
    "Split": "rlscale.answers.splits",
    "Verdict": "rlscale.judging.verdicts",
    "Wishes": "rlscale.answers.recommend",
    "fit": "rlscale.answers.api",
    "forecast": "rlscale.answers.api",
    "judge": "rlscale.judging.verifiers",
    "load_runs": "rlscale.curves.api",
    "published_curves": "rlscale.curves.api",
    "read_curves": "rlscale.answers.api",
    "recommend": "rlscale.answers.api",
    "verify": "rlscale.judging.verifiers",
}


def __getattr__(name: str) -> Any:
    """Load what is public when it is asked for: importing the package stays light."""
    if name not in _PUBLIC:
        raise AttributeError(f"module 'rlscale' has no attribute '{name}'")
    return getattr(importlib.import_module(_PUBLIC[name]), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *_PUBLIC])
