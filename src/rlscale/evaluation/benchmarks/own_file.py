"""A file of your own: a problem and its gold answer in each row.

Source: the local file of key ``path``, of any format that data files may have (JSON Lines, CSV,
parquet, ...); licence: its own. Columns ``problem`` and ``answer``, or those that key ``columns``
names.
Example: ``{"problem": "2+3=", "answer": "5"}``.
Prompt: the recipe's. Judged by the verifier of key ``verifier``, else by the data set's.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from rlscale.core.errors import StudyError
from rlscale.evaluation.benchmarks import Benchmark, problem_table
from rlscale.evaluation.local_files import table_rows

if TYPE_CHECKING:
    import pandas

_PARTS = ("problem", "answer")


def load(settings: Mapping[str, Any]) -> "pandas.DataFrame":
    """Problems and golds as they stand in the file; a gold that is a number becomes its text."""
    named = {part: settings.get("columns", {}).get(part, part) for part in _PARTS}
    texts: dict[str, list[str]] = {part: [] for part in _PARTS}
    for number, row in enumerate(table_rows(settings, "own_file", list(named.values()))):
        for part, column in named.items():
            value = row[column]
            text = str(value).strip() if isinstance(value, str | int | float) else ""
            if not text or value != value:
                raise StudyError(
                    f"{settings['path']}: row {number}: '{column}' is {value!r}; give a text or "
                    "a number, or remove the row"
                )
            texts[part].append(text)
    return problem_table(texts["problem"], texts["answer"], source="own_file")


BENCHMARK = Benchmark(version=1, load=load, columns=_PARTS)
