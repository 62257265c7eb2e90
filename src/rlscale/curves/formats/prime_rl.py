"""prime-rl: its metrics.jsonl, or the orchestrator's console.

The console says ``Step 5 | Time: 9.1s | Reward: 0.4 | ...`` and, of evaluations,
``Running evals for checkpoint step 5`` and ``Evaluated gsm8k in 8s (Avg@4=0.5, Pass@1: 0.5, ...)``.
"""

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rlscale.core.errors import StudyError
from rlscale.curves.texts import console_lines, frame, json_lines, noted, read_text

if TYPE_CHECKING:
    import pandas

_STEP = re.compile(r"\bStep (\d{1,18}) \| (.+)")
_EVALUATED = re.compile(r"\bEvaluated (\S{1,200}) in [\d.]{1,20}s \(")
_CHECKPOINT = re.compile(r"checkpoint step (\d{1,18})")
_BETWEEN = re.compile(r" \| |, (?![^()]{0,200}\))")  # not within brackets
_VALUE = re.compile(r"([\w./@ -]+?)[:=] ?([-+]?\d+(?:\.\d+)?(?:e[-+]?\d+)?)(%?)", re.I)


def read_prime_rl(path: Path) -> "pandas.DataFrame":
    """A row per step, and one per evaluation, whose values are called ``environment/name``."""
    if read_text(path).lstrip().startswith("{"):
        logged, notes = json_lines(read_text(path), path)
        return noted(frame(logged, path), notes)
    lines, notes = console_lines(path)
    rows = _rows(lines, path)
    if not rows:
        raise StudyError(
            f"{path}: neither prime-rl's metrics.jsonl nor lines 'Step N | Reward: ...' of the "
            "orchestrator's console"
        )
    return noted(frame(rows, path), notes)


def _rows(lines: list[str], path: Path) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    checkpoint: int | None = None
    for number, line in enumerate(lines, 1):
        if said := _CHECKPOINT.search(line):
            checkpoint = int(said[1])
        if step := _STEP.search(line):
            rows.append({"step": int(step[1])} | _values(step[2], ""))
        elif evaluated := _EVALUATED.search(line):
            if checkpoint is None:
                raise StudyError(
                    f"{path}: line {number}: an evaluation before any line 'Running evals for "
                    "checkpoint step N', so that its step is unknown; add that line before it"
                )
            rows.append(
                {"step": checkpoint}
                | _values(line[evaluated.end() : line.rfind(")")], f"{evaluated[1]}/")
            )
    return rows


def _values(text: str, prefix: str) -> dict[str, float]:
    """Numbers by name; a percentage has its sign in the name."""
    found = (_VALUE.match(part.strip()) for part in _BETWEEN.split(text))
    return {f"{prefix}{v[1].strip()}{v[3] and ' %'}": float(v[2]) for v in found if v}
