"""Train one cell with TRL's GRPOTrainer, resumably.

A *step* is one rollout batch; an *update* is one optimiser update (TRL's global_step).
"""

import os
import shutil
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from rlscale.accounting.ledger import Cost, passes
from rlscale.accounting.timings import time_phases
from rlscale.core.errors import StudyError
from rlscale.core.files import read_json, write_text
from rlscale.core.manifests import (
    fingerprint,
    input_fingerprints,
    read_manifest,
    verify_files,
    write_manifest,
)
from rlscale.jobs import finished
from rlscale.jobs.owner import Owner
from rlscale.jobs.signals import Interrupted, stop_signals
from rlscale.models.prompts import render
from rlscale.training.grpo_settings import grpo_config
from rlscale.training.guard import guard_of, prepare_state
from rlscale.training.lora import lora_config
from rlscale.training.pauses import Paused, is_waiting, pause_steps, saved_checkpoints, write_pause
from rlscale.training.reward import Reward, check_consumed
from rlscale.training.watch import progress_bar

if TYPE_CHECKING:
    import pandas
    from transformers import PreTrainedTokenizerBase
    from trl import GRPOConfig, GRPOTrainer

METRICS = (
    "loss", "reward", "reward_std", "frac_reward_zero_std", "kl", "entropy", "grad_norm",
    "learning_rate", "completions/mean_length", "completions/clipped_ratio", "num_tokens",
)  # fmt: skip


