"""OpenRLHF's console: ``Global step 5: {...}`` and ``global_step 5, eval_metrics: {...}``."""

import re
from pathlib import Path
from typing import TYPE_CHECKING

from rlscale.core.errors import StudyError
from rlscale.curves.texts import console_lines, noted

if TYPE_CHECKING:
    import pandas

_LINE = re.compile(r"global[ _]step (\d+)\b[^{]*(\{.*\})", re.I)
_PAIR = re.compile(
    r"'([^']+)': (?:\w+(?:\.\w+)*\()?([-+]?(?:[\d.]+(?:e[-+]?\d+)?|nan|inf))\b", re.I
)


def read_openrlhf(path: Path) -> "pandas.DataFrame":
    """What the trainer prints at each step and after each evaluation; values that are no numbers
    are not read.
    """
    import pandas

    rows = []
    lines, notes = console_lines(path)
    for found in filter(None, map(_LINE.search, lines)):
        rows.append({"step": int(found[1])} | {n: float(v) for n, v in _PAIR.findall(found[2])})
    if not rows:
        raise StudyError(f"{path}: no line 'Global step N: {{...}}' of OpenRLHF's console")
    return noted(pandas.DataFrame(rows), notes)
