"""The parts in which a batch is computed: how many responses a process takes at once."""

from collections.abc import Mapping
from typing import Any

from rlscale.core.errors import StudyError
from rlscale.core.recipe import Recipe


def batch_parts(
    recipe: Recipe, group_size: int, processes: int, micro_batch: int | None
) -> tuple[int, int]:
    """Cut an update's responses into what one process takes at once, and how many times.

    Args:
        recipe: The cell's.
        group_size: G.
        processes: Processes that train together.
        micro_batch: Responses per process and forward pass; None = all of an update's.

    Returns:
        TRL's ``per_device_train_batch_size`` and ``gradient_accumulation_steps``.

    Raises:
        StudyError: The numbers do not divide, or the loss depends on the parts.
    """
    update = recipe.prompts_per_step * group_size // recipe.updates_per_step
    if update % processes:
        raise StudyError(
            f"an update's {update} responses cannot be divided among {processes} processes; "
            "change resources' gpus"
        )
    share = update // processes
    part = micro_batch or share
    if share % part:
        raise StudyError(
            f"micro_batch: {part} does not divide the {share} responses of a process per update"
        )
    if part < update:
        _check_loss(recipe.grpo)
    return part, share // part


def _check_loss(grpo: Mapping[str, Any]) -> None:
    """Refuse losses that TRL normalises or selects within each part of a batch."""
    local = {
        "loss_type": grpo.get("loss_type") == "bnpo",
        "entropy_coef": grpo.get("entropy_coef", 0.0) != 0,
        "use_adaptive_entropy": grpo.get("use_adaptive_entropy", False),
        "top_entropy_quantile": grpo.get("top_entropy_quantile", 1.0) < 1,
    }
    for key, depends in local.items():
        if depends:
            raise StudyError(
                f"grpo.{key}: TRL computes it within each process and micro-batch, so resources "
                "would decide the result; train on one process without micro_batch"
            )