def train_cell(
    *,
    cell: Mapping[str, Any],
    settings: Mapping[str, Any],
    model_manifest: Path,
    data_manifest: Path,
    checkpoints: Path,
    state: Path,
    outputs: Mapping[str, Path],
    save_state_minutes: float,
    machine: Mapping[str, Any],
    owner: Owner | None,
    checkpoints_on_disk: int = 0,
    report_to: Sequence[str] = (),
) -> None:
    """Train a cell to its end, or from where an interrupted run left it.

    Args:
        cell: Fields of ``rlscale.study.grid.Cell`` plus ``path``.
        settings: All that decides the result: ``recipe`` (resolved), and digests of the rule.
        model_manifest: Manifest of the weights that the run starts from.
        data_manifest: Manifest of the data variant; ``train.parquet`` lies beside it.
        checkpoints: Folder for ``step<n>/``.
        state: Folder of the resumable state.
        outputs: Paths ``manifest``, ``metrics``, ``ledger``, ``timings`` and ``consumed``.
        save_state_minutes: Least time between two savings of resumable state.
        machine: How steps are computed: ``micro_batch`` and ``engine`` of a model's resources.
        owner: Claim on the cell, in the process that holds it; checked before anything is written.
        checkpoints_on_disk: Most checkpoints before a pause for their evaluation; 0 for no pause.
        report_to: Trackers that follow the run; ``rlscale.training.watch.prepare_trackers`` came
            before.

    Raises:
        StudyError: Bad input, or the consumed problems differ from the manifest's order.
        Owned: Another process has taken the cell over.
        Interrupted: SIGTERM, SIGUSR1 or SIGURG came; the state is saved at a rollout boundary.
        Paused: The checkpoints wait for their evaluation; the state is saved.
    """
    started = time.time()
    recipe = settings["recipe"]
    inputs = {"model": model_manifest, "data": data_manifest}
    mark = fingerprint(settings, input_fingerprints(inputs))
    model = read_manifest(model_manifest, "model")
    verify_files(model)
    trusted = model.get("trust_remote_code", False)
    problems = read_problems(data_manifest, recipe)
    config = grpo_config(
        recipe,
        group_size=cell["group_size"],
        seed=cell["seed"],
        state=state,
        use_cpu=_gpus() == 0,
        machine=machine,
        processes=int(os.environ.get("WORLD_SIZE", "1")),
        trust_remote_code=trusted,
        report_to=report_to,
    )
    _load_onto_numbered_cpus()
    with config.main_process_first(local=False):
        if finished.restore(state, mark, outputs):
            print(f"{cell['path']}: trained before; its results are put back")
            return
        resume = prepare_state(state, mark)
        if resume is None and config.process_index == 0:
            shutil.rmtree(checkpoints, ignore_errors=True)

    def pause(saved_state: Path) -> NoReturn:
        if config.process_index == 0:
            saved = saved_checkpoints(model, checkpoints, recipe)
            write_pause(saved_state, mark, cell["path"], saved, trusted)
        raise Paused(f"{cell['path']}: {saved_state} waits for the evaluation of its checkpoints")

    if checkpoints_on_disk and resume is not None and is_waiting(resume):
        pause(resume)
    trainer, reward, cost = _build(cell, recipe, model, problems, config)
    trainer.add_callback(progress_bar(recipe, shown=config.process_index == 0))
    pauses = pause_steps(recipe, checkpoints_on_disk)
    guard = guard_of(trainer, reward, recipe, checkpoints, state, save_state_minutes, owner, pauses)
    if resume is not None:
        reward.restore(read_json(resume / "record.json"))
        guard.restore(read_json(resume / "record.json"))
        print(f"resuming {cell['path']} after step {len(reward.steps)} of {recipe['steps']}")
    if resume is not None and (len(reward.steps) == recipe["steps"] or guard.status != "ok"):
        trainer.state = trainer.state.load_from_json(str(resume / "trainer_state.json"))
    else:
        with stop_signals(guard):
            trainer.train(resume_from_checkpoint=str(resume) if resume else None)
    if guard.paused_at is not None:
        pause(guard.paused_at)
    if guard.interrupted:
        raise Interrupted(f"{cell['path']}: state saved after step {len(reward.steps)}")

    if config.process_index:
        return  # the first process writes
    check_consumed(reward.consumed, problems, recipe, cell["path"])
    if owner:
        owner.check()
    saved = saved_checkpoints(model, checkpoints, recipe)
    _write_tables(outputs, trainer, reward, cost, recipe)
    folders = [Path(entry["path"]) for entry in saved[1:] if "weights" not in entry]
    files = [path for folder in folders for path in folder.iterdir() if path.is_file()]
    write_manifest(
        outputs["manifest"],
        kind="train",
        name=cell["path"],
        settings=settings,
        inputs=inputs,
        files=[*files, outputs["metrics"], outputs["ledger"], outputs["consumed"]],
        seed=cell["seed"],
        started=started,
        code="rlscale.training.train",
        status=guard.status,
        cell=dict(cell),
        checkpoints=saved,
        family=model["family"],
        n_params=model["n_params"],
        n_params_total=model["n_params_total"],
        n_params_nominal=model["n_params_nominal"],
        cost=asdict(cost),
        trust_remote_code=trusted,
        gpus=_gpus(),
    )
    finished.keep(state, outputs)


def read_problems(data_manifest: Path, recipe: Mapping[str, Any]) -> "pandas.DataFrame":
    """Read a data variant's training table, one row per problem that the run will consume.

    Raises:
        StudyError: The file is damaged, or its rows are not steps x prompts per step.
    """
    import pandas

    manifest = read_manifest(data_manifest)
    verify_files(manifest)
    path = data_manifest.parent / "train.parquet"
    problems = pandas.read_parquet(path)
    wanted = recipe["steps"] * recipe["prompts_per_step"]
    if len(problems) != wanted:
        raise StudyError(f"{path}: {len(problems)} rows where the recipe's steps need {wanted}")
    return problems


