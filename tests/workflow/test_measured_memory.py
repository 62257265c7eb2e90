"""Memory as estimated before a start, beside the measured peak of a training on this CPU."""

from pathlib import Path

import pandas
import pytest
from training_run import RECIPE, Run

from rlscale.accounting.shape import Shape
from rlscale.core.manifests import Provenance, write_manifest
from rlscale.core.recipe import Recipe
from rlscale.jobs.job import Job
from rlscale.jobs.memory import memory_of
from rlscale.models.tiny import character_tokenizer, new_model, parameter_counts

ARCHITECTURE = {
    "hidden_size": 512,
    "intermediate_size": 2048,
    "num_hidden_layers": 4,
    "num_attention_heads": 8,
    "max_position_embeddings": 32,
}
SHORT = {**RECIPE, "steps": 2, "prompts_per_step": 16, "checkpoints": [0, 2]}
PROMPT = 4  # tokens


def make_inputs(folder: Path, inputs: Path, architecture: dict | None) -> Path:
    """The tests' data cut to the recipe, and their model or one of that architecture."""
    data = folder / "data"
    data.mkdir(parents=True)
    rows = pandas.read_parquet(inputs / "data" / "train.parquet").head(32)
    rows.to_parquet(data / "train.parquet")
    write_manifest(
        data / "manifest.json", Provenance("rlscale.data.repeat", {}, {}, seed=1),
        kind="variant", name="sums", files=[data / "train.parquet"],
    )  # fmt: skip
    if architecture is None:
        (folder / "model").symlink_to(inputs / "model")
        return folder
    weights = folder / "weights"
    (folder / "model").mkdir()
    tokenizer = character_tokenizer()
    model = new_model(architecture, tokenizer, seed=1)
    model.save_pretrained(weights)
    tokenizer.save_pretrained(weights)
    write_manifest(
        folder / "model" / "manifest.json", Provenance("rlscale.models.tiny", {}, {}, seed=1),
        kind="model", name="tiny-base", files=weights.iterdir(), weights=str(weights),
        family="tiny", n_params_nominal=None, **parameter_counts(model),
    )  # fmt: skip
    return folder


def peak(run: Run, recipe: dict) -> int:
    """The most that a process of its own ever held [bytes]."""
    process = run.start(recipe)
    said, _ = process.communicate(timeout=170)
    assert process.returncode == 0, said[-3000:]
    return int(pandas.read_csv(run.outputs / "timings.csv")["peak_memory_bytes"].max())


@pytest.mark.parametrize("checkpointing", [False, pytest.param(True, marks=pytest.mark.long)])
def test_an_estimate_is_what_is_measured(checkpointing, training_inputs, tmp_path):
    """Beside the same run of a model of nothing, so that libraries do not count.

    Nor does what the process holds that starts the training, as getrusage would have it.
    """
    held = bytearray(b"1") * (1 << 31)
    recipe = {**SHORT, "grpo": {**RECIPE["grpo"], "gradient_checkpointing": checkpointing}}
    measured = 0
    for sign, name, architecture in ((1, "larger", ARCHITECTURE), (-1, "tiny", None)):
        inputs = make_inputs(tmp_path / f"of-{name}", training_inputs, architecture)
        measured += sign * peak(Run(tmp_path / name, inputs), recipe)
    shape = Shape.of(ARCHITECTURE, vocabulary=104)
    estimated = memory_of(shape, Recipe.from_json(recipe), 4, Job(), PROMPT, None)
    print(f"{measured / 2**20:.0f} MiB measured, {estimated.peak / 2**20:.0f} estimated")
    assert 0.75 < estimated.peak / measured < 1.33
    assert held[0]
