"""Rows of every layout, made by hand, the awkward kinds among them; each with what it is read as.

A row's expectation is (problem, gold), or a part of the reason why it is quarantined.
"""

import json

from rlscale.data.parts import DAPO_WRAPPER

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
    ({"prompt": user("<image>1+8="), "reward_model": {"ground_truth": "9"}}, "needs a picture"),
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
SHAREGPT = [
    ({"conversations": [{"from": "system", "value": "s"}, {"from": "human", "value": "1+1="},
                        {"from": "gpt", "value": r"\boxed{2}"}]}, ("1+1=", "2")),
    ({"conversations": [{"from": "human", "value": "1+2="}, {"from": "gpt", "value": "3"}]},
     "no gold answer"),
]  # fmt: skip
DAPO = [
    ({"prompt": user(DAPO_WRAPPER.format(problem="1+1=")), "reward_model": {"ground_truth": "2"}},
     ("1+1=", "2")),
    ({"prompt": "1+2=", "source_prompt": user("x"), "reward_model": {"ground_truth": "3"}},
     ("1+2=", "3")),
    ({"prompt": DAPO_WRAPPER.format(problem="1+3=\n\n"), "reward_model": {"ground_truth": "4"}},
     ("1+3=\n\n", "4")),
    ({"prompt": "", "reward_model": {"ground_truth": "4"}}, "empty problem"),
    ({"prompt": "小明有几个？", "source_prompt": user("x"), "reward_model": {"ground_truth": "5"}},
     ("小明有几个？", "5")),
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
    ({"problem": "1+6=", "solution": r"$\boxed 7$."}, ("1+6=", "7")),
    ({"problem": "1+7=", "solution": r"$\fbox{8}$."}, ("1+7=", "8")),
    ({"problem": "1+8=", "solution": r"\boxed x, so \boxed{9}."}, ("1+8=", "9")),
    ({"problem": "1+5=", "solution": None}, "no gold answer"),
]
OPTIONS = "Which?\nOptions are:\n(A): x\n(B): y"
CHOICE = [
    ({"question": "Which?", "choices": ["x", "y"], "answer": 1}, (OPTIONS, "B")),
    ({"question": "Which?", "choices": ["x", "y"], "answer": "A"}, (OPTIONS, "A")),
    ({"question": "Which?", "choices": ["x", "y"], "answer": "y"}, (OPTIONS, "B")),
    ({"question": "Which?", "choices": "['x', 'y']", "answer": "1"}, (OPTIONS, "B")),
    (
        {"question": "Which?", "choices": ["1", "0"], "answer": "1"},
        ("Which?\nOptions are:\n(A): 1\n(B): 0", "A"),
    ),
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
BELOW = "Which?\nOptions are:\n(A): x\n(B): y\n(C): z\n(D): w"
MMLU_PRO = [
    (
        {"question": "Which?", "options": ["x", "y"], "answer": "B", "answer_index": 1},
        (OPTIONS, "B"),
    ),
    ({"question": "Which?", "options": "['x', 'y']", "answer": "A"}, (OPTIONS, "A")),
    ({"question": "Which?", "options": "x or y", "answer": "A"}, "options holds a broken nested"),
    ({"question": "Which?", "options": ["x", "y"], "answer": "E"}, "names no option"),
]
AQUA = [
    ({"question": "Which?", "options": ["A)x", "(B) y"], "correct": "B"}, (OPTIONS, "B")),
    ({"question": "Which?", "options": ["A)x", "B)y"], "correct": "C"}, "names no option"),
    ({"question": "Which?", "options": None, "correct": "A"}, "no options"),
]
C_EVAL = [
    ({"question": "Which?", "A": "x", "B": "y", "C": "z", "D": "w", "answer": "C"}, (BELOW, "C")),
    ({"question": "Which?", "A": "x", "B": "y", "C": "", "D": "", "answer": "B"}, (OPTIONS, "B")),
    ({"question": "Which?", "A": "x", "B": "", "C": "z", "D": "w", "answer": "C"},
     "an option is missing"),
    ({"question": "Which?", "A": "x", "B": "y", "C": "z", "D": "w", "answer": ""},
     "names no option"),
]  # fmt: skip


def four(question: str, right: str, *wrong: str, names: tuple[str, str, str]) -> dict:
    """A row of a right answer and three wrong ones."""
    asked, correct, other = names
    return {asked: question, correct: right, **{f"{other}{i + 1}": w for i, w in enumerate(wrong)}}


GPQA_NAMES = ("Question", "Correct Answer", "Incorrect Answer ")
SCIQ_NAMES = ("question", "correct_answer", "distractor")
RIGHT_AMONG_WRONG = [
    (("Which?", "x", "y", "z", "w"), ("Which?\nOptions are:\n(A): w\n(B): z\n(C): y\n(D): x", "D")),
    (("Which?", "x", "x ", "z", "w"), "two options are equal"),
    (("Which?", "", "x", "z", "w"), "an option is missing"),
]  # fmt: skip
GPQA, SCIQ = (
    [(four(*row, names=names), expected) for row, expected in RIGHT_AMONG_WRONG]
    for names in (GPQA_NAMES, SCIQ_NAMES)
)
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
     "neither a function's nor inputs and outputs"),
    ({"prompt": user("Add."), "reward_model": {"ground_truth": '{"functional": "assert 1"}'}},
     "do not end with check"),
]  # fmt: skip
MBPP_SANITIZED = [
    (
        {
            "prompt": "Add one.",
            "test_list": ["assert add(1) == 2"],
            "test_imports": ["import math"],
        },
        ("Add one.", MADE_CODE % ("import math", "assert add(1) == 2\\n")),
    ),
]
PYTEST = "from solution import add\n\ndef test_add():\n    assert add(1) == 2\n"
KODCODE = [
    ({"question": "Add one.", "test": PYTEST, "test_info": []},
     ("Add one.",
      MADE_CODE % ("", "def test_add():\\n    assert add(1) == 2\\ntest_add()\\n"))),
    ({"question": "Add.", "test": "import pytest\n" + PYTEST, "test_info": []}, "need pytest"),
    ({"question": "Add.", "test": PYTEST.replace("add():", "add(tmp):"), "test_info": []},
     "need fixtures"),
    ({"question": "Add.", "test": PYTEST.replace("add\n", "*\n", 1), "test_info": []},
     "do not import one function"),
    ({"question": "Add.", "test": PYTEST.replace("def test_add", "def add_test"), "test_info": []},
     "no test function"),
    ({"question": "Add.", "test": "def (", "test_info": []}, "no Python"),
    ({"question": "Add.", "test": None, "test_info": []}, "no gold answer"),
]  # fmt: skip


