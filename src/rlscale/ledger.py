"""What a run cost: tokens and FLOPs per step and phase.

A forward pass costs 2 FLOPs per parameter and token, a backward pass twice that. The paper counts
6 N T of the training tokens only; the full count adds the generation, the old log-probabilities
and the reference model's pass, and the output head. Attention's own products are left out of both.
"""

from dataclasses import dataclass

COLUMNS = (
    "step", "prompt_tokens", "completion_tokens", "compute_flops", "generation_flops",
    "old_logprob_flops", "reference_flops", "update_flops", "seconds", "peak_memory_bytes",
)  # fmt: skip


@dataclass(frozen=True)
class Cost:
    """Parameters and passes that decide a step's FLOPs.

    Attributes:
        n_params: Non-embedding parameters N (the paper's text).
        n_params_head: Parameters of the output head.
        old_logprobs: Whether the sampler's log-probabilities are computed by a pass of their own.
        reference: Whether a reference model is evaluated (beta > 0).
    """

    n_params: int
    n_params_head: int
    old_logprobs: bool
    reference: bool

    def step(self, prompt_tokens: int, completion_tokens: int) -> dict[str, int]:
        """FLOPs of one step, by phase.

        Args:
            prompt_tokens: Prompt tokens of the step, counted once per response.
            completion_tokens: Response tokens of the step.

        Returns:
            ``compute_flops`` (6 N T, the paper's C) and the full count's phases.
        """
        tokens = prompt_tokens + completion_tokens
        forward = 2 * (self.n_params + self.n_params_head) * tokens
        return {
            "compute_flops": 6 * self.n_params * tokens,
            "generation_flops": forward,
            "old_logprob_flops": forward if self.old_logprobs else 0,
            "reference_flops": forward if self.reference else 0,
            "update_flops": 3 * forward,
        }
