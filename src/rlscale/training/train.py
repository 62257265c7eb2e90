"""Train one cell with TRL's GRPOTrainer, resumably.

A *step* is one rollout batch; an *update* is one optimiser update (TRL's global_step).
"""

import os
import shutil
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from rlscale.accounting.ledger import Cost
from rlscale.core.cell import Cell
from rlscale.core.files import read_json, write_text
from rlscale.core.manifests import Provenance, mark_of, write_manifest
from rlscale.core.recipe import Recipe
from rlscale.jobs import finished
from rlscale.jobs.devices import on_gpu
from rlscale.jobs.job import Job
from rlscale.jobs.signals import Interrupted, stop_signals
from rlscale.judging.verifiers import VERIFIERS
from rlscale.models.checkpoints import Model, read_model
from rlscale.training.build import build, read_problems
from rlscale.training.grpo_settings import grpo_config
from rlscale.training.guard import Guard, callback_of
from rlscale.training.pauses import Paused, is_waiting, pause_steps, saved_checkpoints, write_pause
from rlscale.training.reward import Reward, check_consumed
from rlscale.training.run import Outputs, Paths, Upkeep
from rlscale.training.saving import RECORD, prepare_state
from rlscale.training.watch import progress_bar

if TYPE_CHECKING:
    import pandas
    from trl import GRPOConfig, GRPOTrainer

METRICS = (
    "loss", "reward", "reward_std", "frac_reward_zero_std", "kl", "entropy", "grad_norm",
    "learning_rate", "completions/mean_length", "completions/clipped_ratio", "num_tokens",
)  # fmt: skip


def train_cell(
    cell: Cell, settings: Mapping[str, Any], paths: Paths, job: Job, upkeep: Upkeep
) -> None:
    """Train a cell to its end, or from where an interrupted run left it.

    Args:
        cell: The cell.
        settings: All that decides the result: ``recipe`` (``Recipe.to_json``), and digests of the
            rule.
        paths: What is read and written.
        job: How steps are computed.
        upkeep: What goes on beside the computation.

    Raises:
        StudyError: Bad input, or the consumed problems differ from the manifest's order.
        Owned: Another process has taken the cell over.
        Interrupted: SIGTERM, SIGUSR1 or SIGURG came; the state is saved at a rollout boundary.
        Paused: The checkpoints wait for their evaluation; the state is saved.
    """
    training = _Training(cell, settings, paths, job, upkeep)
    if training.put_back():
        print(f"{cell.path}: trained before; its results are put back")
        return
    saved = training.prepare()
    if upkeep.checkpoints_on_disk and saved is not None and is_waiting(saved):
        training.pause(saved)
    training.run(saved)


