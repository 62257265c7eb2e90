"""Twins by numbers and answer: words do not count, frequent numbers name nothing."""

import pandas
import pytest

from rlscale.data import fingerprints
from rlscale.data.fingerprints import numbers_of, same_numbers_and_answer
from rlscale.data.semantic import SAME_ANSWER, _with_same_answers

# 400 problems whose numbers are their own, and 2 and 3, which all have.
LEFT = pandas.DataFrame(
    {
        "problem": [f"Add 2 and 3 to {1000 + i} and {5000 + 7 * i}." for i in range(400)],
        "answer": [str(6005 + 8 * i) for i in range(400)],
    }
)


def pairs(problem: str, answer: str) -> list[tuple[int, int]]:
    """Pairs of the 400 and one other problem."""
    right = pandas.DataFrame({"problem": ["What is 2+3?", problem], "answer": ["5", answer]})
    found = same_numbers_and_answer(LEFT, right)
    return list(zip(found["left"], found["right"], strict=True))


@pytest.mark.parametrize("answer", ["6013", "$6013$", r"\boxed{6,013}"])
def test_a_problem_told_in_another_language_is_found_by_its_numbers(answer: str) -> None:
    assert pairs("求 1001、5007、2 与 3 的和。", answer) == [(1, 1)]


@pytest.mark.parametrize(
    ("problem", "answer"),
    [
        ("求 1001、5007、2 与 3 的和。", "6014"),  # another answer
        ("求 1001、5014、2 与 3 的和。", "6013"),  # numbers of two problems
        ("求 1001、5007、8、9、10、11 的和。", "6013"),  # too many others
        ("求 2 与 3 的和。", "6013"),  # numbers that all have
        ("求和。", "6013"),
    ],
)
def test_another_answer_or_other_numbers_are_no_twin(problem: str, answer: str) -> None:
    assert not pairs(problem, answer)


def test_blocks_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    right = LEFT.iloc[::40].reset_index(drop=True)
    whole = same_numbers_and_answer(LEFT, right)
    monkeypatch.setattr(fingerprints, "_BLOCK", 7)
    assert whole["left"].tolist() == list(range(0, 400, 40))
    pandas.testing.assert_frame_equal(same_numbers_and_answer(LEFT, right), whole)


def test_as_often_as_a_number_stands_it_counts_and_drawings_do_not() -> None:
    assert numbers_of("1.5 and 2, 2 [asy] draw(7,8); [/asy]") == {"1.5": 1, "2": 2}


def test_empty_sets_have_no_pairs() -> None:
    nothing = LEFT.iloc[:0]
    for left, right in ((LEFT, nothing), (nothing, LEFT), (nothing, nothing)):
        assert not len(same_numbers_and_answer(left, right))


def test_pairs_that_the_texts_make_are_not_listed_twice() -> None:
    known = pandas.DataFrame(
        {"left": [1], "right": [1], "cosine": [0.5], "numbers": ["same"], "alignment": [0.9]}
    )
    named = pandas.DataFrame({"left": [1, 2], "right": [1, 1]})
    both = _with_same_answers(known, named)
    assert both[["left", "numbers"]].values.tolist() == [[1, "same"], [2, SAME_ANSWER]]
    assert both["cosine"].isna().tolist() == [False, True]
