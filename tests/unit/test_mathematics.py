r"""The verifier of mathematics: kinds of answers, properties, the shared cases beside its peers."""

import json
import random
import time
from pathlib import Path

import pytest
from answer_peers import wrong_and_refused
from answer_structures import STRUCTURES
from answer_values import REFUSED, VALUES
from hypothesis import given, settings
from hypothesis import strategies as st

from rlscale.judging.mathematics import MATH
from rlscale.judging.verifiers import decide

KINDS = VALUES | STRUCTURES
SHARED = Path(__file__).parents[3] / "shared/cases/answers/answers.jsonl"


def outcome(answer: str, gold: str) -> str | None:
    response = MATH.respond(answer)
    return decide(MATH, MATH.extract(response, gold), gold, usable=MATH.usable(gold)).outcome


@pytest.mark.parametrize("gold", KINDS)
def test_answers_by_kind(gold):
    right, wrong = KINDS[gold]
    refused = [(gold, answer) for answer in right if outcome(answer, gold) != "correct"]
    assert [case for case in refused if case not in REFUSED] == []
    assert [answer for answer in wrong if outcome(answer, gold) == "correct"] == []


def test_what_is_known_to_be_refused_still_is():
    assert [outcome(answer, gold) == "correct" for gold, answer in REFUSED] == [False] * len(
        REFUSED
    )


GOLDS = [
    "5", "-3", "0.25", r"\frac{3}{4}", r"2\sqrt{3}", "x^2+3", "(1,2)", r"\{1,2\}", "[0,1)", "x=7",
    r"\frac{\pi}{2}", "1,234", "3:4", "3+2i", r"\begin{pmatrix}1\\2\end{pmatrix}", "2^{10}", "7n-4",
]  # fmt: skip
# Each changes the value of every gold above, or makes it no answer.
CHANGING = [
    " cubed", " squared", " trillion", " dozen", " or more", " or less", " over three", " halves",
    " hundredths", " plus one", " minus one", " times ten", " to the n", " choose two", " root two",
    " factorial", " mod three", "^2", "_5", "!", " i", r"\pi", r" \cdot 10^{6}", " or 99", ", 99",
    r" \pm 1", r" + 10^{-12}", r"\text{ less than } x", r"\text{ and a half}", " maybe", "k",
    r" \neq 0", " > 0", r" \ldots", r"\text{ if } x = 2", r"\text{ or none}",
]  # fmt: skip
BEFORE = [
    "not ",
    r"\text{not }", r"\neq ", r"\text{at least }", "> ", r"\ge ", "minus ", "- ", "half of ",
    r"\text{more than }", r"\sqrt", "1/", "2 + ", "99, ", r"99 \text{ or } ", "3x = ", "x > ",
]  # fmt: skip
WRAPPINGS = [
    "{}", " {} ", r"\text{{}}", r"\mathbf{{}}", r"\boldsymbol{{}}", r"\textbf{{}}", "${}$",
    r"\({}\)", r"\[{}\]", r"\displaystyle {}", r"\large {}", r"\color{red}{{}}", r"{\bf {}}",
    r"\textcolor{blue}{{}}", r"\boxed{{}}", r"\underline{{}}", "{}.", "{},", "{};", r"{}\\",
    r"\,{}\,", r"~{}~", r"{} \quad", r"{}\ ", r"\left.{}\right.", "Answer: {}", r"= {}", "**{}**",
    r"\text{The answer is } {}", "The final answer is {}", "答案：{}", r"{} \checkmark", r"\bm{{}}",
]  # fmt: skip


@pytest.mark.parametrize("gold", GOLDS)
def test_what_changes_the_value_never_stays_right(gold):
    kept = [(before, gold) for before in BEFORE if outcome(before + gold, gold) == "correct"]
    kept += [(gold, after) for after in CHANGING if outcome(gold + after, gold) == "correct"]
    assert kept == []


