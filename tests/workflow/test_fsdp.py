"""Two processes (gloo) that share the model by FSDP2 train as two with a copy each."""

import json
import shlex
import signal
import sys
from pathlib import Path

import pandas
import pytest
from safetensors.torch import load_file
from test_processes import kill_one_process, two_processes
from training_run import RECIPE, Run, assert_equal

from conftest import ROOT
from rlscale.jobs.job import Job
from rlscale.jobs.launch import command

# Few steps: what can differ does so in the first.
SHORT = {**RECIPE, "steps": 24, "checkpoints": [0, 1, 24]}


def shared_model(
    folder: Path, inputs: Path, precision: str = "no", micro_batch: int = 4, **environment: str
) -> Run:
    """A run as resources of two devices start it under fsdp2."""
    run = Run(folder, inputs, micro_batch=micro_batch)
    accelerate = str(ROOT / "config" / "accelerate")
    words = shlex.split(command(Job(gpus=2, launch="fsdp2"), accelerate))
    run.launch = [sys.executable, *words[1:], "--mixed_precision", precision]
    run.script = Path(__file__).with_name("fsdp_cell.py")
    paths = ":".join(str(ROOT / folder) for folder in ("tests", "src"))
    run.environment = {"PYTHONPATH": paths, **environment}
    run.recipe = SHORT
    return run


@pytest.fixture(scope="session")
def sharing(built_once, training_inputs) -> Run:
    """Two processes that share the model, not interrupted."""
    folder = built_once("sharing", lambda folder: shared_model(folder, training_inputs).finish())
    return shared_model(folder, training_inputs)


def test_sharing_changes_no_bit(sharing, training_inputs, tmp_path):
    copies = two_processes(tmp_path / "copies", training_inputs, micro_batch=4)
    copies.finish(SHORT)
    for name in ("metrics.csv", "ledger.csv", "consumed.parquet"):
        ours, theirs = (run.outputs / name for run in (sharing, copies))
        if name == "metrics.csv":
            ours, theirs = (
                pandas.read_csv(path).drop(columns="grad_norm") for path in (ours, theirs)
            )
            pandas.testing.assert_frame_equal(ours, theirs, check_exact=False, atol=1e-6)
        else:
            assert ours.read_bytes() == theirs.read_bytes()
    assert pandas.read_csv(sharing.outputs / "metrics.csv")["kl"][0] < 1e-6


def test_a_shared_models_checkpoint_holds_the_models_own_tensors(sharing, training_inputs):
    start = load_file(training_inputs / "checkpoints/models/tiny-base/model.safetensors")
    end = load_file(sharing.folder / "checkpoints/step1/model.safetensors")
    assert {name: tensor.shape for name, tensor in end.items()} == {
        name: tensor.shape for name, tensor in start.items()
    }


def test_stopped_and_resumed_they_end_as_if_not_interrupted(sharing, training_inputs, tmp_path):
    run = shared_model(tmp_path / "run", training_inputs)
    assert run.interrupt(signal.SIGTERM, after_steps=3) == 85
    assert "resuming" in run.finish()
    assert_equal(run, sharing)


@pytest.mark.parametrize("killed", [0, 1])
def test_after_a_kill_of_either_process_they_end_as_if_not_interrupted(
    killed, sharing, training_inputs, tmp_path
):
    run = shared_model(tmp_path / "run", training_inputs)
    kill_one_process(run, killed)
    assert "resuming" in run.finish()
    assert_equal(run, sharing)


@pytest.mark.parametrize("precision", ["no", "bf16"])
def test_a_reference_of_zeros_on_the_second_process_stops_the_run(
    precision, training_inputs, tmp_path
):
    run = shared_model(tmp_path / "run", training_inputs, precision, REFERENCE="zeros")
    process = run.start()
    said, _ = process.communicate(timeout=600)
    assert process.returncode == 1, said[-3000:]
    assert "the reference is not the model that training starts from" in said
    assert not list((run.folder / "checkpoints").glob("step*"))
    assert json.loads((run.folder / "attempts.jsonl").read_text().split("\n")[-1])["end"]
