"""Curve readers of one format each; what a reader is stands in ``rlscale.curves.readers``."""
