"""LiveCodeBench, code generation: competition problems whose programs read stdin.

Source: Jain et al. 2024 (arXiv 2403.07974), ``code_generation_lite``; licence: CC-BY-4.0 of the
set, the problems are their sites'. Local file of any known format (key ``path``), e.g. test6.jsonl,
with the columns ``question_content``, ``public_test_cases`` and ``private_test_cases`` (JSON texts;
the private ones also as the set packs them).
Example (made up): "Read two integers and print their sum." with input ``2 3`` -> output ``5``.
Prompt: asks for a Python program that reads stdin, in a code block. Judged by the verifier
``stdin_program``, in the sandbox. Problems with starter code, which are tested by calls and not by
stdin, are left out.
"""

import base64
import io
import json
import pickle
import zlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from rlscale.core.digests import canonical_json
from rlscale.core.errors import StudyError
from rlscale.evaluation.benchmarks import Benchmark, problem_table
from rlscale.evaluation.local_files import table_rows

if TYPE_CHECKING:
    import pandas

PROMPT = (
    "{problem}\n\nWrite a Python program that reads the input from stdin and prints the output to "
    "stdout. Put the whole program into one code block:\n\n```python\n# your program\n```"
)
_TESTS = ("public_test_cases", "private_test_cases")
_COLUMNS = ("question_content", *_TESTS)
_LARGEST = 1 << 30  # bytes of one problem's unpacked tests


class _Texts(pickle.Unpickler):
    """Unpickles a text, and nothing that would run code."""

    def find_class(self, module: str, name: str) -> Any:
        raise pickle.UnpicklingError(f"{module}.{name} is no text")


def load(settings: Mapping[str, Any]) -> "pandas.DataFrame":
    """Problems with stdin tests; the answer is JSON: inputs with their outputs.

    Raises:
        StudyError: A row's tests cannot be read, or no problem has stdin tests.
    """
    questions, answers = [], []
    for number, row in enumerate(table_rows(settings, "live_code_bench", _COLUMNS)):
        try:
            tests = [test for name in _TESTS for test in _tests(row[name])]
            kinds = {test["testtype"] for test in tests}
            cases = [(test["input"], test["output"]) for test in tests]
        except (
            ValueError,
            KeyError,
            TypeError,
            zlib.error,
            pickle.UnpicklingError,
            EOFError,
        ) as error:
            raise StudyError(
                f"{settings['path']}: row {number}: its tests cannot be read ({error}); give them "
                "as JSON lists of objects with input, output and testtype"
            ) from None
        if kinds == {"stdin"}:
            questions.append(row["question_content"])
            answers.append(canonical_json(cases))
    return problem_table(questions, answers, source="live_code_bench")


def _tests(text: str) -> list[dict[str, str]]:
    """Tests as JSON, or as the set packs them: base64 of zlib of a pickled JSON text."""
    if not text.lstrip().startswith("["):
        data = zlib.decompressobj().decompress(base64.b64decode(text), _LARGEST)
        text = _Texts(io.BytesIO(data)).load()
    found = json.loads(text)
    if not isinstance(found, list):
        raise ValueError("no list")
    return found


BENCHMARK = Benchmark(
    version=1, load=load, prompt=PROMPT, verifier="stdin_program", columns=_COLUMNS
)
