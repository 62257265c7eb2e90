r"""GSM8K, test set: 1,319 grade-school word problems.

Source: Cobbe et al. 2021 (arXiv 2110.14168); licence: MIT. Local file in verl's layout (key
``path``).
Example: "Janet's ducks lay 16 eggs per day. ..." -> ``18``.
Prompt: the paper's, asking for the final answer within ``\boxed{}``. Judged by
the verifier ``math``.
"""

from rlscale.evaluation.local_files import published

PROMPT = (
    "You are a knowledgeable math assistant. Answer the following questions and think step by "
    "step. {problem} Please solve step by step and put your final answer within \\boxed{}."
)
BENCHMARK = published("gsm8k", PROMPT, verifier="math")
