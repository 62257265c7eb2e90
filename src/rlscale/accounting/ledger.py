"""What a run costs by count: tokens and FLOPs per step and phase.

Two counts stand beside each other. The paper's C is 6 N T, for the T tokens of the training batch.
The full count is that of the passes that are made, by their matrix products:

- a token's pass through the layers: 2 FLOPs per parameter outside the embeddings;
- attention: a token that sees j tokens (itself included) takes 4 j FLOPs per layer, head and head
  dimension, for its scores and for the weighted sum of values;
- the output head: 2 x hidden size x vocabulary where a next token's distribution is needed, which
  is once per response token;
- a backward pass is twice the forward pass; where only adapters are trained, it takes no gradient
  of the model's weights, which is a third of what the weights take (adapters count as nothing).

It is a count of the algorithm, equal on every machine: padding, the recomputation of activations,
shared prefixes and the optimiser's own work are not in it.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas
    from transformers import PretrainedConfig

# Of training, in their order; evaluation is counted from the sample store.
TRAINING = ("generation", "old_logprobs", "reference", "update")
EVALUATION = "evaluation"


@dataclass(frozen=True)
class Tokens:
    """Tokens of a set of sequences, each a prompt and its response.

    Attributes:
        sequences: Number of sequences.
        prompt: Those of prompts, counted once per sequence [tokens].
        completion: Those of responses, the end token included [tokens].
        pairs: A token and one that it sees, s (s + 1) / 2 in a sequence of s tokens [pairs].
    """

    sequences: int
    prompt: int
    completion: int
    pairs: int

    @classmethod
    def of(cls, lengths: Iterable[tuple[int, int]]) -> "Tokens":
        """Count sequences, each given by the lengths of its prompt and of its response."""
        # Python's own integers: products with a model's parameters pass 2^63.
        lengths = [(int(prompt), int(completion)) for prompt, completion in lengths]
        totals = [prompt + completion for prompt, completion in lengths]
        return cls(
            sequences=len(lengths),
            prompt=sum(prompt for prompt, _ in lengths),
            completion=sum(completion for _, completion in lengths),
            pairs=sum(total * (total + 1) // 2 for total in totals),
        )

    @classmethod
    def equal(cls, sequences: int, prompt: int, completion: int) -> "Tokens":
        """Count sequences of equal lengths."""
        total = prompt + completion
        pairs = sequences * total * (total + 1) // 2
        return cls(sequences, sequences * prompt, sequences * completion, pairs)

    @property
    def total(self) -> int:
        """Tokens of prompts and responses."""
        return self.prompt + self.completion

    def __add__(self, other: "Tokens") -> "Tokens":
        return Tokens(
            self.sequences + other.sequences,
            self.prompt + other.prompt,
            self.completion + other.completion,
            self.pairs + other.pairs,
        )


@dataclass(frozen=True)
class Cost:
    """What decides the FLOPs of a token: sizes of a model, and the passes of a step.

    Attributes:
        n_params: Parameters without embeddings, N (the paper's text) [parameters].
        n_params_total: Parameters with embeddings [parameters].
        head: Output head, hidden size x vocabulary [parameters].
        attention: Layers x heads x head dimension [numbers a token's queries have].
        phases: Those of ``TRAINING`` that a step has.
        frozen: Whether only adapters (LoRA) are trained.
    """

    n_params: int
    n_params_total: int
    head: int
    attention: int
    phases: tuple[str, ...]
    frozen: bool = False

    @classmethod
    def of_model(
        cls,
        config: "PretrainedConfig",
        phases: tuple[str, ...],
        *,
        n_params: int,
        n_params_total: int,
        frozen: bool = False,
    ) -> "Cost":
        """Read the sizes from a model's configuration, not from tensors: ZeRO-3 empties those.

        Args:
            config: The model's own configuration.
            phases: As above; so are ``n_params``, ``n_params_total`` and ``frozen``.
        """
        text = config.get_text_config()
        width = getattr(text, "head_dim", None) or text.hidden_size // text.num_attention_heads
        return cls(
            n_params=n_params,
            n_params_total=n_params_total,
            head=text.hidden_size * text.vocab_size,
            attention=text.num_hidden_layers * text.num_attention_heads * width,
            phases=phases,
            frozen=frozen,
        )

    def flops(self, phase: str, tokens: Tokens) -> int:
        """The full count of one phase over a set of sequences."""
        if phase in ("generation", EVALUATION):
            # A response's last token is drawn, but never passed through the model.
            weights = self._weights(tokens.total - tokens.sequences, tokens.completion)
            return weights + 4 * self.attention * (tokens.pairs - tokens.total)
        weights = self._weights(tokens.total, tokens.completion)
        forward = weights + 4 * self.attention * tokens.pairs
        if phase != "update":
            return forward
        return 3 * forward - (weights if self.frozen else 0)

    def _weights(self, passed: int, predicted: int) -> int:
        """Products with the weights, for tokens that pass the layers and those they predict."""
        return 2 * self.n_params * passed + 2 * self.head * predicted

    def row(self, step: int, phase: str, tokens: Tokens) -> dict[str, Any]:
        """One row of the ledger.

        Returns:
            ``step``, ``phase``, ``prompt_tokens``, ``completion_tokens``, ``compute_flops`` (6 N T,
            the paper's C), ``compute_flops_total`` (the same with embeddings), both in the rows
            of ``update`` alone, so that a column's sum is C, and ``flops`` (the full count).
        """
        trained = tokens.total if phase == "update" else 0
        return {
            "step": step,
            "phase": phase,
            "prompt_tokens": tokens.prompt,
            "completion_tokens": tokens.completion,
            "compute_flops": 6 * self.n_params * trained,
            "compute_flops_total": 6 * self.n_params_total * trained,
            "flops": self.flops(phase, tokens),
        }

    def training(self, steps: Iterable[Tokens]) -> list[dict[str, Any]]:
        """Rows of a run, from the tokens of its steps in their order."""
        return [
            self.row(step, phase, tokens)
            for step, tokens in enumerate(steps, start=1)
            for phase in self.phases
        ]

    def evaluation(self, samples: "pandas.DataFrame") -> list[dict[str, Any]]:
        """Rows of an evaluation, one per checkpoint.

        Args:
            samples: ``step``, ``prompt_tokens`` and ``tokens`` of every sample that counts.
        """
        return [
            self.row(
                int(part["step"].iloc[0]),
                EVALUATION,
                Tokens.of(zip(part["prompt_tokens"], part["tokens"], strict=True)),
            )
            for _, part in samples.astype("int64").groupby("step")
        ]


def passes(*, updates_per_step: int, beta: float, vllm_corrected: bool = False) -> tuple[str, ...]:
    """Phases of a step, as TRL decides on them.

    Args:
        updates_per_step: With one, a response's old log-probabilities are its present ones.
        beta: Weight of the KL term; 0 needs no reference model.
        vllm_corrected: Whether vLLM samples and its log-probabilities are compared with the
            model's own.
    """
    skipped = set()
    if updates_per_step == 1 and not vllm_corrected:
        skipped.add("old_logprobs")
    if beta == 0:
        skipped.add("reference")
    return tuple(phase for phase in TRAINING if phase not in skipped)
