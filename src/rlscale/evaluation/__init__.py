"""Benchmarks, the engine that asks, the store of samples, and the scores."""
