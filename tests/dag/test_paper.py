"""config/paper.yaml: the paper's grid and protocol, as Snakemake and TRL resolve them."""

import re
import shlex
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest
import yaml
from snakemake.utils import validate

from conftest import ROOT, Study
from rlscale.core.cell import Cell
from rlscale.jobs.job import Job
from rlscale.jobs.launch import command
from rlscale.study.grid import check, expand, job_of, protocol_digest, recipe_of
from rlscale.study.plan import plan_page, plan_study

PAPER = ROOT / "config" / "paper.yaml"
QWEN = ["0.5b", "1.5b", "3b", "7b", "14b", "32b", "72b"]
CELL = Cell("main", "qwen2.5-7b", "base", tau=1, group_size=8, seed=1)

# notes/paper.md's protocol -> trl.GRPOConfig's keys (docs/protocol.md).
PROTOCOL = {
    "learning_rate": 1e-6,
    "lr_scheduler_type": "constant",
    "warmup_steps": 0,
    "optim": "adamw_torch_fused",
    "adam_beta1": 0.9,
    "adam_beta2": 0.999,
    "weight_decay": 0.1,
    "max_grad_norm": 1.0,
    "beta": 0.001,
    "use_bias_correction_kl": False,
    "sync_ref_model": False,
    "epsilon": 0.2,
    "delta": None,
    "entropy_coef": 0.0,
    "top_entropy_quantile": 1.0,
    "loss_type": "dapo",
    "importance_sampling_level": "token",
    "scale_rewards": "group",
    "reward_weights": None,
    "mask_truncated_completions": False,
    "vllm_importance_sampling_correction": False,
    "temperature": 1.0,
    "top_p": 1.0,
    "top_k": 0,
    "min_p": None,
    "repetition_penalty": 1.0,
    "max_completion_length": 4096,
    "num_generations": 8,
    "num_iterations": 1,
    "steps_per_generation": 4,
    "generation_batch_size": 512 * 8,
    "max_steps": 105 * 4,
    "shuffle_dataset": False,
}


@pytest.fixture(scope="module")
def paper() -> dict:
    """The paper's study with all defaults filled in."""
    config = yaml.safe_load(PAPER.read_text())
    validate(config, str(ROOT / "workflow" / "schemas" / "config.schema.yaml"))
    return config


@pytest.fixture(scope="module")
def grpo(paper, tmp_path_factory):
    """What TRL makes of the recipe of a cell."""
    from rlscale.training.grpo_settings import grpo_config

    return grpo_config(
        recipe_of(paper, CELL),
        CELL,
        Job(),
        state=tmp_path_factory.mktemp("state"),
    )


def test_the_plan_counts_beyond_64_bits(paper):
    table = plan_study(paper)
    largest = table[table["model"] == "qwen2.5-72b"].iloc[0]
    assert largest["compute_flops"] == pytest.approx(6 * 70_214_787_072.0 * largest["tokens"])
    assert largest["compute_flops"] > 2**64
    page = plan_page(table, paper)
    assert f"| all | 126 | | {table['tokens'].sum():.3g} | {table['flops'].sum():.3g} |" in page


@pytest.mark.slow
def test_the_command_of_the_readme_plans_the_papers_study(tmp_path, paper):
    study = Study(tmp_path, yaml.safe_load(PAPER.read_text()))
    study.run("results/plan.md")
    page = (tmp_path / "results/plan.md").read_text()
    assert page == plan_page(plan_study(paper), paper)
    rows = re.findall(r"(?m)^\| (?:qwen|llama).*$", page)
    assert len(rows) == len(paper["models"])
    assert all(cell.strip() for row in rows for cell in row.strip("|").split("|"))


@pytest.mark.slow
@pytest.mark.parametrize("key", PROTOCOL)
def test_trl_resolves_the_recipe_to_the_papers_protocol(grpo, key):
    assert getattr(grpo, key) == PROTOCOL[key]


@pytest.mark.slow
def test_the_upper_clip_is_the_lower_one(grpo):
    assert grpo.epsilon_high in (None, grpo.epsilon)


@pytest.mark.slow
def test_a_step_is_512_prompts_in_four_updates_of_128(paper, grpo):
    assert paper["recipes"]["main"]["prompts_per_step"] == 512
    assert grpo.generation_batch_size // grpo.num_generations == 512
    updates = grpo.steps_per_generation // grpo.gradient_accumulation_steps
    assert 512 // updates == 128


def test_evaluation_samples_as_the_paper_does(paper):
    wanted = {"temperature": 0.7, "top_p": 1.0, "max_tokens": 4096}
    assert {key: paper["evaluation"][key] for key in wanted} == wanted


