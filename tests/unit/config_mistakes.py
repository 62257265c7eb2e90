"""Typical mistakes in a study's configuration, and what is said of each before anything runs.

``python tests/unit/config_mistakes.py docs/mistakes.md`` writes the page of them.
"""

import copy
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import yaml

from rlscale.core.errors import StudyError
from rlscale.core.files import write_text
from rlscale.core.yaml_files import load
from rlscale.study.check import absent_files, findings
from rlscale.study.schema import SCHEMA

EMBEDDED = Path(__file__).parents[2] / "config/config.yaml"
TEXT = EMBEDDED.read_text(encoding="utf-8")
CONFIG = yaml.safe_load(TEXT)
COMMIT = "0" * 40
SIZES = {"sweeps/0/model": ["arith-10k", "arith-36k"]}
READ = {"verifier": "math", "held_out": {"problems": 2, "seed": 6}}

Change = dict[str, Any] | Callable[[], str]


def with_changes(changes: dict[str, Any]) -> str:
    """The embedded study with keys set: to None removes one, to ``>name`` renames it; + appends."""
    config = copy.deepcopy(CONFIG)
    for path, value in changes.items():
        place = config
        *parents, last = [int(part) if part.isdigit() else part for part in path.split("/")]
        for key in parents:
            place = place[key]
        if last == "+":
            place.append(value)
        elif value is None:
            del place[last]
        elif isinstance(value, str) and value.startswith(">"):
            place[value[1:]] = place.pop(last)
        else:
            place[last] = value
    return yaml.safe_dump(config, sort_keys=False)


def replaced(old: str, new: str) -> Callable[[], str]:
    assert old in TEXT
    return lambda: TEXT.replace(old, new, 1)


# Title -> what is changed, by kind of mistake.
MISTAKES: dict[str, dict[str, Change]] = {
    "Misspelt keys": {
        "`recipez` for `recipes`": {"recipes": ">recipez"},
        "`sweep` for `sweeps`": {"sweeps": ">sweep"},
        "`evaluations` for `evaluation`": {"evaluation": ">evaluations"},
        "`prompt_per_step`": {"recipes/main/prompts_per_step": ">prompt_per_step"},
        "`learning_rat` among TRL's keys": {"recipes/main/grpo/learning_rate": ">learning_rat"},
        "a TRL key that does not exist": {"recipes/main/grpo/nonsense": 3},
        "an override of a key that does not exist": {
            "training/overrides": [{"match": {"model": "arith-25k"}, "set": {"learnrate": 5e-5}}]
        },
        "a key twice in a section": replaced("    steps: 64\n", "    steps: 64\n    steps: 32\n"),
    },
    "YAML": {
        "a tab": replaced("    steps: 64", "\tsteps: 64"),
        "no colon": replaced("    steps: 64", "    steps 64"),
        "an empty file": lambda: "",
        "`study` is missing": {"study": None},
        "`1e-4`, which is text": replaced("learning_rate: 1.0e-4", "learning_rate: 1e-4"),
    },
    "Values": {
        "steps as text": {"recipes/main/steps": "64"},
        "negative steps": {"recipes/main/steps": -64},
        "a temperature of -1": {"evaluation/temperature": -1},
        "no samples": {"benchmarks/held_out/samples": 0},
        "a seed that is no list": {"sweeps/0/seed": 3},
        "a sweep of no models": {"sweeps/0/model": []},
        "a seed twice": {"sweeps/0/seed": [1, 1, 2]},
        "`yes please` for true": {"rerun_on_code": "yes please"},
        "an unknown palette": {"figures/palette": "rainbow"},
        "a model's name with a space": {"models/arith-10k": ">arith 10k"},
        "a prompt without `{problem}`": {"recipes/main/prompt/template": "Solve this"},
    },
    "Names that nothing has": {
        "a size that is no model": SIZES,
        "an unknown recipe": {"sweeps/0/recipe": "mian"},
        "an unknown data set": {"recipes/main/data": "arithmetik"},
        "an unknown variant": {"sweeps/1/variant": ["chat"]},
        "a variant that the model does not have": {"models/arith-25k/instruct": None},
        "an unknown verifier": {"data/arithmetic/verifier": "maths"},
        "an unknown benchmark": {"benchmarks/gsm8k_hard": {"samples": 1}},
        "an unknown law": {"fit/laws": ["saturated"]},
        "resources for an unknown model": {"resources/models": {"arith-36k": {"gpus": 1}}},
        "an override for an unknown model": {
            "training/overrides": [{"match": {"model": "arith-36k"}, "set": {"beta": 0.1}}]
        },
        "more samples for an unknown benchmark": {
            "evaluation/top_up": [{"match": {"benchmark": "heldout"}, "samples": 16}]
        },
        "a selection that no cell has": {"fit/select/tau": 2},
        "two group sizes in one fit": {"fit/select": {"recipe": "main", "tau": 1}},
        "the fit's benchmark is not measured": {"benchmarks/held_out": None},
    },
    "Numbers that do not go together": {
        "tau that does not divide the data": {"sweeps/2/tau": [1, 5]},
        "prompts that cannot be cut into updates": {"recipes/main/prompts_per_step": 63},
        "a checkpoint beyond the last step": {"recipes/main/checkpoints": [0, 1, 2, 128]},
        "no checkpoint 0": {"recipes/main/checkpoints": [1, 2, 64]},
        "more problems held out than there are": {"data/arithmetic/held_out/problems": 20000},
        "more steps than there are problems": {
            "recipes/main/steps": 6400, "recipes/main/checkpoints": [0, 6400],
        },
        "a response longer than the context": {"recipes/main/grpo/max_completion_length": 600},
        "all sizes held out of a forecast": {"forecast/protocols/inter/held_out_sizes": 5},
        "a batch size that follows from other keys": {
            "recipes/main/grpo/per_device_train_batch_size": 4
        },
        "a group of 7": {"sweeps/3/group_size": [2, 7, 8]},
    },
    "Sections and files": {
        "made models without `pretraining`": {"pretraining": None},
        "made tuned models without `fine_tuning`": {"fine_tuning": None},
        "a hub's model without its commit": {"models/arith-10k/base": {"hub": "Qwen/Qwen2.5-0.5B"}},
        "a branch for a commit": {
            "models/arith-10k/base": {"hub": "Qwen/Qwen2.5-0.5B", "revision": "main"}
        },
        "hub and folder": {
            "models/arith-10k/base": {"hub": "a/b", "revision": COMMIT, "folder": "x"}
        },
        "a sweep twice": {"sweeps/+": CONFIG["sweeps"][0]},
        "a public benchmark without its file": {"benchmarks/gsm8k": {"samples": 1}},
        "a column that the data file does not have": {
            "data/arithmetic": READ | {"read": {"layout": "plain", "files": ["problems.csv"]}}
        },
        "a data file that is not here": {
            "data/arithmetic": READ | {"read": {"layout": "plain", "files": ["raw/p.parquet"]}}
        },
        "a benchmark's file that is not here": {
            "benchmarks/gsm8k": {"samples": 1, "path": "raw/gsm8k.parquet", "max_tokens": 16}
        },
        "a model's folder that is not here": {
            "models/arith-10k/base": {"folder": "/models/Qwen2.5-0.5B"}
        },
        "a study to compare with that is not here": {"compare": {"other": "../nowhere/results"}},
    },
}  # fmt: skip
INTRODUCTION = """\
# Typical mistakes in a configuration

<!-- Written by `make docs` from tests/unit/config_mistakes.py; edit that. -->

Each was made in the embedded study ([config/config.yaml](../config/config.yaml)). The right column
is all that `rlscale check` says of it; `snakemake -n` and every run say the same before anything
runs. All mistakes of a file are said at once, a line each."""
LINE = "<br>"
ACCEPTED = {"a group of 7": "Accepted: whole groups go into every update, whatever their size."}
ABSENT = "Noted, as it may come before the study runs: "


