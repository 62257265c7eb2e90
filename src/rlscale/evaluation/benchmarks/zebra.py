"""Zebra puzzles, 200 of GURU's logic domain: fill a grid of attributes from clues.

Source: GURU-92k (arXiv 2506.14965), logic__zebra_puzzle_dataset; licence: Apache-2.0.
Local file in verl's layout (key ``path``).
Example: "... given 2 objects and their attributes ... The clues are: ..." -> a grid
``{"header": ["Position", "Nationality"], "rows": [["1", "british"], ["2", "polish"]]}``.
Prompt: the puzzle's own, asking for the grid within ``<answer>`` tags. The whole grid counts:
the columns may stand in another order, the rows in another order of their positions; letter case
and space around a cell do not matter.
"""

import ast
import json
import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from rlscale.core.digests import canonical_json
from rlscale.evaluation.benchmarks import Benchmark, file_of, problem_table, read_rows
from rlscale.judging.verify import Outcome

if TYPE_CHECKING:
    import pandas

_ANSWER = re.compile(r"<answer>(.*?)</answer>", re.DOTALL | re.IGNORECASE)
_LONGEST = 100_000


def load(settings: Mapping[str, Any]) -> "pandas.DataFrame":
    """Puzzles with their grids as JSON."""
    problems, grids = zip(*read_rows(file_of(settings, "zebra")), strict=True)
    return problem_table(problems, [canonical_json(grid) for grid in grids], source="zebra")


def extract(text: str) -> str | None:
    """The text within the last pair of answer tags, or None."""
    found = _ANSWER.findall(text)
    return found[-1].strip() or None if found else None


def grid(text: str | None) -> frozenset[frozenset[tuple[str, str]]] | None:
    """A grid as a set of rows, each a set of (column, value); None where the text is no grid."""
    if text is None or len(text) > _LONGEST:
        return None
    for read in (json.loads, ast.literal_eval):
        try:
            value = read(text)
            header = [_cell(name) for name in value["header"]]
            rows = [[_cell(cell) for cell in row] for row in value["rows"]]
        except (ValueError, TypeError, KeyError, SyntaxError, MemoryError, RecursionError):
            continue
        if header and rows and all(len(row) == len(header) for row in rows):
            return frozenset(frozenset(zip(header, row, strict=True)) for row in rows)
    return None


def _cell(value: Any) -> str:
    if not isinstance(value, str | int):
        raise TypeError(f"{value!r} is no cell of a grid")
    return " ".join(str(value).split()).casefold()


def judge(texts: Sequence[str], golds: Sequence[str], workers: int) -> list[Outcome | None]:
    """Compare whole grids; an answer that is no grid is unparsed."""
    outcomes: list[Outcome | None] = []
    for text, gold in zip(texts, golds, strict=True):
        solution, answer = grid(gold), grid(extract(text))
        if solution is None:
            outcomes.append(None)
        elif answer is None:
            outcomes.append("unparsed")
        else:
            outcomes.append("correct" if answer == solution else "wrong")
    return outcomes


BENCHMARK = Benchmark(version=1, load=load, prompt="{problem}", judge=judge, extract=extract)
