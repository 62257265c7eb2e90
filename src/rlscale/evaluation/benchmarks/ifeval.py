"""IFEval: prompts with instructions whose following a program can check.

Source: Zhou et al. 2023 (arXiv 2311.07911); licence: Apache-2.0. Local file of any known format
(key ``path``) with the columns ``prompt``, ``instruction_id_list`` and ``kwargs``.
Example (made up): "Describe a lake without commas." -> ``[["punctuation:no_comma", {}]]``.
Prompt: the set's own. Judged by the verifier ``instructions``: all of a prompt's instructions, as
the set's strict accuracy by prompt. 22 of its 25 rules are there; a prompt with another one
(sentences, words in capitals, languages) is listed among the unusable golds of eval.json.
"""

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from rlscale.core.digests import canonical_json
from rlscale.core.errors import StudyError
from rlscale.evaluation.benchmarks import Benchmark, problem_table
from rlscale.evaluation.local_files import table_rows

if TYPE_CHECKING:
    import pandas

_COLUMNS = ("prompt", "instruction_id_list", "kwargs")


def load(settings: Mapping[str, Any]) -> "pandas.DataFrame":
    """Prompts; the answer is JSON: names of instructions with their arguments.

    Raises:
        StudyError: A row has another number of arguments than of instructions.
    """
    prompts, answers = [], []
    for number, row in enumerate(table_rows(settings, "ifeval", _COLUMNS)):
        names, arguments = _list(row["instruction_id_list"]), _list(row["kwargs"])
        if len(names) != len(arguments):
            raise StudyError(
                f"{settings['path']}: row {number}: {len(names)} instructions and "
                f"{len(arguments)} sets of arguments"
            )
        # The set's Parquet form fills every argument of every rule in, with null.
        given = [{key: own[key] for key in own if own[key] is not None} for own in arguments]
        prompts.append(row["prompt"])
        answers.append(canonical_json(list(zip(names, given, strict=True))))
    return problem_table(prompts, answers, source="ifeval")


def _list(value: Any) -> list[Any]:
    return list(json.loads(value) if isinstance(value, str) else value)


BENCHMARK = Benchmark(
    version=1, load=load, prompt="{problem}", verifier="instructions", columns=_COLUMNS
)
