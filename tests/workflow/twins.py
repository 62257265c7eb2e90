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
# Models that see images: the language model is one level down.
NESTED = {
    "gemma-3-4b": (
        "gemma3",
        {"sliding_window": 16},
        {
            "vision_config": {"hidden_size": 32, "intermediate_size": 32, "num_hidden_layers": 1,
                              "num_attention_heads": 1, "image_size": 28, "patch_size": 14},
            "mm_tokens_per_image": 1, "image_token_index": 120, "boi_token_index": 121,
            "eoi_token_index": 122,
        },
    ),
    "qwen3.5-4b": (
        "qwen3_5",
        {"linear_num_value_heads": 2, "linear_num_key_heads": 2, "linear_key_head_dim": 16,
         "linear_value_head_dim": 16, "layer_types": ["linear_attention", "full_attention"],
         "tie_word_embeddings": True},
        {
            "vision_config": {"hidden_size": 32, "intermediate_size": 32, "depth": 1,
                              "num_heads": 1, "out_hidden_size": 128, "patch_size": 14,
                              "num_position_embeddings": 16, "deepstack_visual_indexes": []},
            "image_token_id": 120, "video_token_id": 121, "vision_start_token_id": 122,
            "vision_end_token_id": 123,
        },
    ),
}  # fmt: skip
HEAD_WIDTH = 32  # the least that the CPU engine attends with in bfloat16
# The tokenizer has 104 tokens; real models pad their embedding, too.
VOCABULARY = 128


def sizes(heads: int, key_heads: int) -> dict[str, Any]:
    """What config.json says of a language model at toy size, and of its special tokens."""
    tokenizer = character_tokenizer()
    return {
        "vocab_size": VOCABULARY,
        "hidden_size": HEAD_WIDTH * heads,
        "head_dim": HEAD_WIDTH,
        "intermediate_size": 32,
        "num_hidden_layers": 2,
        "num_attention_heads": heads,
        "num_key_value_heads": key_heads,
        "max_position_embeddings": 64,
        "initializer_range": 0.1,
        "pad_token_id": tokenizer.pad_token_id,
        "eos_token_id": tokenizer.eos_token_id,
        "bos_token_id": None,
    }


def architecture(twin: Twin) -> dict[str, Any]:
    """What a study's configuration says of a twin, for its plan."""
    own = ("vocab_size", "hidden_size", "intermediate_size", "num_hidden_layers", "head_dim",
           "num_attention_heads", "num_key_value_heads")  # fmt: skip
    experts = ("num_experts", "num_experts_per_tok", "moe_intermediate_size")
    said = sizes(twin.heads, twin.key_heads)
    return {
        "model_type": twin.kind,
        "tie_word_embeddings": twin.tied,
        **{name: said[name] for name in own},
        **{name: twin.more[name] for name in experts if name in twin.more},
    }


def make_twin(twin: Twin, folder: Path, seed: int = 1) -> None:
    """Write a twin with random weights in bfloat16, and its tokenizer, as the hub has its model."""
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    shape = sizes(twin.heads, twin.key_heads)
    config = AutoConfig.for_model(twin.kind, **shape, tie_word_embeddings=twin.tied, **twin.more)
    torch.manual_seed(seed)
    model = AutoModelForCausalLM.from_config(config, dtype=torch.bfloat16)
    for name, value in model.named_parameters():
        if name.endswith("bias"):
            torch.nn.init.normal_(value, std=0.1)
    model.save_pretrained(folder)
    character_tokenizer().save_pretrained(folder)


def make_nested(name: str, folder: Path) -> None:
    """Write the twin of a model that sees images, as the hub has it."""
    import torch
    from transformers import AutoConfig, AutoModelForImageTextToText

    kind, text, others = NESTED[name]
    config = AutoConfig.for_model(
        kind, text_config={**sizes(4, 1), **text}, tie_word_embeddings=True, **others
    )
    torch.manual_seed(1)
    model = AutoModelForImageTextToText.from_config(config, dtype=torch.bfloat16)
    model.save_pretrained(folder)
    character_tokenizer().save_pretrained(folder)
