"""What counts as a gold answer, and what a difficulty that is no pass rate leads to."""

import json
import math
from decimal import Decimal

import pytest

from rlscale.core.errors import StudyError
from rlscale.data.golds import Unusable, gold_text
from rlscale.data.problems import RawRow, tabulate
from rlscale.data.readers import read_rows
from rlscale.judging.alternatives import alternatives, any_of
from rlscale.judging.verifiers import equal_answers, judge

ABSENT = [
    "proof", "Proof.", "notfound", "not found", "NotFound", "see solution", "NA", "N/A", "n/a",
    "None", "null", "nan", "NaN", "inf", "-inf", "-", "?", "...", "$NA$", r"\boxed{}",
    r"\text{None}", r"\(\text{nan}\)",
]  # fmt: skip
SOLUTIONS = [
    "2 * 600 = 1200\n#### 1200",
    "#### 42",
    "The answer is 42",
    r"Adding both sides we find \boxed{3}.",
    "We add one and two and get three. Then we double it.",
    " ".join(["word"] * 21),
]
ANSWERS = [
    "42", "42.", " 42 \n", "-5", "12%", "(1,2)", "[1, 2]", "A, C", "B) 12", "x=3", "2:30 PM",
    "Na", "no solution", "yes", r"\infty", r"\text{Yes}", r"\boxed{42}", r"$\boxed{n^2-n-1}$",
    "\\[\n\\boxed{y = -\\frac{1}{4}}\n\\]", r"\text{The midpoint of } OP", "5 cm", "none of these",
    r"f(x) = ax \text{ for some integer } a.", r"\text{(D) the triangle is isosceles}", "0.5",
]  # fmt: skip


@pytest.mark.parametrize("value", ABSENT)
def test_words_for_a_missing_answer_are_no_answer(value: str) -> None:
    with pytest.raises(Unusable, match="stands for a missing one"):
        gold_text(value, "math")


@pytest.mark.parametrize("value", SOLUTIONS)
def test_a_solution_is_no_answer(value: str) -> None:
    with pytest.raises(Unusable, match="whole solution"):
        gold_text(value, "math")
    assert gold_text(value, "program") == value, "tests of code may be of any length"


@pytest.mark.parametrize("value", ANSWERS)
def test_an_answer_stays_byte_for_byte(value: str) -> None:
    assert gold_text(value, "math") == value


@pytest.mark.parametrize(
    ("value", "text"),
    [(4032.0, "4032"), (-0.0, "0"), (4032, "4032"), (1e-05, "0.00001"), (2.5, "2.5")],
)
def test_integers_stay_integers_and_no_number_gets_an_exponent(value, text: str) -> None:
    assert gold_text(value, "exact") == text


def test_decimal_columns_are_numbers_and_an_empty_list_in_a_text_is_none() -> None:
    assert gold_text(Decimal("72.00"), "exact") == "72"
    assert gold_text(Decimal("1.50"), "exact") == "1.50"
    assert gold_text("[]", "exact") == "[]", "which may be the answer"
    for value in (Decimal("nan"), "[]", " [ ] "):
        with pytest.raises(Unusable):
            gold_text(value, "math")


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, 2.0**60, True, {"a": 1}, b"1"])
def test_what_is_no_number_and_no_text_is_no_answer(value) -> None:
    with pytest.raises(Unusable):
        gold_text(value, "math")


def test_a_list_means_any_of_its_members() -> None:
    assert gold_text(["5"], "math") == gold_text("['5']", "math") == "5"
    assert gold_text(["1/2", 0.5], "math") == gold_text('["1/2", "0.5"]', "math")
    assert alternatives(gold_text(["1/2", 0.5], "math")) == ["1/2", "0.5"]
    assert alternatives(any_of(['say "a"', "b"])) == ['say "a"', "b"]
    assert alternatives('["a", 1]') == ['["a", 1]'], "not an array of strings: one answer"
    with pytest.raises(Unusable):
        gold_text(["5", None], "math")


def test_each_member_of_a_list_must_suit_the_verifier() -> None:
    rows = [RawRow("a", "1+1=", ["2", "2.0"]), RawRow("b", "1+2=", ["3", "three"])]
    kept, lost = tabulate(rows, verifier="number", max_characters=100)
    assert (kept["source"].tolist(), lost["source"].tolist()) == (["a"], ["b"])
    assert equal_answers('["7", "2"]', "2.0", "number")
    assert not equal_answers('["7", "2"]', "3", "number")


@pytest.mark.parametrize("kind", ["number", "math"])
def test_the_judge_takes_any_of_several_golds(kind: str) -> None:
    golds = ['["7", "2"]'] * 4 + ["2"]
    responses = [rf"\boxed{{{n}}}" for n in ("7", "2.0", "3")] + ["no idea", r"\boxed{2}"]
    outcomes = [verdict.outcome for verdict in judge(responses, golds, kind)]
    assert outcomes == ["correct", "correct", "wrong", "unparsed", "correct"]


def rated(*rates: object) -> list[RawRow]:
    """Rows with these pass rates."""
    return [RawRow(f"f#{i}", f"{i}+1=", "1", pass_rate=rate) for i, rate in enumerate(rates)]


@pytest.mark.parametrize("rates", [(0, 1, 5, 16), (0, 0, 1, 2), (37.5, 50, 0.5, None)])
def test_a_difficulty_that_is_no_pass_rate_is_refused(rates) -> None:
    with pytest.raises(StudyError, match=r"pass_rate_is: \{counts") as refusal:
        tabulate(rated(*rates), verifier="number", max_characters=100)
    assert f"{max(r or 0 for r in rates):g} in f#" in str(refusal.value)


def test_a_stray_value_among_pass_rates_is_one_bad_row() -> None:
    kept, lost = tabulate(rated(0, 0.25, 1, None, -1), verifier="number", max_characters=100)
    assert kept["pass_rate"].fillna(-9).tolist() == [0, 0.25, 1, -9]
    assert lost["reason"].tolist() == ["pass rate -1 lies outside [0, 1]"]


def test_counts_become_the_share_of_right_answers(tmp_path) -> None:
    file = tmp_path / "f.jsonl"
    rows = [{"problem": f"{n}+1=", "answer": "1", "n": n} for n in (0, 4, 16, None, "often")]
    file.write_text("\n".join(map(json.dumps, rows)))
    settings = {"layout": "plain", "columns": {"pass_rate": ["n"]}, "files": [file], "wrapper": ""}
    rates = {
        counts: [r.pass_rate for r in read_rows({**settings, "pass_rate_is": meaning})]
        for counts in ("fails", "passes")
        if (meaning := {"counts": counts, "of": 16})
    }
    assert rates["fails"] == [1, 0.75, 0, None, "often"]
    assert rates["passes"] == [0, 0.25, 1, None, "often"]


@pytest.mark.parametrize(
    ("verifier", "gold"),
    [("program", "42"), ("program", "def f"), ("program", '{"entry": 1}'), ("grid", "42"),
     ("program", '{"entry": 1, "stub": "", "tests": ""}'), ("grid", '{"header": []}')],
)  # fmt: skip
def test_golds_of_another_kind_are_listed(verifier: str, gold: str) -> None:
    _, lost = tabulate([RawRow("a", "1+1=", gold)], verifier=verifier, max_characters=100)
    assert lost["reason"].tolist() == [f"gold answer unusable for the '{verifier}' verifier"]
