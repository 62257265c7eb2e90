"""Held-out problems of the cell's own data set.

Source: the data stage, which splits them off by clusters of duplicates; licence: the data set's.
Example (embedded arithmetic): ``37+8-5=`` with answer ``40``. Prompt: the recipe's. Judged as the
data set's ``verifier`` says, the same judge that gave the training reward.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from rlscale.core.errors import StudyError
from rlscale.evaluation.benchmarks import Benchmark

if TYPE_CHECKING:
    import pandas


def load(settings: Mapping[str, Any]) -> "pandas.DataFrame":
    """Refuse: the data stage writes these problems (results/data/<set>/held_out.parquet)."""
    raise StudyError("benchmark held_out: its problems are made by the data set's rule")


BENCHMARK = Benchmark(version=1, load=load)
