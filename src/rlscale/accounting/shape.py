"""What a model's architecture says of its size, without reading weights."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Shape:
    """A decoder of Qwen's and Llama's kind, in numbers.

    Attributes:
        layers: Number of layers.
        width: Hidden size.
        heads, key_heads: Attention heads, and those of keys and values.
        head_width: Size of a head.
        feed_forward: Width of the feed-forward network, of one expert where there are experts.
        vocabulary: Rows of the embedding.
        tied: Whether the output head is the embedding.
        biases: Whether queries, keys and values have biases (Qwen2).
        head_norms: Whether queries and keys are normalised in each head (Qwen3, Gemma 3).
        norms: Norms of a layer beside these; Gemma 3 has them after attention and network, too.
        experts, experts_used: Experts of a layer, and those that a token passes; 0 and 0 without.
    """

    layers: int
    width: int
    heads: int
    key_heads: int
    head_width: int
    feed_forward: int
    vocabulary: int
    tied: bool
    biases: bool = False
    head_norms: bool = False
    norms: int = 2
    experts: int = 0
    experts_used: int = 0

    @classmethod
    def of(cls, architecture: Mapping[str, Any], vocabulary: int = 0) -> "Shape":
        """Read a shape.

        Args:
            architecture: ``models.<name>.architecture`` of the configuration, under the names of a
                model's config.json, or ``made``.
            vocabulary: Of a made model, whose architecture does not say.
        """
        kind = architecture.get("model_type", "qwen2")
        heads = architecture["num_attention_heads"]
        experts = architecture.get("num_experts", 0)
        return cls(
            layers=architecture["num_hidden_layers"],
            width=architecture["hidden_size"],
            heads=heads,
            key_heads=architecture.get("num_key_value_heads", heads),
            head_width=architecture.get("head_dim", architecture["hidden_size"] // heads),
            feed_forward=architecture["moe_intermediate_size" if experts else "intermediate_size"],
            vocabulary=architecture.get("vocab_size", vocabulary),
            tied=architecture.get("tie_word_embeddings", True),
            biases=kind == "qwen2",
            head_norms=kind in ("qwen3", "qwen3_moe", "gemma3_text"),
            norms=4 if kind == "gemma3_text" else 2,
            experts=experts,
            experts_used=architecture.get("num_experts_per_tok", 0),
        )

    @property
    def head(self) -> int:
        """Parameters of the output head, and of the embedding."""
        return self.width * self.vocabulary

    @property
    def embeddings(self) -> int:
        """Parameters of embedding and head."""
        return self.head if self.tied else 2 * self.head

    @property
    def n_params(self) -> int:
        """N: parameters outside the embeddings that a token passes."""
        return self.layers * self._layer(self.experts_used) + self.width

    @property
    def stored(self) -> int:
        """All parameters, experts that a token does not pass among them."""
        return self.layers * self._layer(self.experts) + self.width + self.embeddings

    @property
    def attention(self) -> int:
        """Numbers that a token's queries have in all layers."""
        return self.layers * self.queries

    @property
    def queries(self) -> int:
        """Numbers of a layer's queries."""
        return self.heads * self.head_width

    @property
    def keys(self) -> int:
        """Numbers of a layer's keys; its values have as many."""
        return self.key_heads * self.head_width

    def _layer(self, experts: int) -> int:
        attention = self.width * (2 * self.queries + 2 * self.keys)
        attention += self.biases * (self.queries + 2 * self.keys)
        attention += self.head_norms * 2 * self.head_width
        network = 3 * self.width * self.feed_forward
        if self.experts:
            network = experts * network + self.experts * self.width  # the router sees them all
        return attention + network + self.norms * self.width
