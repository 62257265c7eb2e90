"""OpenRLHF's console: ``Global step 5: {...}`` and ``global_step 5, eval_metrics: {...}``."""

import re
from pathlib import Path
from typing import TYPE_CHECKING

from rlscale.core.errors import StudyError
from rlscale.curves.texts import console_lines, frame, noted

if TYPE_CHECKING:
    import pandas

_LINE = re.compile(r"global[ _]step (\d{1,18})\b[^{]{0,200}\{", re.I)
_PAIR = re.compile(
    r"'([^']+)': (?:\w+(?:\.\w+)*\()?([-+]?(?:(?:\d+\.?\d*|\.\d+)(?:e[-+]?\d+)?|nan|inf))\b", re.I
)


def read_openrlhf(path: Path) -> "pandas.DataFrame":
    """What the trainer prints at each step and after each evaluation; values that are no numbers
    are not read.
    """
    rows = []
    lines, notes = console_lines(path)
    for line in lines:
        found, end = _LINE.search(line), line.rfind("}")
        if found and end >= found.end():
            pairs = _PAIR.findall(line, found.end(), end)
            rows.append({"step": int(found[1])} | {name: float(value) for name, value in pairs})
    if not rows:
        raise StudyError(f"{path}: no line 'Global step N: {{...}}' of OpenRLHF's console")
    return noted(frame(rows, path), notes)
