"""Cells: paths there and back, expansion, overrides, and refusals before anything runs."""

import copy

import pytest

from rlscale.core.errors import StudyError
from rlscale.jobs.job import Job
from rlscale.study.grid import (
    Cell,
    check,
    expand,
    find,
    job_of,
    protocol_digest,
    recipe_of,
)

CONFIG = {
    "study": "t",
    "data": {"sums": {"verifier": "number"}},
    "models": {"small": {"family": "f", "base": {}}, "large": {"family": "f", "base": {}}},
    "recipes": {
        "main": {
            "version": 1,
            "data": "sums",
            "steps": 8,
            "prompts_per_step": 4,
            "updates_per_step": 2,
            "checkpoints": [0, 2, 8],
            "prompt": {"template": "{problem}"},
            "checkpoint_dtype": "float32",
            "cpu_threads": 1,
            "zero_reward_steps": 20,
            "grpo": {"learning_rate": 1e-4, "max_completion_length": 6},
        }
    },
    "sweeps": [
        {
            "name": "size",
            "recipe": "main",
            "model": ["small", "large"],
            "variant": ["base"],
            "tau": [1],
            "group_size": [4],
            "seed": [1, 2],
        },
        {
            "name": "reuse",
            "recipe": "main",
            "model": ["small"],
            "variant": ["base"],
            "tau": [1, 2],
            "group_size": [4],
            "seed": [1],
        },
    ],
    "training": {"overrides": [], "checkpoints_on_disk": 0},
    "resources": {"default": {"gpus": 0, "mem_mb": 1000, "minutes": 10}, "models": {}},
    "benchmarks": {"held_out": {"samples": 4, "scoring": "ours"}},
    "evaluation": {"temperature": 0.7, "top_p": 1.0, "max_tokens": 6, "seed": 0},
}


def changed(**sections):
    config = copy.deepcopy(CONFIG)
    for path, value in sections.items():
        *parents, last = path.split("__")
        target = config
        for key in parents:
            target = target[int(key) if key.isdigit() else key]
        target[last] = value
    return config


def test_a_cell_becomes_a_path_and_back():
    cell = Cell("main", "qwen2.5-7b", "instruct", tau=25, group_size=8, seed=3)
    assert cell.path == "main/qwen2.5-7b-instruct/tau25-g8/seed3"
    assert Cell.from_path(cell.path) == cell


@pytest.mark.parametrize("path", ["main/small/tau1-g4/seed1", "small-base/tau1-g4/seed1", ""])
def test_a_path_of_another_form_is_refused(path):
    with pytest.raises(StudyError, match="is not a cell"):
        Cell.from_path(path)


def test_a_cell_of_two_sweeps_is_one_cell():
    assert [cell.path for cell in expand(CONFIG)] == [
        "main/large-base/tau1-g4/seed1",
        "main/large-base/tau1-g4/seed2",
        "main/small-base/tau1-g4/seed1",
        "main/small-base/tau1-g4/seed2",
        "main/small-base/tau2-g4/seed1",
    ]


def test_an_unknown_cell_is_refused_with_near_matches():
    with pytest.raises(StudyError, match="did you mean main/small-base/tau1-g4/seed1"):
        find(expand(CONFIG), "main/smal-base/tau1-g4/seed1")


def test_an_override_reaches_only_the_cells_it_matches():
    override = {"match": {"model": "small", "seed": 2}, "set": {"learning_rate": 5e-5, "steps": 4}}
    config = changed(training__overrides=[override])
    rates = {cell.path: recipe_of(config, cell).grpo["learning_rate"] for cell in expand(config)}
    assert [path for path, rate in rates.items() if rate == 5e-5] == [
        "main/small-base/tau1-g4/seed2"
    ]
    cell = find(expand(config), "main/small-base/tau1-g4/seed2")
    assert recipe_of(config, cell).steps == 4
    assert "steps" not in recipe_of(config, cell).grpo
    assert CONFIG["recipes"]["main"]["grpo"]["learning_rate"] == 1e-4