@settings(max_examples=300, deadline=None, derandomize=True)
@given(st.sampled_from(GOLDS), st.lists(st.sampled_from(WRAPPINGS), max_size=3))
def test_harmless_wrappings_never_turn_right_into_wrong(gold, wrappings):
    answer = gold
    for wrapping in wrappings:
        if wrapping.startswith(r"\text{{") and not gold.isdigit():
            continue  # mathematics within \text is no mathematics
        answer = wrapping.replace("{}", answer, 1)
    assert outcome(answer, gold) == "correct", answer


@settings(max_examples=300, deadline=None, derandomize=True)
@given(st.integers(-(10**9), 10**9), st.integers(1, 10**6), st.integers(-5, 5))
def test_numbers_are_compared_exactly(upper, lower, shift):
    gold = rf"\frac{{{upper}}}{{{lower}}}"
    assert outcome(f"{upper * 3}/{lower * 3}", gold) == "correct"
    expected = "correct" if shift == 0 else "wrong"
    assert outcome(f"{upper + shift}/{lower}", gold) == expected


def random_answers(seed: int, count: int) -> list[str]:
    pieces = [
        r"\frac", r"\sqrt", "{", "}", "(", ")", "[", "]", r"\{", r"\}", "1", "12", "0.5", "x", "n",
        "i", "e", r"\pi", "+", "-", "=", "<", r"\le", "^", "_", "!", "|", ",", ";", ":", " ",
        r"\text", r"\text{ or }", r"\mathrm", "cm", "per", "/", r"\%", "$", r"\begin{pmatrix}",
        r"\end{pmatrix}", "&", r"\\", r"\cup", r"\in", r"\infty", r"\mathbb{R}", r"\sin", "log",
        r"\pmod", "1,234", "½", "√", "。", r"\boxed", r"\left", r"\overline", ".", r"\ldots", "for",
        "and", "square", "cubed", "hundred", "(B)", r"\pm", r"\cdot", "*", "99", "\\", "#", "~",
        "'", "é", "中", "\x00", "\n", "🙂",
    ]  # fmt: skip
    rng = random.Random(seed)
    lengths = (1, 2, 3, 5, 8, 12, 20, 40)
    return ["".join(rng.choices(pieces, k=rng.choice(lengths))) for _ in range(count)]


@pytest.mark.parametrize("count", [3_000, pytest.param(100_000, marks=pytest.mark.long)])
def test_random_strings_raise_nothing_and_take_no_time(count):
    rng = random.Random(1)
    for answer in random_answers(7, count):
        started = time.process_time()
        assert outcome(answer, rng.choice(GOLDS)) is not None
        assert time.process_time() - started < 5, answer


@pytest.mark.parametrize(
    "answer", ["(" * 5000, "{" * 5000, "-" * 9000, "." * 9000, r"\frac" * 1500, r"\sqrt{" * 900,
               "$" * 9000, "**" * 4000, "1+" * 4000 + "1", "x" * 9000, "1," * 4000, "9" * 9000,
               "{" + " " * 9000 + "x", "," * 9000 + "x", "\\" * 9000 + "x", r"\," * 4000 + "x",
               "{" * 4900 + "}" * 4900, r"\text{" * 1600 + "}" * 1600, r"\frac{d}{d" * 900,
               "[a," * 3000, "]1" * 4000, "(1A" * 3000, r"\mathbb" + " " * 9000 + "R"],
)  # fmt: skip
def test_long_answers_take_no_time(answer):
    started = time.process_time()
    assert outcome(answer, "7") in ("unparsed", "wrong")
    assert time.process_time() - started < 3


def shared_cases() -> list[dict]:
    if not SHARED.exists():
        pytest.skip("the shared cases (../shared) are not here")
    return [json.loads(line) for line in SHARED.read_text().splitlines()]


def test_the_shared_cases_and_what_the_peers_say_of_them():
    table = wrong_and_refused(shared_cases())
    assert table["ours"][0] == 0
    assert table["ours"][1] <= 12
    assert all(sum(table["ours"]) <= sum(errors) for errors in table.values())