def text_of(change: Change) -> str:
    """The configuration with a mistake, as a file."""
    return with_changes(change) if isinstance(change, dict) else change()


def said_of(path: Path, schema: dict[str, Any]) -> tuple[list[str], list[str]]:
    """Mistakes in a configuration file, and what it names that is not here."""
    try:
        config = load(path)
        mistakes = findings(config, schema)
    except StudyError as error:
        return [str(error)], []
    return mistakes, [] if mistakes else absent_files(config)


def rows() -> Iterator[tuple[str, str, str]]:
    """Kind, mistake, what is said; in the current folder, which gets a file of problems."""
    Path("problems.csv").write_text("question,gold\n1 + 1 =,2\n")
    path, schema = Path("study.yaml"), load(SCHEMA)
    for kind, own in MISTAKES.items():
        for title, change in own.items():
            path.write_text(text_of(change), encoding="utf-8")
            mistakes, absent = said_of(path, schema)
            told = [*mistakes, *(ABSENT + said for said in absent)]
            yield kind, title, LINE.join(told) or ACCEPTED[title]


def page(found: list[tuple[str, str, str]]) -> str:
    """The page, a table a kind."""
    lines = [INTRODUCTION]
    for kind in MISTAKES:
        lines += ["", f"## {kind}", "", "| mistake | what is said |", "| --- | --- |"]
        lines += [f"| {title} | {_cell(said)} |" for of, title, said in found if of == kind]
    return "\n".join(lines) + "\n"


def _cell(said: str) -> str:
    return said.replace("|", "\\|").replace("{", "\\{").replace("*", "\\*")


if __name__ == "__main__":
    import os

    target = Path(sys.argv[1]).resolve()
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        write_text(target, page(list(rows())))
