"""Benchmarks whose public sets are read from a local copy, in the layout of the set."""

import base64
import json
import pickle
import zlib

import pytest

from rlscale.core.errors import StudyError
from rlscale.evaluation.benchmarks import BENCHMARKS
from rlscale.judging.verifiers import judge

SUM = "a, b = map(int, input().split())\nprint(a + b)"


def packed(tests: list[dict[str, str]]) -> str:
    """As LiveCodeBench packs its private tests."""
    return base64.b64encode(zlib.compress(pickle.dumps(json.dumps(tests)))).decode()


def case(given: str, wanted: str, kind: str = "stdin") -> dict[str, str]:
    return {"input": given, "output": wanted, "testtype": kind}


def problem(question: str, public: list[dict[str, str]], private: str) -> str:
    row = {"question_content": question, "public_test_cases": json.dumps(public)}
    return json.dumps({**row, "private_test_cases": private}) + "\n"


@pytest.fixture
def golds(tmp_path):
    """Sum of two numbers, with two tests; and a problem that is tested by calls."""
    file = tmp_path / "test6.jsonl"
    rows = [
        problem("Print the sum.", [case("2 3\n", "5\n")], packed([case("10 -4\n", "6")])),
        problem("Write sum.", [case("[1]", "1", "functional")], "[]"),
    ]
    file.write_text("".join(rows))
    table = BENCHMARKS.get("live_code_bench").load({"path": str(file)})
    assert table["problem"].tolist() == ["Print the sum."]
    return table["answer"].tolist()


@pytest.mark.slow
def test_programs_are_judged_by_what_they_print(golds):
    programs = {
        SUM: "correct",
        "import sys\na, b = sys.stdin.read().split()\nprint(int(a) + int(b), end='  ')": "correct",
        "import sys\nn = map(int, sys.stdin.buffer.read().split())\nprint(sum(n))": "correct",
        "import sys\n" + SUM + "\nsys.exit()": "correct",
        "if __name__ == '__main__':\n    " + SUM.replace("\n", "\n    "): "correct",
        "a, b = map(float, input().split())\nprint(a + b)": "correct",  # 5.0
        "print(5)": "wrong",
        SUM + "\nprint('done')": "wrong",
        SUM + "\nraise SystemExit(1)": "wrong",
        SUM.replace("+ b)", "+ b + 0.5)"): "wrong",
        "print(": "wrong",
        "import os\nos.fork()\n" + SUM: "wrong",
        "import sys\nsys._getframe(1).f_globals['printed'] = list\nprint(0)": "wrong",
        "while True: pass": "timeout",
    }  # fmt: skip
    said = [f"So:\n```python\n{program}\n```\n" for program in programs]
    verdicts = judge(said, golds * len(said), "stdin_program", workers=2)
    assert [verdict.outcome for verdict in verdicts] == list(programs.values())
    plain = judge([SUM, "", f"```python\nprint(1)\n```\n```python\n{SUM}\n```"], golds * 3,
                  "stdin_program")  # fmt: skip
    assert [verdict.outcome for verdict in plain] == ["correct", "unparsed", "correct"]


def test_tests_that_would_run_code_are_refused(tmp_path):
    class Hostile:
        def __reduce__(self):
            return print, ("run",)

    data = base64.b64encode(zlib.compress(pickle.dumps(Hostile()))).decode()
    file = tmp_path / "bad.jsonl"
    for private in (data, "not base64!", "{}", json.dumps([{"input": "1"}])):
        file.write_text(problem("Print.", [case("1", "1")], private))
        with pytest.raises(StudyError, match="row 0: its tests cannot be read"):
            BENCHMARKS.get("live_code_bench").load({"path": str(file)})
    file.write_text(problem("Write sum.", [case("[1]", "1", "functional")], "[]"))
    with pytest.raises(StudyError, match="no problems"):
        BENCHMARKS.get("live_code_bench").load({"path": str(file)})


@pytest.mark.parametrize(
    ("response", "gold", "outcome"),
    [
        ("Let us see.\nThe answer is: proof", "proof", "correct"),
        ("The answer is: **Proof**.\nI am sure.", "proof", "correct"),
        ("The final answer is: $\\boxed{12}$", "12", "correct"),
        ("The answer is: 12.0", "12", "correct"),
        ("The answer is: a,b, c", "a, b, c", "correct"),
        ("The answer is: (B)", "B", "correct"),
        ("The answer is: [1, 2]", "1, 2", "correct"),
        ("The answer is: disproof", "proof", "wrong"),
        ("The answer is: proof or disproof", "proof", "wrong"),
        ("First, the answer is: 3. No. The answer is: 4", "3", "wrong"),
        ("The answer is: a, b", "a, b, c", "wrong"),
        ("12", "12", "unparsed"),
        ("The answer is:", "12", "unparsed"),
    ],
)
def test_final_answers(response, gold, outcome):
    assert judge([response], [gold], "final_answer")[0].outcome == outcome


def test_bbeh_is_read_in_its_layout(tmp_path):
    file = tmp_path / "bbeh.csv"
    file.write_text('input,target,mini\n"Is it so?",yes,1\n"How many?",12,0\n')
    table = BENCHMARKS.get("bbeh").load({"path": str(file)})
    assert table["answer"].tolist() == ["yes", "12"]
    assert "{problem}" in BENCHMARKS.get("bbeh").prompt
