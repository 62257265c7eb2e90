"""Training survives interruptions: a resumed run ends equal, to the bit, to an undisturbed one."""

import os
import random
import shutil
import signal
import subprocess
import sys
import time
import uuid
from pathlib import Path

import numpy
import pandas
import pytest
from safetensors.torch import load_file

from conftest import ROOT
from rlscale.errors import StudyError
from rlscale.grpo_settings import grpo_config
from rlscale.guard import prepare_state
from rlscale.manifests import canonical_json, read_json, read_manifest, verify_files, write_manifest
from rlscale.models import make_model
from rlscale.tiny import character_tokenizer, new_model, parameter_counts
from rlscale.train import read_problems, render_all

CELL = "main/tiny-base/tau1-g4/seed1"
STEPS, PROMPTS = 24, 8
RECIPE = {
    "version": 1,
    "data": "sums",
    "steps": STEPS,
    "prompts_per_step": PROMPTS,
    "updates_per_step": 2,
    "checkpoints": [0, 1, 8, STEPS],
    "checkpoint_dtype": "float32",
    "cpu_threads": 1,
    "prompt": {"template": "{problem}"},
    "zero_reward_steps": STEPS,
    "verifier": "number",
    "overridden": [],
    "grpo": {
        "learning_rate": 1e-3,
        "lr_scheduler_type": "constant_with_warmup",
        "warmup_steps": 4,
        "beta": 0.01,
        "max_completion_length": 4,
        "gradient_checkpointing": False,
    },
}


def make_inputs(folder: Path) -> None:
    """A random tiny model and a training variant, as their rules would leave them."""
    weights = folder / "checkpoints" / "models" / "tiny-base"
    tokenizer = character_tokenizer()
    architecture = {
        "hidden_size": 32,
        "intermediate_size": 32,
        "num_hidden_layers": 1,
        "num_attention_heads": 1,
        "max_position_embeddings": 32,
    }
    model = new_model(architecture, tokenizer, seed=1)
    model.save_pretrained(weights)
    tokenizer.save_pretrained(weights)
    described = {"settings": {}, "inputs": {}, "seed": 1, "started": time.time()}
    (folder / "model").mkdir()
    write_manifest(
        folder / "model" / "manifest.json",
        kind="model",
        name="tiny-base",
        files=weights.iterdir(),
        code="rlscale.tiny",
        weights=str(weights),
        family="tiny",
        n_params_nominal=None,
        **parameter_counts(model),
        **described,
    )
    sums = [(i % 10, i % 7) for i in range(STEPS * PROMPTS)]
    hopeless = folder / "hopeless"
    hopeless.mkdir()
    (hopeless / "model").symlink_to(folder / "model")
    for data, extra in ((folder / "data", 0), (hopeless / "data", 50)):
        data.mkdir()
        rows = [
            {"problem_id": f"p{i}", "problem": f"{a}+{b}=", "answer": str(a + b + extra)}
            for i, (a, b) in enumerate(sums)
        ]
        pandas.DataFrame(rows).to_parquet(data / "train.parquet")
        write_manifest(
            data / "manifest.json",
            kind="variant",
            name="sums",
            files=[data / "train.parquet"],
            code="rlscale.repeat",
            **described,
        )


