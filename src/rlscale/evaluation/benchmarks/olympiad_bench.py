r"""OlympiadBench, open-ended English mathematics: competition problems with their final answers.

Source: He et al. 2024 (arXiv 2402.14008); licence: Apache-2.0. Local file of any known format (key
``path``) with the columns ``question`` and ``final_answer`` (a list of texts).
Example (made up): "Find all real $x$ with $x^2 = 4$." -> ``["$2$", "$-2$"]``.
Prompt: MATH-500's. Judged by the verifier ``math``; several final answers are several answers, in
any order.
"""

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from rlscale.core.errors import StudyError
from rlscale.evaluation.benchmarks import Benchmark, problem_table
from rlscale.evaluation.benchmarks.math_500 import PROMPT
from rlscale.evaluation.local_files import table_rows

if TYPE_CHECKING:
    import pandas

_COLUMNS = ("question", "final_answer")


def load(settings: Mapping[str, Any]) -> "pandas.DataFrame":
    """Questions, each with its final answers joined by commas.

    Raises:
        StudyError: A row's final answers are no list of texts.
    """
    rows = table_rows(settings, "olympiad_bench", _COLUMNS)
    questions, answers = [], []
    for number, row in enumerate(rows):
        final = row["final_answer"]
        final = json.loads(final) if isinstance(final, str) and final.startswith("[") else final
        if not isinstance(final, list) or not all(isinstance(item, str) for item in final):
            raise StudyError(f"{settings['path']}: row {number}: final_answer is no list of texts")
        questions.append(row["question"])
        answers.append(", ".join(item.strip(" $") for item in final))
    return problem_table(questions, answers, source="olympiad_bench")


BENCHMARK = Benchmark(version=1, load=load, prompt=PROMPT, verifier="math", columns=_COLUMNS)
