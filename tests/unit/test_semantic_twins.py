"""Semantic twins: found with other numbers, names and words; boilerplate and near pairs are not."""

import json
from pathlib import Path

import numpy as np
import pandas
import pytest
from test_data_stage import benchmark, prepare

from rlscale.data import semantic
from rlscale.data.clean import Cleaned
from rlscale.data.semantic import COLUMNS, masked_tokens, semantic_pairs, semantic_twins

RULE = {"cosine": 0.3, "alignment": 0.75, "seed": 0}
SETTINGS = {"semantic_twins": RULE, "near": {"threshold": 0.7, "within_train": "keep"}}
TRAIN = [
    "A baker packs 24 rolls into each box. On Friday Martha buys 7 boxes and gives 18 rolls to her "
    "neighbours. How many rolls does Martha keep?",
    "Find the remainder when $7^{2019}$ is divided by $25$.",
    "The perpendicular bisector of a chord of length 12 meets the circle at distance 2 from the "
    "chord. What is the radius of the circle?",
    "How many ways are there to seat five people around a round table if two of them quarrel?",
]
OTHER_NUMBERS_AND_NAME = (
    "A baker packs 36 rolls into each box. On Monday Oliver buys 11 boxes and gives 40 rolls to "
    "her neighbours. How many rolls does Oliver keep?"
)
REWORDED = (
    "The perpendicular bisector of a chord of length 12 cuts the circle 2 away from the "
    "chord. Determine the radius of the circle."
)
TRANSLATED = "用 $7^{2019}$ 除以 $25$ 的余数是多少？"
UNLIKE = "A train leaves the station at noon. When does the second train catch up with it?"


def found(left: list[str], right: list[str]) -> list[tuple[int, int]]:
    """Rows of the pairs."""
    pairs = semantic_pairs(left, right, **RULE)
    return list(zip(pairs["left"], pairs["right"], strict=True))


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("Let $x+3=8$", "Let $y+41=9$"),
        ("has seven apples", "has 7 apples"),
        ("Then Anna gave two to Ben. Anna left.", "Then Carl gave 5 to Dora. Carl left."),
        ("the area? [asy] draw((0,0)--(1,2)); [/asy]", "the area? [ASY] dot(A); [/ASY]"),
    ],
)
def test_masks_hide_numbers_letters_names_and_drawings(first: str, second: str) -> None:
    assert len(set(masked_tokens([first, second]).digests.tolist())) == 1


@pytest.mark.parametrize(
    ("first", "second"), [("$x+3$", "$x-3$"), ("the area", "the volume"), ("May I", "may I go")]
)
def test_masks_leave_operators_and_words(first: str, second: str) -> None:
    assert len(set(masked_tokens([first, second]).digests.tolist())) == 2


def test_twins_are_found_and_nothing_else() -> None:
    right = [UNLIKE, REWORDED, OTHER_NUMBERS_AND_NAME]
    assert found(TRAIN, right) == [(0, 2), (2, 1)]


def test_the_same_numbers_ask_for_less_likeness() -> None:
    retold = (
        "A baker packs 24 rolls into each box. Martha, who buys 7 boxes, gives her neighbours 18 "
        "rolls on Friday. How many rolls are left to Martha?"
    )
    assert found(TRAIN, [retold]) == [(0, 0)]
    assert found(TRAIN, [retold.replace("24", "25").replace("18", "19")]) == []


def test_a_translation_is_not_found() -> None:
    assert found(TRAIN, [TRANSLATED]) == []


def test_words_around_all_problems_make_no_twins() -> None:
    # 24 words, more than the 20 texts from which on a word is frequent.
    words = [f"{first}{last}" for first in "bcdfghjk" for last in ("osk", "ole", "ium")]
    text = "Read this question with care and give the final result in a box. Compute the {}."
    many = [text.format(word) for word in words]
    assert found(many[:12], many[12:]) == []
    assert found([*TRAIN, many[0]], [many[1], UNLIKE]) == [(4, 0)]  # rare words are no wrapper


def test_blocks_and_repeated_calls_give_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    left = [*TRAIN, UNLIKE] * 3
    right = [OTHER_NUMBERS_AND_NAME, REWORDED]
    whole = semantic_pairs(left, right, **RULE)
    monkeypatch.setattr(semantic, "_BLOCK", 4)
    pandas.testing.assert_frame_equal(semantic_pairs(left, right, **RULE), whole)
    assert len(whole) == 6


