r"""AIME 2024, both papers: 30 problems with integer answers.

Source: American Invitational Mathematics Examination, 2024; licence: the problems are the
Mathematical Association of America's. Local file in verl's layout (key ``path``).
Example: "Every morning Aya goes for a $9$-kilometer-long walk ..." -> ``204``.
Prompt: the paper's, asking for the final answer within ``\boxed{}``. Judged by
the verifier ``math``.
"""

from rlscale.evaluation.local_files import published

PROMPT = (
    "You are a knowledgeable math assistant. Answer the following questions and think step by "
    "step. {problem} Please solve step by step and put your final answer within \\boxed{}."
)
BENCHMARK = published("aime_2024", PROMPT, verifier="math")
