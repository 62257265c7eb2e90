"""Train one cell with TRL's GRPOTrainer, resumably.

A *step* is one rollout batch; an *update* is one optimiser update (TRL's global_step). Resumable
state is taken at rollout boundaries only, because TRL loses buffered rollouts on a resume. It
lives outside the rule's declared outputs, which Snakemake removes when a run fails.
"""

import math
import os
import shutil
import signal
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rlscale.errors import StudyError
from rlscale.ledger import COLUMNS as LEDGER_COLUMNS
from rlscale.ledger import Cost
from rlscale.manifests import (
    fingerprint,
    input_fingerprints,
    read_json,
    read_manifest,
    verify_files,
    write_json,
    write_manifest,
    write_text,
)
from rlscale.prompts import render
from rlscale.reward import Reward, check_consumed
from rlscale.weights import weights_digest

if TYPE_CHECKING:
    import pandas
    from trl import GRPOConfig, GRPOTrainer

INTERRUPTED = 85
METRICS = (
    "loss", "reward", "reward_std", "frac_reward_zero_std", "kl", "entropy", "grad_norm",
    "learning_rate", "completions/mean_length", "completions/clipped_ratio", "num_tokens",
)  # fmt: skip


class Interrupted(Exception):
    """The run was asked to stop, and its state is saved."""


def grpo_config(
    recipe: Mapping[str, Any], *, group_size: int, seed: int, state: Path, use_cpu: bool
) -> "GRPOConfig":
    """TRL's configuration of one cell: the recipe's own keys plus what the design fixes.

    Args:
        recipe: A resolved recipe (``rlscale.cells.resolve``).
        group_size: G, TRL's ``num_generations``.
        seed: Seed of the run.
        state: Folder of the resumable state.
        use_cpu: Whether to stay off any GPU.

    Raises:
        StudyError: TRL refuses a key or a value; the message is TRL's.
    """
    from trl import GRPOConfig

    updates = recipe["updates_per_step"]
    # PAPER: the curriculum order is kept, and the rate is constant (checked with the cells).
    fixed = {
        "output_dir": str(state),
        "num_generations": group_size,
        "per_device_train_batch_size": recipe["prompts_per_step"] * group_size // updates,
        "steps_per_generation": updates,
        "gradient_accumulation_steps": 1,
        "max_steps": recipe["steps"] * updates,
        "shuffle_dataset": False,
        "seed": seed,
        "use_cpu": use_cpu,
        "bf16": not use_cpu,
        "save_strategy": "no",
        "logging_steps": updates,
        "logging_nan_inf_filter": False,
        "report_to": [],
        "disable_tqdm": True,
    }
    own = recipe["grpo"]
    taken = sorted(set(own) & set(fixed))
    if taken:
        raise StudyError(f"grpo.{taken[0]}: follows from other keys of the recipe; remove it")
    try:
        return GRPOConfig(**{"lr_scheduler_type": "constant", **own}, **fixed)
    except (TypeError, ValueError) as error:
        raise StudyError(f"recipe's grpo settings: {error}") from None


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
) -> None:
    """Train a cell to its end, or from where an interrupted run left it.

    Args:
        cell: Fields of ``rlscale.cells.Cell`` plus ``path``.
        settings: All that decides the result: ``recipe`` (resolved), and digests of the rule.
        model_manifest: Manifest of the weights that the run starts from.
        data_manifest: Manifest of the data variant; ``train.parquet`` lies beside it.
        checkpoints: Folder for ``step<n>/``.
        state: Folder of the resumable state.
        outputs: Paths ``manifest``, ``metrics``, ``ledger`` and ``consumed``.
        save_state_minutes: Least time between two savings of resumable state.

    Raises:
        StudyError: Bad input, or the consumed problems differ from the manifest's order.
        Interrupted: SIGTERM, SIGUSR1 or SIGURG came; the state is saved at a rollout boundary.
    """
    started = time.time()
    recipe = settings["recipe"]
    inputs = {"model": model_manifest, "data": data_manifest}
    mark = fingerprint(settings, input_fingerprints(inputs))
    model = read_manifest(model_manifest, "model")
    verify_files(model)
    problems = read_problems(data_manifest, recipe)
    resume = prepare_state(state, mark)
    if resume is None:
        shutil.rmtree(checkpoints, ignore_errors=True)

    trainer, reward = _build(cell, recipe, model, problems, state)
    guard = _callback(trainer, reward, recipe, checkpoints, state, save_state_minutes)
    if resume is not None:
        reward.restore(read_json(resume / "record.json"))
        guard.restore(read_json(resume / "record.json"))
        print(f"resuming {cell['path']} after step {len(reward.steps)} of {recipe['steps']}")
    with _stop_signals(guard):
        trainer.train(resume_from_checkpoint=str(resume) if resume else None)
    if guard.interrupted:
        raise Interrupted(f"{cell['path']}: state saved after step {len(reward.steps)}")

    check_consumed(reward.consumed, problems, recipe, cell["path"])
    saved = [{"step": 0, "path": model["weights"], "digest": weights_digest(model["weights"])}]
    for step in sorted(set(recipe["checkpoints"]) - {0}):
        folder = checkpoints / f"step{step}"
        if folder.exists():
            saved.append({"step": step, "path": str(folder), "digest": weights_digest(str(folder))})
    _write_tables(outputs, trainer, reward, recipe)
    files = [
        path for entry in saved[1:] for path in Path(entry["path"]).iterdir() if path.is_file()
    ]
    write_manifest(
        outputs["manifest"],
        kind="train",
        name=cell["path"],
        settings=settings,
        inputs=inputs,
        files=[*files, outputs["metrics"], outputs["ledger"], outputs["consumed"]],
        seed=cell["seed"],
        started=started,
        code="rlscale.train",
        status=guard.status,
        cell=dict(cell),
        checkpoints=saved,
        family=model["family"],
        n_params=model["n_params"],
        n_params_total=model["n_params_total"],
        n_params_nominal=model["n_params_nominal"],
        gpus=_gpus(),
    )
    shutil.rmtree(state, ignore_errors=True)


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


