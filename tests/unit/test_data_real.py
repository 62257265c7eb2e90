"""The known defects of the real problems are found (../shared/data/README.md gives the counts)."""

from pathlib import Path

import numpy as np
import pytest

from rlscale.benchmarks import get
from rlscale.clean import clean
from rlscale.decontaminate import overlap
from rlscale.dedup import Text, settle_duplicates
from rlscale.near import cross_pairs, near_pairs
from rlscale.problems import tabulate
from rlscale.readers import read_rows

DATA = Path(__file__).parents[2].parent / "shared" / "data"
pytestmark = pytest.mark.skipif(not DATA.is_dir(), reason=f"{DATA} is not here")
BENCHMARKS = {
    "aime_2024": "aime2024",
    "amc_2023": "amc2023",
    "gsm8k": "gsm8k",
    "humaneval": "codegen__humaneval_164",
    "math_500": "math__math_500",
    "supergpqa": "stem__supergpqa_200",
    "zebra": "logic__zebra_puzzle_dataset_200",
}
WRAPPER = (
    "You are a knowledgeable math assistant. Answer the following questions and think step by step."
    r" {problem} Please output the final answer within \boxed{}."
)


def table(name: str):
    """A file of GURU as a problem table, with its quarantine."""
    rows = read_rows(
        {
            "layout": "guru", "files": [str(DATA / "guru" / name)], "wrapper": WRAPPER,
            "columns": {"pass_rate": ["extra_info", "qwen2.5_7b_pass_rate"]},
        }
    )  # fmt: skip
    # "exact" accepts every gold answer; the test of math-verify's golds would take a minute.
    return tabulate(rows, verifier="exact", max_characters=8000)


@pytest.fixture(scope="module")
def train():
    """The 12,800 training problems."""
    return table("math__sampled_1_4_12800.parquet")


@pytest.fixture(scope="module")
def held_out():
    """The 500 held-out problems."""
    return table("math__full_difficulty_ordered_test_500.parquet")


@pytest.fixture(scope="module")
def texts(train, held_out):
    """Their canonical texts."""
    return [Text.of(part[0]["problem"].tolist()) for part in (train, held_out)]


def test_rows_with_mangled_escapes_are_quarantined(train) -> None:
    kept, lost = train
    assert len(kept) + len(lost) == 12_800
    assert set(lost["reason"]) == {"broken encoding in the problem"}  # "\frac" read as form feed
    assert len(lost) == 61


def test_duplicates_are_found(train, texts) -> None:
    losses, conflicts = settle_duplicates(train[0], texts[0], "first", lambda a, b: a == b)
    groups = len(set(losses["other"]))
    assert len(losses) >= 166
    assert groups >= 162
    assert conflicts["group"].nunique() >= 1


def test_near_duplicates_agree_with_brute_force(texts) -> None:
    shingles = texts[0].shingles
    found = set(map(tuple, near_pairs(shingles, 0.7)[0].tolist()))
    true = set()
    for pairs, similarity in cross_pairs(shingles, shingles):
        near = (similarity >= 0.7) & (pairs[:, 0] < pairs[:, 1])
        true |= set(map(tuple, pairs[near].tolist()))
    assert found <= true
    assert len(found) >= 0.99 * len(true) > 500


def test_the_published_split_leaks_and_the_cleaned_one_does_not(train, held_out, texts) -> None:
    leaks = overlap(*texts, 0.7).twins
    exact = leaks.loc[leaks["verdict"] == "duplicate", "right"].nunique()
    assert exact >= 11
    assert leaks["right"].nunique() >= 20
    benchmarks = {
        name: get(name).load({"path": str(DATA / "benchmarks" / f"{file}.parquet")})
        for name, file in BENCHMARKS.items()
    }
    settings = {
        "verifier": "exact", "cleaning": "strict", "conflicts": "drop",
        "near": {"threshold": 0.7, "within_train": "keep"}, "strata": {"easy": 0.3, "hard": 0},
        "order": {"by": "easy_to_hard", "seed": 0},
    }  # fmt: skip
    cleaned = clean(train[0], held_out[0], benchmarks, settings)
    parts = [cleaned.train, cleaned.held_out, *benchmarks.values()]
    shingled = [Text.of(part["problem"].tolist()) for part in parts]
    for other in shingled[1:]:
        for _, similarity in cross_pairs(shingled[0].shingles, other.shingles):
            assert (similarity < 0.7).all()
        assert not np.isin(shingled[0].canonical, other.canonical).any()
    hits = cleaned.hits[cleaned.hits["verdict"] != "different"]
    count = hits.groupby("against")["other_problem"].nunique()
    assert count["amc_2023"] >= 2
    assert count["math_500"] >= 3
    assert set(count.index) == {"amc_2023", "math_500", "held_out"}
    assert cleaned.train["pass_rate"].fillna(0).is_monotonic_decreasing
