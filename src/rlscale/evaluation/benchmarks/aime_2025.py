r"""AIME 2025, both papers: 30 problems with integer answers.

Source: American Invitational Mathematics Examination, 2025; licence: the problems are the
Mathematical Association of America's. Local file of any known format (key ``path``) with the
columns ``problem`` and ``answer``.
Example: "Find the sum of all integer bases $b>9$ for which $17_b$ is a divisor of $97_b$." ->
``70``.
Prompt: AIME 2024's. Judged by the verifier ``math``.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from rlscale.evaluation.benchmarks import Benchmark, problem_table
from rlscale.evaluation.benchmarks.aime_2024 import PROMPT
from rlscale.evaluation.local_files import table_rows

if TYPE_CHECKING:
    import pandas

_COLUMNS = ("problem", "answer")


def load(settings: Mapping[str, Any]) -> "pandas.DataFrame":
    """Problems and answers as they stand in the file."""
    rows = table_rows(settings, "aime_2025", _COLUMNS)
    problems = [row["problem"] for row in rows]
    return problem_table(problems, [str(row["answer"]) for row in rows], source="aime_2025")


BENCHMARK = Benchmark(version=1, load=load, prompt=PROMPT, verifier="math", columns=_COLUMNS)
