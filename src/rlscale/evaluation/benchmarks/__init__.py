"""Benchmarks, one module each: where the problems come from, the prompt, how answers are judged.

A benchmark is a ``Benchmark`` in a module whose docstring names source and licence and shows an
example problem; its name stands in ``BENCHMARKS``, or another package adds it by an entry point of
the group ``rlscale.benchmarks``. ``version`` is raised when a problem would be asked differently:
samples of other versions are generated anew.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rlscale.core.digests import digest
from rlscale.core.errors import StudyError
from rlscale.core.registry import Registry

if TYPE_CHECKING:
    import pandas

PROBLEM_COLUMNS = (
    "problem_id", "problem", "answer", "level", "pass_rate", "cluster_id", "source",
)  # fmt: skip
# Keys of a benchmark's settings that decide its problems (the others decide its samples).
LOADING = ("path", "columns", "examples", "task", "problems", "seed")


@dataclass(frozen=True)
class Benchmark:
    """What a benchmark's module defines.

    Attributes:
        version: Raised when its problems would be asked differently.
        load: From the benchmark's settings to its problem table (``problem_table``).
        prompt: Text with ``{problem}``; None: the recipe's own prompt.
        verifier: Name of the verifier of its answers (``rlscale.judging.verifiers``); None: the
            data set's.
        columns: Columns that it reads of a local file (key ``path``); none: it needs no file.
    """

    version: int
    load: Callable[[Mapping[str, Any]], "pandas.DataFrame"]
    prompt: str | None = None
    verifier: str | None = None
    columns: Sequence[str] = ()


BENCHMARKS: Registry[Benchmark] = Registry(
    "benchmark",
    "rlscale.benchmarks",
    {
        "aime_2024": "rlscale.evaluation.benchmarks.aime_2024:BENCHMARK",
        "aime_2025": "rlscale.evaluation.benchmarks.aime_2025:BENCHMARK",
        "amc_2023": "rlscale.evaluation.benchmarks.amc_2023:BENCHMARK",
        "arithmetic": "rlscale.evaluation.benchmarks.arithmetic:BENCHMARK",
        "bbeh": "rlscale.evaluation.benchmarks.bbeh:BENCHMARK",
        "gpqa": "rlscale.evaluation.benchmarks.gpqa:BENCHMARK",
        "gsm8k": "rlscale.evaluation.benchmarks.gsm8k:BENCHMARK",
        "held_out": "rlscale.evaluation.benchmarks.held_out:BENCHMARK",
        "humaneval": "rlscale.evaluation.benchmarks.humaneval:BENCHMARK",
        "ifeval": "rlscale.evaluation.benchmarks.ifeval:BENCHMARK",
        "live_code_bench": "rlscale.evaluation.benchmarks.live_code_bench:BENCHMARK",
        "math_500": "rlscale.evaluation.benchmarks.math_500:BENCHMARK",
        "olympiad_bench": "rlscale.evaluation.benchmarks.olympiad_bench:BENCHMARK",
        "own_file": "rlscale.evaluation.benchmarks.own_file:BENCHMARK",
        "supergpqa": "rlscale.evaluation.benchmarks.supergpqa:BENCHMARK",
        "zebra": "rlscale.evaluation.benchmarks.zebra:BENCHMARK",
    },
)


def problem_table(
    problems: Sequence[str],
    answers: Sequence[str],
    *,
    source: str,
    levels: Sequence[str] | None = None,
) -> "pandas.DataFrame":
    """The problem table of a benchmark: one row per problem, ids from the text.

    Args:
        problems: Texts, shape (n,).
        answers: Their gold answers, shape (n,).
        source: Where they are from, for the column of that name.
        levels: Their levels of difficulty, shape (n,), where there are some.

    Raises:
        StudyError: No problems, or two with the same text.
    """
    import pandas

    if not problems:
        raise StudyError(f"benchmark {source}: no problems")
    ids = [digest([problem]) for problem in problems]
    table = pandas.DataFrame(
        {
            "problem_id": ids,
            "problem": list(problems),
            "answer": list(answers),
            "level": list(levels) if levels is not None else "",
            "pass_rate": float("nan"),
            "cluster_id": ids,
            "source": source,
        }
    )[list(PROBLEM_COLUMNS)]
    repeated = table["problem_id"].duplicated()
    if repeated.any():
        raise StudyError(
            f"benchmark {source}: problem {table.index[repeated][0]} repeats an earlier one"
        )
    return table
