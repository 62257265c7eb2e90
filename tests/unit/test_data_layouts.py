r"""The layouts of the field's sets: rows made by hand, the awkward kinds among them.

A row's expectation is (problem, gold), or a part of the reason why it is quarantined.
"""

import json
from pathlib import Path

import pytest

from rlscale.core.errors import StudyError
from rlscale.data.layouts import LAYOUTS
from rlscale.data.parts import DAPO_WRAPPER
from rlscale.data.problems import tabulate
from rlscale.data.readers import read_set

SOLVED = "We add.\n#### 1,200"


def user(text: object, *before: dict, role: str = "user") -> list[dict]:
    """A chat with one question."""
    return [*before, {"role": role, "content": text}]


SYSTEM = {"role": "system", "content": "You are helpful."}
HELD = "prompt holds a broken nested string"
VERL = [
    ({"prompt": user("1+1="), "reward_model": {"ground_truth": "2"}}, ("1+1=", "2")),
    ({"prompt": user("1+2=", SYSTEM), "reward_model": {"ground_truth": "3"}}, ("1+2=", "3")),
    ({"prompt": user("1+3="), "reward_model": '{"ground_truth": "4"}'}, ("1+3=", "4")),
    ({"prompt": "[{'role': 'user', 'content': '1+4='}]", "reward_model": {"ground_truth": 5.0}},
     ("1+4=", "5")),
    ({"prompt": user([{"type": "text", "text": "1+5="}]), "reward_model": {"ground_truth": "6"}},
     ("1+5=", "6")),
    ({"prompt": user("1+6="), "reward_model": {"ground_truth": ["7", "7.0"]}},
     ("1+6=", '["7", "7.0"]')),
    ({"prompt": user("1+7="), "reward_model": {"ground_truth": '["8"]'}}, ("1+7=", "8")),
    ({"prompt": user("a", *user("b")), "reward_model": {"ground_truth": "1"}}, "several user"),
    ({"prompt": [SYSTEM], "reward_model": {"ground_truth": "1"}}, "no problem"),
    ({"prompt": [], "reward_model": {"ground_truth": "1"}}, "no problem"),
    ({"prompt": user(None), "reward_model": {"ground_truth": "1"}}, "no problem"),
    ({"prompt": user([{"type": "image"}]), "reward_model": {"ground_truth": "1"}},
     "more than text"),
    ({"prompt": user("1+8="), "reward_model": None}, "no gold answer"),
    ({"prompt": user("1+9="), "reward_model": "broken"}, "reward_model holds a broken nested"),
    ({"prompt": user("2+9="), "reward_model": {"ground_truth": {"a": 1}}}, "of type dict"),
]  # fmt: skip
PLAIN = [
    ({"problem": " 1+1= \n", "answer": "2"}, (" 1+1= \n", "2")),
    ({"problem": "1+2=", "answer": 3}, ("1+2=", "3")),
    ({"problem": "1+3=", "answer": 4.0}, ("1+3=", "4")),
    ({"problem": "1+4=", "answer": ["5"]}, ("1+4=", "5")),
    ({"problem": "1+5=", "answer": "proof"}, "missing one"),
    ({"problem": "1+6=", "answer": None}, "no gold answer"),
    ({"problem": ["1+7="], "answer": "8"}, "problem is of type list"),
]
CHAT = [
    ({"messages": [*user("1+1="), *user(r"So \boxed{2}.", role="assistant")]}, ("1+1=", "2")),
    ({"messages": [SYSTEM, *user("1+2="), *user(r"\boxed{3}", role="assistant")]}, ("1+2=", "3")),
    ({"messages": [{"from": "human", "value": "1+3="}, {"from": "gpt", "value": r"\boxed{4}"}]},
     ("1+3=", "4")),
    ({"messages": user("1+4=")}, "no gold answer"),
    ({"messages": [*user("1+5="), *user("It is 6.", role="assistant")]}, "no gold answer"),
    ({"messages": "hello"}, "messages holds a broken nested string"),
]  # fmt: skip
DAPO = [
    ({"prompt": user(DAPO_WRAPPER.format(problem="1+1=")), "reward_model": {"ground_truth": "2"}},
     ("1+1=", "2")),
    ({"prompt": "1+2=", "reward_model": {"ground_truth": "3"}}, ("1+2=", "3")),
    ({"prompt": DAPO_WRAPPER.format(problem="1+3=\n\n"), "reward_model": {"ground_truth": "4"}},
     ("1+3=\n\n", "4")),
    ({"prompt": "", "reward_model": {"ground_truth": "4"}}, "empty problem"),
    ({"prompt": None, "reward_model": {"ground_truth": "4"}}, "no problem"),
]  # fmt: skip
ORZ = [
    ([{"from": "human", "value": "1+1="},
      {"from": "assistant", "ground_truth": {"value": "2", "pass_at_n": 0.5}}], ("1+1=", "2")),
    ([{"from": "human", "value": "1+2="}, {"from": "assistant", "ground_truth": {"value": None}}],
     "no gold answer"),
    ([{"from": "human", "value": "1+2="}, {"from": "assistant", "ground_truth": "3"}],
     "1.ground_truth is no mapping"),
    ([{"from": "human", "value": None}, {"from": "assistant"}], "no problem"),
    ([], "not a JSON object"),
]  # fmt: skip
GSM8K = [
    ({"question": "How many?", "answer": SOLVED}, ("How many?", "1200")),
    ({"question": "And now?", "answer": "#### -3"}, ("And now?", "-3")),
    ({"question": "Then?", "answer": "no marks"}, "no gold answer"),
    ({"question": "Last?", "answer": "####"}, "no gold answer"),
    ({"question": None, "answer": SOLVED}, "no problem"),
]
MATH = [
    ({"problem": "1+1=", "solution": r"So \boxed{1}, no, \boxed{2}."}, ("1+1=", "2")),
    ({"problem": "1+2=", "solution": r"\fbox{x} \boxed{\frac{6}{2}}"}, ("1+2=", r"\frac{6}{2}")),
    ({"problem": "1+3=", "solution": "Four."}, "no gold answer"),
    ({"problem": "1+4=", "solution": r"\boxed{5"}, "no gold answer"),
    ({"problem": "1+5=", "solution": None}, "no gold answer"),
]
OPTIONS = "Which?\nOptions are:\n(A): x\n(B): y"
CHOICE = [
    ({"question": "Which?", "choices": ["x", "y"], "answer": 1}, (OPTIONS, "B")),
    ({"question": "Which?", "choices": ["x", "y"], "answer": "A"}, (OPTIONS, "A")),
    ({"question": "Which?", "choices": ["x", "y"], "answer": "y"}, (OPTIONS, "B")),
    ({"question": "Which?", "choices": ["x", "x"], "answer": "x"}, "names no option"),
    ({"question": "Which?", "choices": ["x", "y"], "answer": 2}, "names no option"),
    ({"question": "Which?", "choices": ["x", "y"], "answer": None}, "names no option"),
    ({"question": "Which?", "choices": [], "answer": 0}, "no options"),
    ({"question": "Which?", "choices": list("abcdefghijk"), "answer": 0}, "more than ten"),
    ({"question": None, "choices": ["x", "y"], "answer": 0}, "no problem"),
]
ARC = [
    ({"question": "Which?", "choices": {"text": ["x", "y"], "label": labels}, "answerKey": key},
     (OPTIONS, "B"))
    for labels, key in ((["A", "B"], "B"), (["1", "2"], "2"))
]  # fmt: skip
SUPERGPQA = [
    ({"question": "Which?", "options": ["x", "y"], "answer": "y", "answer_letter": "B"},
     (OPTIONS, "B")),
]  # fmt: skip
CHECK = "def check(f):\n    assert f(1) == 2\n"
MADE_CODE = '{"entry":"add","stub":"%s","tests":"%s"}'
ESCAPED = CHECK.replace("\n", "\\n")
HUMANEVAL = [
    ({"prompt": "def add(x):\n", "test": CHECK, "entry_point": "add"},
     ("def add(x):\n", MADE_CODE % ("def add(x):\\n", ESCAPED + "\\ncheck(add)\\n"))),
    ({"prompt": "def add(x):\n", "test": None, "entry_point": "add"}, "is no text"),
]  # fmt: skip
MBPP = [
    ({"text": "Add one.", "test_list": ["assert len([add(1)]) == 1", "assert add(1) == 2"]},
     ("Add one.", MADE_CODE % ("", "assert len([add(1)]) == 1\\nassert add(1) == 2\\n"))),
    ({"text": "Add one.", "test_list": []}, "call no function"),
    ({"text": "Add one.", "test_list": ["assert ("]}, "no Python"),
    ({"text": "Add one.", "test_list": "assert add(1) == 2"}, "no list of assertions"),
]  # fmt: skip
TESTS = json.dumps({"functional": CHECK + "check(add)"})
GURU_CODE = [
    ({"prompt": user("Add one."), "reward_model": {"ground_truth": TESTS}},
     ("Add one.", MADE_CODE % ("", ESCAPED + "check(add)"))),
    ({"prompt": user("[{'role': 'user', 'content': 'Add it.'}]"),
      "reward_model": {"ground_truth": TESTS}},
     ("Add it.", MADE_CODE % ("", ESCAPED + "check(add)"))),
    ({"prompt": user("Add."), "reward_model": {"ground_truth": '{"inputs": [], "outputs": []}'}},
     "input and output"),
    ({"prompt": user("Add."), "reward_model": {"ground_truth": '{"functional": "assert 1"}'}},
     "do not end with check"),
]  # fmt: skip
OLYMPIAD = [
    ({"question": "1+1=", "final_answer": ["2"], "solution": ["x"]}, ("1+1=", "2")),
    ({"question": "1+2=", "final_answer": ["3", "4"], "solution": []}, ("1+2=", '["3", "4"]')),
    ({"question": "1+3=", "final_answer": [], "solution": []}, "no gold answer"),
    ({"question": "1+4=", "final_answer": None, "solution": []}, "no gold answer"),
    ({"question": "1+5=", "final_answer": ["5", None], "solution": []}, "no gold answer"),
]


