"""A small model's folder as somebody else would hand it over."""

from pathlib import Path

from rlscale.models.tiny import character_tokenizer, new_model

SIZE = {
    "hidden_size": 32, "intermediate_size": 32, "num_hidden_layers": 1, "num_attention_heads": 1,
    "max_position_embeddings": 32,
}  # fmt: skip


def their_model(folder: Path) -> Path:
    """Weights, configuration and tokenizer."""
    new_model(SIZE, character_tokenizer(), 1).save_pretrained(folder)
    character_tokenizer().save_pretrained(folder)
    return folder
