"""What a cell is asked: its own settings, the top-ups that concern it, a seed for every request."""

import pytest

from rlscale.core.cell import Cell
from rlscale.evaluation.settings import samples_wanted
from rlscale.evaluation.tasks import sample_seed
from rlscale.models.weights import tokenizer_digest
from rlscale.study import settings as pieces
from rlscale.study.grid import protocol_digest

CELL = Cell("main", "small", "base", 1, 4, 2)


@pytest.fixture
def config():
    """The least configuration that evaluates a cell, defaults filled in."""
    return {
        "data": {"sums": {"verifier": "number"}},
        "recipes": {
            "main": {
                "version": 1, "data": "sums", "steps": 4, "prompts_per_step": 2,
                "updates_per_step": 1, "checkpoints": [0, 4], "checkpoint_dtype": "float32",
                "zero_reward_steps": 20, "prompt": {"template": "{problem}"}, "cpu_threads": 1,
                "grpo": {"learning_rate": 1e-4},
            }
        },
        "training": {"overrides": []},
        "benchmarks": {
            "held_out": {"samples": 4, "scoring": "ours"},
            "longer": {
                "module": "arithmetic", "samples": 2, "max_tokens": 16, "scoring": "ours",
            },
        },
        "rerun_on_code": False,
        "evaluation": {
            "seed": 3, "temperature": 0.7, "top_p": 1.0, "max_tokens": 8, "dtype": "float32",
            "suites": {}, "pass_at": [10], "machine": {"max_num_seqs": 64}, "top_up": [],
        },
    }  # fmt: skip


def test_settings_are_what_decides_the_evaluation_and_no_speed_key(config):
    settings = pieces.evaluation(config, CELL)
    assert "machine" not in settings
    assert settings["benchmarks"]["held_out"] == {
        "module": "held_out", "samples": 4, "max_tokens": 8, "scoring": "ours",
    }  # fmt: skip
    assert settings["benchmarks"]["longer"]["max_tokens"] == 16
    faster = {**config, "evaluation": config["evaluation"] | {"machine": {"max_num_seqs": 1}}}
    assert pieces.evaluation(faster, CELL) == settings
    other = {**config, "evaluation": config["evaluation"] | {"pass_at": [2]}}
    assert pieces.evaluation(other, CELL) == settings  # of the samples that are there


def test_a_top_up_reaches_the_cells_steps_and_benchmarks_that_it_names(config):
    config["evaluation"]["top_up"] = [
        {"match": {"seed": "2", "step": "8", "benchmark": "held_out"}, "samples": "32"},
        {"match": {"model": "large"}, "samples": 64},
        {"match": {"model": "small", "step": 4}, "samples": 3},
    ]
    settings = pieces.evaluation(config, CELL)
    wanted = {
        (name, step): samples_wanted(settings, name, step)
        for name in ("held_out", "longer")
        for step in (0, 4, 8)
    }
    assert wanted == {
        ("held_out", 0): 4, ("held_out", 4): 4, ("held_out", 8): 32,
        ("longer", 0): 2, ("longer", 4): 3, ("longer", 8): 2,
    }  # fmt: skip


def test_top_ups_of_other_cells_leave_a_cells_settings_alone(config):
    before = pieces.evaluation(config, CELL)
    config["evaluation"]["top_up"] = [{"match": {"seed": 1}, "samples": 99}]
    assert pieces.evaluation(config, CELL) == before


def test_every_request_has_a_seed_of_its_own():
    seeds = {sample_seed(s, p, n) for s in (1, 2) for p in ("a", "b") for n in range(50)}
    assert len(seeds) == 200
    assert all(0 <= seed < 2**32 for seed in seeds)
    assert sample_seed(1, "a", 0) == 210463409  # Another value asks every sample again.


def test_a_benchmarks_own_length_is_part_of_the_protocol(config):
    before = protocol_digest(config, CELL)
    config["benchmarks"]["longer"]["max_tokens"] = 32
    assert protocol_digest(config, CELL) != before
    config["benchmarks"]["longer"]["samples"] = 9
    config["benchmarks"]["longer"]["max_tokens"] = 16
    assert protocol_digest(config, CELL) == before


@pytest.mark.parametrize("name", ["tokenizer.json", "chat_template.jinja", "added_tokens.json"])
def test_what_makes_tokens_of_text_is_in_the_tokenizers_digest_and_nothing_else(tmp_path, name):
    for there in ("tokenizer.json", "model.safetensors", "config.json"):
        (tmp_path / there).write_text("{}")
    before = tokenizer_digest(tmp_path)
    for other in ("README.md", "model.safetensors", "config.json"):
        (tmp_path / other).write_text("other")
    assert tokenizer_digest(tmp_path) == before
    (tmp_path / name).write_text("other")
    assert tokenizer_digest(tmp_path) != before
