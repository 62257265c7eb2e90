"""Scaling laws: points of curves, fits, intervals, verdicts. Needs numpy, scipy and pandas only."""
