"""Generated arithmetic beyond the training distribution: a harder level, or another skill.

Source: ``rlscale.arithmetic`` from a seed; licence: the project's. Example (task sums of more terms
than were trained): ``37+8-5+61=`` with answer ``101``. Prompt: the recipe's. Judged as the cell's
data set says. Settings: ``task`` (as in the data section), ``problems`` and ``seed``.
"""

import random
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from rlscale.arithmetic import sample
from rlscale.benchmarks import Benchmark, problem_table
from rlscale.canonical import canonicalise
from rlscale.errors import StudyError

if TYPE_CHECKING:
    import pandas

_DRAWS_PER_PROBLEM = 20


def load(settings: Mapping[str, Any]) -> "pandas.DataFrame":
    """Draw distinct problems of the task.

    Raises:
        StudyError: A key is missing, or the task has too few distinct problems.
    """
    missing = [key for key in ("task", "problems", "seed") if key not in settings]
    if missing:
        raise StudyError(f"benchmark arithmetic: key '{missing[0]}' is missing")
    rng = random.Random(settings["seed"])
    drawn: dict[str, tuple[str, str]] = {}
    for _ in range(_DRAWS_PER_PROBLEM * settings["problems"]):
        problem, answer = sample(settings["task"], rng)
        drawn.setdefault(canonicalise(problem), (problem, answer))
        if len(drawn) == settings["problems"]:
            break
    else:
        raise StudyError(
            f"benchmark arithmetic: the task {settings['task']} has too few distinct problems for "
            f"{settings['problems']}; ask for fewer"
        )
    problems, answers = zip(*drawn.values(), strict=True)
    return problem_table(problems, answers, source="arithmetic")


BENCHMARK = Benchmark(version=1, load=load)
