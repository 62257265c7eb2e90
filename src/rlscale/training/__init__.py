"""GRPO training of one cell with TRL, resumable."""