def test_cells_share_a_protocol_unless_something_but_the_swept_keys_differs():
    override = {"match": {"seed": 2}, "set": {"beta": 0.1}}
    config = changed(training__overrides=[override])
    digests = {cell.path: protocol_digest(config, cell) for cell in expand(config)}
    assert len({d for path, d in digests.items() if path.endswith("seed1")}) == 1
    assert digests["main/small-base/tau1-g4/seed1"] != digests["main/small-base/tau1-g4/seed2"]
    other = changed(evaluation__temperature=1.0)
    assert protocol_digest(other, expand(other)[0]) != protocol_digest(CONFIG, expand(CONFIG)[0])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"sweeps__0__model": ["smal"]}, "unknown model 'smal'; did you mean small"),
        ({"sweeps__0__recipe": "mian"}, "unknown recipe 'mian'; did you mean main"),
        ({"sweeps__0__variant": ["instruct"]}, "models.small has no 'instruct' variant"),
        ({"recipes__main__data": "sum"}, "unknown data set 'sum'; did you mean sums"),
        ({"sweeps__1__tau": [3]}, "tau 3 does not divide D_total = 4 prompts per step x 8"),
        ({"sweeps__1__tau": [16]}, "tau 16 does not divide the 8 steps"),
        ({"sweeps__0__group_size": [1]}, "G must be at least 2"),
        ({"recipes__main__updates_per_step": 3}, "cannot be cut into updates_per_step = 3"),
        ({"recipes__main__checkpoints": [0, 8, 9]}, "step 9 lies beyond the last step 8"),
        ({"recipes__main__checkpoints": [2, 8]}, "step 0 must be among them"),
        ({"recipes__main__grpo__lr_scheduler_type": "linear"}, "'linear' decays"),
        ({"recipes__main__grpo__learning_rate": "1e-6"}, r"grpo.learning_rate: '1e-6' is text"),
        (
            {"training__overrides": [{"match": {"seed": 2}, "set": {"learning_rate": "1e-6"}}]},
            r"seed2: grpo.learning_rate: '1e-6' is text",
        ),
        ({"recipes__main__grpo__use_vllm": True}, r"grpo.use_vllm: belongs to resources.models."),
        ({"resources__default__micro_batch": 3}, "micro_batch: 3 does not divide the 8 responses"),
        (
            {"resources__default": {"gpus": 3, "launch": "ddp"}},
            "tau1-g4/seed1: an update's 8 responses cannot be divided among 3 processes",
        ),
        ({"resources__default__gpus": 2}, "model 'large': gpus: 2 need a launch"),
        (
            {
                "resources__default": {
                    "gpus": 1,
                    "engine": {"use_vllm": True, "vllm_mode": "server"},
                }
            },
            r"engine.vllm_mode: a run's seed does not reach a server",
        ),
        ({"resources__default__nodes": 2}, "nodes: 2 need a launch"),
        (
            {"resources__default": {"gpus": 4, "nodes": 3, "launch": "fsdp2"}},
            r"gpus: 4 cannot be spread over 3 node",
        ),
        ({"resources__default__engine": {"use_vllm": True}}, "engine.use_vllm: for jobs with gpus"),
        (
            {
                "resources__default": {
                    "gpus": 2,
                    "launch": "ddp",
                    "engine": {"vllm_tensor_parallel_size": 4},
                }
            },
            "vllm_tensor_parallel_size: 4 does not divide 2 gpus",
        ),
        (
            {
                "training__checkpoints_on_disk": 2,
                "resources__default": {"gpus": 0, "evaluation": {"gpus": 2}},
            },
            "the training of model 'large' has 0 GPUs on a node, its evaluation needs 2",
        ),
        (
            {"data__sums__pass_rate": {"model": "smal", "variant": "base"}},
            "data.sums.pass_rate: unknown model 'smal'; did you mean small",
        ),
        (
            {"data__sums__pass_rate": {"model": "small", "variant": "instruct"}},
            "data.sums.pass_rate: models.small has no 'instruct' variant",
        ),
        (
            {
                "data__sums__pass_rate": {"model": "small", "variant": "base"},
                "data__sums__read": {"columns": {"pass_rate": ["rate"]}},
            },
            "the files have a column of pass rates too",
        ),
        (
            {
                "recipes__main__grpo__loss_type": "bnpo",
                "resources__default": {"gpus": 0, "micro_batch": 4},
            },
            "grpo.loss_type: TRL computes it within each process and micro-batch",
        ),
        (
            {"training__overrides": [{"match": {"model": "huge"}, "set": {}}]},
            "training.overrides: unknown model 'huge'",
        ),
        (
            {"data__sums__verifier": "nummer"},
            "data.sums.verifier: unknown verifier 'nummer'; did you mean number",
        ),
        (
            {"benchmarks": {"held_aut": {"samples": 4}}},
            "benchmarks.held_aut: unknown benchmark 'held_aut'; did you mean held_out",
        ),
        (
            {"benchmarks": {"held_out": {"samples": 4, "scoring": "lm_eval"}}},
            "benchmarks.held_out.scoring: scoring 'lm_eval' has no rule for the benchmark",
        ),
        (
            {"benchmarks": {"held_out": {"samples": 4, "scoring": "papr"}}},
            "benchmarks.held_out.scoring: unknown scoring 'papr'; did you mean paper",
        ),
        (
            {"benchmarks": {"gsm8k": {"samples": 4, "path": "a.csv", "scoring": "lm_eval"}}},
            "benchmarks.gsm8k.scoring: lm_eval puts solved examples before each problem",
        ),
    ],
)
def test_what_cannot_run_is_refused_before_anything_does(change, message):
    with pytest.raises(StudyError, match=message):
        check(changed(**change))


def test_the_configuration_of_these_tests_is_itself_accepted():
    check(CONFIG)


def test_an_evaluation_asks_for_one_gpu_unless_it_says_so():
    job = {"gpus": 8, "nodes": 2, "mem_mb": 9000}
    own = {"evaluation": {"gpus": 4, "minutes": 5}}
    resources = {"default": job, "models": {"large": own, "tiny": {"gpus": 0}}}
    config = {**CONFIG, "resources": resources}
    wanted = {"large": (4, 5), "small": (1, 60), "tiny": (0, 60)}
    for model, (gpus, minutes) in wanted.items():
        asked = Job(gpus=gpus, mem_mb=9000, minutes=minutes)
        assert job_of(config, model).of_evaluation() == asked


def test_a_models_job_overrides_the_default_key_by_key():
    resources = {"default": {"gpus": 2, "mem_mb": 9000}, "models": {"large": {"gpus": 8}}}
    config = {**CONFIG, "resources": resources}
    assert job_of(config, "large") == Job(gpus=8, mem_mb=9000, minutes=60)
    assert job_of(config, "small") == Job(gpus=2, mem_mb=9000, minutes=60)
