# ruff: noqa: E501 (tables)
"""Benchmarks: the real problems with oracles that know, and oracles that do not."""

import importlib
import json
from pathlib import Path

import pytest

from rlscale.core.errors import StudyError
from rlscale.evaluation import benchmarks
from rlscale.evaluation.benchmarks import BENCHMARKS
from rlscale.evaluation.settings import verifier_of
from rlscale.judging.verifiers import VERIFIERS, judge

SHARED = Path(__file__).parents[3] / "shared/data/benchmarks"
FILES = {
    "math_500": ("math__math_500", 500),
    "gsm8k": ("gsm8k", 1319),
    "aime_2024": ("aime2024", 30),
    "amc_2023": ("amc2023", 40),
    "humaneval": ("codegen__humaneval_164", 164),
    "zebra": ("logic__zebra_puzzle_dataset_200", 200),
    "supergpqa": ("stem__supergpqa_200", 200),
}
needs_shared = pytest.mark.usefixtures("shared")
# Reference solutions of ours for problems whose tests lean on more than the function: helpers of
# the stub, floats, tuples, None, strings. The file itself holds no reference programs.
PROGRAMS = {
    "has_close_elements": """
def has_close_elements(numbers, threshold):
    numbers = sorted(numbers)
    return any(b - a < threshold for a, b in zip(numbers, numbers[1:]))""",
    "truncate_number": "def truncate_number(number):\n    return number % 1.0",
    "rolling_max": """
from itertools import accumulate
def rolling_max(numbers):
    return list(accumulate(numbers, max))""",
    "sum_product": """
import math
def sum_product(numbers):
    return sum(numbers), math.prod(numbers)""",
    "longest": "def longest(strings):\n    return max(strings, key=len) if strings else None",
    "find_zero": """
def find_zero(xs):
    value = lambda x: sum(c * x ** i for i, c in enumerate(xs))
    low, high = -1.0, 1.0
    while value(low) * value(high) > 0:
        low, high = 2 * low, 2 * high
    while high - low > 1e-10:
        middle = (low + high) / 2
        low, high = (low, middle) if value(low) * value(middle) <= 0 else (middle, high)
    return low""",
    "decode_cyclic": """
def decode_cyclic(s):
    groups = [s[i:i + 3] for i in range(0, len(s), 3)]
    return "".join(g[-1] + g[:-1] if len(g) == 3 else g for g in groups)""",
    "decode_shift": """
def decode_shift(s):
    return "".join(chr((ord(c) - 5 - ord("a")) % 26 + ord("a")) for c in s)""",
    "is_prime": """
def is_prime(n):
    return n > 1 and all(n % k for k in range(2, int(n ** 0.5) + 1))""",
    "string_to_md5": """
import hashlib
def string_to_md5(text):
    return hashlib.md5(text.encode()).hexdigest() if text else None""",
}


def load(name):
    file, count = FILES[name]
    table = BENCHMARKS.get(name).load({"path": str(SHARED / f"{file}.parquet")})
    assert len(table) == count
    return BENCHMARKS.get(name), table


def judged(benchmark, texts, golds):
    verdicts = judge(list(texts), list(golds), benchmark.verifier, workers=2)
    return [verdict.outcome for verdict in verdicts]


def wrap(name, answer):
    return f"<answer>{answer}</answer>" if name == "zebra" else rf"Thus \boxed{{{answer}}}."


@needs_shared
def test_all_2953_problems_are_here():
    """With the 500 held-out problems of the training data, which are no benchmark file."""
    assert sum(count for _, count in FILES.values()) + 500 == 2953


@needs_shared
@pytest.mark.parametrize("name", [name for name in FILES if name != "humaneval"])
def test_an_oracle_scores_one_and_a_wrong_one_zero(name):
    benchmark, table = load(name)
    golds = list(table["answer"])
    right = judged(benchmark, [wrap(name, gold) for gold in golds], golds)
    assert {
        gold for gold, outcome in zip(golds, right, strict=True) if outcome != "correct"
    } == set()
    wrong = [wrap(name, spoilt(name, gold)) for gold in golds]
    assert "correct" not in judged(benchmark, wrong, golds)
    assert set(judged(benchmark, ["I do not know."] * len(golds), golds)) == {"unparsed"}


