"""Estimates before a launch: exact counts of parameters, memory by hand, and what is refused."""

import re
from dataclasses import replace

import pytest
import yaml

from conftest import ROOT
from rlscale.accounting.shape import Shape
from rlscale.core.cell import Cell
from rlscale.core.yaml_files import load
from rlscale.jobs.memory import GIB, memory_of, remedies
from rlscale.study.check import findings
from rlscale.study.estimates import memory, node_mb, shape_of, unfit
from rlscale.study.grid import job_of, recipe_of
from rlscale.study.plan import plan_page, plan_study
from rlscale.study.schema import SCHEMA, with_defaults

LARGEST = "qwen2.5-72b"


@pytest.fixture
def paper() -> dict:
    """The paper's study, defaults filled in."""
    config = yaml.safe_load((ROOT / "config" / "paper.yaml").read_text())
    return with_defaults(config, load(SCHEMA))


MIXTURE = {
    "model_type": "qwen3_moe", "hidden_size": 2048, "num_hidden_layers": 48,
    "num_attention_heads": 32, "num_key_value_heads": 4, "head_dim": 128, "num_experts": 128,
    "num_experts_per_tok": 8, "moe_intermediate_size": 768, "intermediate_size": 6144,
    "vocab_size": 151936, "tie_word_embeddings": False,
}  # fmt: skip
# Gemma 3 1B, whose heads are together narrower than the model.
GEMMA = {
    "model_type": "gemma3_text", "hidden_size": 1152, "num_hidden_layers": 26,
    "num_attention_heads": 4, "num_key_value_heads": 1, "head_dim": 256,
    "intermediate_size": 6912, "vocab_size": 262144,
}  # fmt: skip
OTHERS = {"mixture": MIXTURE, "gemma": GEMMA}
MODELS = ("qwen2.5-0.5b", "qwen2.5-7b", "llama-3-1b", *OTHERS)


@pytest.mark.slow
@pytest.mark.parametrize("name", MODELS)
def test_parameters_are_those_of_the_model_itself(name, paper):
    """Built on torch's meta device, which holds no numbers."""
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    from rlscale.models.tiny import parameter_counts

    architecture = OTHERS.get(name) or paper["models"][name]["architecture"]
    filled = {"tie_word_embeddings": True, **architecture}
    with torch.device("meta"):
        model = AutoModelForCausalLM.from_config(AutoConfig.for_model(**filled))
    shape = Shape.of(architecture)
    assert shape.stored == sum(parameter.numel() for parameter in model.parameters())
    counted = parameter_counts(model)
    assert counted["n_params"] == shape.n_params
    assert counted["n_params_total"] == shape.n_params + shape.embeddings


def test_of_a_mixture_the_experts_that_a_token_passes_count():
    """Qwen3-30B-A3B: 30.5 billion on disk, 3.3 active with embeddings, 2.7 without."""
    shape = Shape.of(MIXTURE)
    assert shape.stored == pytest.approx(30.5e9, rel=2e-3)
    assert shape.n_params + shape.embeddings == pytest.approx(3.35e9, rel=2e-3)
    assert shape.n_params == 2_730_702_848


def test_two_cells_by_hand(paper):
    """Those of docs/training.md."""
    small = memory(paper, Cell("main", "qwen2.5-1.5b", "base", 1, 8, 1))
    n = 1_543_714_304
    assert small.weights == small.gradients == small.reference == 4 * n
    assert small.optimiser == 8 * n
    assert small.copies == (4 + 2) * n
    assert small.kept / GIB == pytest.approx(37.4, abs=0.1)
    assert small.engine + small.cache == pytest.approx(0.3 * 79 * GIB)
    assert small.peak / GIB == pytest.approx(61.1, abs=0.1)
    large = memory(paper, Cell("main", LARGEST, "base", 1, 8, 1))
    n = 72_706_203_648
    assert large.weights == 4 * n / 32
    assert large.optimiser == 8 * n / 32
    assert large.engine == 2 * n / 8
    assert large.activations / GIB == pytest.approx(12.2, abs=0.1)


def test_the_papers_jobs_fit_and_ask_for_the_memory_that_they_need(paper):
    assert list(unfit(paper)) == []
    assert "Memory of nodes" not in plan_page(plan_study(paper), paper)
    paper["resources"]["models"]["qwen2.5-7b"] = {
        **paper["resources"]["models"]["qwen2.5-7b"], "mem_mb": 256_000,
    }  # fmt: skip
    page = plan_page(plan_study(paper), paper)
    assert "resources.models.qwen2.5-7b.mem_mb: 256000 is less than the estimated" in page


