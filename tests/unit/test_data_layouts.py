"""The layouts of the field's sets: each row is read as it is meant, or listed with its reason."""

import json
from pathlib import Path

import pytest
from layout_rows import BELOW, GPQA_NAMES, GSM8K, LAYOUT_ROWS, SYSTEM, four, user

from rlscale.core.errors import StudyError
from rlscale.data.layouts import LAYOUTS
from rlscale.data.problems import tabulate
from rlscale.data.readers import read_set


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


def test_the_layout_is_that_of_most_of_the_first_rows(tmp_path: Path) -> None:
    rows = [({"question": "How many?", "answer": "no marks"}, ""), *GSM8K[:2]]
    assert read(tmp_path / "set.json", rows, "auto").layout == "gsm8k"
    rows = [*GSM8K[:1], *[({"question": "1+1=", "answer": "2"}, "")] * 2]
    assert read(tmp_path / "set.json", rows, "auto").layout == "question_answer"


def test_columns_with_capitals_are_those_of_a_layout(tmp_path: Path) -> None:
    rows = [({"ID": 1, "Problem": "1+1=", "Solution": "s", "Answer": "033"}, "")]
    found = read(tmp_path / "set.json", rows, "auto")
    assert (found.layout, found.places["problem"]) == ("plain", "Problem")
    assert [(row.problem, row.answer) for row in found.rows] == [("1+1=", "033")]
    row = {"": 0, "Question": "Which?", "A": "x", "B": "y", "C": "z", "D": "w", "Answer": "D"}
    found = read(tmp_path / "set.json", [(row, "")], "auto")
    assert [(row.problem, row.answer) for row in found.rows] == [(BELOW, "D")]


@pytest.mark.parametrize("column", ["Body", "passage", "context", "choices", "image"])
def test_a_part_of_the_problem_is_not_left_out_unasked(column: str, tmp_path: Path) -> None:
    row = {"problem": "How much?", "answer": "2", column: "Each costs 2."}
    with pytest.raises(StudyError, match=f"column '(?i:{column})' may be a part of it"):
        read(tmp_path / "set.json", [(row, "")], "auto")
    assert len(read(tmp_path / "set.json", [(row, "")], "plain").rows) == 1
    assert len(read(tmp_path / "set.json", [({**row, column: None}, "")], "auto").rows) == 1


def test_the_right_answer_among_wrong_ones_stands_anywhere_and_always_there(tmp_path) -> None:
    rows = [(four(f"Which of {i}?", *"xyzw", names=GPQA_NAMES), "") for i in range(200)]
    golds = [row.answer for row in read(tmp_path / "set.json", rows, "auto").rows]
    assert all(30 <= golds.count(letter) <= 70 for letter in "ABCD")
    turned = [(four(f"Which of {i}?", *"xwzy", names=GPQA_NAMES), "") for i in range(200)]
    assert [row.answer for row in read(tmp_path / "b.json", turned, "auto").rows] == golds


def test_places_of_the_users_own_need_no_known_layout(tmp_path: Path) -> None:
    rows = [({"sQuestion": "1+1=", "lSolutions": [2.0]}, "")]
    own = {"problem": ["sQuestion"], "answer": ["lSolutions"]}
    found = read(tmp_path / "set.json", rows, "auto", columns=own)
    assert (found.layout, found.rows[0].answer) == ("plain", [2.0])
    rows = [({"problem": "1+1=", "lSolutions": [2.0]}, "")]
    found = read(tmp_path / "set.json", rows, "auto", columns={"answer": ["lSolutions"]})
    assert found.rows[0].problem == "1+1="
    with pytest.raises(StudyError, match="no known layout"):
        read(tmp_path / "set.json", rows, "auto", columns={"pass_rate": ["lSolutions"]})
