"""NeMo-RL: its console, or the folder of its train_data_stepN.jsonl and val_data_stepN.jsonl.

The console has a headline ``==== Step 5/100 ====``, sections such as ``Training Results:`` and
``Validation Results:``, and in them ``• Accuracy: 0.4321``. Its own curves (W&B, TensorBoard,
MLflow) are read by the readers of those.
"""

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rlscale.core.errors import StudyError
from rlscale.curves.texts import console_lines, frame, json_lines, noted, read_text

if TYPE_CHECKING:
    import pandas

_HEAD = re.compile(r"(?<!=)={3,} Step (\d{1,18})(?:/\d+)? ={3,}")
_VALIDATION = re.compile(r"Starting validation at step (\d{1,18})")
_SECTION = re.compile(r"(Training|Validation) Results:")
_ITEM = re.compile(
    r"[•*-] ([^:]{1,200}): ([-+]?\d[\d,]*+(?:\.\d++)?+(?:e[-+]?\d++)?+)(%?+)(?!\S*:)", re.I
)
_OTHER = re.compile(r"^\W*\b[A-Z][\w ]*:\s*$")
_FILE = re.compile(r"(train|val)_data_step(\d+)\.jsonl$")


def read_nemo_rl(path: Path) -> "pandas.DataFrame":
    """A row per step; names are ``Training/Avg Reward``, ``Validation/Accuracy``, or of the files
    ``train/rewards`` and ``val/rewards``, means over what a file holds.
    """
    if path.is_dir():
        rows, notes = _of_files(path)
    else:
        lines, notes = console_lines(path)
        rows = _of_console(lines)
    if not rows:
        raise StudyError(
            f"{path}: neither NeMo-RL's console ('=== Step N/M ===', 'Validation Results:') nor a "
            "folder with its val_data_stepN.jsonl"
        )
    return noted(frame(rows, path), notes)


def _of_console(lines: list[str]) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    step, section = 0, ""
    for line in lines:
        if found := _HEAD.search(line) or _VALIDATION.search(line):
            step, section = int(found[1]), ""
        elif found := _SECTION.search(line):
            section = found[1]
            rows.append({"step": step})
        elif _OTHER.search(line):
            section = ""
        elif section and (found := _ITEM.search(line)):
            name = f"{section}/{found[1].strip()}{found[3] and ' %'}"
            rows[-1][name] = float(found[2].replace(",", ""))
    return [row for row in rows if len(row) > 1]


def _of_files(folder: Path) -> tuple[list[dict[str, Any]], list[str]]:
    found = [
        (match, file) for file in folder.rglob("*.jsonl") if (match := _FILE.search(file.name))
    ]
    rows, notes = [], []
    for match, file in sorted(found, key=lambda pair: (int(pair[0][2]), pair[0][1])):
        logged, said = json_lines(read_text(file), file)
        means = frame(logged, file).select_dtypes("number").mean()
        rows.append(
            {"step": int(match[2])} | {f"{match[1]}/{name}": v for name, v in means.items()}
        )
        notes += [f"{file.name}: {note}" for note in said]
    return rows, notes
