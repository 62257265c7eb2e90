r"""SuperGPQA, 200 questions: graduate-level multiple choice with up to ten options.

Source: M-A-P team 2025 (arXiv 2502.14739), the selection of GURU; licence: ODC-BY.
Local file in verl's layout (key ``path``).
Example: "What is the earliest existing Chinese map drawn using the scale grid mapping method?"
with options (A) to (J) -> ``G``.
Prompt: the paper's, asking for the letter within ``\boxed{}``. The letter of the last box counts,
with or without brackets, full stop or the option's text after it.
"""

import re
from collections.abc import Sequence

from rlscale.evaluation.benchmarks import published
from rlscale.judging.verify import Outcome, boxed

PROMPT = (
    "You are a knowledgeable assistant. Answer the following questions and think step by step. "
    "Please output the final answer within \\boxed{}. {problem}\n\n"
    "Please reason step by step, and put your final answer option within \\boxed{}. "
    "Only put the letter in the box, e.g. \\boxed{A}. There is only one correct answer."
)
_WRAPPED = re.compile(r"\\(?:text|mathrm|mathbf|textbf)\s*\{([^{}]*)\}")
_LETTER = re.compile(r"\(?([A-J])(?:\)|\.|:|$)(?:[).:\s].*)?", re.DOTALL)


def extract(text: str) -> str | None:
    """The option letter in the last box, or None."""
    answer = boxed(text)
    if answer is None:
        return None
    match = _LETTER.fullmatch(_WRAPPED.sub(r"\1", answer).strip(" $"))
    return match.group(1) if match else None


def judge(texts: Sequence[str], golds: Sequence[str], workers: int) -> list[Outcome | None]:
    """Compare letters; a gold that is no letter from A to J cannot be used."""
    outcomes: list[Outcome | None] = []
    for text, gold in zip(texts, golds, strict=True):
        letter = extract(text)
        if not re.fullmatch("[A-J]", gold):
            outcomes.append(None)
        elif letter is None:
            outcomes.append("unparsed")
        else:
            outcomes.append("correct" if letter == gold else "wrong")
    return outcomes


BENCHMARK = published("supergpqa", PROMPT, judge=judge, extract=extract)