def test_thresholds_bound_both_measures() -> None:
    pairs = semantic_pairs(TRAIN, [REWORDED], **RULE).iloc[0]
    assert RULE["cosine"] <= pairs["cosine"] < 1
    assert RULE["alignment"] <= pairs["alignment"] < 1
    for name in ("cosine", "alignment"):
        above = {**RULE, name: pairs[name] + 1e-6}
        assert semantic_pairs(TRAIN, [REWORDED], **above).empty
        assert len(semantic_pairs(TRAIN, [REWORDED], **{**RULE, name: pairs[name]})) == 1


def table(problems: list[str], source: str) -> pandas.DataFrame:
    """A problem table of the columns that twins show."""
    rows = [f"{source}:{i}" for i in range(len(problems))]
    return pandas.DataFrame({"problem": problems, "answer": "1", "source": rows}, dtype=object)


def test_pairs_are_described_and_near_ones_left_out() -> None:
    nothing = pandas.DataFrame()
    cleaned = Cleaned(
        train=table([UNLIKE, *TRAIN], "train"),
        held_out=table([TRAIN[1].replace("Find", "Compute"), REWORDED], "held"),
        losses=nothing, conflicts=nothing, hits=nothing,
    )  # fmt: skip
    bench = table([UNLIKE, OTHER_NUMBERS_AND_NAME], "bench")
    twins = semantic_twins(cleaned, {"empty": bench.head(0), "bench": bench}, SETTINGS)
    shown = twins[["part", "against", "numbers", "source", "other"]].values.tolist()
    assert shown == [
        ["train", "bench", "other", "train:1", "bench:1"],
        ["train", "held_out", "same", "train:3", "held:1"],
    ]
    assert twins["other_problem"].tolist() == [OTHER_NUMBERS_AND_NAME, REWORDED]
    counts = semantic.counted(twins)
    assert [(c["against"], c["pairs"], c["problems"]) for c in counts] == [
        ("bench", 1, 1), ("held_out", 1, 1),
    ]  # fmt: skip


def test_the_stage_reports_twins_and_removes_none(tmp_path: Path) -> None:
    rows = [{"problem": p, "answer": "1"} for p in TRAIN]
    (tmp_path / "set.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    own = [{"problem": p, "answer": "1"} for p in (UNLIKE, REWORDED)]
    (tmp_path / "own.jsonl").write_text("".join(json.dumps(row) + "\n" for row in own))
    read = {"layout": "plain", "columns": {}, "wrapper": ""}
    folder = tmp_path / "toy"
    manifest = prepare(
        folder, [benchmark(tmp_path / "bench", [OTHER_NUMBERS_AND_NAME])],
        max_characters=1000, read={**read, "files": [str(tmp_path / "set.jsonl")]},
        held_out={"read": {**read, "files": [str(tmp_path / "own.jsonl")]}},
    )  # fmt: skip
    twins = pandas.read_csv(folder / "semantic_twins.csv")
    assert tuple(twins.columns) == COLUMNS
    assert twins["against"].tolist() == ["bench", "held_out"]
    assert (manifest["n_train"], manifest["n_held_out"]) == (4, 2)
    report = json.loads((folder / "report.json").read_text())
    assert sum(entry["pairs"] for entry in report["semantic_twins"]) == len(twins)


@pytest.mark.parametrize(("words", "aligned"), [(900, True), (1100, False)])
def test_texts_of_one_word_again_and_again_are_not_aligned_word_by_word(
    words, aligned, monkeypatch
):
    """Aligning takes the square of equal tokens: 4,000 of them took a second a pair."""
    calls = []

    class Counted(semantic.SequenceMatcher):
        def ratio(self) -> float:
            calls.append(self)
            return 0.9

    monkeypatch.setattr(semantic, "SequenceMatcher", Counted)
    texts = semantic.masked_tokens(["zork " * words])
    pairs = pandas.DataFrame({"left": [0], "right": [0]})
    (share,) = semantic._aligned(texts, texts, pairs, np.array([0.8]))
    assert (share, len(calls)) == ((0.9, 1) if aligned else (1.0, 0))
