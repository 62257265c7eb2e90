"""Problem texts and gold answers made of what files hold: solutions and chats."""

import re
from collections.abc import Mapping
from typing import Any

from rlscale.data.chats import Chat, read_chat

DAPO_WRAPPER = (
    "Solve the following math problem step by step. The last line of your response should be of "
    "the form Answer: $Answer (without quotes) where $Answer is the answer to the problem.\n\n"
    '{problem}\n\nRemember to put your answer on its own line after "Answer:".'
)
_BARE_BOX = re.compile(r"\\boxed\s+([^\s{}$\\]+)|\\fbox\s*\{([^{}]*)\}")
_MIXED = re.compile(r"(\d+)\((\d+)/(\d+)\)")


def boxed(solution: Any) -> Any:
    r"""MATH's gold answer is the last \boxed{} of the solution; None where there is none.

    Without one, it is what stands behind the last ``\boxed`` without braces, or in ``\fbox{}``.
    """
    from rlscale.judging.boxes import boxed

    if not isinstance(solution, str):
        return solution
    bare = [plain or framed for plain, framed in _BARE_BOX.findall(solution)]
    return boxed(solution) or (bare[-1].rstrip(".,;") if bare else None)


def after_marks(solution: Any) -> Any:
    """GSM8K's gold answer stands behind ####; None where there is none."""
    if not isinstance(solution, str):
        return solution
    return solution.rpartition("####")[2].strip().replace(",", "") if "####" in solution else None


def box_of_assistant(messages: Any) -> Any:
    r"""The last \boxed{} of the assistant's last message."""
    chat = read_chat(messages)
    return boxed(chat.assistant) if isinstance(chat, Chat) else None


def is_dapo(row: Mapping[str, Any]) -> bool:
    """Whether a row has DAPO's instruction around its prompt, or has had it."""
    return DAPO_WRAPPER[:60] in str(row["prompt"]) or "source_prompt" in row


def is_code(row: Mapping[str, Any]) -> bool:
    """Whether a row of GURU has tests of a program for its gold answer."""
    return any(key in str(row["reward_model"]) for key in ('"functional"', '"inputs"'))


def olympiad(found: dict[str, Any]) -> dict[str, Any]:
    """OlympiadBench's question below what it builds on.

    Raises:
        ValueError: The question asks for several answers that stand apart.
    """
    context, several = found.pop("context", None), found.pop("several", None)
    problem, answer = found["problem"], found["answer"]
    if isinstance(problem, str):
        problem = f"{context}\n{problem}" if isinstance(context, str) and context else problem
    if several is True and isinstance(answer, list) and len(answer) > 1:
        raise ValueError("several answers that are all asked for, in a list")
    return {**found, "problem": problem}


def mixed_number(answer: Any) -> Any:
    r"""Math23K's ``3(1/2)`` is three and a half, not three times it."""
    if isinstance(answer, str):
        return _MIXED.sub(r"\1\\frac{\2}{\3}", answer)
    return answer
