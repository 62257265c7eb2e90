"""Two processes (gloo) that share the model by ZeRO-3 train as two with a copy each.

DeepSpeed is in no lock; without its compiled parts it installs in seconds, and
`DS_BUILD_OPS=0 pip install --no-deps --target FOLDER deepspeed hjson py-cpuinfo msgpack einops
ninja`, with FOLDER on PYTHONPATH, is enough for these tests.
"""

import importlib.util
import os
import shlex
import signal
import sys
from pathlib import Path

import pandas
import pytest
from safetensors.torch import load_file
from test_fsdp import SHORT
from test_processes import kill_one_process, two_processes
from training_run import Run, assert_equal

from conftest import ROOT
from rlscale.jobs.job import Job
from rlscale.jobs.launch import command

pytestmark = [
    pytest.mark.long,
    pytest.mark.skipif(importlib.util.find_spec("deepspeed") is None, reason="no DeepSpeed here"),
]


def shared_model(folder: Path, inputs: Path, micro_batch: int = 4, **environment: str) -> Run:
    """A run as resources of two devices start it under ZeRO-3, in float32."""
    run = Run(folder, inputs, micro_batch=micro_batch)
    accelerate = str(ROOT / "config" / "accelerate")
    words = shlex.split(command(Job(gpus=2, launch="deepspeed_zero3"), accelerate))
    run.launch = [sys.executable, *words[1:], "--mixed_precision", "no"]
    run.script = Path(__file__).with_name("zero3_cell.py")
    paths = [*(str(ROOT / part) for part in ("tests", "src")), os.environ.get("PYTHONPATH", "")]
    own = {"PYTHONPATH": ":".join(paths), "DS_ACCELERATOR": "cpu"}
    run.environment = {**own, **environment}
    run.recipe = SHORT
    return run


@pytest.fixture(scope="session")
def sharing(built_once, training_inputs) -> Run:
    """Two processes that share the model, not interrupted."""
    folder = built_once("zero3", lambda folder: shared_model(folder, training_inputs).finish())
    return shared_model(folder, training_inputs)


def test_sharing_changes_rounding_only(sharing, training_inputs, tmp_path):
    copies = two_processes(tmp_path / "copies", training_inputs, micro_batch=4)
    copies.finish(SHORT)
    for name in ("ledger.csv", "consumed.parquet"):
        ours, theirs = (run.outputs / name for run in (sharing, copies))
        assert ours.read_bytes() == theirs.read_bytes()
    ours, theirs = (pandas.read_csv(run.outputs / "metrics.csv") for run in (sharing, copies))
    pandas.testing.assert_frame_equal(ours, theirs, check_exact=False, atol=1e-6)
    assert ours["kl"].gt(0).any()
    ours, theirs = (
        load_file(run.folder / "checkpoints/step24/model.safetensors") for run in (sharing, copies)
    )
    assert {name: tensor.shape for name, tensor in ours.items()} == {
        name: tensor.shape for name, tensor in theirs.items()
    }
    assert max((ours[name] - theirs[name]).abs().max() for name in ours) < 1e-4


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


def test_a_reference_of_zeros_on_the_second_process_stops_the_run(training_inputs, tmp_path):
    run = shared_model(tmp_path / "run", training_inputs, REFERENCE="zeros")
    process = run.start()
    said, _ = process.communicate(timeout=600)
    assert process.returncode == 1, said[-3000:]
    assert "the reference is not the model that training starts from" in said
    assert not list((run.folder / "checkpoints").glob("step*"))
