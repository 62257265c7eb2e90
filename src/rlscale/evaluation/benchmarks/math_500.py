r"""MATH-500: 500 competition problems of the MATH test set.

Source: Hendrycks et al. 2021 (arXiv 2103.03874), selection of Lightman et al. 2023 (arXiv
2305.20050); licence: MIT. Local file in verl's layout (key ``path``).
Example: "What is the smallest positive perfect cube that can be written as the sum of three
consecutive integers?" -> ``27``.
Prompt: the paper's, asking for the final answer within ``\boxed{}``. Judged by
the verifier ``math``.
"""

from rlscale.evaluation.local_files import published

PROMPT = (
    "You are a knowledgeable math assistant. Answer the following questions and think step by "
    "step. {problem} Please output the final answer within \\boxed{}."
)
BENCHMARK = published("math_500", PROMPT, verifier="math")