def spoilt(name, gold):
    if name == "supergpqa":
        return "B" if gold == "A" else "A"
    if name == "zebra":
        grid = json.loads(gold)
        grid["rows"][0][1], grid["rows"][1][1] = grid["rows"][1][1], grid["rows"][0][1]
        return json.dumps(grid)
    return f"777 + 13 + ({gold})" if gold.lstrip("-").isdigit() else r"\frac{777}{13}"


@needs_shared
def test_the_held_out_golds_of_the_paper_are_usable():
    import pandas

    rows = pandas.read_parquet(
        SHARED.parent / "guru/math__full_difficulty_ordered_test_500.parquet"
    )
    golds = [row["ground_truth"] for row in rows["reward_model"]]
    verdicts = judge([rf"\boxed{{{gold}}}" for gold in golds], golds, "math", workers=2)
    failing = [v.answer for v in verdicts if v.outcome != "correct"]
    assert failing == []


@needs_shared
def test_humaneval_programs_pass_and_empty_ones_fail():
    benchmark, table = load("humaneval")
    golds = [json.loads(answer) for answer in table["answer"]]
    known = [i for i, gold in enumerate(golds) if gold["entry"] in PROGRAMS]
    assert len(known) == len(PROGRAMS)
    texts = [f"Here:\n```python\n{PROGRAMS[golds[i]['entry']]}\n```\nDone." for i in known]
    answers = [table["answer"][i] for i in known]
    assert judged(benchmark, texts, answers) == ["correct"] * len(known)
    stubs = [f"```python\n{golds[i]['stub']}    return None\n```" for i in known]
    assert judged(benchmark, stubs, answers) == ["wrong"] * len(known)
    assert judged(benchmark, ["```python\nprint(1)\n```"] * 2, answers[:2]) == ["unparsed"] * 2


FORMS = {
    "a block": "Here:\n```python\n{program}\n```\nDone.",
    "a language with a space": "``` python\n{program}\n```",
    "no language, no end": "```\n{program}\n",
    "no fence": "{program}",
    "no fence, prose around": "The function:\n\n{program}\n\nIt works as asked: see above.",
    "a later block with a function": (
        "```python\n{program}\n```\nTo try it:\n```python\ndef main():\n    print('tried')\n\nmain()\n```"
    ),
    "a list, tildes": "1. So:\n\n   ~~~python\n{indented}\n   ~~~\n",
    "a draft in thought": "<think>\n```python\ndef f(): pass\n```\n</think>\n```python\n{program}\n```",
}


@needs_shared
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("ends", ["\n", "\r\n"])
def test_right_programs_are_right_in_every_form(form, ends):
    _, table = load("humaneval")
    golds = {json.loads(answer)["entry"]: answer for answer in table["answer"]}
    texts, answers = [], []
    for entry, program in PROGRAMS.items():
        program = program.strip("\n")
        indented = "\n".join(f"   {line}" for line in program.split("\n"))
        text = FORMS[form].format(program=program, indented=indented)
        texts.append(text.replace("\n", ends))
        answers.append(golds[entry])
    verdicts = judge(texts, answers, "program", workers=2)
    assert [v.reason for v in verdicts if v.outcome != "correct"] == []


@needs_shared
def test_the_body_alone_and_the_stubs_own_names_are_enough():
    _, table = load("humaneval")
    golds = {json.loads(answer)["entry"]: answer for answer in table["answer"]}
    cases = {
        "truncate_number": "    return number % 1.0\n\n\nprint(truncate_number(3.5)",
        "strlen": "```python\n    return len(string)\n```",
        "has_close_elements": (
            "```python\ndef has_close_elements(numbers: List[float], threshold: float) -> bool:\n"
            "    s = sorted(numbers)\n    return any(b - a < threshold for a, b in zip(s, s[1:]))\n```"
        ),
    }
    verdicts = judge(list(cases.values()), [golds[entry] for entry in cases], "program")
    assert [(v.outcome, v.reason) for v in verdicts] == [("correct", "")] * 3


