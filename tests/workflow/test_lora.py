"""LoRA: adapters are trained, checkpoints are whole models, an interrupted run ends the same."""

import signal

import pytest
import torch
from peft import get_peft_model
from safetensors.torch import load_file
from training_run import RECIPE, STEPS, Run, assert_equal
from transformers import AutoModelForCausalLM

from rlscale.core.errors import StudyError
from rlscale.core.manifests import read_manifest
from rlscale.models.tiny import character_tokenizer, new_model
from rlscale.training.lora import lora_config, merged

LORA = {"r": 4, "lora_alpha": 8, "lora_dropout": 0.1, "target_modules": ["q_proj", "down_proj"]}
LORA_RECIPE = {**RECIPE, "lora": LORA}
ARCHITECTURE = {
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "max_position_embeddings": 32,
}
IDS = torch.arange(3, 13)[None]


@pytest.fixture(scope="session")
def adapted(built_once, training_inputs):
    def build(folder):
        Run(folder, training_inputs).finish(LORA_RECIPE)

    return Run(built_once("adapted", build), training_inputs)


def test_adapted_layers_are_trained_and_nothing_else(adapted, training_inputs):
    start = load_file(training_inputs / "checkpoints/models/tiny-base/model.safetensors")
    end = load_file(adapted.folder / f"checkpoints/step{STEPS}/model.safetensors")
    assert start.keys() == end.keys()
    changed = {name for name in start if not torch.equal(start[name], end[name])}
    assert changed == {
        "model.layers.0.self_attn.q_proj.weight",
        "model.layers.0.mlp.down_proj.weight",
    }
    for name in changed:  # a sum of r outer products
        assert torch.linalg.matrix_rank(end[name] - start[name], rtol=1e-3) == LORA["r"]


def test_a_checkpoint_is_a_whole_model_of_the_models_own_size(adapted):
    manifest = read_manifest(adapted.outputs / "train.json", "train")
    folder = manifest["checkpoints"][-1]["path"]
    model = AutoModelForCausalLM.from_pretrained(folder)
    embedding = model.get_input_embeddings().weight.numel()
    assert sum(p.numel() for p in model.parameters()) == manifest["n_params_total"]
    assert manifest["n_params"] == manifest["n_params_total"] - embedding


@pytest.mark.parametrize("targets", ["all-linear", LORA["target_modules"]])
def test_merged_weights_give_the_adapted_models_logits(targets):
    network = new_model(ARCHITECTURE, character_tokenizer(), seed=1)
    config = lora_config(network, {**LORA, "target_modules": targets})
    base = network(IDS).logits
    adapted = get_peft_model(network, config).eval()
    generator = torch.Generator().manual_seed(2)
    for name, parameter in adapted.named_parameters():
        if ".lora_" in name:
            parameter.data = 0.1 * torch.randn(parameter.shape, generator=generator)
    whole = new_model(ARCHITECTURE, character_tokenizer(), seed=3)
    whole.load_state_dict(merged(adapted.state_dict(), config))
    wanted = adapted(IDS).logits
    torch.testing.assert_close(whole(IDS).logits, wanted, rtol=0, atol=1e-5)
    assert (wanted - base).abs().max() > 1e-2


def test_an_interrupted_run_ends_as_the_undisturbed_one(adapted, training_inputs, tmp_path):
    run = Run(tmp_path / "run", training_inputs)
    run.recipe = LORA_RECIPE
    assert run.interrupt(signal.SIGTERM, after_steps=2) == 85
    assert run.interrupt(signal.SIGKILL, after_steps=run.saved_steps() + 3) == -signal.SIGKILL
    assert "resuming" in run.finish()
    assert_equal(run, adapted)


def test_layers_that_the_model_does_not_have_are_named():
    model = new_model(ARCHITECTURE, character_tokenizer(), seed=1)
    for wrong in ("query", "lm_head", "embed_tokens"):
        with pytest.raises(StudyError, match=f"lora.target_modules: .*'{wrong}'.* down_proj"):
            lora_config(model, {**LORA, "target_modules": ["q_proj", wrong]})


FROZEN = {**RECIPE["grpo"], "model_init_kwargs": {"dtype": "bfloat16"}}


def test_frozen_weights_may_be_in_bfloat16(training_inputs, tmp_path):
    """What is not adapted keeps its bits, and bfloat16 does not round the adapters away."""
    run = Run(tmp_path, training_inputs)
    run.finish({**RECIPE, "lora": LORA, "grpo": FROZEN})
    start = load_file(training_inputs / "checkpoints/models/tiny-base/model.safetensors")
    end = load_file(tmp_path / f"checkpoints/step{STEPS}/model.safetensors")
    changed = {n for n, value in start.items() if not torch.equal(end[n], value.bfloat16().float())}
    layers = ("self_attn.q_proj", "mlp.down_proj")
    assert changed == {f"model.layers.0.{layer}.weight" for layer in layers}
    for name in changed:
        assert not torch.equal(end[name], end[name].bfloat16().float())


@pytest.mark.parametrize(
    ("chosen", "said"),
    [
        ({"dtype": "bfloat16"}, "error: grpo.model_init_kwargs.dtype: 'bfloat16' rounds away"),
        ({"attn_implementation": "no_such"}, "no_such"),  # it reaches transformers, which refuses
    ],
)
def test_how_a_model_is_loaded_is_trls_own_key(chosen, said, training_inputs, tmp_path):
    run = Run(tmp_path, training_inputs)
    process = run.start({**RECIPE, "grpo": {**RECIPE["grpo"], "model_init_kwargs": chosen}})
    output, _ = process.communicate(timeout=170)
    assert process.returncode != 0
    assert said in output