class Run:
    """One cell's training in a folder of its own, through the rule's entry point."""

    def __init__(self, folder: Path, inputs: Path, **machine):
        self.folder = folder
        self.inputs = inputs
        self.machine = machine
        self.launch = [sys.executable]
        self.save_state_minutes = 0
        self.state = folder / "state"
        self.outputs = folder / "results"
        self.outputs.mkdir(parents=True)

    def start(self, recipe: dict | None = None) -> subprocess.Popen:
        """Start, or go on with, the training; state is saved after every step."""
        settings = {"recipe": recipe or RECIPE, "code": ""}
        outputs = {
            "manifest": "train.json",
            "metrics": "metrics.csv",
            "ledger": "ledger.csv",
            "consumed": "consumed.parquet",
        }
        arguments = {
            "settings": canonical_json(settings),
            "machine": canonical_json(self.machine),
            "cell": CELL,
            "model": self.inputs / "model" / "manifest.json",
            "data": self.inputs / "data" / "manifest.json",
            "checkpoints": self.folder / "checkpoints",
            "state": self.state,
            "save-state-minutes": self.save_state_minutes,
            "owner": self.folder / "owner",
            "attempts": self.folder / "attempts.jsonl",
            "faults": 3,
            **{name: self.outputs / file for name, file in outputs.items()},
        }
        command = [*self.launch, str(ROOT / "workflow" / "scripts" / "train_cell.py")]
        for name, value in arguments.items():
            command += [f"--{name}", str(value)]
        return subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            # Each start is that of a workflow run of its own.
            env={**os.environ, "OMP_NUM_THREADS": "1", "RLSCALE_RUN": str(uuid.uuid4())},
        )

    def finish(self, recipe: dict | None = None) -> str:
        """Run to the end; it must succeed."""
        process = self.start(recipe)
        said, _ = process.communicate(timeout=600)
        assert process.returncode == 0, said[-4000:]
        return said

    def interrupt(self, how: signal.Signals, after_steps: int) -> int:
        """Send a signal once that many steps are saved; returns the exit status."""
        process = self.start()
        while process.poll() is None and self.saved_steps() < after_steps:
            time.sleep(0.02)
        process.send_signal(how)
        process.communicate(timeout=600)
        return process.returncode

    def saved_steps(self) -> int:
        """Steps in the newest complete state."""
        records = self.state.glob("checkpoint-*/record.json")
        return max((int(path.parent.name.split("-")[1]) // 2 for path in records), default=0)

    def weights(self) -> dict[str, bytes]:
        """Bytes of every saved checkpoint."""
        return {
            path.parent.name: path.read_bytes()
            for path in (self.folder / "checkpoints").glob("step*/model.safetensors")
        }


@pytest.fixture(scope="module")
def inputs(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("inputs")
    make_inputs(folder)
    return folder


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory, inputs) -> Run:
    run = Run(tmp_path_factory.mktemp("undisturbed"), inputs)
    run.finish()
    return run


def assert_equal(run: Run, other: Run) -> None:
    assert run.weights().keys() == other.weights().keys()
    assert run.weights() == other.weights()
    for name in ("metrics.csv", "consumed.parquet"):
        assert (run.outputs / name).read_bytes() == (other.outputs / name).read_bytes()
    counted = [
        pandas.read_csv(r.outputs / "ledger.csv").drop(columns=["seconds", "peak_memory_bytes"])
        for r in (run, other)
    ]
    pandas.testing.assert_frame_equal(*counted)


def test_a_run_leaves_its_checkpoints_tables_and_no_state(undisturbed):
    manifest = read_manifest(undisturbed.outputs / "train.json", "train")
    assert manifest["status"] == "ok"
    assert [entry["step"] for entry in manifest["checkpoints"]] == RECIPE["checkpoints"]
    assert set(undisturbed.weights()) == {"step1", "step8", f"step{STEPS}"}
    assert len(pandas.read_csv(undisturbed.outputs / "metrics.csv")) == STEPS
    assert not undisturbed.state.exists()


def test_after_sigterm_and_sigkill_the_end_is_the_same(undisturbed, inputs, tmp_path):
    run = Run(tmp_path / "run", inputs)
    assert run.interrupt(signal.SIGTERM, after_steps=2) == 85
    stopped_at = run.saved_steps()
    assert 2 <= stopped_at < STEPS
    half_written = run.state / f"checkpoint-{2 * STEPS - 2}"
    half_written.mkdir()
    (half_written / "optimizer.pt").write_bytes(b"cut")
    assert run.interrupt(signal.SIGKILL, after_steps=stopped_at + 3) == -signal.SIGKILL
    assert not (run.outputs / "train.json").exists()
    assert "resuming" in run.finish()
    assert_equal(run, undisturbed)


@pytest.mark.parametrize("loss_type", ["dapo", "grpo"])
def test_micro_batches_change_nothing_but_rounding(inputs, tmp_path, loss_type):
    """Weights too stay near: an update's gradient is the same sum in four parts."""
    recipe = {**RECIPE, "steps": 24, "grpo": {**RECIPE["grpo"], "loss_type": loss_type}}
    recipe["grpo"]["warmup_steps"] = 1000  # tiny steps, so that rounding cannot change a sample
    whole, quarters = Run(tmp_path / "whole", inputs), Run(tmp_path / "four", inputs, micro_batch=4)
    tables = []
    for run in (whole, quarters):
        run.finish(recipe)
        tables.append(pandas.read_csv(run.outputs / "metrics.csv"))
    assert (tables[0]["grad_norm"] > 1e-2).any()
    numpy.testing.assert_allclose(tables[1]["loss"], tables[0]["loss"], rtol=0, atol=1e-6)
    numpy.testing.assert_array_equal(tables[1]["reward"], tables[0]["reward"])
    numpy.testing.assert_allclose(tables[1]["grad_norm"], tables[0]["grad_norm"], rtol=1e-3)
    consumed = [(run.outputs / "consumed.parquet").read_bytes() for run in (whole, quarters)]
    assert consumed[0] == consumed[1]
    assert set(quarters.weights()) == set(whole.weights())
    counted = [
        pandas.read_csv(run.outputs / "ledger.csv").drop(columns=["seconds", "peak_memory_bytes"])
        for run in (whole, quarters)
    ]
    pandas.testing.assert_frame_equal(*counted)


def test_two_processes_stop_together_and_consume_what_one_does(undisturbed, inputs, tmp_path):
    """Each with its half of the responses, by gloo; samples differ, problems and files do not."""
    run = Run(tmp_path / "two", inputs, micro_batch=4)
    run.launch = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
    run.launch += ["--nproc-per-node", "2"]
    run.interrupt(signal.SIGTERM, after_steps=3)
    assert 3 <= run.saved_steps() < STEPS
    # On CPUs the Trainer cannot read the state of several processes back ("cpu:0"): from the start.
    shutil.rmtree(run.state)
    run.finish()
    consumed = [(r.outputs / "consumed.parquet").read_bytes() for r in (run, undisturbed)]
    assert consumed[0] == consumed[1]
    assert set(run.weights()) == set(undisturbed.weights())
    ledgers = [pandas.read_csv(r.outputs / "ledger.csv") for r in (run, undisturbed)]
    for column in ("step", "prompt_tokens"):
        assert ledgers[0][column].tolist() == ledgers[1][column].tolist()
    metrics = pandas.read_csv(run.outputs / "metrics.csv")
    counted = ledgers[0]["prompt_tokens"] + ledgers[0]["completion_tokens"]
    assert counted.cumsum().tolist() == metrics["num_tokens"].tolist()  # TRL's own count


def outputs_are_whole(run: Run) -> bool:
    """Whether every file that is there can be read, and the manifest names no other bytes."""
    tables = {"metrics.csv": pandas.read_csv, "ledger.csv": pandas.read_csv}
    tables["consumed.parquet"] = pandas.read_parquet
    for name, read in tables.items():
        if (run.outputs / name).exists():
            read(run.outputs / name)
    for weights in (run.folder / "checkpoints").glob("step*/model.safetensors"):
        load_file(weights)
    if (run.outputs / "train.json").exists():
        verify_files(read_manifest(run.outputs / "train.json", "train"))
    return True


@pytest.mark.parametrize("kills", [2, pytest.param(20, marks=pytest.mark.long)])
def test_killed_at_random_moments_the_end_is_the_same(undisturbed, inputs, tmp_path, kills):
    """SIGKILL whatever the run is at: loading, a rollout, an update, a checkpoint, its tables."""
    moments = random.Random(kills)
    for turn in range(kills):
        run = Run(tmp_path / f"run{turn}", inputs)
        began = time.monotonic()
        process = run.start()
        while process.poll() is None and run.saved_steps() < moments.randrange(STEPS):
            time.sleep(0.01)
        time.sleep(moments.uniform(0, 0.3))
        process.kill()
        process.communicate(timeout=60)
        assert outputs_are_whole(run)
        run.finish()
        assert_equal(run, undisturbed)
        print(f"kill {turn + 1} after {time.monotonic() - began:.1f} s")


def test_of_two_starts_one_trains_and_the_other_refuses(undisturbed, inputs, tmp_path):
    run = Run(tmp_path / "run", inputs)
    first = run.start()
    while not list(run.folder.glob("owner.*")):
        time.sleep(0.01)
    second = run.start()
    said, _ = second.communicate(timeout=120)
    assert second.returncode == 86, said
    assert f"process {first.pid} on " in said
    first.communicate(timeout=600)
    assert first.returncode == 0
    assert_equal(run, undisturbed)


@pytest.mark.parametrize("full", ["state", "checkpoints"])
def test_a_full_disk_is_named_and_the_run_goes_on_with_room(undisturbed, inputs, tmp_path, full):
    run = Run(tmp_path / "run", inputs)
    folder = run.folder / full
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(folder)]
    if subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("mounting a small tmpfs is not permitted here")
    try:
        process = run.start()
        said, _ = process.communicate(timeout=600)
        assert process.returncode == 1
        assert f"error: {folder}: the disk is full" in said
        assert outputs_are_whole(run)
        assert not (run.outputs / "train.json").exists()
        subprocess.run(["mount", "-o", "remount,size=64m", str(folder)], check=True)
        run.finish()
        assert_equal(run, undisturbed)
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def test_a_run_without_any_reward_ends_as_diverged(inputs, tmp_path):
    run = Run(tmp_path / "run", inputs)
    # No response of one token holds the answers, which have two digits.
    hopeless = {**RECIPE, "zero_reward_steps": 3, "prompt": {"template": "{problem}"}}
    hopeless["grpo"] = {**RECIPE["grpo"], "max_completion_length": 1}
    run.inputs = inputs / "hopeless"
    assert "the reward stays at 0" in run.finish(hopeless)
    manifest = read_json(run.outputs / "train.json")
    assert manifest["status"] == "diverged"
    assert len(pandas.read_csv(run.outputs / "ledger.csv")) == 3


def test_state_of_other_settings_is_removed_not_resumed(tmp_path):
    assert prepare_state(tmp_path, "settings A") is None
    complete = tmp_path / "checkpoint-4"
    complete.mkdir()
    (complete / "record.json").write_text("{}")
    (tmp_path / "checkpoint-6").mkdir()  # without its record: half-written
    assert prepare_state(tmp_path, "settings A") == complete
    assert not (tmp_path / "checkpoint-6").exists()
    assert prepare_state(tmp_path, "settings B") is None
    assert not complete.exists()


def test_the_number_of_problems_must_be_what_the_steps_consume(inputs, tmp_path):
    with pytest.raises(StudyError, match=f"{STEPS * PROMPTS} rows where the recipe's steps need 8"):
        read_problems(inputs / "data" / "manifest.json", {**RECIPE, "steps": 1})


def test_a_prompt_and_its_response_must_fit_into_the_models_context(inputs):
    problems = read_problems(inputs / "data" / "manifest.json", RECIPE)
    problems.loc[5, "problem"] = "1+1+1+1+1="  # 10 of the 32 tokens

    def with_responses_of(tokens: int) -> list[str]:
        recipe = {**RECIPE, "grpo": {"max_completion_length": tokens}}
        return render_all(character_tokenizer(), problems, "base", recipe, context=32)

    assert with_responses_of(22)[5] == "1+1+1+1+1="
    message = "p5: its prompt of 10 tokens and grpo.max_completion_length 23 exceed .* 32 tokens"
    with pytest.raises(StudyError, match=message):
        with_responses_of(23)


def test_a_model_folder_without_tokenizer_is_refused_before_its_weights_are_read(tmp_path):
    folder = tmp_path / "bare"
    folder.mkdir()
    (folder / "model.safetensors").write_bytes(b"not weights")
    with pytest.raises(StudyError, match=f"{folder}: no tokenizer"):
        make_model(
            identity={"model": "bare", "family": "tiny", "n_params_nominal": None},
            settings={"variant": "base", "source": {"folder": str(folder)}},
            exclude=[],
            base=None,
            weights=tmp_path / "weights",
            manifest=tmp_path / "manifest.json",
        )


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"num_generations": 3}, "grpo.num_generations: follows from other keys"),
        ({"learnign_rate": 1.0}, "learnign_rate"),
    ],
)
def test_bad_grpo_settings_are_refused_by_key(change, message, tmp_path):
    recipe = {**RECIPE, "grpo": {**RECIPE["grpo"], **change}}
    with pytest.raises(StudyError, match=message):
        grpo_config(recipe, group_size=4, seed=1, state=tmp_path, use_cpu=True, machine={})
