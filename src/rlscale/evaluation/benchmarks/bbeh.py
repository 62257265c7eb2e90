"""BIG-Bench Extra Hard: 23 tasks of reasoning and logic, each harder than its like in BBH.

Source: Kazemi et al. 2025 (arXiv 2502.19187); licence: Apache-2.0. Local file of any known format
(key ``path``) with the columns ``input`` and ``target``.
Example (made up): "Ann says that Bob lies. Bob says that Ann lies. ..." -> ``proof``.
Prompt: the set's own, which asks for a last line "The answer is: ". Judged by the verifier
``final_answer``.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from rlscale.evaluation.benchmarks import Benchmark, problem_table
from rlscale.evaluation.local_files import table_rows

if TYPE_CHECKING:
    import pandas

PROMPT = (
    "{problem}\n\nThink step by step, and when you provide the final answer, please use the prefix "
    '"The answer is:" without any modification, and provide the answer directly, with no '
    "formatting, no bolding, and no markup."
)

_COLUMNS = ("input", "target")


def load(settings: Mapping[str, Any]) -> "pandas.DataFrame":
    """Questions and answers as they stand in the file."""
    rows = table_rows(settings, "bbeh", _COLUMNS)
    return problem_table(
        [str(row["input"]) for row in rows], [str(row["target"]) for row in rows], source="bbeh"
    )


BENCHMARK = Benchmark(
    version=1, load=load, prompt=PROMPT, verifier="final_answer", columns=_COLUMNS
)