def with_columns(rows: list, **columns: object) -> list:
    """The same rows with further columns."""
    return [({**row, **columns}, expected) for row, expected in rows]


LAYOUT_ROWS = {
    "plain": (PLAIN, "math"),
    "deepscaler": (with_columns(PLAIN, solution="s"), "math"),
    "openr1_math": (with_columns(PLAIN, generations=["g"], solution="s"), "math"),
    "numina_math": (with_columns(PLAIN, problem_is_valid="Yes", solution="s"), "math"),
    "big_math": (with_columns(PLAIN, llama8b_solve_rate=0.5), "math"),
    "guru": (VERL, "math"),
    "dapo": (DAPO, "math"),
    "guru_code": (GURU_CODE, "program"),
    "chat": (CHAT, "math"),
    "orz": (ORZ, "math"),
    "gsm8k": (GSM8K, "number"),
    "question_answer": ([({"question": "1+1=", "answer": "2"}, ("1+1=", "2"))], "math"),
    "math": (MATH, "math"),
    "choice": (CHOICE, "choice"),
    "arc": (ARC, "choice"),
    "supergpqa": (SUPERGPQA, "choice"),
    "humaneval": (HUMANEVAL, "program"),
    "mbpp": (MBPP, "program"),
    "olympiad_bench": (OLYMPIAD, "math"),
}


