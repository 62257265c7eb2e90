"""Two processes (gloo) train as one does: same problems, same gradients; they stop and resume."""

import os
import shlex
import signal
import sys
import time
from pathlib import Path

import pandas
import pytest
import torch
from training_run import RECIPE, STEPS, Run, assert_equal, updates_of

from conftest import ROOT
from rlscale.jobs import attempts
from rlscale.jobs.job import Job
from rlscale.jobs.launch import command


def two_processes(folder: Path, inputs: Path, **job) -> Run:
    """A run as resources of two devices start it, in float32."""
    run = Run(folder, inputs, **job)
    words = shlex.split(command(Job(gpus=2, launch="ddp"), str(ROOT / "config" / "accelerate")))
    run.launch = [sys.executable, *words[1:], "--mixed_precision", "no"]
    return run


@pytest.fixture(scope="session")
def pair(built_once, training_inputs) -> Run:
    """Two processes, not interrupted."""

    def build(folder: Path) -> None:
        two_processes(folder, training_inputs, micro_batch=4).finish()

    return two_processes(built_once("pair", build), training_inputs, micro_batch=4)


def test_two_processes_consume_what_one_does(undisturbed, pair):
    """Samples differ, problems and files do not."""
    consumed = [(run.outputs / "consumed.parquet").read_bytes() for run in (pair, undisturbed)]
    assert consumed[0] == consumed[1]
    assert set(pair.weights()) == set(undisturbed.weights())
    ours, one = updates_of(pair), updates_of(undisturbed)
    for column in ("step", "prompt_tokens"):
        assert ours[column].tolist() == one[column].tolist()
    metrics = pandas.read_csv(pair.outputs / "metrics.csv")
    counted = ours["prompt_tokens"] + ours["completion_tokens"]
    assert counted.cumsum().tolist() == metrics["num_tokens"].tolist()  # TRL's own count


def test_stopped_and_resumed_they_end_as_if_not_interrupted(pair, training_inputs, tmp_path):
    """The launcher passes the signal on, and ends with the status of its processes."""
    run = two_processes(tmp_path / "run", training_inputs, micro_batch=4)
    assert run.interrupt(signal.SIGTERM, after_steps=3) == 85
    assert 3 <= run.saved_steps() < STEPS
    assert not list(run.folder.glob("owner.*"))
    assert "resuming" in run.finish()
    assert_equal(run, pair)


@pytest.mark.parametrize("loss_type", ["dapo", "grpo"])
def test_on_the_same_responses_their_gradients_are_those_of_one(
    training_inputs, tmp_path, loss_type
):
    recipe = {**RECIPE, "grpo": {**RECIPE["grpo"], "loss_type": loss_type, "warmup_steps": 1000}}
    for run in (
        Run(tmp_path / "one", training_inputs),
        two_processes(tmp_path / "two", training_inputs),
    ):
        run.script = Path(__file__).with_name("replay_cell.py")
        paths = ":".join(str(ROOT / folder) for folder in ("tests", "src"))
        run.environment = {"REPLAY": str(tmp_path), "PYTHONPATH": paths}
        run.finish(recipe)
    one, two = (torch.load(tmp_path / f"updates{n}.pt") for n in (1, 2))
    assert one["losses"].shape == (2 * STEPS,)
    assert (one["gradients"].norm(dim=1) > 1e-2).any()
    torch.testing.assert_close(two["losses"], one["losses"], rtol=0, atol=1e-6)
    torch.testing.assert_close(two["gradients"], one["gradients"], rtol=0, atol=1e-6)


@pytest.mark.parametrize("killed", [0, 1])
def test_after_a_kill_of_either_process_they_end_as_if_not_interrupted(
    killed, pair, training_inputs, tmp_path
):
    """A kill is what running out of memory looks like: the next attempt asks for more."""
    run = two_processes(tmp_path / "run", training_inputs, micro_batch=4)
    kill_one_process(run, killed)
    assert "resuming" in run.finish()
    assert_equal(run, pair)


def kill_one_process(run: Run, killed: int) -> None:
    """Kill the process of a rank once a state is saved; the launch ends, and the record says so."""
    record = run.folder / "attempts.jsonl"
    run.environment |= {attempts.RECORD: str(record)}
    process = run.start()
    while process.poll() is None and not run.saved_steps():
        time.sleep(0.02)
    os.kill(rank(process.pid, killed), signal.SIGKILL)
    process.communicate(timeout=600)
    assert process.returncode == 137
    assert 1 <= run.saved_steps() < run.recipe["steps"]
    (attempt,) = attempts.history(record)
    assert attempt["end"].startswith("killed: out of memory")


def rank(launcher: int, wanted: int) -> int:
    """The process of that rank below a launcher."""
    children = Path(f"/proc/{launcher}/task/{launcher}/children").read_text().split()
    for child in children:
        variables = Path(f"/proc/{child}/environ").read_bytes().split(b"\0")
        if f"RANK={wanted}".encode() in variables:
            return int(child)
    raise AssertionError(f"no process of rank {wanted} among {children}")
