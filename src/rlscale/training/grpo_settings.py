"""TRL's configuration of one cell, from its recipe."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rlscale.core.cell import Cell
from rlscale.core.errors import StudyError
from rlscale.core.recipe import Recipe
from rlscale.jobs.batch import batch_parts
from rlscale.jobs.devices import cpu_has_bfloat16, on_gpu
from rlscale.jobs.job import Job

if TYPE_CHECKING:
    from trl import GRPOConfig


def grpo_config(
    recipe: Recipe,
    cell: Cell,
    job: Job,
    *,
    state: Path,
    processes: int = 1,
    trust_remote_code: bool = False,
    report_to: Sequence[str] = (),
) -> "GRPOConfig":
    """TRL's configuration of one cell: the recipe's own keys plus what the design fixes.

    Args:
        recipe: The cell's.
        cell: Gives G (TRL's ``num_generations``) and the seed.
        job: How steps are computed; without GPUs it stays off any that the machine has.
        state: Folder of the resumable state.
        processes: Processes that train together.
        trust_remote_code: Whether the model's own Python files may run.
        report_to: Trackers that follow the run.

    Raises:
        StudyError: TRL refuses a key or a value (the message is TRL's), or the batch cannot be
            cut as ``job`` says.
    """
    from trl import GRPOConfig

    fixed = {
        **_batch(recipe, cell.group_size, processes, job.micro_batch),
        **_notes(recipe, state, report_to),
        "seed": cell.seed,
        "use_cpu": not on_gpu(job.gpus),
        "trust_remote_code": trust_remote_code,
    }
    own = _own_keys(recipe, job)
    taken = sorted(own.keys() & fixed.keys())
    if taken:
        raise StudyError(f"grpo.{taken[0]}: follows from other keys of the recipe; remove it")
    try:
        return GRPOConfig(**own, **fixed)
    except (TypeError, ValueError) as error:
        raise StudyError(f"recipe's grpo settings: {error}") from None


def _notes(recipe: Recipe, state: Path, report_to: Sequence[str]) -> dict[str, Any]:
    """What TRL saves (nothing), logs (every step, what is not finite too) and shows (nothing)."""
    return {
        "output_dir": str(state),
        "save_strategy": "no",
        "logging_steps": recipe.updates_per_step,
        "logging_nan_inf_filter": False,
        "report_to": list(report_to),
        "disable_tqdm": True,
    }


def _own_keys(recipe: Recipe, job: Job) -> dict[str, Any]:
    """The recipe's and the job's keys of TRL, with our defaults where they have none."""
    _check_format(recipe, job)
    defaults = {"lr_scheduler_type": "constant", "bf16": on_gpu(job.gpus)}
    own = {**defaults, **recipe.grpo, **job.engine}
    if not own.get("use_vllm"):
        # Weights that exploded in a step's last update still give a rollout, whose loss is not
        # finite: the run ends as diverged, not by an error in sampling.
        chosen = own.get("generation_kwargs") or {}
        own["generation_kwargs"] = {"remove_invalid_values": True, **chosen}
    return own


def _check_format(recipe: Recipe, job: Job) -> None:
    """Refuse bfloat16 where a CPU would emulate it, slower than float32."""
    if recipe.grpo.get("bf16") and not on_gpu(job.gpus) and not cpu_has_bfloat16():
        raise StudyError(
            "grpo.bf16: this machine's processor has no bfloat16 products (avx512_bf16, amx_bf16), "
            "and emulated ones are slower than float32: remove the key, or train elsewhere"
        )


def _batch(
    recipe: Recipe, group_size: int, processes: int, micro_batch: int | None
) -> dict[str, Any]:
    """A step's batch and its updates, as TRL counts them; the curriculum's order is kept."""
    part, parts = batch_parts(recipe, group_size, processes, micro_batch)
    return {
        "num_generations": group_size,
        "per_device_train_batch_size": part,
        "steps_per_generation": recipe.updates_per_step * parts,
        "gradient_accumulation_steps": parts,
        "max_steps": recipe.steps * recipe.updates_per_step,
        "shuffle_dataset": False,
    }
