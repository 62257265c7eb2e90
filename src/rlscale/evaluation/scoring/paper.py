"""The paper's scoring (arXiv 2509.25300), as its public code did it in December 2025.

Base models, too, read the prompts through the chat template. The prompts are the benchmarks' own.
docs/protocol.md says what differs; a test compares with that code's scores.
"""

from rlscale.evaluation.scoring import Rule, Scoring


def _rule(verifier: str) -> Rule:
    return Rule(verifier=verifier, base="chat", instruct="chat")


PAPER: Scoring = {
    "held_out": _rule("paper_math"),
    "math_500": _rule("paper_math"),
    "gsm8k": _rule("paper_number"),
    "aime_2024": _rule("paper_ending"),
    "amc_2023": _rule("paper_ending"),
    "humaneval": _rule("paper_program"),
    "zebra": _rule("paper_grid"),
    "supergpqa": _rule("paper_choice"),
}
