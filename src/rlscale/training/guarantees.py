"""What must hold in a run: random numbers of its own seed, and a reference that is its own start.

Both were broken in silence by what TRL is put together with: vLLM's start sets all seeds of a
process to the process's number, and a way of loading under FSDP2 leaves the reference zeros on most
processes.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rlscale.core.errors import StudyError

if TYPE_CHECKING:
    import torch
    from trl import GRPOConfig, GRPOTrainer

# ASSUME: nats per token. Before the first update policy and reference have the same weights and see
# the same padded batch, so their divergence is 0: measured on fourteen twins of real models in
# bfloat16; with batches padded otherwise .003. Weights that differ are found before, to the last
# bit (``check_reference``); by this alone all of them wrong by 3 % of their spread (.0155) are, by
# 1 % (.0003 to .0015) not. It is for a reference that computes otherwise. The kl of metrics.csv is
# a step's mean, after updates: .02 there says nothing.
FIRST_KL = {"float32": 1e-4, "bfloat16": 1e-2}


def seed_rollouts(config: "GRPOConfig") -> None:
    """Give each process the random numbers of this run's seed, after the trainer was built.

    One process without vLLM has them already. Processes that share a vLLM engine (tensor
    parallelism) draw the same ones, because they must sample the same tokens.
    """
    from transformers import set_seed

    if config.use_vllm or config.world_size > 1:
        together = config.vllm_tensor_parallel_size if config.use_vllm else 1
        set_seed((1000 * config.seed + config.process_index // together) % 2**32)


def check_seed(seed: int) -> None:
    """Make sure that the process's random numbers are those of the run's seed.

    Raises:
        StudyError: Something has set another seed since ``seed_rollouts``.
    """
    import torch

    found = torch.initial_seed()
    if found != seed and found // 1000 != seed:
        raise StudyError(
            f"this run's seed is {seed}, but a library has seeded its random numbers with {found}: "
            "runs of other seeds would draw the same responses; nothing more is trained"
        )


def check_reference(trainer: "GRPOTrainer") -> None:
    """Make sure that the reference holds the weights that training starts from, to the last bit.

    Every process compares, before training begins or goes on; there is no reference without beta
    or with adapters.

    Args:
        trainer: Just built: its model still holds what was loaded.

    Raises:
        StudyError: A tensor is another, in the reference's number format.
    """
    import torch

    if trainer.ref_model is None:
        return
    wrong = []
    pairs = zip(trainer.model.named_parameters(), trainer.ref_model.parameters(), strict=True)
    for (name, value), other in pairs:
        mine, theirs = _held(value), _held(other)
        if not torch.equal(mine.to(theirs.device, theirs.dtype), theirs):
            wrong.append(name)
    if wrong:
        raise StudyError(
            f"the reference is not the model that training starts from: {len(wrong)} of its "
            f"tensors, {wrong[0]} first, are others. Check config/accelerate "
            "(fsdp_cpu_ram_efficient_loading must be false), or set grpo.beta to 0"
        )


def _held(value: "torch.Tensor") -> "torch.Tensor":
    """A parameter's numbers: whole where FSDP2 shares it out, by ZeRO-3 this process's share."""
    held = getattr(value, "ds_tensor", value).detach()
    return held.full_tensor() if hasattr(held, "full_tensor") else held


def check_first_kl(kl: Sequence[float], config: "GRPOConfig") -> None:
    """Make sure that the reference is the model that training starts from.

    Args:
        kl: Mean divergence of policy and reference, nats per token, of the parts of the first
            update.
        config: TRL's configuration.

    Raises:
        StudyError: The divergence before any update is more than rounding.
    """
    mean = sum(kl) / len(kl)
    most = FIRST_KL["bfloat16" if config.bf16 else "float32"]
    if not abs(mean) <= most:
        raise StudyError(
            f"before the first update the model is {mean:.3g} nats per token away from its "
            f"reference (at most {most:g} is rounding): the reference is not the model that "
            "training starts from. Check config/accelerate (fsdp_cpu_ram_efficient_loading must be "
            "false), or set grpo.beta to 0"
        )
