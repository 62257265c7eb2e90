"""HumanEval: 164 Python functions to write from their docstrings.

Source: Chen et al. 2021 (arXiv 2107.03374); licence: MIT. Local file in verl's layout (key
``path``).
Example: ``def has_close_elements(numbers: List[float], threshold: float) -> bool:`` with its
docstring -> a program that passes ``check(has_close_elements)``.
Prompt: GURU's, asking for a complete, self-contained solution. Judged by the verifier ``program``:
run against the tests in a sandbox, where only the standard library can be imported.
"""

import ast
import json
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from rlscale.core.digests import canonical_json
from rlscale.core.errors import StudyError
from rlscale.evaluation.benchmarks import Benchmark, problem_table
from rlscale.evaluation.local_files import VERL, file_of, read_rows

if TYPE_CHECKING:
    import pandas

PROMPT = (
    "Write a complete, self-contained Python solution to the following problem. Your solution "
    "must include all necessary imports and the full function definition including the signature "
    "exactly as specified. Do not modify the function signature or docstring.\n\n"
    "```python\n{problem}```"
)
_CALL = re.compile(r"^check\((\w+)\)\s*$", re.MULTILINE)


def load(settings: Mapping[str, Any]) -> "pandas.DataFrame":
    """Function stubs; the answer is JSON with the stub, the tests and the function's name.

    Raises:
        StudyError: A row has another prompt, or tests without a final ``check(function)``.
    """
    path = file_of(settings, "humaneval")
    start, end = PROMPT.split("{problem}")
    stubs, answers = [], []
    for number, (text, truth) in enumerate(read_rows(path)):
        # The file wraps the message once more, as the text of a Python list.
        message = ast.literal_eval(text)[0]["content"]
        tests = json.loads(truth)["functional"]
        entries = _CALL.findall(tests)
        if not (message.startswith(start) and message.endswith(end) and entries):
            raise StudyError(f"{path}: row {number} is not a HumanEval problem in GURU's form")
        stub = message[len(start) : len(message) - len(end)]
        stubs.append(stub)
        answers.append(canonical_json({"entry": entries[-1], "stub": stub, "tests": tests}))
    return problem_table(stubs, answers, source="humaneval")


BENCHMARK = Benchmark(version=1, load=load, prompt=PROMPT, verifier="program", columns=VERL)