def printed(**tests: object) -> dict:
    """A row of APPS."""
    return {"question": "Print.", "input_output": json.dumps(tests), "starter_code": ""}


APPS = [
    (printed(inputs=["1\n", ["2", "3"]], outputs=["2\n", ["4", "5"]]),
     ("Print.", '[["1\\n","2\\n"],["2\\n3","4\\n5"]]')),
    (printed(inputs=["1\n"], outputs=[]), "1 inputs and 0 outputs"),
    (printed(inputs=[[1]], outputs=[[2]], fn_name="f"),
     "gold answer unusable for the 'stdin_program' verifier"),
    ({**printed(inputs=[[1]], outputs=[[2]], fn_name="f"), "starter_code": "class Solution:"},
     "a class' method"),
    (printed(inputs=["1"], outputs=[2]), "gold answer unusable"),
    ({"question": "Print.", "input_output": "", "starter_code": ""}, "no gold answer"),
    ({"question": "Print.", "input_output": "{broken", "starter_code": ""}, "broken nested"),
]  # fmt: skip
SYNTHETIC = [
    ({"prompt": "1+1=", "verification_info": '{"ground_truth": "2"}'}, ("1+1=", "2")),
    ({"prompt": "1+2=", "verification_info": {"ground_truth": "3"}}, ("1+2=", "3")),
    ({"prompt": user("1+3=", SYSTEM), "verification_info": {"ground_truth": "4"}}, ("1+3=", "4")),
    ({"prompt": "1+4=", "verification_info": {"test_cases": []}}, "no gold answer"),
    ({"prompt": "1+5=", "verification_info": None}, "no gold answer"),
]
OPEN_MATH = [
    (
        {"problem": "1+1=", "expected_answer": "2", "generated_solution": r"\boxed{9}"},
        ("1+1=", "2"),
    ),
    ({"problem": "1+2=", "expected_answer": None, "generated_solution": ""}, "no gold answer"),
]
PROMPT_ANSWER = [
    ({"prompt": "1+1=", "answer": "2"}, ("1+1=", "2")),
    ({"prompt": user("1+2=", SYSTEM), "answer": 3}, ("1+2=", "3")),
]
PROMPT_TRUTH = [
    ({"prompt": row["prompt"], "ground_truth": row["answer"]}, expected)
    for row, expected in PROMPT_ANSWER
]
CMATH = [({"question": "小明有几个？", "golden": "9"}, ("小明有几个？", "9"))]
MATH23K = [
    ({"original_text": "几个？", "ans": "3(1/2)"}, ("几个？", r"3\frac{1}{2}")),
    ({"original_text": "多少？", "ans": "(1/2)"}, ("多少？", "(1/2)")),
    ({"original_text": "百分？", "ans": "5%"}, ("百分？", "5%")),
]
OLYMPIAD = [
    (
        {"question": "1+6=", "final_answer": ["7"], "context": "Add.", "is_multiple_answer": False},
        ("Add.\n1+6=", "7"),
    ),
    ({"question": "1+7=", "final_answer": ["8", "9"], "is_multiple_answer": True}, "all asked for"),
    ({"question": "1+8=", "final_answer": ["8,9"], "is_multiple_answer": True}, ("1+8=", "8,9")),
    ({"question": "In <image_1>, 1+8=", "final_answer": ["9"]}, "needs a picture"),
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
    "mmlu_pro": (MMLU_PRO, "choice"),
    "aqua": (AQUA, "choice"),
    "c_eval": (C_EVAL, "choice"),
    "gpqa": (GPQA, "choice"),
    "sciq": (SCIQ, "choice"),
    "mbpp_sanitized": (MBPP_SANITIZED, "program"),
    "kodcode": (KODCODE, "program"),
    "apps": (APPS, "stdin_program"),
    "synthetic": (SYNTHETIC, "math"),
    "open_math": (OPEN_MATH, "math"),
    "prompt_answer": (PROMPT_ANSWER, "math"),
    "prompt_truth": (PROMPT_TRUTH, "math"),
    "cmath": (CMATH, "math"),
    "math23k": (MATH23K, "math"),
    "sharegpt": (SHAREGPT, "math"),
}