def read(path: Path, rows: list, layout: str, **changes: object):
    """Write rows as an array and read them in a layout."""
    path.write_text(json.dumps([row for row, _ in rows]))
    settings = {"layout": layout, "columns": {}, "wrapper": "", "files": [path], **changes}
    return read_set(settings)


def test_every_layout_has_rows_here() -> None:
    assert set(LAYOUTS.names()) - {"verl"} == set(LAYOUT_ROWS)


@pytest.mark.parametrize("layout", LAYOUT_ROWS)
def test_each_row_is_read_as_it_is_meant_or_listed_with_its_reason(layout, tmp_path) -> None:
    rows, verifier = LAYOUT_ROWS[layout]
    found = read(tmp_path / "set.json", rows, layout)
    kept, lost = tabulate(found.rows, verifier=verifier, max_characters=8000)
    assert len(kept) + len(lost) == len(rows)
    usable = iter(kept[["problem", "answer"]].itertuples(index=False, name=None))
    reasons = iter(lost["reason"])
    for row, expected in rows:
        if isinstance(expected, str):
            assert expected in next(reasons), row
        else:
            assert next(usable) == expected, row


@pytest.mark.parametrize("layout", LAYOUT_ROWS)
def test_auto_recognises_the_layout_and_says_what_it_takes_for_what(layout, tmp_path) -> None:
    found = read(tmp_path / "set.json", LAYOUT_ROWS[layout][0], "auto")
    assert found.layout == layout
    assert f"in layout {layout}: problem from " in found.stated()


