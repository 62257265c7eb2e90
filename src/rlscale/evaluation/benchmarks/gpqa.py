r"""GPQA: graduate-level questions in biology, physics and chemistry, four options each.

Source: Rein et al. 2023 (arXiv 2311.12022); licence: CC-BY-4.0, and its authors ask that examples
be kept off the net, so none is shown. Local file (key ``path``), e.g. gpqa_diamond.csv, with the
columns ``Question``, ``Correct Answer`` and ``Incorrect Answer 1`` to ``3``.
Example (made up): "Which of these is a noble gas?" with options (A) to (D) -> ``C``.
Prompt: SuperGPQA's. The options' order is drawn from each question's text and the key ``seed``.
Judged by the verifier ``choice``.
"""

import random
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from rlscale.evaluation.benchmarks import Benchmark, problem_table
from rlscale.evaluation.benchmarks.supergpqa import PROMPT
from rlscale.evaluation.local_files import table_rows

if TYPE_CHECKING:
    import pandas

_OPTIONS = ("Correct Answer", *(f"Incorrect Answer {number}" for number in (1, 2, 3)))

_COLUMNS = ("Question", *_OPTIONS)


def load(settings: Mapping[str, Any]) -> "pandas.DataFrame":
    """Questions with their options in drawn orders; the answers are letters."""
    questions, letters = [], []
    for row in table_rows(settings, "gpqa", _COLUMNS):
        order = list(_OPTIONS)
        random.Random(f"{settings.get('seed', 0)} {row['Question']}").shuffle(order)
        options = [f"({'ABCD'[place]}) {row[name].strip()}" for place, name in enumerate(order)]
        questions.append("\n".join([row["Question"].strip(), *options]))
        letters.append("ABCD"[order.index("Correct Answer")])
    return problem_table(questions, letters, source="gpqa")


BENCHMARK = Benchmark(version=1, load=load, prompt=PROMPT, verifier="choice", columns=_COLUMNS)