class _Training:
    """One start of a cell's training."""

    def __init__(
        self, cell: Cell, settings: Mapping[str, Any], paths: Paths, job: Job, upkeep: Upkeep
    ) -> None:
        self.cell, self.paths, self.job, self.upkeep = cell, paths, job, upkeep
        self.recipe = Recipe.from_json(settings["recipe"])
        self.provenance = Provenance(
            "rlscale.training.train",
            settings,
            paths.inputs,
            used=[VERIFIERS.module(self.recipe.verifier)],
            seed=cell.seed,
        )
        self.mark = mark_of(settings, paths.inputs)
        first = os.environ.get("RANK", "0") == "0"
        self.model: Model = read_model(paths.model, verify=first, trusted=upkeep.trust_remote_code)
        self.problems = read_problems(paths.data, self.recipe)
        self.config: GRPOConfig = grpo_config(
            self.recipe,
            cell,
            job,
            state=paths.state,
            processes=int(os.environ.get("WORLD_SIZE", "1")),
            trust_remote_code=self.model.trust_remote_code,
            report_to=upkeep.report_to,
        )

    @property
    def writes(self) -> bool:
        """Whether this is the process that writes files."""
        return self.config.process_index == 0

    def put_back(self) -> bool:
        """Put the results of the same training back, where it had ended; whether it had."""
        from accelerate.utils import gather_object

        outputs = asdict(self.paths.outputs)
        back = self.writes and finished.restore(self.paths.state, self.mark, outputs)
        return any(gather_object([back]))

    def prepare(self) -> Path | None:
        """The saved state to go on from; without one, nothing of an earlier run is left."""
        with self.config.main_process_first(local=False):
            saved = prepare_state(self.paths.state, self.mark)
            if saved is None and self.writes:
                shutil.rmtree(self.paths.checkpoints, ignore_errors=True)
        return saved

    def pause(self, saved: Path) -> NoReturn:
        """Let the evaluation have its turn."""
        if self.writes:
            listed = saved_checkpoints(self.model, self.paths.checkpoints, self.recipe)
            write_pause(saved, self.cell.path, listed)
        raise Paused(f"{self.cell.path}: {saved} waits for the evaluation of its checkpoints")

    def run(self, saved: Path | None) -> None:
        """Train from a saved state, or from the start, and write what came of it."""
        trainer, reward, cost = build(
            self.cell, self.recipe, self.model, self.problems, self.config
        )
        trainer.add_callback(progress_bar(self.recipe, shown=self.writes))
        pauses = pause_steps(self.recipe, self.upkeep.checkpoints_on_disk)
        guard = Guard(trainer, reward, self.recipe, self.paths, self.upkeep, pauses)
        _add_guard(trainer, guard, self.recipe.updates_per_step)
        if saved is not None:
            record = read_json(saved / RECORD)
            reward.restore(record)
            guard.restore(record)
            done = len(reward.steps)
            print(f"resuming {self.cell.path} after step {done} of {self.recipe.steps}")
        ended = len(reward.steps) == self.recipe.steps or guard.status != "ok"
        if saved is not None and ended:
            trainer.state = trainer.state.load_from_json(str(saved / "trainer_state.json"))
        else:
            _load_onto_numbered_cpus()
            with stop_signals(guard):
                trainer.train(resume_from_checkpoint=str(saved) if saved else None)
        if guard.paused_at is not None:
            self.pause(guard.paused_at)
        if guard.interrupted:
            raise Interrupted(f"{self.cell.path}: state saved after step {len(reward.steps)}")
        if self.writes:
            self.write(trainer, reward, cost, guard.status)

    def write(self, trainer: "GRPOTrainer", reward: Reward, cost: Cost, status: str) -> None:
        """Write the tables and, last, the manifest."""
        outputs, recipe, model = self.paths.outputs, self.recipe, self.model
        check_consumed(reward.consumed, self.problems, recipe.prompts_per_step, self.cell.path)
        self.upkeep.check_owner()
        saved = saved_checkpoints(model, self.paths.checkpoints, recipe)
        _write_tables(outputs, trainer, reward, cost, recipe.updates_per_step)
        folders = [Path(checkpoint.path) for checkpoint in saved[1:] if not checkpoint.removed]
        files = [path for folder in folders for path in folder.iterdir() if path.is_file()]
        write_manifest(
            outputs.manifest,
            self.provenance,
            kind="train",
            name=self.cell.path,
            files=[*files, outputs.metrics, outputs.ledger, outputs.consumed],
            status=status,
            cell={**asdict(self.cell), "path": self.cell.path},
            checkpoints=[checkpoint.to_json() for checkpoint in saved],
            family=model.family,
            n_params=model.n_params,
            n_params_total=model.n_params_total,
            n_params_nominal=model.n_params_nominal,
            cost=asdict(cost),
            gpus=self.job.gpus if on_gpu(self.job.gpus) else 0,
            prompts_per_step=recipe.prompts_per_step,
        )
        finished.keep(self.paths.state, self.mark, asdict(outputs))


def _add_guard(trainer: "GRPOTrainer", guard: Guard, updates_per_step: int) -> None:
    from transformers import PrinterCallback

    trainer.remove_callback(PrinterCallback)
    trainer.add_callback(callback_of(guard, updates_per_step))


def _load_onto_numbered_cpus() -> None:
    """Let torch.load know ``cpu:0``, which Trainer asks for where processes resume on CPUs."""
    import torch

    def restore(storage: Any, location: str) -> Any:
        return storage if location.startswith("cpu:") else None

    torch.serialization.register_package(0, lambda storage: None, restore)


def _write_tables(
    outputs: Outputs, trainer: "GRPOTrainer", reward: Reward, cost: Cost, updates_per_step: int
) -> None:
    import pandas

    logs = [
        {
            "step": entry["step"] // updates_per_step,
            **{key: entry.get(key) for key in METRICS},
            **{key: value for key, value in entry.items() if key.startswith("sampling/")},
        }
        for entry in trainer.state.log_history
        if "reward" in entry
    ]
    tables: dict[Path, list[dict[str, Any]]] = {
        outputs.metrics: logs,
        outputs.ledger: cost.training(reward.steps),
        outputs.timings: reward.timings.rows,
    }
    for path, rows in tables.items():
        write_text(path, pandas.DataFrame(rows).to_csv(index=False))
    _consumed_table(reward).to_parquet(outputs.consumed, index=False)


def _consumed_table(reward: Reward) -> "pandas.DataFrame":
    """``step`` and ``problem_id`` of every problem consumed, in their order."""
    import pandas

    return pandas.DataFrame(
        [
            {"step": step, "problem_id": problem}
            for step, ids in enumerate(reward.consumed, start=1)
            for problem in ids
        ]
    )
