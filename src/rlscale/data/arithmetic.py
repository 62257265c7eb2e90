"""Verifiable arithmetic problems, drawn from a seed: the raw data of the embedded study.

Two skills: ``sum`` ("37+8-5=" -> "40") and ``largest`` ("max(3,9,4)=" -> "9").
"""

import random
from collections.abc import Mapping
from typing import Any

from rlscale.core.errors import StudyError

SPACE_PER_PROBLEM = 10


def sample(task: Mapping[str, Any], rng: random.Random) -> tuple[str, str]:
    """Draw one problem.

    Args:
        task: ``skill``, ``terms`` (how many integers) and ``largest`` (each is uniform on
            [0, largest]); the signs of a sum are uniform on plus and minus.
        rng: Source of randomness.

    Returns:
        The problem's text and its answer.
    """
    terms = [rng.randint(0, task["largest"]) for _ in range(task["terms"])]
    if task["skill"] == "largest":
        return f"max({','.join(map(str, terms))})=", str(max(terms))
    signs = [rng.choice("+-") for _ in terms[1:]]
    text = str(terms[0]) + "".join(f"{s}{t}" for s, t in zip(signs, terms[1:], strict=True))
    total = terms[0] + sum(t if s == "+" else -t for s, t in zip(signs, terms[1:], strict=True))
    return f"{text}=", str(total)


def problem_space(task: Mapping[str, Any]) -> int:
    """Number of distinct problems (texts) that ``sample`` can draw, exactly."""
    texts = (task["largest"] + 1) ** task["terms"]
    return texts * 2 ** (task["terms"] - 1) if task["skill"] == "sum" else texts


def generate(levels: Mapping[str, Mapping[str, Any]], seed: int) -> list[dict[str, str]]:
    """Draw a raw data set, as careless as real ones: duplicates may occur.

    Args:
        levels: Name of the level -> task with ``problems``, the number of rows to draw; easy to
            hard.
        seed: Seed of the draw; a level's rows do not depend on the other levels.

    Returns:
        Rows with ``problem``, ``answer`` and ``level``.

    Raises:
        StudyError: As ``check_spaces``.
    """
    check_spaces(levels)
    rows = []
    for name, task in levels.items():
        rng = random.Random(f"{seed}/{name}")
        for _ in range(task["problems"]):
            problem, answer = sample(task, rng)
            rows.append({"problem": problem, "answer": answer, "level": name})
    return rows


def check_spaces(levels: Mapping[str, Mapping[str, Any]]) -> None:
    """Refuse levels that ask for more problems than keep training and held-out ones apart.

    Raises:
        StudyError: A level's problem space is less than 10 times the demand on it. Levels that
            can draw each other's problems (same skill and terms) count as one demand.
    """
    for name, task in levels.items():
        demand = sum(
            other["problems"]
            for other in levels.values()
            if (other["skill"], other["terms"]) == (task["skill"], task["terms"])
        )
        space = problem_space(task)
        if space < SPACE_PER_PROBLEM * demand:
            raise StudyError(
                f"level '{name}': {demand} problems are asked of a space of {space}; at most "
                f"{space // SPACE_PER_PROBLEM} keep train and held-out problems apart: raise "
                "'terms' or 'largest', or lower 'problems'"
            )
