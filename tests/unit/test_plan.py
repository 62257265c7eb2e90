"""A plan against numbers reckoned by hand."""

import pytest

from rlscale.core.errors import StudyError
from rlscale.study.plan import plan_page, plan_study


@pytest.fixture
def config():
    """One model of a billion parameters, two cells, round rates."""
    return {
        "study": "toy",
        "data": {"sums": {"verifier": "number"}},
        "models": {"1b": {"family": "toy", "n_params_nominal": 1e9}},
        "recipes": {
            "main": {
                "data": "sums", "steps": 10, "prompts_per_step": 100, "updates_per_step": 4,
                "checkpoints": [0, 5, 10], "checkpoint_dtype": "bfloat16", "grpo": {"beta": 0.001},
                "version": 1, "cpu_threads": 1, "zero_reward_steps": 20,
                "prompt": {"template": "{problem}"},
            }
        },
        "sweeps": [
            {"name": "size", "recipe": "main", "model": ["1b"], "variant": ["base"], "tau": [1],
             "group_size": [8], "seed": [1, 2]}
        ],
        "training": {"overrides": [], "checkpoints_on_disk": 0},
        "benchmarks": {"held_out": {"samples": 4}},
        "evaluation": {"max_tokens": 1000},
        "fit": {"laws": ["saturating", "free_slopes"], "size": "n_params", "select": {}},
        "resources": {
            "default": {"gpus": 2, "mem_mb": 1, "minutes": 60},
            "models": {},
            "plan": {
                "prompt_tokens": 100, "completion_tokens": 400, "problems_per_benchmark": 50,
                "device_flops": 1e15, "training_utilisation": 0.5, "generation_utilisation": 0.1,
            },
        },
    }  # fmt: skip


def test_a_cells_cost_is_that_of_the_hand(config):
    table = plan_study(config)
    assert table["cell"].tolist() == [f"main/1b-base/tau1-g8/seed{seed}" for seed in (1, 2)]
    row = table.iloc[0]
    tokens = 10 * 100 * 8 * 500
    assert row["tokens"] == tokens
    assert row["compute_flops"] == 6 * 1e9 * tokens
    asked = 3 * 4 * 50 * 500
    assert row["evaluation_tokens"] == asked
    training = (2 + 2 + 6) * 1e9 * tokens
    # Of each response's 500 tokens the last is drawn, but not passed through the model.
    decoding = 2e9 * (tokens + asked) * 499 / 500
    assert row["flops"] == training + decoding
    assert row["gpu_hours"] == pytest.approx((training / 5e14 + decoding / 1e14) / 3600)
    by_training = (training / 5e14 + 2e9 * tokens * 499 / 500 / 1e14) / 3600
    assert row["wall_hours"] == pytest.approx(by_training / 2)
    assert row["evaluation_hours"] == pytest.approx(row["gpu_hours"] - by_training)  # by one GPU
    assert row["jobs"] == 1
    assert row["checkpoints_gib"] == pytest.approx(2 * 2e9 / 2**30)
    assert row["state_gib"] == pytest.approx(12e9 / 2**30)


def test_what_the_configuration_bounds_is_not_assumed_larger(config):
    (was, *_) = plan_study(config).to_dict("records")
    config["recipes"]["main"]["grpo"]["max_completion_length"] = 100
    config["evaluation"]["max_tokens"] = 200
    config["data"]["sums"]["held_out"] = {"problems": 20}
    (bounded, *_) = plan_study(config).to_dict("records")
    assert bounded["tokens"] == 10 * 100 * 8 * 200
    assert bounded["evaluation_tokens"] == 3 * 4 * 20 * 300
    config["recipes"]["main"]["grpo"]["max_completion_length"] = 400
    config["evaluation"]["max_tokens"] = 400
    config["data"]["sums"]["held_out"] = {"problems": 50}
    assert plan_study(config).to_dict("records")[0] == pytest.approx(was, nan_ok=True)


def test_checkpoints_that_are_removed_take_no_disk(config):
    config["training"]["checkpoints_on_disk"] = 1
    assert plan_study(config)["checkpoints_gib"].tolist() == pytest.approx([2e9 / 2**30] * 2)
    config["training"]["checkpoints_on_disk"] = 3
    assert plan_study(config)["checkpoints_gib"].tolist() == pytest.approx([4e9 / 2**30] * 2)


def test_without_reference_and_old_log_probabilities_less_is_spent(config):
    whole = plan_study(config)["flops"]
    config["recipes"]["main"] |= {"updates_per_step": 1, "grpo": {}}
    assert (whole - plan_study(config)["flops"]).tolist() == [4e9 * 4e6] * 2


def test_short_jobs_are_many(config):
    config["resources"]["models"] = {"1b": {"minutes": 1}}
    row = plan_study(config).iloc[0]
    assert row["jobs"] == -(-60 * row["wall_hours"] // 1)


def test_the_page_adds_up_and_states_its_rates(config):
    table = plan_study(config)
    page = plan_page(table, config)
    assert f"| all | 2 | | {table['tokens'].sum():.3g} |" in page
    assert "generation_utilisation: 0.1" in page


def test_shards_share_an_evaluation_and_the_page_says_how_many_its_time_limit_asks_for(config):
    config["benchmarks"]["held_out"]["samples"] = 80
    own = config["resources"]["models"]["1b"] = {"evaluation": {"minutes": 1}}
    alone = plan_study(config)
    hours = alone["evaluation_hours"].max()
    assert 1 / 60 < hours < 1
    needed = -(-60 * hours // 1)
    assert f"shards: {needed:.0f}" in plan_page(alone, config)
    own["evaluation"]["shards"] = int(needed)
    shared = plan_study(config)
    assert shared["evaluation_hours"].tolist() == pytest.approx([hours / needed] * 2)
    assert shared["gpu_hours"].tolist() == alone["gpu_hours"].tolist()
    assert "Time of evaluations" not in plan_page(shared, config)


def test_a_model_without_a_size_is_named(config):
    config["models"]["1b"] = {}
    with pytest.raises(StudyError, match=r"models\.1b: a plan needs its size"):
        plan_study(config)
