"""This project's scoring: each benchmark's own prompt and verifier, for every benchmark."""

from rlscale.evaluation.scoring import ANY, Rule, Scoring

OURS: Scoring = {ANY: Rule()}
