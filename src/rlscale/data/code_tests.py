"""Gold answers of code: tests as the verifiers ``program`` and ``stdin_program`` read them."""

import ast
import builtins
import json
import re
from collections.abc import Mapping
from typing import Any

from rlscale.core.digests import canonical_json
from rlscale.data.chats import parsed

_CHECK_CALL = re.compile(r"^check\((\w+)\)\s*$", re.MULTILINE)
# As APPS' own grader compares: the result, or the one member of a list of results.
_CALLS = """for given, wanted in {cases!r}:
    said = {entry}(*given)
    assert said == wanted or (isinstance(wanted, list) and wanted and said == wanted[0])
"""


def tests_of_guru(truth: Any) -> Any:
    """GURU's tests: of a function, for ``program``; inputs and outputs, for ``stdin_program``.

    Raises:
        ValueError: They are neither, or a function's do not end by calling ``check``.
    """
    tests = json.loads(truth) if isinstance(truth, str) else truth
    if not isinstance(tests, Mapping) or "functional" not in tests:
        return inputs_and_outputs(tests)
    entries = _CHECK_CALL.findall(tests["functional"])
    if not entries:
        raise ValueError("the tests do not end with check(function)")
    return _function(entries[-1], "", tests["functional"])


def inputs_and_outputs(tests: Any) -> Any:
    """``inputs`` and ``outputs`` as a gold of ``stdin_program``; with ``fn_name``, of ``program``.

    So APPS, TACO and GURU have them; texts that write them are read. None where there are none.

    Raises:
        ValueError: They cannot be read, or are of different numbers.
    """
    tests = parsed(tests, "the tests") if isinstance(tests, str) and tests.strip() else tests
    if not tests:
        return None
    given, wanted = (
        tests.get(key) if isinstance(tests, Mapping) else None for key in ("inputs", "outputs")
    )
    if not isinstance(given, list) or not isinstance(wanted, list) or not given:
        raise ValueError("the tests are neither a function's nor inputs and outputs")
    if len(given) != len(wanted):
        raise ValueError(f"the tests have {len(given)} inputs and {len(wanted)} outputs")
    entry = tests.get("fn_name")
    if entry is None:
        return canonical_json([[_lines(i), _lines(o)] for i, o in zip(given, wanted, strict=True)])
    if not all(isinstance(arguments, list) for arguments in given):
        raise ValueError("a test's arguments are no list")
    cases = list(zip(given, wanted, strict=True))
    return _function(str(entry), "", _CALLS.format(cases=cases, entry=entry))


def _lines(text: Any) -> Any:
    """Some sets write the lines of an input as a list."""
    if isinstance(text, list) and all(isinstance(line, str) for line in text):
        return "\n".join(text)
    return text


def tests_of_apps(found: dict[str, Any]) -> dict[str, Any]:
    """APPS' and TACO's tests; methods of a class are left out.

    Raises:
        ValueError: As ``inputs_and_outputs``, or what is tested is a class' method.
    """
    gold = inputs_and_outputs(found["answer"])
    if gold and gold.startswith("{") and "class Solution" in str(found.pop("setup", "")):
        raise ValueError("the tests call a class' method, not a function")
    return {**found, "answer": gold}


def checked_function(found: dict[str, Any]) -> dict[str, Any]:
    """HumanEval's tests: ``check`` is called with the function.

    Raises:
        ValueError: A part is no text.
    """
    entry, stub, tests = found.pop("entry"), found["problem"], found["answer"]
    if not all(isinstance(part, str) for part in (entry, stub, tests)):
        raise ValueError("prompt, tests or function name is no text")
    return {**found, "answer": _function(entry, stub, f"{tests}\ncheck({entry})\n")}


def asserted_function(found: dict[str, Any]) -> dict[str, Any]:
    """MBPP's tests: a list of assertions; the function is the first they call that is no builtin.

    Raises:
        ValueError: There are no assertions, or they call no function.
    """
    setup, tests = found.pop("setup", None) or "", found["answer"]
    setup = "\n".join(setup) if isinstance(setup, list) else setup
    if not isinstance(tests, list) or not all(isinstance(test, str) for test in tests):
        raise ValueError("the tests are no list of assertions")
    source = "\n".join(tests)
    calls = [node.func for node in ast.walk(_parsed(source)) if isinstance(node, ast.Call)]
    names = [call.id for call in calls if isinstance(call, ast.Name)]
    entry = next((name for name in names if not hasattr(builtins, name)), None)
    if entry is None:
        raise ValueError("the tests call no function")
    return {**found, "answer": _function(entry, setup, source + "\n")}


def pytest_functions(source: Any) -> Any:
    """KodCode's tests: functions ``test_...`` that call the one function ``solution`` is to have.

    Raises:
        ValueError: They need pytest, fixtures or more than that function.
    """
    if not isinstance(source, str):
        return source
    tree = _parsed(source)
    tested = [node for node in tree.body if _from_solution(node)]
    names = [alias.name for node in tested for alias in node.names]  # type: ignore[attr-defined]
    if len(names) != 1 or names[0] == "*":
        raise ValueError("the tests do not import one function of `solution`")
    tree.body = [node for node in tree.body if not _from_solution(node)]
    imported = [alias.name for node in ast.walk(tree) if isinstance(node, ast.Import)
                for alias in node.names]  # fmt: skip
    cases = [node for node in tree.body if getattr(node, "name", "").startswith("test")]
    if "pytest" in imported or not cases:
        raise ValueError("the tests need pytest" if cases else "the tests have no test function")
    if not all(isinstance(node, ast.FunctionDef) and not node.args.args for node in cases):
        raise ValueError("the tests need fixtures")
    calls = "".join(f"{node.name}()\n" for node in cases)  # type: ignore[attr-defined]
    return _function(names[0], "", f"{ast.unparse(tree)}\n{calls}")


def _from_solution(node: ast.stmt) -> bool:
    return isinstance(node, ast.ImportFrom) and node.module == "solution"


def _parsed(source: str) -> ast.Module:
    try:
        return ast.parse(source)
    except (SyntaxError, ValueError, RecursionError):
        raise ValueError("the tests are no Python") from None


def _function(entry: str, stub: str, tests: str) -> str:
    return canonical_json({"entry": entry, "stub": stub, "tests": tests})
