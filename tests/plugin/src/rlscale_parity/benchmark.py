"""Parity of generated sums.

Source: drawn here from a seed. Example: ``Is 3+5 even?`` with answer ``yes``. Settings:
``problems`` and ``seed``.
"""

import random
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from rlscale.evaluation.benchmarks import Benchmark, problem_table

if TYPE_CHECKING:
    import pandas


def load(settings: Mapping[str, Any]) -> "pandas.DataFrame":
    """Draw distinct sums of two numbers below 100."""
    drawn = random.Random(settings["seed"]).sample(range(10_000), settings["problems"])
    pairs = [divmod(number, 100) for number in drawn]
    return problem_table(
        [f"Is {first}+{second} even?" for first, second in pairs],
        ["no" if (first + second) % 2 else "yes" for first, second in pairs],
        source="parity",
    )


BENCHMARK = Benchmark(version=1, load=load, prompt="{problem} Say yes or no.", verifier="yes_no")
