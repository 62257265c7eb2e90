"""Generated arithmetic beyond the training distribution: a harder level, or another skill.

Source: ``rlscale.data.arithmetic`` from a seed; licence: the project's. Example (task sums of more
terms than were trained): ``37+8-5+61=`` with answer ``101``. Prompt: the recipe's. Judged as the
cell's data set says. Settings: ``task`` (as in the data section), ``problems`` and ``seed``.
"""

import random
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from rlscale.core.errors import StudyError
from rlscale.data.arithmetic import SPACE_PER_PROBLEM, problem_space, sample
from rlscale.data.canonical import canonicalise
from rlscale.evaluation.benchmarks import Benchmark, problem_table

if TYPE_CHECKING:
    import pandas


def load(settings: Mapping[str, Any]) -> "pandas.DataFrame":
    """Draw distinct problems of the task.

    Raises:
        StudyError: A key is missing, or the task has too few distinct problems.
    """
    missing = [key for key in ("task", "problems", "seed") if key not in settings]
    if missing:
        raise StudyError(f"benchmark arithmetic: key '{missing[0]}' is missing")
    task, wanted = settings["task"], settings["problems"]
    if problem_space(task) < SPACE_PER_PROBLEM * wanted:
        raise StudyError(
            f"benchmark arithmetic: {wanted} problems are asked of a space of "
            f"{problem_space(task)}; raise 'terms' or 'largest' of the task, or lower 'problems'"
        )
    rng = random.Random(settings["seed"])
    drawn: dict[str, tuple[str, str]] = {}
    while len(drawn) < wanted:
        problem, answer = sample(task, rng)
        drawn.setdefault(canonicalise(problem), (problem, answer))
    problems, answers = zip(*drawn.values(), strict=True)
    return problem_table(problems, answers, source="arithmetic")


BENCHMARK = Benchmark(version=1, load=load)