def test_the_grid_is_complete_and_can_run(paper):
    check(paper)
    cells = expand(paper)
    sizes = {
        (cell.model, cell.variant, cell.seed)
        for cell in cells
        if (cell.recipe, cell.tau, cell.group_size) == ("main", 1, 8)
    }
    for size in QWEN:
        for variant in ("base", "instruct"):
            assert {(f"qwen2.5-{size}", variant, seed) for seed in (1, 2, 3)} <= sizes
    base = [cell for cell in cells if (cell.model, cell.variant) == ("qwen2.5-7b", "base")]
    taus = {cell.tau for cell in base if cell.recipe == "reuse"}
    groups = {cell.group_size for cell in base if cell.recipe == "main"}
    assert taus == {1, 2, 4, 5, 10, 20, 25, 50, 100}
    assert groups == {4, 8, 16, 32}


@pytest.mark.parametrize(
    ("model", "by_hand"),
    [
        ("qwen2.5-1.5b", (4.058e18, 1.038e19, 19.6, 7.72, 4.19)),
        ("qwen2.5-72b", (2.174e20, 4.806e20, 909, 22.3, 8.08)),
    ],
)
def test_two_planned_cells_are_those_reckoned_by_hand(model, by_hand, paper):
    """Those of docs/paper_scale.md."""
    row = plan_study(paper).set_index("cell").loc[f"main/{model}-base/tau1-g8/seed1"]
    columns = ["compute_flops", "flops", "gpu_hours", "wall_hours", "evaluation_hours"]
    assert row[columns].tolist() == pytest.approx(by_hand, rel=2e-3)


def test_one_protocol_for_all_cells_of_a_fit(paper):
    selected = paper["fit"]["select"]
    cells = [
        cell
        for cell in expand(paper)
        if all(getattr(cell, key) == value for key, value in selected.items())
    ]
    assert len(cells) == 54
    assert len({protocol_digest(paper, cell) for cell in cells}) == 1


@pytest.mark.parametrize("name", ["main", "reuse"])
def test_checkpoints_are_few_and_log_spaced(paper, name):
    recipe = paper["recipes"][name]
    steps = recipe["checkpoints"]
    assert len(steps) <= 16
    assert recipe["checkpoint_dtype"] == "bfloat16"
    late = [step for step in steps if step >= 5]  # below, steps are whole numbers
    assert all(1.2 < after / before < 1.45 for before, after in pairwise(late))


def test_reuse_consumes_51200_problems(paper):
    recipe = paper["recipes"]["reuse"]
    assert recipe["steps"] * recipe["prompts_per_step"] == 51_200


def test_recipes_differ_in_length_only(paper):
    main, reuse = paper["recipes"]["main"], paper["recipes"]["reuse"]
    assert {key for key in main if main[key] != reuse[key]} == {"steps", "checkpoints"}


def test_hub_models_are_pinned_and_distinct(paper):
    sources = [
        source
        for model in paper["models"].values()
        for variant, source in model.items()
        if variant in ("base", "instruct")
    ]
    assert len(sources) == 18
    hub = [(source["hub"], source["revision"]) for source in sources if "hub" in source]
    assert len(hub) == 17  # the base of 72B is a local folder
    assert len({name for name, _ in hub}) == len({revision for _, revision in hub}) == 17


def test_files_lie_below_the_study(paper):
    guru = paper["data"]["guru"]
    paths = guru["read"]["files"] + guru["held_out"]["read"]["files"]
    paths += [entry["path"] for entry in paper["benchmarks"].values() if "path" in entry]
    assert len(paths) == 9
    assert all(Path(path).parts[0] == "data" for path in paths)


@pytest.mark.parametrize(
    "name",
    ["math__full_difficulty_ordered_test_500.parquet", "math__sampled_1_4_12800.parquet"],
)
def test_the_prompt_stands_around_the_published_problems(paper, shared, name):
    from rlscale.data.readers import read_rows

    path = shared / "data" / "guru" / name
    guru = paper["data"]["guru"]["read"]
    rows = read_rows({**guru, "files": [str(path)]})
    assert not [row.failure for row in rows if row.failure]
    assert guru["wrapper"] == paper["recipes"]["main"]["prompt"]["template"]
    assert (
        paper["data"]["guru"]["read"]["wrapper"] == paper["recipes"]["main"]["prompt"]["template"]
    )


ACCELERATE = "python -m rlscale.jobs.launcher --config_file CONFIG/"
LAUNCHES = {
    "qwen2.5-0.5b": "ddp.yaml --num_processes 2 --num_machines 1",
    "qwen2.5-1.5b": "ddp.yaml --num_processes 2 --num_machines 1",
    "qwen2.5-3b": "fsdp2.yaml --num_processes 4 --num_machines 1",
    "qwen2.5-7b": "fsdp2.yaml --num_processes 8 --num_machines 1",
    "qwen2.5-14b": "fsdp2.yaml --num_processes 8 --num_machines 1",
    "qwen2.5-32b": "deepspeed_zero3.yaml --num_processes 16 --num_machines 2",
    "qwen2.5-72b": "deepspeed_zero3.yaml --num_processes 32 --num_machines 4",
}
SRUN = {
    "qwen2.5-32b": "srun --overlap --nodes=2 --ntasks=2 --ntasks-per-node=1 --gpus-per-node=8",
    "qwen2.5-72b": "srun --overlap --nodes=4 --ntasks=4 --ntasks-per-node=1 --gpus-per-node=8",
}