def test_auto_refuses_what_it_does_not_know(tmp_path: Path) -> None:
    with pytest.raises(StudyError, match=r"no known layout has its columns \(text, label\)"):
        read(tmp_path / "set.json", [({"text": "a", "label": 1}, "")], "auto")


def test_the_system_text_is_kept_apart_and_stated(tmp_path: Path) -> None:
    rows = [({"prompt": user(f"{i}+1=", SYSTEM), "reward_model": {"ground_truth": "1"}}, "")
            for i in range(60)]  # fmt: skip
    found = read(tmp_path / "set.json", rows, "guru")
    assert len({row.problem for row in found.rows}) == 60
    assert found.systems == {"You are helpful.": 60}
    assert "system text of 60 rows, kept apart: 'You are helpful.'" in found.stated()
    assert found.described()["system_texts"] == [{"text": "You are helpful.", "rows": 60}]


AROUND = (
    "Work through this one line at a time, and name the value at the end.\n\n{problem}\n\nDone: "
)


def test_an_instruction_around_all_problems_is_refused_until_it_is_named(tmp_path: Path) -> None:
    rows = [({"problem": AROUND.format(problem=f"{i} plus 1?"), "answer": "1"}, "")
            for i in range(60)]  # fmt: skip
    path = tmp_path / "set.json"
    with pytest.raises(StudyError, match="same words around them") as refusal:
        read(path, rows, "plain")
    assert f"`wrapper: {json.dumps(AROUND)}`" in str(refusal.value)
    bare = read(path, rows, "plain", wrapper=AROUND)
    assert bare.rows[7].problem == "7 plus 1?"
    kept = read(path, rows, "plain", wrapper="{problem}")
    assert kept.rows[7].problem == AROUND.format(problem="7 plus 1?")


def test_problems_that_begin_alike_are_no_wrapper(tmp_path: Path) -> None:
    rows = [({"problem": f"What is the value of {i} + {i}?", "answer": "1"}, "") for i in range(60)]
    assert len(read(tmp_path / "set.json", rows, "plain").rows) == 60


def test_a_place_of_the_users_own_replaces_the_layouts(tmp_path: Path) -> None:
    rows = [({"a": {"q": "1+1="}, "b": [None, "2"]}, "")]
    found = read(
        tmp_path / "set.json", rows, "plain", columns={"problem": ["a", "q"], "answer": ["b", 1]}
    )
    assert (found.rows[0].problem, found.rows[0].answer) == ("1+1=", "2")
