"""A scoring that asks every model in the bare form and ends a response at its first line."""

from rlscale.evaluation.scoring import ANY, Rule

ONE_LINE = {ANY: Rule(instruct="bare", stop=("\n",))}