@pytest.mark.parametrize("model", LAUNCHES)
def test_the_command_line_of_each_size(paper, model):
    said = command(job_of(paper, model), "CONFIG")
    start = f"{ACCELERATE}{LAUNCHES[model]}"
    if model not in SRUN:
        assert said == f"{start} --main_process_port 0"
        return
    assert said == (
        f'{SRUN[model]} sh -c \'exec {start} --machine_rank "$SLURM_NODEID" --main_process_ip'
        ' "$(scontrol show hostnames "$SLURM_JOB_NODELIST" | head -n 1)"'
        ' --main_process_port $((20000 + SLURM_JOB_ID % 10000)) "$@"\' launch'
    )


@pytest.mark.slow
def test_accelerate_itself_reads_the_command_line(paper):
    """Its own parser and its own reading of our files, up to the point where GPUs are needed."""
    from accelerate.commands.config.config_args import load_config_from_file
    from accelerate.commands.launch import launch_command_parser

    kinds = {"ddp": "MULTI_GPU", "fsdp2": "FSDP", "deepspeed_zero3": "DEEPSPEED"}
    for model in LAUNCHES:
        job = job_of(paper, model)
        words = shlex.split(command(replace(job, nodes=1), str(ROOT / "config" / "accelerate")))
        again = ["-m", "rlscale.cli.main", "train", CELL.path, "--here"]
        arguments = launch_command_parser().parse_args([*words[3:], *again])
        assert arguments.module
        assert arguments.training_script == "rlscale.cli.main"
        assert arguments.training_script_args == ["train", CELL.path, "--here"]
        assert arguments.num_processes == job.gpus
        read = load_config_from_file(arguments.config_file)
        assert read.distributed_type == kinds[job.launch]
        assert read.mixed_precision == "bf16"


@pytest.mark.slow
@pytest.mark.parametrize("model", LAUNCHES)
def test_each_size_computes_the_same_batch_in_its_own_parts(paper, tmp_path, model):
    from rlscale.training.grpo_settings import grpo_config

    job = job_of(paper, model)
    config = grpo_config(
        recipe_of(paper, CELL),
        CELL,
        replace(job, gpus=0),  # as a CPU resolves it
        state=tmp_path,
        processes=job.processes,
    )
    part, parts = config.per_device_train_batch_size, config.gradient_accumulation_steps
    assert part == job.micro_batch
    assert part * parts * job.gpus == 128 * 8
    assert config.steps_per_generation == 4 * parts
    assert config.max_steps == 105 * 4
    assert config.use_vllm
    assert config.vllm_enable_sleep_mode
    assert config.vllm_tensor_parallel_size == job.engine.get("vllm_tensor_parallel_size", 1)


@pytest.fixture(scope="module")
def jobs(tmp_path_factory) -> dict[str, int]:
    """Rule -> number of jobs of a dry run for one figure, in an empty folder: without any data."""
    study = Study(tmp_path_factory.mktemp("paper"), yaml.safe_load(PAPER.read_text()))
    said = study.run("results/fig_k_of_N.pdf", "--dry-run", "--quiet", "rules")
    return {rule: int(count) for rule, count in re.findall(r"^(\w+) +(\d+)$", said, re.MULTILINE)}


def test_a_dry_run_lists_the_jobs(jobs, paper):
    cells = len(expand(paper))
    assert cells == 126
    wanted = {
        "prepare_set": 1,
        "make_variant": 10,
        "make_benchmark": 7,
        "make_model": 18,
        "train_cell": cells,
        "ask_cell": 2 * (78 + 3) + 4 * (6 + 6) + 6 * (6 + 3),  # 7B, 8B; 14B, 32B; 72B, 70B
        "evaluate_cell": cells,
        "make_curve": cells,
        "plot_k_of_N": 1,
    }
    assert {rule: jobs.get(rule) for rule in wanted} == wanted
    rest = {"collect_curves", "list_cells", "list_protocols", "fit_law", "total"}
    assert set(jobs) == set(wanted) | rest


@pytest.mark.slow
def test_every_command_can_be_typed(tmp_path):
    """None holds settings, or the names of other cells."""
    study = Study(tmp_path, yaml.safe_load(PAPER.read_text()))
    said = study.run("--dry-run", "--printshellcmds")
    commands = re.findall(r"(?m)^ *Shell command: (.*)$", said)
    assert len(commands) > 400
    assert max(map(len, commands)) < 150
    assert f"rlscale train {CELL.path} > logs/train_cell/{CELL.path}.log 2>&1" in commands
