"""The commands of a study's steps: what they are called with, and how a training is started."""

import importlib
import inspect
import os
import subprocess
import sys
from pathlib import Path

import pytest

from conftest import ROOT, embedded_config
from rlscale.core.errors import StudyError
from rlscale.core.manifests import Provenance, write_manifest
from rlscale.core.yaml_files import load
from rlscale.jobs import attempts
from rlscale.study import steps
from rlscale.study.schema import SCHEMA, with_defaults
from rlscale.study.steps import STEPS, cells

CELL = "main/arith-10k-base/tau1-g8/seed1"


@pytest.mark.parametrize("name", STEPS)
def test_a_step_is_called_with_the_names_that_its_command_takes(name):
    module = importlib.import_module(f"{steps.__name__}.{STEPS[name].module}")
    parameters = list(inspect.signature(getattr(module, name)).parameters)
    assert parameters[0] == "config"
    assert len(parameters) == 1 + len(STEPS[name].names)


@pytest.fixture
def started(tmp_path, monkeypatch) -> dict:
    """What a start of a training comes to, in an empty folder: nothing is started."""
    monkeypatch.chdir(tmp_path)
    found: dict = {}
    monkeypatch.setattr(os, "execvp", lambda _, command: found.update(launched=command))
    for name in ("_train_here", "train_and_evaluate"):
        monkeypatch.setattr(
            cells, name, lambda *given, name=name: found.update({name: given}) or 0, raising=False
        )
    return found


def configured(**sections) -> dict:
    config = embedded_config()
    for name, values in sections.items():
        config[name] |= values
    return with_defaults(config, load(SCHEMA))


def test_a_plain_training_runs_in_the_process_of_its_command(started):
    assert cells.train(configured(), CELL, here=False) == 0
    assert set(started) == {"_train_here"}


DDP = {"models": {"arith-10k": {"gpus": 2, "launch": "ddp"}}}


def test_a_training_of_several_processes_starts_itself_in_each(started):
    cells.train(configured(resources=DDP), CELL, here=False)
    shell, _, launch, *words = started["launched"]
    assert shell == "bash"
    assert launch.startswith("exec python -m rlscale.jobs.launcher")
    assert f"{ROOT}/config/accelerate/ddp.yaml --num_processes 2" in launch
    assert words[1:] == ["-m", "rlscale.cli.main", "train", CELL, "--here"]
    started.clear()
    cells.train(configured(resources=DDP), CELL, here=True)
    assert set(started) == {"_train_here"}


def test_with_few_checkpoints_on_disk_training_and_evaluation_take_turns(started):
    cells.train(configured(training={"checkpoints_on_disk": 2}), CELL, here=False)
    train, evaluate, state, checkpoints, last = started["train_and_evaluate"]
    assert train[-3:] == ["train", CELL, "--here"]
    assert evaluate == [sys.executable, "-m", "rlscale.cli.main", "evaluate", CELL]
    assert (state, checkpoints) == (Path(".state") / CELL, Path("checkpoints") / CELL)
    assert last == 64


def test_once_the_attempts_are_spent_no_process_is_launched(started, monkeypatch):
    monkeypatch.setenv(attempts.RUN, "run")
    record, state = Path(".state/attempts") / f"{CELL}.jsonl", Path(".state") / CELL
    for _ in range(3):
        with pytest.raises(OSError, match="lost"), attempts.counted(record, state, 3):
            raise OSError("lost")
    cells.train(configured(resources=DDP), CELL, here=False)
    assert set(started) == {"_train_here"}


def test_a_cell_that_no_sweep_names_is_refused_with_the_nearest(started):
    with pytest.raises(StudyError, match="did you mean main/arith-10k-base/tau1-g8/seed1"):
        cells.train(configured(), CELL.replace("10k", "11k"), here=False)


def test_threads_can_be_set_before_any_numerical_library_is_loaded():
    heavy = "{'numpy', 'scipy', 'torch', 'pyarrow', 'snakemake'}"
    code = "import sys, rlscale.cli.main, rlscale.study.steps.cells; "
    code += f"assert not {heavy} & set(sys.modules), {heavy} & set(sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_a_training_loads_nothing_of_the_stages_after_it():
    code = (
        "import sys; from rlscale.cli.main import parser; parser('train'); "
        "import rlscale.study.steps.cells, rlscale.training.start, rlscale.training.train; "
        "print(*(name for name in sys.modules if name.startswith('rlscale.')))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = done.stdout.split()
    assert "rlscale.training.build" in loaded
    after = ("curves", "answers", "report", "bank", "evaluation.engine", "evaluation.tasks")
    assert not [name for name in loaded for each in after if name.startswith(f"rlscale.{each}")]
    assert {name for name in loaded if name.startswith("rlscale.cli.")} == {
        "rlscale.cli.main", "rlscale.cli.steps",
    }  # fmt: skip


def test_an_evaluation_refuses_a_tokenizer_that_is_not_the_models(started):
    folder = Path("checkpoints/models/arith-10k-base")
    folder.mkdir(parents=True)
    for name in ("tokenizer.json", "model.safetensors"):
        (folder / name).write_text("as made")
    write_manifest(
        "results/models/arith-10k-base/manifest.json",
        Provenance("rlscale.core.errors", {}, {}, started=0.0),
        kind="model",
        name="arith-10k-base",
        files=folder.iterdir(),
        weights=str(folder),
    )
    (folder / "added_tokens.json").write_text("{}")
    with pytest.raises(StudyError, match=r"added_tokens.json: the manifest .* does not name it"):
        cells.evaluate(configured(), CELL, pause=None)
    (folder / "added_tokens.json").unlink()
    (folder / "tokenizer.json").write_text("as edit")
    with pytest.raises(StudyError, match=r"tokenizer.json: bytes differ from the manifest"):
        cells.evaluate(configured(), CELL, pause=None)
