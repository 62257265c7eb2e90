"""Benchmarks whose public sets are read from a local copy, in the layout of the set."""

import base64
import json
import pickle
import zlib

import pytest

from rlscale.core.errors import StudyError
from rlscale.evaluation.benchmarks import BENCHMARKS
from rlscale.judging.instructions import RULES
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


RULES_KEPT_AND_BROKEN = [
    ("keywords:existence", {"keywords": ["sun", "moon"]}, "Moon and SUN", "Moon"),
    ("keywords:frequency", {"keyword": "a.b", "frequency": 2, "relation": "at least"},
     "a.b A.B", "a.b axb"),
    ("keywords:forbidden_words", {"forbidden_words": ["art"]}, "party", "Art!"),
    ("keywords:letter_frequency", {"letter": "e", "let_frequency": 2, "let_relation": "less than"},
     "tEn", "seEn"),
    ("length_constraints:number_words", {"num_words": 3, "relation": "less than"}, "a b", "a b c"),
    ("length_constraints:number_paragraphs", {"num_paragraphs": 2}, "a\n***\nb", "a\n***\n***\nb"),
    ("length_constraints:nth_paragraph_first_word",
     {"num_paragraphs": 2, "nth_paragraph": 2, "first_word": "yes"}, "a\n\nYes, b", "a\n\nNo, yes"),
    ("detectable_content:number_placeholders", {"num_placeholders": 2}, "[a] [b]", "[a]"),
    ("detectable_content:postscript", {"postscript_marker": "P.S."}, "a\nP.S. b", "a PS b"),
    ("detectable_format:number_bullet_lists", {"num_bullets": 2}, "* a\n- b", "* a"),
    ("detectable_format:constrained_response", {}, "My answer is no.", "No."),
    ("detectable_format:number_highlighted_sections", {"num_highlights": 1}, "a *b*", "a ** b"),
    ("detectable_format:multiple_sections", {"section_spliter": "Section", "num_sections": 2},
     "Section 1\na\nSection 2\nb", "Section 1\na"),
    ("detectable_format:json_format", {}, "```json\n{\"a\": 1}\n```", "{a: 1}"),
    ("detectable_format:title", {}, "<<a>>\nb", "<< >>\nb"),
    ("combination:two_responses", {}, "a******b", "a******a"),
    ("combination:repeat_prompt", {"prompt_to_repeat": "Say it"}, "say it: it", "it"),
    ("startend:end_checker", {"end_phrase": "The end."}, "a. The end.", "The end. a"),
    ("startend:quotation", {}, '"a"', 'a"'),
    ("change_case:english_capital", {}, "A B!", "A b"),
    ("change_case:english_lowercase", {}, "a b!", "A b"),
    ("punctuation:no_comma", {}, "a b", "a, b"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "arguments", "kept", "broken"), RULES_KEPT_AND_BROKEN)
def test_instructions(name, arguments, kept, broken):
    gold = json.dumps([[name, arguments]])
    verdicts = judge([kept, broken, " "], [gold] * 3, "instructions")
    assert [verdict.outcome for verdict in verdicts] == ["correct", "wrong", "unparsed"]
    assert verdicts[1].reason == name


def test_ifeval_is_read_in_its_layout(tmp_path):
    assert {name for name, *_ in RULES_KEPT_AND_BROKEN} == set(RULES)
    rows = [
        ("No commas, and a title.", ["punctuation:no_comma", "detectable_format:title"], [{}, {}]),
        ("Two bullets.", ["detectable_format:number_bullet_lists"],
         [{"num_bullets": 2, "keywords": None}]),
        ("In French.", ["language:response_language"], [{"language": "fr"}]),
    ]  # fmt: skip
    file = tmp_path / "ifeval.jsonl"
    file.write_text(
        "".join(
            json.dumps({"prompt": prompt, "instruction_id_list": names, "kwargs": own}) + "\n"
            for prompt, names, own in rows
        )
    )
    golds = BENCHMARKS.get("ifeval").load({"path": str(file)})["answer"].tolist()
    said = judge(["<<a>> b", "* a\n* b", "oui"], golds, "instructions")
    assert [verdict.outcome for verdict in said] == ["correct", "correct", None]
    both = judge(["b, c", "<<a>> b, c"], golds[:1] * 2, "instructions")
    assert [verdict.reason for verdict in both] == [
        "punctuation:no_comma, detectable_format:title", "punctuation:no_comma",
    ]  # fmt: skip
    file.write_text(json.dumps({"prompt": "x", "instruction_id_list": ["a"], "kwargs": []}))
    with pytest.raises(StudyError, match="row 0: 1 instructions and 0 sets of arguments"):
        BENCHMARKS.get("ifeval").load({"path": str(file)})
