"""A cell with random tiny checkpoints and made-up problems, as training would leave it."""

import random
from pathlib import Path

import pandas

from rlscale.core.manifests import Provenance, write_manifest
from rlscale.evaluation.benchmarks import problem_table
from rlscale.models.tiny import character_tokenizer, new_model
from rlscale.models.weights import weights_digest

ARCHITECTURE = {
    "hidden_size": 64,
    "intermediate_size": 96,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "max_position_embeddings": 64,
}
CELL = "main/nano-base/tau1-g8/seed1"


def save_model(folder: Path, seed: int, **changes: int) -> str:
    """Random weights, spread enough that models differ in what they say; returns the digest."""
    tokenizer = character_tokenizer()
    model = new_model({**ARCHITECTURE, **changes}, tokenizer, seed)
    for parameter in model.parameters():
        parameter.data *= 3
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return weights_digest(folder)


def make_cell(root: Path, *, steps: list[int], problems: int, benchmarks: list[str]) -> None:
    """Write train.json, checkpoints and benchmark manifests under ``root``."""
    checkpoints = []
    for step in steps:
        folder = root / f"step{step}"
        checkpoints.append({"step": step, "path": str(folder), "digest": save_model(folder, step)})
    write_manifest(
        root / "train.json",
        Provenance("rlscale.judging.verifiers", {}, {}, seed=1),
        kind="train",
        name=CELL,
        files=[],
        checkpoints=checkpoints,
    )
    rng = random.Random(5)
    for name in benchmarks:
        sums: dict[str, str] = {}
        while len(sums) < problems:
            a, b, c = rng.randrange(100), rng.randrange(100), rng.randrange(10)
            sums[f"{a}+{b}-{c}="] = str(a + b - c)
        write_benchmark(root / name, problem_table(list(sums), list(sums.values()), source=name))


def write_benchmark(folder: Path, table: pandas.DataFrame) -> None:
    """Write a benchmark's problem table and its manifest."""
    folder.mkdir(exist_ok=True)
    problems = folder / "problems.parquet"
    table.to_parquet(problems)
    write_manifest(
        folder / "manifest.json",
        Provenance("rlscale.judging.sandbox", {}, {}, seed=1),
        kind="benchmark",
        name=folder.name,
        files=[problems],
    )


def settings(benchmarks: list[str], samples: int, **changes) -> dict:
    """Evaluation settings as ``rlscale.study.settings.evaluation`` gives them."""
    return {
        "seed": 3,
        "temperature": 0.7,
        "top_p": 1.0,
        "max_tokens": 8,
        "dtype": "float32",
        "suites": {},
        "variant": "base",
        "prompt": {"template": "{problem}"},
        "verifier": "number",
        "cpu_threads": 1,
        "benchmarks": {
            name: {
                "module": "held_out",
                "samples": samples,
                "max_tokens": 8,
                "scoring": "ours",
            }
            for name in benchmarks
        },
        "top_up": [],
        **changes,
    }


def evaluate(root: Path, own: dict, output: Path | None = None, trusted: bool = False) -> dict:
    """Evaluate the cell under ``root``; outputs go there or to ``output``."""
    from rlscale.evaluation.asking import Questions
    from rlscale.evaluation.engine import Machine
    from rlscale.evaluation.evaluate import evaluate_cell

    output = output or root
    names = {
        "outcomes": "outcomes.parquet",
        "scores": "scores.csv",
        "metrics": "eval_metrics.csv",
        "manifest": "eval.json",
    }
    output.mkdir(exist_ok=True)
    questions = Questions(
        problems={name: root / name / "manifest.json" for name in own["benchmarks"]},
        settings=own,
        samples=output / "samples.parquet",
        journal=output / "journal",
        trusted=trusted,
    )
    return evaluate_cell(
        questions,
        Machine(),
        train_manifest=root / "train.json",
        outputs={name: output / file for name, file in names.items()},
    )
