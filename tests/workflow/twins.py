"""Toy twins of real models: the same architecture, ties, biases, heads and padding, at toy width.

A twin differs from its model in width, depth and vocabulary alone. Facts are those of each model's
published config.json.
"""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rlscale.models.tiny import character_tokenizer

LLAMA_3 = {
    "rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
    "original_max_position_embeddings": 8192, "rope_theta": 500000.0,
}  # fmt: skip


@dataclass(frozen=True)
class Twin:
    """A model at toy size.

    Attributes:
        kind: transformers' name of the architecture (``model_type``).
        heads: Attention heads, in the model's own ratio to its key heads.
        key_heads: Heads of keys and values.
        tied: Whether the output head is the embedding.
        more: What else the architecture is known by.
    """

    kind: str
    heads: int
    key_heads: int
    tied: bool
    more: dict[str, Any] = field(default_factory=dict)


def qwen(heads: int, key_heads: int, tied: bool) -> Twin:
    """Qwen2.5: biases on queries, keys and values."""
    return Twin("qwen2", heads, key_heads, tied)


def llama(heads: int, key_heads: int, tied: bool) -> Twin:
    """Llama 3: no biases, rotary positions scaled."""
    return Twin("llama", heads, key_heads, tied, {"rope_parameters": LLAMA_3})


# Every model of config/paper.yaml, and others that people ask for.
TWINS = {
    "qwen2.5-0.5b": qwen(14, 2, True),
    "qwen2.5-1.5b": qwen(6, 1, True),
    "qwen2.5-3b": qwen(8, 1, True),
    "qwen2.5-7b": qwen(7, 1, False),
    "qwen2.5-14b": qwen(5, 1, False),
    "qwen2.5-32b": qwen(5, 1, False),
    "qwen2.5-72b": qwen(8, 1, False),
    "llama-3-1b": llama(4, 1, True),
    "llama-3-3b": llama(3, 1, True),
    "llama-3-8b": llama(4, 1, False),
    "llama-3-70b": llama(8, 1, False),
    "qwen3-0.6b": Twin("qwen3", 2, 1, True),
    "smollm2-135m": Twin("llama", 3, 1, True),
    "gemma-3-1b": Twin("gemma3_text", 4, 1, True, {"sliding_window": 16}),
    "qwen3-30b-a3b": Twin(
        "qwen3_moe", 4, 1, False,
        {"num_experts": 4, "num_experts_per_tok": 2, "moe_intermediate_size": 16},
    ),
}  # fmt: skip
HEAD_WIDTH = 32  # the least that the CPU engine attends with in bfloat16
# The tokenizer has 104 tokens; real models pad their embedding, too.
VOCABULARY = 128


def make_twin(twin: Twin, folder: Path, seed: int = 1) -> None:
    """Write a twin with random weights in bfloat16, and its tokenizer, as the hub has its model."""
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    tokenizer = character_tokenizer()
    config = AutoConfig.for_model(
        twin.kind,
        vocab_size=VOCABULARY,
        hidden_size=HEAD_WIDTH * twin.heads,
        head_dim=HEAD_WIDTH,
        intermediate_size=32,
        num_hidden_layers=2,
        num_attention_heads=twin.heads,
        num_key_value_heads=twin.key_heads,
        max_position_embeddings=64,
        tie_word_embeddings=twin.tied,
        initializer_range=0.1,
        pad_token_id=tokenizer.pad_token_id,
        eos_token_id=tokenizer.eos_token_id,
        bos_token_id=None,
        **twin.more,
    )
    torch.manual_seed(seed)
    model = AutoModelForCausalLM.from_config(config, dtype=torch.bfloat16)
    for name, value in model.named_parameters():
        if name.endswith("bias"):
            torch.nn.init.normal_(value, std=0.1)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
