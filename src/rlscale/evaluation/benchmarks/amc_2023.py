r"""AMC 2023: 40 problems of the AMC 12, with numbers as answers.

Source: American Mathematics Competitions, 2023; licence: the problems are the Mathematical
Association of America's. Local file in verl's layout (key ``path``).
Example: "Cities $A$ and $B$ are $45$ miles apart. ..." -> ``27``.
Prompt: the paper's, asking for the final answer within ``\boxed{}``. Judged by
the verifier ``math``.
"""

from rlscale.evaluation.local_files import published

PROMPT = (
    "You are a knowledgeable math assistant. Answer the following questions and think step by "
    "step. {problem} Please output the final answer within \\boxed{}."
)
BENCHMARK = published("amc_2023", PROMPT, verifier="math")
