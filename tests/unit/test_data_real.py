"""The stage on the real problems: quarantine, near pairs against brute force, no leak left."""

import pytest
from real_data import HELD_OUT, TRAIN, benchmarks, near_by_definition, rows

from rlscale.data.canonical import canonicalise, tokens
from rlscale.data.clean import clean
from rlscale.data.dedup import Text
from rlscale.data.near import near_pairs
from rlscale.data.problems import tabulate

pytestmark = pytest.mark.usefixtures("shared")


def table(name: str):
    """A file of GURU as a problem table, with its quarantine."""
    # "exact" accepts every gold answer; the test of math-verify's golds would take a minute.
    return tabulate(rows(name), verifier="exact", max_characters=8000)


@pytest.fixture(scope="module")
def train():
    """The 12,800 training problems."""
    return table(TRAIN)


@pytest.fixture(scope="module")
def held_out():
    """The 500 held-out problems."""
    return table(HELD_OUT)


def test_rows_with_mangled_escapes_are_quarantined(train) -> None:
    kept, lost = train
    assert len(kept) + len(lost) == 12_800
    assert set(lost["reason"]) == {"broken encoding in the problem"}  # "\frac" read as form feed
    assert len(lost) == 61


def test_near_duplicates_agree_with_brute_force(train) -> None:
    problems = train[0]["problem"].tolist()
    pairs, scores = near_pairs(Text.of(problems).shingles, 0.7)
    found = dict(zip(map(tuple, pairs.tolist()), scores, strict=True))
    true = near_by_definition(problems, problems, tokens)
    true = {(i, j): similarity for (i, j), similarity in true.items() if i < j}
    assert found == {pair: pytest.approx(true[pair]) for pair in found}, "precision 1"
    assert len(found) == len(true) > 500, "recall 1"


@pytest.mark.parametrize("own", [True, False], ids=["its own held-out set", "one drawn"])
def test_no_pair_is_left_across_train_held_out_and_benchmarks(train, held_out, own) -> None:
    others = benchmarks()
    settings = {
        "verifier": "exact", "cleaning": "strict", "conflicts": "drop",
        "near": {"threshold": 0.7, "within_train": "keep"}, "strata": {"easy": 0.3, "hard": 0},
        "order": {"by": "easy_to_hard", "seed": 0}, "held_out": {"problems": 500, "seed": 1},
    }  # fmt: skip
    cleaned = clean(train[0], held_out[0] if own else None, others, settings)
    parts = {"train": cleaned.train, "held_out": cleaned.held_out, **others}
    text = {name: part["problem"].tolist() for name, part in parts.items()}
    canonical = {name: set(map(canonicalise, part)) for name, part in text.items()}
    pairs = [("train", "held_out"), *((part, b) for part in ("train", "held_out") for b in others)]
    assert len(pairs) == 15
    for left, right in pairs:
        assert not near_by_definition(text[left], text[right], tokens), f"{left} x {right}"
        assert not canonical[left] & canonical[right]
    lost = cleaned.losses[cleaned.losses["stage"].str.startswith("overlap with")]
    listed = cleaned.hits[cleaned.hits["decision"] == "dropped"]
    assert set(lost["source"]) == set(listed["source"]), "what was dropped is listed with its twin"
    assert set(listed["against"]) - {"held_out"} == {"amc_2023", "math_500"}
    assert cleaned.train["pass_rate"].fillna(0).is_monotonic_decreasing
