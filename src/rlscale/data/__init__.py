"""From raw problems to training and held-out tables without leaks."""