@needs_shared
@pytest.mark.long
def test_no_empty_humaneval_program_passes():
    benchmark, table = load("humaneval")
    stubs = [f"```python\n{json.loads(answer)['stub']}    pass\n```" for answer in table["answer"]]
    assert set(judged(benchmark, stubs, table["answer"])) == {"wrong"}


def test_zebra_grids_compare_as_grids():
    zebra = BENCHMARKS.get("zebra")
    gold = '{"header": ["Position", "Pet", "Job"], "rows": [["1", "cat", "cook"], ["2", "dog", "spy"]]}'
    cases = {
        "{'header': ['Position', 'Pet', 'Job'], 'rows': [[1, 'Cat', 'cook'], [2, 'dog ', 'spy']]}": "correct",
        '{"header": ["Job", "Position", "Pet"], "rows": [["spy", "2", "dog"], ["cook", "1", "cat"]]}': "correct",
        '{"header": ["Position", "Pet", "Job"], "rows": [["1", "dog", "cook"], ["2", "cat", "spy"]]}': "wrong",
        '{"header": ["Position", "Pet", "Job"], "rows": [["1", "cat", "cook"]]}': "wrong",
        '{"header": ["Position", "Pet"], "rows": [["1", "cat", "cook"]]}': "unparsed",
        "__import__('os').system('true')": "unparsed",
        "[" * 100_000: "unparsed",
        "": "unparsed",
    }
    texts = [f"<answer>1</answer> no: <answer>{case}</answer>" for case in cases]
    assert judged(zebra, texts, [gold] * len(cases)) == list(cases.values())
    assert judged(zebra, ["<answer>x</answer>"], ["no grid"]) == [None]
    same = gold.replace("cat", "guinea-pig")
    forms = [
        f"<answer>\n```json\n{same}\n```\n</answer>", f"within <answer> tags: <answer>{same}</answer>",
        f"<answer>{same}</answer> as asked, in <answer></answer>.", f"<answer>{same}",
        f"<answer>{same.replace('-', ' ')}</answer>",
    ]  # fmt: skip
    assert judged(zebra, forms, [same] * len(forms)) == ["correct"] * len(forms)


@pytest.mark.parametrize(
    ("box", "letter"),
    [
        ("A", "A"), ("(B)", "B"), (r"\text{C}", "C"), (r"\textbf{(D)}", "D"), ("E: 0.36g", "E"),
        ("F. because", "F"), ("$G$", "G"), ("K", None), ("AB", None), ("a", None), ("A B", None),
        (r"\text{Option B}", "B"), (r"\left(B\right)", "B"), (r"\mathsf{B}", "B"), (r"\bf B", "B"),
        (r"\,B\,", "B"), ("[B]", "B"), ("**B**", "B"), ("B - 0.5", "B"), (r"B \text{ (0.5)}", "B"),
        (r"\textrm{B}", "B"), (r"\text{\textbf{B}}", "B"), ("B, D", None), ("B or C", None),
        ("(B)(C)", None), ("not B", None),
    ],
)  # fmt: skip
def test_option_letters(box, letter):
    assert VERIFIERS.get("choice").extract(rf"\boxed{{{box}}}", "A") == letter


def test_public_sets_of_other_layouts_are_read_and_judged(tmp_path):
    files = {
        "aime_2025": ("a.jsonl", '{"problem": "1 + 1?", "answer": 2}\n'),
        "olympiad_bench": ("o.jsonl", '{"question": "x^2 = 4?", "final_answer": ["$2$", "$-2$"]}\n'),
        "gpqa": (
            "g.csv",
            "Question,Correct Answer,Incorrect Answer 1,Incorrect Answer 2,Incorrect Answer 3\n"
            "A noble gas?,neon,iron,lead,tin\n",
        ),
    }  # fmt: skip
    for name, (file, text) in files.items():
        (tmp_path / file).write_text(text)
        benchmark = BENCHMARKS.get(name)
        table = benchmark.load({"path": str(tmp_path / file)})
        (gold,) = table["answer"]
        assert judged(benchmark, [rf"\boxed{{{gold}}}", r"\boxed{99}"], [gold] * 2)[0] == "correct"
        if name == "olympiad_bench":
            outcomes = judged(benchmark, [r"\boxed{-2, 2}", r"\boxed{2}"], [gold] * 2)
            assert outcomes == ["correct", "wrong"]
        if name == "gpqa":
            assert f"({gold}) neon" in table["problem"][0]
    (tmp_path / "o.jsonl").write_text('{"question": "x", "final_answer": 2}\n')
    with pytest.raises(StudyError, match="row 0: final_answer is no list"):
        BENCHMARKS.get("olympiad_bench").load({"path": str(tmp_path / "o.jsonl")})


