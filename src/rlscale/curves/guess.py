"""What a file looks like: its format, and which of its columns may be the loss."""

import re
import shlex
from pathlib import Path
from typing import TYPE_CHECKING

from rlscale.core.errors import StudyError
from rlscale.curves.formats.sqlite import opened, tables_of
from rlscale.curves.panels import is_panel, metrics_of
from rlscale.curves.texts import kind_of, read_text
from rlscale.curves.units import reads_like_failure, reads_like_success

if TYPE_CHECKING:
    import pandas

_SHOWN = 12
_COUNTS = ("step", "Step", "_step", "global_step", "train/global_step", "epoch", "seed", "run")
_NO_SCORE = re.compile(r"_stderr\b|__(?:MIN|MAX)$|/problems$")
_SIZE = re.compile(r"(?<![A-Za-z0-9.])\d+(?:[._]\d+)?[bm](?![A-Za-z0-9])", re.I)  # 7b, 1_7B, 360M
_LOOKED_AT = 1_000_000  # characters of a log
_IN_FOLDERS = {
    "*tfevents*": "tensorboard",
    "run-*.wandb": "wandb",
    "trainer_state.json": "trl",
    "completions_*.parquet": "completions",
    "results_*.json": "lm_eval",
    "*eval_results.json": "evalplus",
    "*_data_step*.jsonl": "nemo_rl",
    "meta.yaml": "mlflow",
}
_IN_JSON = {
    '"base_status"': "evalplus",
    '"log_history"': "trl",
    '"config_general"': "lighteval",
    '"results"': "lm_eval",
}
_IN_CONSOLES = {
    re.compile(r"global[ _]step \d+\b[^{\n]{0,200}\{", re.I): "openrlhf",
    re.compile(r"\bStep \d+ \| "): "prime_rl",
    re.compile(r"(?:Training|Validation) Results:"): "nemo_rl",
    re.compile(r"(?:^|\s)step:\d+ - ", re.M): "verl",
}
_VERL = re.compile(r'"step"\s*:'), re.compile(r'"data"\s*:\s*\{')
_TRL_CONSOLE = re.compile(r"^\{'[^\n]*'epoch': ", re.M)
_OF_CONSOLES = re.compile(r"^(?:\x1b\[\d+m)?(?:\(\w+ pid=|\[?\d{4}-\d\d-\d\d[ T]\d\d:\d\d)", re.M)
_TENSORBOARD = re.compile(r"\ufeff?\"?Wall time\"?,\"?Step\"?,|\s*\[\[\d+\.\d+,\s*\d+,")
# A column of W&B's own: another's global_step is no W&B export.
_W_AND_B_STEP = re.compile(r"""(?:^|[,;\t"'\ufeff])(?:_step|Step),""")
_W_AND_B = (
    '"_step"',
    '"Step"',
    "Relative Time",
    "train/global_step",
    '"Name","State"',
)


def guess_format(path: Path) -> str:
    """Name of the curve reader for a file or folder, by its name and its first lines.

    Raises:
        StudyError: It is not there, or a folder without anything known.
    """
    if not path.exists():
        raise StudyError(f"{path}: there is no such file")
    if path.is_dir():
        return _of_folder(path)
    kind = kind_of(path)
    if kind == ".wandb":
        return "wandb"
    if kind in (".db", ".sqlite", ".sqlite3"):
        return _of_store(path)
    if kind == ".parquet":
        return "completions" if path.name.startswith("completions_") else "table"
    return _of_text(read_text(path), kind, path)


def _of_folder(path: Path) -> str:
    for pattern, form in _IN_FOLDERS.items():
        found = next(path.rglob(pattern), None)
        if found and form == "lm_eval" and '"config_general"' in read_text(found)[:100_000]:
            return "lighteval"
        if found:
            return form
    raise StudyError(
        f"{path}: nothing in this folder is known ({', '.join(_IN_FOLDERS)}); name a file in it"
    )


def _of_store(path: Path) -> str:
    with opened(path, "a tracker", "metrics") as store:
        return "mlflow" if "experiments" in tables_of(store) else "trackio"


def _of_text(text: str, kind: str, path: Path) -> str:
    first = text.split("\n", 1)[0]
    beginning = text[:_LOOKED_AT]
    if kind == ".json":
        for mark, form in _IN_JSON.items():
            if mark in beginning:
                return form
    if all(key.search(first) for key in _VERL) or "step:" in first:
        return "verl"
    if _TRL_CONSOLE.search(beginning):
        raise StudyError(
            f"{path}: what transformers and TRL print says no steps: name the trainer_state.json "
            "of the last checkpoint in its place"
        )
    if not text.lstrip().startswith(("{", "[")):
        for line, form in _IN_CONSOLES.items():
            if line.search(beginning):
                return form
        if _OF_CONSOLES.search(beginning):
            raise StudyError(
                f"{path}: a console's lines, of none that is known (verl, OpenRLHF, prime-rl, "
                "NeMo-RL): name the file that the trainer or its tracker writes in its place"
            )
    if _TENSORBOARD.match(beginning):
        return "tensorboard"
    marked = _W_AND_B_STEP.search(first) or any(mark in first for mark in _W_AND_B)
    return "wandb" if marked or " - " in first else "table"


def loss_candidates(table: "pandas.DataFrame") -> str:
    """The columns that may hold the loss, with their ranges and what to write for each.

    Columns that are named by a model's size hold a run each, which is said too.
    """
    values = metrics_of(table) if is_panel(table) else table
    numeric = values.select_dtypes("number").drop(columns=list(_COUNTS), errors="ignore")
    lines, runs = [], []
    for name in numeric.columns:
        low, high = numeric[name].min(), numeric[name].max()
        if not 0 <= low <= high <= 100 or _NO_SCORE.search(str(name)):
            continue
        scaled = f"0.01 * {name}" if high > 1 else str(name)
        likely = reads_like_success(str(name))
        loss = scaled if reads_like_failure(str(name)) else f"1 - {scaled}"
        lines.append((not likely, f"  {name}: {low:g} to {high:g}; --map 'loss={loss}'"))
        if _SIZE.search(str(name)):
            runs.append(name)
    shown = [line for _, line in sorted(lines)[:_SHOWN]]
    if len(runs) > 1 and not is_panel(table):
        loss = "1 - 0.01 * value" if numeric[runs].to_numpy(float).max() > 1 else "1 - value"
        columns = shlex.join(map(str, runs))
        shown.append(f"or each of them is a run: --run-columns {columns} --map 'loss={loss}'")
    return "\n".join(shown)
