"""Zebra puzzles, 200 of GURU's logic domain: fill a grid of attributes from clues.

Source: GURU-92k (arXiv 2506.14965), logic__zebra_puzzle_dataset; licence: Apache-2.0.
Local file in verl's layout (key ``path``).
Example: "... given 2 objects and their attributes ... The clues are: ..." -> a grid
``{"header": ["Position", "Nationality"], "rows": [["1", "british"], ["2", "polish"]]}``.
Prompt: the puzzle's own, asking for the grid within ``<answer>`` tags. Judged by the verifier
``grid``: the whole grid counts.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from rlscale.core.digests import canonical_json
from rlscale.evaluation.benchmarks import Benchmark, problem_table
from rlscale.evaluation.local_files import VERL, file_of, read_rows

if TYPE_CHECKING:
    import pandas


def load(settings: Mapping[str, Any]) -> "pandas.DataFrame":
    """Puzzles with their grids as JSON."""
    problems, grids = zip(*read_rows(file_of(settings, "zebra")), strict=True)
    return problem_table(problems, [canonical_json(grid) for grid in grids], source="zebra")


BENCHMARK = Benchmark(version=1, load=load, prompt="{problem}", verifier="grid", columns=VERL)