def prepare_state(state: Path, mark: str) -> Path | None:
    """The newest complete state of a run with the same fingerprint; any other is removed."""
    marker = state / "fingerprint.json"
    if marker.exists() and read_json(marker) == mark:
        complete = [path for path in state.glob("checkpoint-*") if (path / "record.json").exists()]
        newest = max(complete, key=lambda path: int(path.name.split("-")[1]), default=None)
        for path in state.glob("checkpoint-*"):
            if path != newest:
                shutil.rmtree(path)
        return newest
    shutil.rmtree(state, ignore_errors=True)
    write_json(marker, mark)
    return None


def _build(
    cell: Mapping[str, Any],
    recipe: Mapping[str, Any],
    model: Mapping[str, Any],
    problems: "pandas.DataFrame",
    state: Path,
) -> tuple["GRPOTrainer", Reward]:
    import torch
    from datasets import Dataset
    from transformers import AutoModelForCausalLM, AutoTokenizer
    from transformers.utils.logging import disable_progress_bar
    from trl import GRPOTrainer

    torch.set_num_threads(recipe["cpu_threads"])
    disable_progress_bar()
    config = grpo_config(
        recipe,
        group_size=cell["group_size"],
        seed=cell["seed"],
        state=state,
        use_cpu=_gpus() == 0,
    )
    weights = model["weights"]
    tokenizer = AutoTokenizer.from_pretrained(weights, padding_side="left")
    network = AutoModelForCausalLM.from_pretrained(weights, dtype="float32", use_safetensors=True)
    head = network.get_output_embeddings().weight.numel()
    cost = Cost(
        n_params=model["n_params"],
        n_params_head=head,
        old_logprobs=recipe["updates_per_step"] > 1,
        reference=config.beta > 0,
    )
    reward = Reward(recipe["verifier"], tokenizer, cost)
    prompts = [render(tokenizer, p, cell["variant"], recipe["prompt"]) for p in problems["problem"]]
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
    )
    return trainer, reward


def _gpus() -> int:
    import torch

    return torch.cuda.device_count() if torch.cuda.is_available() else 0