def test_a_file_of_one_s_own_is_a_benchmark(tmp_path):
    """Rows of problem and gold, by the columns that are named, judged by the named verifier."""
    path = tmp_path / "own.jsonl"
    path.write_text(
        '{"problem": "2+3=", "answer": 5}\n{"problem": " 1/2 of 3?", "answer": "1.5"}\n'
    )
    load = BENCHMARKS.get("own_file").load
    table = load({"path": str(path)})
    assert table["problem"].tolist() == ["2+3=", "1/2 of 3?"]
    assert table["answer"].tolist() == ["5", "1.5"]
    (tmp_path / "o.csv").write_text("q,gold\n2+3=,5\n")
    named = {"path": str(tmp_path / "o.csv"), "columns": {"problem": "q", "answer": "gold"}}
    assert load(named)["answer"].tolist() == ["5"]
    own = {"module": "own_file", "scoring": "ours"}
    assert verifier_of(own, {"verifier": "number"}) == "number"  # as the data set's answers
    assert verifier_of(own | {"verifier": "exact"}, {"verifier": "number"}) == "exact"
    for bad in ('{"problem": "2+3=", "answer": null}', '{"problem": "2+3=", "answer": ["5"]}',
                '{"problem": " ", "answer": "5"}'):  # fmt: skip
        path.write_text('{"problem": "1+1=", "answer": "2"}\n' + bad + "\n")
        with pytest.raises(StudyError, match=r"own\.jsonl: row 1: '(answer|problem)' is "):
            load({"path": str(path)})


def test_arithmetic_problems_are_distinct_and_right():
    settings = {"task": {"skill": "sum", "terms": 4, "largest": 9}, "problems": 50, "seed": 1}
    table = BENCHMARKS.get("arithmetic").load(settings)
    assert table["problem_id"].nunique() == 50
    for problem, answer in zip(table["problem"], table["answer"], strict=True):
        assert eval(problem.removesuffix("=")) == int(answer)
    assert BENCHMARKS.get("arithmetic").load(settings).equals(table)
    with pytest.raises(StudyError, match="asked of a space"):
        BENCHMARKS.get("arithmetic").load({**settings, "problems": 20_000})


def test_every_module_says_where_it_is_from():
    for name in BENCHMARKS.names():
        text = importlib.import_module(BENCHMARKS.module(name)).__doc__
        for word in ("Source:", "icence", "Example", "Prompt:"):
            assert word in text, f"{name}: no {word!r} in its docstring"


def test_bad_input_is_named(tmp_path):
    import pandas

    with pytest.raises(StudyError, match="did you mean gsm8k"):
        BENCHMARKS.get("gsm8")
    with pytest.raises(StudyError, match="'path' is missing"):
        BENCHMARKS.get("gsm8k").load({})
    with pytest.raises(StudyError, match=r"nothing\.parquet"):
        BENCHMARKS.get("gsm8k").load({"path": str(tmp_path / "nothing.parquet")})
    other = tmp_path / "other.parquet"
    row = {"prompt": [{"content": "2+2?", "role": "user"}], "reward_model": {"ground_truth": "4"}}
    pandas.DataFrame([row]).to_parquet(other)
    with pytest.raises(StudyError, match="row 0 does not have the prompt"):
        BENCHMARKS.get("gsm8k").load({"path": str(other)})
    other.write_bytes(b"PAR1")
    with pytest.raises(StudyError, match=r"other\.parquet: not a parquet file"):
        BENCHMARKS.get("gsm8k").load({"path": str(other)})
    with pytest.raises(StudyError, match="repeats"):
        benchmarks.problem_table(["a", "a"], ["1", "1"], source="x")