def test_a_training_whose_memory_is_not_said_asks_for_what_is_estimated(paper):
    cell = Cell("main", LARGEST, "base", 1, 8, 1)
    assert node_mb(paper, cell) == 1_000_000
    for job in (paper["resources"]["default"], paper["resources"]["models"][LARGEST]):
        del job["mem_mb"]
    asked = node_mb(paper, cell)
    assert asked == -(-memory(paper, cell).host // 1e6) > 4000
    assert "Memory of nodes" not in plan_page(plan_study(paper), paper)
    del paper["models"][LARGEST]["architecture"]
    assert node_mb(paper, cell) == 4000


@pytest.mark.parametrize(
    ("changes", "helps"),
    [
        ({"launch": "ddp", "gpus": 8, "nodes": 1}, "gpus: 32 with launch: fsdp2"),
        ({"gpus": 16, "nodes": 2}, "gpus: 32 with launch: deepspeed_zero3"),
        ({"micro_batch": 32}, "micro_batch: 1"),
    ],
)
def test_what_cannot_fit_is_refused_with_the_key_that_helps(changes, helps, paper):
    own = paper["resources"]["models"]
    own[LARGEST] = {**own[LARGEST], **changes}
    (said,) = [line for line in unfit(paper) if "evaluation" not in line]
    assert said.startswith(f"resources.models.{LARGEST}: the training of main/{LARGEST}-base/")
    assert said.endswith(f"what would help: {helps}")
    assert said in findings(paper, load(SCHEMA))


def test_a_share_of_vllm_that_does_not_fit_is_made_smaller_not_the_card_larger(paper):
    model = "qwen2.5-1.5b"
    own = paper["resources"]["models"]
    job = {**paper["resources"]["default"], **own.get(model, {})}
    key = "vllm_gpu_memory_utilization"
    own[model] = {**job, "engine": {**job["engine"], key: 0.95}}
    (said,) = unfit(paper)
    assert said.split("what would help: ")[1].startswith(f"engine.{key}: ")
    own[model]["engine"][key] = float(said.rsplit(" ", 1)[1])
    assert list(unfit(paper)) == []
    own[model]["engine"][key] += 0.05
    assert list(unfit(paper)) != []


def test_vllm_that_stays_awake_takes_its_share_of_updates_too(paper):
    model = "qwen2.5-1.5b"
    own, cell = paper["resources"]["models"], Cell("main", model, "base", 1, 8, 1)
    job = {**paper["resources"]["default"], **own.get(model, {})}
    asleep, key = memory(paper, cell), "vllm_enable_sleep_mode"
    awake = {name: value for name, value in job["engine"].items() if name != key}
    own[model] = {**job, "engine": {**awake, "vllm_gpu_memory_utilization": 0.5}}
    (said,) = unfit(paper)
    assert said.endswith(f"what would help: engine.{key}: true")
    own[model]["engine"]["vllm_gpu_memory_utilization"] = 0.3
    assert memory(paper, cell).peak == asleep.peak + asleep.updating
    own[model]["engine"] |= {key: True, "vllm_gpu_memory_utilization": 0.5}
    assert list(unfit(paper)) == []


def test_an_evaluation_that_cannot_hold_its_weights_is_refused(paper):
    own = paper["resources"]["models"]
    own[LARGEST] = {**own[LARGEST], "evaluation": {"gpus": 1}}
    (said,) = unfit(paper)
    assert said.startswith(f"resources.models.{LARGEST}.evaluation.gpus: 1: ")


@pytest.mark.parametrize(
    ("name", "models", "cannot"),
    [
        ("card_24gb", 3, {"lora": None}),
        ("node_8x80gb", 7, {"micro_batch": 32}),
    ],
)
def test_the_examples_can_run_and_fill_their_cards(name, models, cannot):
    """As they stand they fit; with all weights trained, or larger parts, they do not."""
    document = yaml.safe_load((ROOT / "config" / f"{name}.yaml").read_text())
    assert findings(document, load(SCHEMA)) == []
    config = with_defaults(document, load(SCHEMA))
    table = plan_study(config)
    assert table["model"].nunique() == models
    assert "Memory of nodes" not in plan_page(table, config)
    for recipe in config["recipes"].values():
        if "lora" in cannot:
            recipe["lora"] = cannot["lora"]
            recipe["grpo"]["model_init_kwargs"] = {}
    config["resources"]["default"] |= {k: v for k, v in cannot.items() if k != "lora"}
    for own in config["resources"]["models"].values():
        own |= {k: v for k, v in cannot.items() if k != "lora"}
    assert list(unfit(config)) != []


@pytest.fixture
def card() -> dict:
    """The study of one 24 GB card, without vLLM, defaults filled in."""
    config = with_defaults(load(ROOT / "config" / "card_24gb.yaml"), load(SCHEMA))
    del config["resources"]["default"]["engine"]
    return config


def test_the_card_of_24_gb_runs_without_vllm_too(card):
    assert findings(card, load(SCHEMA)) == []
    card["recipes"]["main"]["prompts_per_step"] *= 2
    assert "qwen2.5-1.5b" in "".join(unfit(card))


@pytest.mark.parametrize(
    ("prompts", "length", "key"),
    [(512, 1024, "prompts_per_step"), (64, 1024, "max_completion_length")],
)
def test_responses_that_do_not_fit_at_once_are_made_fewer_or_shorter(prompts, length, key, card):
    """The value that is named fits, and twice of it does not."""
    recipe = card["recipes"]["main"]
    recipe["prompts_per_step"], recipe["grpo"]["max_completion_length"] = prompts, length
    card["sweeps"][0]["model"] = ["qwen2.5-1.5b"]
    (said,) = unfit(card)
    assert f"keys and values of the {8 * prompts:,} responses that are generated at once" in said
    value = int(re.search(rf"{key}: (\d+)", said)[1])
    place = recipe if key == "prompts_per_step" else recipe["grpo"]
    place[key] = value
    assert list(unfit(card)) == []
    place[key] = 2 * value
    assert list(unfit(card)) != []


def test_vllm_that_is_named_as_a_way_out_fits(card):
    recipe = card["recipes"]["main"]
    recipe["prompts_per_step"] = 512
    for said in list(unfit(card)):
        model = said.split(":")[0].rsplit("models.", 1)[1]
        engine = yaml.safe_load(said[said.index("engine: ") :])["engine"]
        card["resources"]["models"][model] = {"engine": engine}
    assert list(unfit(card)) == []


def test_two_ways_out_are_named_together_where_one_is_not_enough(card):
    recipe = card["recipes"]["main"]
    recipe["prompts_per_step"], recipe["lora"] = 512, None
    del recipe["grpo"]["model_init_kwargs"]["dtype"]
    card["sweeps"][0]["model"] = ["qwen2.5-1.5b"]
    (said,) = unfit(card)
    assert "the recipe's lora" in said
    prompts = int(re.search(r"and with it the recipe's prompts_per_step: (\d+)", said)[1])
    assert prompts == 32


def test_without_a_card_nothing_is_refused(paper):
    del paper["resources"]["plan"]["device_gib"]
    own = paper["resources"]["models"]
    own[LARGEST] = {**own[LARGEST], "micro_batch": 32}
    assert list(unfit(paper)) == []


def test_each_remedy_is_smaller_than_what_it_mends(paper):
    cell = Cell("main", "qwen2.5-1.5b", "base", 1, 8, 1)
    recipe, job = recipe_of(paper, cell), job_of(paper, cell.model)
    before = memory(paper, cell).peak
    for said, other, change in remedies(recipe, job):
        after = memory_of(shape_of(paper, cell), other, 8, change, 200, 79 * GIB).peak
        assert after <= before, said
    assert replace(job, micro_batch=1) in [change for _, _, change in remedies(recipe, job)]


def test_money_is_hours_at_a_price(paper):
    paper["resources"]["plan"]["price"] = 2.5
    table = plan_study(paper)
    assert (table["cost"] == 2.5 * table["gpu_hours"]).all()
    assert "checkpoints, GiB | cost |" in plan_page(table, paper)


def test_an_evaluations_hours_are_by_its_own_gpus(paper):
    table = plan_study(paper).set_index("cell")
    row = table.loc[f"main/{LARGEST}-base/tau1-g8/seed1"]
    whole = row["gpu_hours"]
    assert whole == pytest.approx(
        32 * row["wall_hours"] + 4 * 6 * row["evaluation_hours"]
    )  # six shards