def _callback(
    trainer: "GRPOTrainer",
    reward: Reward,
    recipe: Mapping[str, Any],
    checkpoints: Path,
    state: Path,
    save_state_minutes: float,
) -> Any:
    """The callback that saves weights and state at rollout boundaries; added to the trainer."""
    from tqdm import tqdm
    from transformers import PrinterCallback, TrainerCallback

    class Guard(TrainerCallback):
        """Acts at rollout boundaries only: weights, state, stop requests, divergence."""

        def __init__(self) -> None:
            self.stop_asked = False
            self.interrupted = False
            self.status = "ok"
            self.zero_reward_steps = 0
            self.saved_at = time.monotonic()
            self.bar = tqdm(total=recipe["steps"], desc="steps", unit="step", mininterval=5)

        def restore(self, record: Mapping[str, Any]) -> None:
            self.zero_reward_steps = record["zero_reward_steps"]
            self.bar.update(len(record["steps"]))

        def on_log(self, args, run, control, logs, **_):
            self.bar.set_postfix(
                {key: f"{logs[key]:.3f}" for key in ("loss", "reward") if key in logs}
            )
            bad = [key for key in ("loss", "grad_norm") if not math.isfinite(logs.get(key, 0.0))]
            if "reward" in logs:
                self.zero_reward_steps = 0 if logs["reward"] else self.zero_reward_steps + 1
            if bad or self.zero_reward_steps >= recipe["zero_reward_steps"]:
                reason = f"{bad[0]} is not finite" if bad else "the reward stays at 0"
                print(f"diverged at update {run.global_step}: {reason}")
                self.status = "diverged"
                control.should_training_stop = True

        def on_step_end(self, args, run, control, **_):
            if run.global_step % recipe["updates_per_step"]:
                return
            step = run.global_step // recipe["updates_per_step"]
            reward.end_step()
            self.bar.update(1)
            if step in recipe["checkpoints"]:
                _save_weights(trainer, checkpoints / f"step{step}", recipe["checkpoint_dtype"])
            due = time.monotonic() - self.saved_at > 60 * save_state_minutes
            if (self.stop_asked or due) and step < recipe["steps"]:
                control.should_save = True

        def on_save(self, args, run, control, **_):
            folder = state / f"checkpoint-{run.global_step}"
            record = {**reward.state(), "zero_reward_steps": self.zero_reward_steps}
            write_json(folder / "record.json", record)  # last: it marks the folder as complete
            for other in state.glob("checkpoint-*"):
                if other != folder:
                    shutil.rmtree(other)
            self.saved_at = time.monotonic()
            if self.stop_asked:
                self.interrupted = True
                control.should_training_stop = True

    guard = Guard()
    trainer.remove_callback(PrinterCallback)
    trainer.add_callback(guard)
    return guard


class _stop_signals:
    """Within it, signals ask the guard to stop at the next rollout boundary.

    SIGURG is a cluster's warning of the time limit: it reaches all processes of a job, and is the
    one that shells and Snakemake, which stand above the training, ignore by default.
    """

    def __init__(self, guard: Any) -> None:
        self.guard = guard

    def __enter__(self) -> None:
        def ask(*_: Any) -> None:
            self.guard.stop_asked = True

        signals = (signal.SIGTERM, signal.SIGUSR1, signal.SIGURG)
        self.before = {name: signal.signal(name, ask) for name in signals}

    def __exit__(self, *_: Any) -> None:
        for name, handler in self.before.items():
            signal.signal(name, handler)


def _save_weights(trainer: "GRPOTrainer", folder: Path, dtype: str) -> None:
    """Save model and tokenizer so that the folder appears whole or not at all."""
    import torch

    model = trainer.accelerator.unwrap_model(trainer.model)
    part = folder.with_name(f".{folder.name}.part")
    shutil.rmtree(part, ignore_errors=True)
    weights = {name: value.to(getattr(torch, dtype)) for name, value in model.state_dict().items()}
    model.save_pretrained(part, state_dict=weights)
    trainer.processing_class.save_pretrained(part)
    shutil.rmtree(folder, ignore_errors=True)
    os.replace(part, folder)


def _write_tables(
    outputs: Mapping[str, Path], trainer: "GRPOTrainer", reward: Reward, recipe: Mapping[str, Any]
) -> None:
    import pandas

    updates = recipe["updates_per_step"]
    logs = [
        {"step": entry["step"] // updates, **{key: entry.get(key) for key in METRICS}}
        for entry in trainer.state.log_history
        if "reward" in entry
    ]
    write_text(outputs["metrics"], pandas.DataFrame(logs).to_csv(index=False))
    ledger = pandas.DataFrame(reward.steps)[list(LEDGER_COLUMNS)]
    write_text(outputs["ledger"], ledger.to_csv(index=False))
    consumed = pandas.DataFrame(
        [
            {"step": step, "problem_id": problem}
            for step, ids in enumerate(reward.consumed, start=1)
            for problem in ids
        ]
    )
    consumed.to_parquet(outputs["consumed"], index=False)