def _build(
    cell: Mapping[str, Any],
    recipe: Mapping[str, Any],
    model: Mapping[str, Any],
    problems: "pandas.DataFrame",
    config: "GRPOConfig",
) -> tuple["GRPOTrainer", Reward, Cost]:
    import torch
    from datasets import Dataset
    from transformers import AutoModelForCausalLM, AutoTokenizer
    from transformers.utils.logging import disable_progress_bar
    from trl import GRPOTrainer
    from trl.trainer import utils as trl_utils

    torch.set_num_threads(recipe["cpu_threads"])
    disable_progress_bar()
    weights = model["weights"]
    tokenizer = AutoTokenizer.from_pretrained(
        weights, padding_side="left", trust_remote_code=config.trust_remote_code
    )
    prompts = render_all(tokenizer, problems, cell["variant"], recipe, _context(weights))
    network = AutoModelForCausalLM.from_pretrained(
        weights,
        dtype="float32",
        use_safetensors=True,
        trust_remote_code=config.trust_remote_code,
    )
    # TRL scores responses in tiles 32,768 columns wide, whatever the vocabulary: with a hundred
    # characters that is hundreds of megabytes of nothing, and a quarter of a step's time.
    trl_utils._CHUNKED_LOGPROB_CHUNK_SIZE = min(
        trl_utils._CHUNKED_LOGPROB_CHUNK_SIZE, network.config.get_text_config().vocab_size
    )
    phases = passes(
        updates_per_step=recipe["updates_per_step"],
        beta=config.beta,
        vllm_corrected=config.use_vllm and config.vllm_importance_sampling_correction,
    )
    cost = Cost.of_model(network.config, model, phases, frozen="lora" in recipe)
    reward = Reward(recipe["verifier"], tokenizer)
    rows = {
        "prompt": prompts,
        "answer": problems["answer"].tolist(),
        "problem_id": problems["problem_id"].tolist(),
    }
    trainer = GRPOTrainer(
        model=network,
        args=config,
        train_dataset=Dataset.from_dict(rows),
        reward_funcs=reward,
        processing_class=tokenizer,
        peft_config=lora_config(network, recipe["lora"]) if "lora" in recipe else None,
    )
    time_phases(trainer, reward.timings, phases)
    return trainer, reward, cost


def render_all(
    tokenizer: "PreTrainedTokenizerBase",
    problems: "pandas.DataFrame",
    variant: str,
    recipe: Mapping[str, Any],
    context: int | None,
) -> list[str]:
    """Prompts of a training table, in its order.

    Raises:
        StudyError: The longest one and a response do not fit into ``context``, the model's longest
            sequence in tokens.
    """
    prompts = [render(tokenizer, text, variant, recipe["prompt"]) for text in problems["problem"]]
    if context is not None:
        lengths = list(map(len, tokenizer(prompts).input_ids))
        longest = max(lengths)
        response = recipe["grpo"]["max_completion_length"]
        if longest + response > context:
            problem = problems["problem_id"].iloc[lengths.index(longest)]
            raise StudyError(
                f"problem {problem}: its prompt of {longest} tokens and grpo.max_completion_length "
                f"{response} exceed the model's context of {context} tokens; shorten responses, "
                "lower the data set's max_characters or take another model"
            )
    return prompts


def _context(weights: str) -> int | None:
    """Longest sequence of a model, in tokens, as its config.json states it."""
    return read_json(Path(weights) / "config.json").get("max_position_embeddings")


def _gpus() -> int:
    import torch

    return torch.cuda.device_count() if torch.cuda.is_available() else 0


def _load_onto_numbered_cpus() -> None:
    """Let torch.load know ``cpu:0``, which Trainer asks for where processes resume on CPUs."""
    import torch

    def restore(storage: Any, location: str) -> Any:
        return storage if location.startswith("cpu:") else None

    torch.serialization.register_package(0, lambda storage: None, restore)


def _write_tables(
    outputs: Mapping[str, Path],
    trainer: "GRPOTrainer",
    reward: Reward,
    cost: Cost,
    recipe: Mapping[str, Any],
) -> None:
    import pandas

    updates = recipe["updates_per_step"]
    logs = [
        {"step": entry["step"] // updates, **{key: entry.get(key) for key in METRICS}}
        for entry in trainer.state.log_history
        if "reward" in entry
    ]
    tables = {
        "metrics": logs,
        "ledger": cost.training(reward.steps),
        "timings": reward.timings.rows,
    }
    for name, rows in tables.items():
        write_text(outputs[name], pandas.DataFrame(rows).to_csv(index=False))
    consumed = pandas.DataFrame(
        [
            {"step": step, "problem_id": problem}
            for step, ids in enumerate(reward.consumed, start=1)
            for problem in ids
        ]
    )
    consumed.to_parquet(outputs["consumed"], index=False)
