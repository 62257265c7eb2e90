"""A recipe: data and training settings of a cell, as they hold once overrides are applied."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Recipe:
    """What one cell's training computes; how it is computed is a ``rlscale.jobs.job.Job``.

    Attributes:
        version: Raised to ask for new runs.
        data: Name of the data set.
        steps: Rollout batches.
        prompts_per_step: Problems of a rollout batch.
        updates_per_step: Optimiser updates per rollout batch.
        checkpoints: Steps whose weights are kept, 0 and the last among them.
        template: Text in which ``{problem}`` stands for the question.
        grpo: Settings of trl.GRPOConfig under TRL's own names.
        lora: Settings of peft.LoraConfig under peft's own names; None trains all weights.
        checkpoint_dtype: Number format of kept weights, ``float32`` or ``bfloat16``.
        cpu_threads: Threads of torch and vLLM on a CPU; they change float sums.
        zero_reward_steps: Steps in a row without any reward after which a run has diverged.
        verifier: How a response is judged (of the data set).
        overridden: Keys that ``training.overrides`` set, sorted.
    """

    version: int
    data: str
    steps: int
    prompts_per_step: int
    updates_per_step: int
    checkpoints: tuple[int, ...]
    template: str
    grpo: Mapping[str, Any]
    lora: Mapping[str, Any] | None
    checkpoint_dtype: str
    cpu_threads: int
    zero_reward_steps: int
    verifier: str
    overridden: tuple[str, ...] = ()

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> "Recipe":
        """Read a recipe from settings; the inverse of ``to_json``."""
        fields = {key: value for key, value in document.items() if key != "prompt"}
        fields["checkpoints"] = tuple(document["checkpoints"])
        fields["overridden"] = tuple(document["overridden"])
        return cls(**{"lora": None, **fields}, template=document["prompt"]["template"])

    def to_json(self) -> dict[str, Any]:
        """The recipe as settings hold it: the configuration's own keys, JSON values."""
        document = {
            "version": self.version,
            "data": self.data,
            "steps": self.steps,
            "prompts_per_step": self.prompts_per_step,
            "updates_per_step": self.updates_per_step,
            "checkpoints": list(self.checkpoints),
            "prompt": {"template": self.template},
            "grpo": dict(self.grpo),
            "checkpoint_dtype": self.checkpoint_dtype,
            "cpu_threads": self.cpu_threads,
            "zero_reward_steps": self.zero_reward_steps,
            "verifier": self.verifier,
            "overridden": list(self.overridden),
        }
        return document if self.lora is None else {**document, "lora": dict(self.lora)}

    @property
    def trained_checkpoints(self) -> list[int]:
        """Steps whose weights training saves, in order: all kept ones but 0."""
        return sorted(set(self.checkpoints) - {0})

    @property
    def problems(self) -> int:
        """Rows of the training table: problems consumed in all, repetitions included."""
        return self.steps * self.prompts_per_step
