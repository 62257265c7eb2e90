"""Weights and tokenizers: where they come from, what they are, how a problem is put to them."""
