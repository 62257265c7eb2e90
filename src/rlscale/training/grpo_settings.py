"""TRL's configuration of one cell, from its recipe."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rlscale.core.errors import StudyError
from rlscale.jobs.launch import batch_parts

if TYPE_CHECKING:
    from trl import GRPOConfig


def grpo_config(
    recipe: Mapping[str, Any],
    *,
    group_size: int,
    seed: int,
    state: Path,
    use_cpu: bool,
    machine: Mapping[str, Any],
    processes: int = 1,
    trust_remote_code: bool = False,
    report_to: Sequence[str] = (),
) -> "GRPOConfig":
    """TRL's configuration of one cell: the recipe's own keys plus what the design fixes.

    Args:
        recipe: A resolved recipe (``rlscale.study.grid.resolve``).
        group_size: G, TRL's ``num_generations``.
        seed: Seed of the run.
        state: Folder of the resumable state.
        use_cpu: Whether to stay off any GPU.
        machine: How steps are computed: ``micro_batch`` and ``engine`` of a model's resources.
        processes: Processes that train together.
        trust_remote_code: Whether the model's own Python files may run.
        report_to: Trackers that follow the run.

    Raises:
        StudyError: TRL refuses a key or a value (the message is TRL's), or the batch cannot be
            cut as ``machine`` says.
    """
    from trl import GRPOConfig

    updates = recipe["updates_per_step"]
    part, parts = batch_parts(recipe, group_size, processes, machine.get("micro_batch"))
    # PAPER: the curriculum order is kept, and the rate is constant (checked with the cells).
    fixed = {
        "output_dir": str(state),
        "num_generations": group_size,
        "per_device_train_batch_size": part,
        "steps_per_generation": updates * parts,
        "gradient_accumulation_steps": parts,
        "max_steps": recipe["steps"] * updates,
        "shuffle_dataset": False,
        "seed": seed,
        "use_cpu": use_cpu,
        "trust_remote_code": trust_remote_code,
        "save_strategy": "no",
        "logging_steps": updates,
        "logging_nan_inf_filter": False,
        "report_to": list(report_to),
        "disable_tqdm": True,
    }
    own = {**recipe["grpo"], "bf16": not use_cpu, **machine.get("engine", {})}
    taken = sorted(set(own) & set(fixed))
    if taken:
        raise StudyError(f"grpo.{taken[0]}: follows from other keys of the recipe; remove it")
    if not own.get("use_vllm"):
        # Weights that exploded in a step's last update still give a rollout, whose loss is not
        # finite: the run ends as diverged, not by an error in sampling.
        chosen = own.get("generation_kwargs") or {}
        own["generation_kwargs"] = {"remove_invalid_values": True, **chosen}
    try:
        return GRPOConfig(**{"lr_scheduler_type": "constant", **own}, **fixed)
    except (TypeError, ValueError) as error:
        raise StudyError(f"recipe's grpo settings: {error}") from None
