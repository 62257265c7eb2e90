r"""SuperGPQA, 200 questions: graduate-level multiple choice with up to ten options.

Source: M-A-P team 2025 (arXiv 2502.14739), the selection of GURU; licence: ODC-BY.
Local file in verl's layout (key ``path``).
Example: "What is the earliest existing Chinese map drawn using the scale grid mapping method?"
with options (A) to (J) -> ``G``.
Prompt: the paper's, asking for the letter within ``\boxed{}``. Judged by the verifier
``choice``.
"""

from rlscale.evaluation.local_files import published

PROMPT = (
    "You are a knowledgeable assistant. Answer the following questions and think step by step. "
    "Please output the final answer within \\boxed{}. {problem}\n\n"
    "Please reason step by step, and put your final answer option within \\boxed{}. "
    "Only put the letter in the box, e.g. \\boxed{A}. There is only one correct answer."
)
BENCHMARK = published("supergpqa", PROMPT, verifier="choice")
