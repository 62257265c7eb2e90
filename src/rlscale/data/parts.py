"""Problem texts and gold answers made of what files hold: solutions, options, tests of code."""

import ast
import builtins
import json
import re
from collections.abc import Mapping
from typing import Any

from rlscale.core.digests import canonical_json
from rlscale.data.chats import Chat, read_chat

DAPO_WRAPPER = (
    "Solve the following math problem step by step. The last line of your response should be of "
    "the form Answer: $Answer (without quotes) where $Answer is the answer to the problem.\n\n"
    '{problem}\n\nRemember to put your answer on its own line after "Answer:".'
)
_LETTERS = "ABCDEFGHIJ"
_CHECK_CALL = re.compile(r"^check\((\w+)\)\s*$", re.MULTILINE)


def boxed(solution: Any) -> Any:
    r"""MATH's gold answer is the last \boxed{} of the solution; None where there is none."""
    from rlscale.judging.boxes import boxed

    return boxed(solution) if isinstance(solution, str) else solution


def after_marks(solution: Any) -> Any:
    """GSM8K's gold answer stands behind ####; None where there is none."""
    if not isinstance(solution, str):
        return solution
    return solution.rpartition("####")[2].strip().replace(",", "") if "####" in solution else None


def box_of_assistant(messages: Any) -> Any:
    r"""The last \boxed{} of the assistant's last message."""
    chat = read_chat(messages)
    return boxed(chat.assistant) if isinstance(chat, Chat) else None


def is_dapo(prompt: Any) -> bool:
    """Whether a prompt has DAPO's instruction around it."""
    return DAPO_WRAPPER[:60] in str(prompt)


def is_code(row: Mapping[str, Any]) -> bool:
    """Whether a row of GURU has tests of a function for its gold answer."""
    return '"functional"' in str(row["reward_model"])


def multiple_choice(found: dict[str, Any]) -> dict[str, Any]:
    """A question with its options below it, as SuperGPQA writes them; the answer is a letter.

    The options are a list, or lists of ``text`` and ``label``; the answer is a position, a label or
    the text of one.

    Raises:
        ValueError: There are no options, or more than ten, or the answer names none.
    """
    options = found.pop("options")
    labels = options.get("label") if isinstance(options, Mapping) else None
    texts = options.get("text") if isinstance(options, Mapping) else options
    if not isinstance(texts, list) or not texts:
        raise ValueError("no options")
    if len(texts) > len(_LETTERS):
        raise ValueError("more than ten options")
    answer = found["answer"]
    known = list(labels or _LETTERS[: len(texts)])
    if isinstance(answer, int) and not isinstance(answer, bool) and 0 <= answer < len(texts):
        place = answer
    elif answer in known:
        place = known.index(answer)
    elif texts.count(answer) == 1:
        place = texts.index(answer)
    else:
        raise ValueError("the answer names no option")
    if isinstance(found["problem"], str):
        lines = [f"({letter}): {text}" for letter, text in zip(_LETTERS, texts, strict=False)]
        found["problem"] += "\nOptions are:\n" + "\n".join(lines)
    return {**found, "answer": _LETTERS[place]}


def functional_tests(truth: Any) -> Any:
    """GURU's tests of a function as the verifier ``program`` reads them.

    Raises:
        ValueError: The tests are inputs and outputs, or do not end by calling ``check``.
    """
    tests = json.loads(truth) if isinstance(truth, str) else truth
    if not isinstance(tests, Mapping) or "functional" not in tests:
        raise ValueError("the tests are no function's: programs with input and output are not run")
    entries = _CHECK_CALL.findall(tests["functional"])
    if not entries:
        raise ValueError("the tests do not end with check(function)")
    return canonical_json({"entry": entries[-1], "stub": "", "tests": tests["functional"]})


def checked_function(found: dict[str, Any]) -> dict[str, Any]:
    """HumanEval's tests: ``check`` is called with the function.

    Raises:
        ValueError: A part is no text.
    """
    entry, stub, tests = found.pop("entry"), found["problem"], found["answer"]
    if not all(isinstance(part, str) for part in (entry, stub, tests)):
        raise ValueError("prompt, tests or function name is no text")
    gold = {"entry": entry, "stub": stub, "tests": f"{tests}\ncheck({entry})\n"}
    return {**found, "answer": canonical_json(gold)}


def asserted_function(found: dict[str, Any]) -> dict[str, Any]:
    """MBPP's tests: a list of assertions; the function is the first they call that is no builtin.

    Raises:
        ValueError: There are no assertions, or they call no function.
    """
    setup, tests = found.pop("setup", None) or "", found["answer"]
    if not isinstance(tests, list) or not all(isinstance(test, str) for test in tests):
        raise ValueError("the tests are no list of assertions")
    source = "\n".join(tests)
    try:
        calls = [node.func for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call)]
    except (SyntaxError, ValueError):
        raise ValueError("the tests are no Python") from None
    names = [call.id for call in calls if isinstance(call, ast.Name)]
    entry = next((name for name in names if not hasattr(builtins, name)), None)
    if entry is None:
        raise ValueError("the tests call no function")
    gold = {"entry": entry, "stub": setup, "tests": source + "\n"}
    return {**found, "answer": canonical_json(gold)}
