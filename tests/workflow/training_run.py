"""A tiny cell trained through the rule's entry point, in a folder of its own.

A training that is interrupted or watched is a process of its own (``start``); one that is left in
peace forks from a process with the imports done (``finish``).
"""

import os
import signal
import subprocess
import sys
import time
import uuid
from pathlib import Path

import pandas
from forked import run_script
from safetensors.torch import load_file

from rlscale.core.digests import canonical_json
from rlscale.core.manifests import Provenance, read_manifest, verify_files, write_manifest
from rlscale.models.tiny import character_tokenizer, new_model, parameter_counts

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


def make_inputs(folder: Path) -> Path:
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
    (folder / "model").mkdir()
    write_manifest(
        folder / "model" / "manifest.json",
        Provenance("rlscale.models.tiny", {}, {}, seed=1),
        kind="model",
        name="tiny-base",
        files=weights.iterdir(),
        weights=str(weights),
        family="tiny",
        n_params_nominal=None,
        **parameter_counts(model),
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
            Provenance("rlscale.data.repeat", {}, {}, seed=1),
            kind="variant",
            name="sums",
            files=[data / "train.parquet"],
        )
    return folder


class Run:
    """One cell's training in a folder of its own, through the rule's entry point."""

    def __init__(self, folder: Path, inputs: Path, **job):
        self.folder = folder
        self.inputs = inputs
        self.job = job
        self.launch = [sys.executable]
        self.script = Path(__file__).with_name("train_cell.py")
        self.environment: dict[str, str] = {}
        self.cell = CELL
        self.recipe = RECIPE
        self.options: list[str] = []
        self.save_state_minutes = 0
        self.state = folder / "state"
        self.outputs = folder / "results"
        self.outputs.mkdir(parents=True, exist_ok=True)

    def arguments(self, recipe: dict | None) -> list[str]:
        """The entry point's command line; state is saved after every step."""
        settings = {"recipe": recipe or self.recipe, "code": ""}
        outputs = {
            "manifest": "train.json",
            "metrics": "metrics.csv",
            "ledger": "ledger.csv",
            "timings": "timings.csv",
            "consumed": "consumed.parquet",
        }
        arguments = {
            "settings": canonical_json(settings),
            "job": canonical_json(self.job),
            "cell": self.cell,
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
        pairs = [(f"--{name}", str(value)) for name, value in arguments.items()]
        return [*(word for pair in pairs for word in pair), *self.options]

    def environment_of_a_start(self) -> dict[str, str]:
        """Each start is that of a workflow run of its own."""
        own = {"OMP_NUM_THREADS": "1", "RLSCALE_RUN": str(uuid.uuid4())}
        return {**os.environ, **own, **self.environment}

    def start(self, recipe: dict | None = None) -> subprocess.Popen:
        """Start, or go on with, the training."""
        return subprocess.Popen(
            [*self.launch, str(self.script), *self.arguments(recipe)],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env=self.environment_of_a_start(),
        )

    def finish(self, recipe: dict | None = None) -> str:
        """Run to the end; it must succeed. Returns what was printed."""
        if self.launch == [sys.executable]:
            log = self.folder / "log"
            status = run_script(
                self.script, self.arguments(recipe), self.environment_of_a_start(), log
            )
            said = log.read_text()
        else:
            process = self.start(recipe)
            said, _ = process.communicate(timeout=600)
            status = process.returncode
        assert status == 0, said[-4000:]
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


def assert_equal(run: Run, other: Run) -> None:
    """Weights and tables of two runs are the same bytes."""
    assert run.weights().keys() == other.weights().keys()
    assert run.weights() == other.weights()
    for name in ("metrics.csv", "ledger.csv", "consumed.parquet"):
        assert (run.outputs / name).read_bytes() == (other.outputs / name).read_bytes()


def outputs_are_whole(run: Run) -> bool:
    """Whether every file that is there can be read, and the manifest names no other bytes."""
    tables = {"metrics.csv": pandas.read_csv, "ledger.csv": pandas.read_csv}
    tables |= {"timings.csv": pandas.read_csv, "consumed.parquet": pandas.read_parquet}
    for name, read in tables.items():
        if (run.outputs / name).exists():
            read(run.outputs / name)
    for weights in (run.folder / "checkpoints").glob("step*/model.safetensors"):
        load_file(weights)
    if (run.outputs / "train.json").exists():
        verify_files(read_manifest(run.outputs / "train.json", "train"))
    return True


def updates_of(run: Run) -> pandas.DataFrame:
    """The updates' rows of a run's ledger, one per step."""
    ledger = pandas.read_csv(run.outputs / "ledger.csv")
    return ledger[ledger["phase"] == "update"]
