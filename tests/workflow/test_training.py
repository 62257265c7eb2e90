"""What a training run leaves, over several parts and processes too, and what it refuses."""

from pathlib import Path

import numpy
import pandas
import pytest
from safetensors.torch import load_file
from training_run import CELL, PROMPTS, RECIPE, STEPS, Run, updates_of

from rlscale.core.cell import Cell
from rlscale.core.errors import StudyError
from rlscale.core.files import read_json
from rlscale.core.manifests import read_manifest
from rlscale.core.recipe import Recipe
from rlscale.jobs.job import Job
from rlscale.models.sources import make_model
from rlscale.models.tiny import character_tokenizer
from rlscale.training.build import longest_sequence, read_problems, render_all
from rlscale.training.grpo_settings import grpo_config


def test_a_run_leaves_its_checkpoints_tables_and_copies_of_these_for_state(undisturbed):
    manifest = read_manifest(undisturbed.outputs / "train.json", "train")
    assert manifest["status"] == "ok"
    assert [entry["step"] for entry in manifest["checkpoints"]] == RECIPE["checkpoints"]
    assert set(undisturbed.weights()) == {"step1", "step8", f"step{STEPS}"}
    assert len(pandas.read_csv(undisturbed.outputs / "metrics.csv")) == STEPS
    assert {path.name for path in undisturbed.state.iterdir()} == {"mark.json", "finished"}
    kept = {path.name: path.read_bytes() for path in (undisturbed.state / "finished").iterdir()}
    assert sorted(kept.values()) == sorted(
        path.read_bytes() for path in undisturbed.outputs.iterdir()
    )


def test_every_phase_that_the_ledger_counts_was_timed(undisturbed):
    ledger, timings = (
        pandas.read_csv(undisturbed.outputs / name) for name in ("ledger.csv", "timings.csv")
    )
    of_a_step = ["generation", "old_logprobs", "reference", "update"]
    assert ledger["phase"].tolist() == of_a_step * STEPS
    assert timings["phase"].tolist() == [*of_a_step, "other"] * STEPS
    assert (timings[["seconds", "peak_memory_bytes"]] > 0).all(axis=None)
    assert (ledger["flops"] > 0).all()
    named = {entry["path"] for entry in read_json(undisturbed.outputs / "train.json")["files"]}
    assert str(undisturbed.outputs / "ledger.csv") in named
    assert str(undisturbed.outputs / "timings.csv") not in named


@pytest.mark.parametrize("loss_type", ["dapo", "grpo"])
def test_micro_batches_change_nothing_but_rounding(training_inputs, tmp_path, loss_type):
    """Weights too stay near: an update's gradient is the same sum in four parts."""
    recipe = {**RECIPE, "steps": 24, "grpo": {**RECIPE["grpo"], "loss_type": loss_type}}
    recipe["grpo"]["warmup_steps"] = 1000  # tiny steps, so that rounding cannot change a sample
    whole, quarters = (
        Run(tmp_path / "whole", training_inputs),
        Run(tmp_path / "four", training_inputs, micro_batch=4),
    )
    tables = []
    for run in (whole, quarters):
        run.finish(recipe)
        tables.append(pandas.read_csv(run.outputs / "metrics.csv"))
    assert (tables[0]["grad_norm"] > 1e-2).any()
    numpy.testing.assert_allclose(tables[1]["loss"], tables[0]["loss"], rtol=0, atol=1e-6)
    numpy.testing.assert_array_equal(tables[1]["reward"], tables[0]["reward"])
    numpy.testing.assert_allclose(tables[1]["grad_norm"], tables[0]["grad_norm"], rtol=1e-3)
    for name in ("consumed.parquet", "ledger.csv"):
        assert (quarters.outputs / name).read_bytes() == (whole.outputs / name).read_bytes()
    assert set(quarters.weights()) == set(whole.weights())


def test_a_run_without_any_reward_ends_as_diverged(training_inputs, tmp_path):
    run = Run(tmp_path / "run", training_inputs)
    # No response of one token holds the answers, which have two digits.
    hopeless = {**RECIPE, "zero_reward_steps": 3, "prompt": {"template": "{problem}"}}
    hopeless["grpo"] = {**RECIPE["grpo"], "max_completion_length": 1}
    run.inputs = training_inputs / "hopeless"
    assert "the reward stays at 0" in run.finish(hopeless)
    manifest = read_json(run.outputs / "train.json")
    assert manifest["status"] == "diverged"
    assert len(updates_of(run)) == 3


@pytest.mark.parametrize("updates", [1, 2])
def test_weights_that_explode_end_a_run_as_diverged(training_inputs, tmp_path, updates):
    run = Run(tmp_path / "run", training_inputs)
    # With one update the weights are already gone when the next step samples from them.
    exploding = {**RECIPE["grpo"], "learning_rate": 1e12, "lr_scheduler_type": "constant"}
    exploding["warmup_steps"] = 0
    recipe = {**RECIPE, "updates_per_step": updates, "grpo": exploding}
    recipe["checkpoints"] = list(range(STEPS + 1))
    assert "is not finite" in run.finish(recipe)
    manifest = read_json(run.outputs / "train.json")
    assert manifest["status"] == "diverged"
    assert len(updates_of(run)) < STEPS
    kept = [Path(entry["path"]) for entry in manifest["checkpoints"]]
    assert len(kept) <= len(updates_of(run))  # not the last step's
    for folder in kept:
        tensors = load_file(folder / "model.safetensors").values()
        assert all(tensor.isfinite().all() for tensor in tensors)


def test_the_number_of_problems_must_be_what_the_steps_consume(training_inputs, tmp_path):
    with pytest.raises(StudyError, match=f"{STEPS * PROMPTS} rows where the recipe's steps need 8"):
        read_problems(
            training_inputs / "data" / "manifest.json", Recipe.from_json({**RECIPE, "steps": 1})
        )


def test_a_prompt_and_its_response_must_fit_into_the_models_context(training_inputs):
    problems = read_problems(training_inputs / "data" / "manifest.json", Recipe.from_json(RECIPE))
    problems.loc[5, "problem"] = "1+1+1+1+1="  # 10 of the 32 tokens

    def with_responses_of(tokens: int) -> int:
        recipe = Recipe.from_json({**RECIPE, "grpo": {"max_completion_length": tokens}})
        tokenizer = character_tokenizer()
        prompts = render_all(tokenizer, problems, "base", recipe)
        assert prompts[5] == "1+1+1+1+1="
        return longest_sequence(tokenizer, problems, prompts, recipe, context=32)

    assert with_responses_of(22) == 32
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
            corpus=None,
            base=None,
            weights=tmp_path / "weights",
            state=tmp_path / "state",
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
        grpo_config(Recipe.from_json(recipe), Cell.from_path(CELL), Job(), state=tmp_path)
