"""Duplicates, near pairs and clusters, against brute force and as properties."""

import itertools
import random

import numpy as np
import pandas
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rlscale.data.canonical import tokens
from rlscale.data.decontaminate import overlap
from rlscale.data.dedup import Text, cluster, settle_duplicates
from rlscale.data.near import near_pairs, take

WORDS = ["alpha", "beta", "gamma", "1", "2", "3", "+", "-", "=", "x", "y"]
texts = st.lists(
    st.lists(st.sampled_from(WORDS), min_size=1, max_size=12).map(" ".join), min_size=1, max_size=25
)


def same(first: str, second: str) -> bool:
    """Equality of plain numbers."""
    return float(first) == float(second)


def table_of(problems: list[str], answers: list[str] | None = None) -> pandas.DataFrame:
    """A problem table in the order given."""
    return pandas.DataFrame(
        {
            "order": range(len(problems)),
            "problem": problems,
            "answer": answers or ["1"] * len(problems),
        }
    )


def survivors(table: pandas.DataFrame, policy: str = "drop") -> pandas.DataFrame:
    """The rows that stay."""
    losses, _ = settle_duplicates(table, Text.of(table["problem"].tolist()), policy, same)
    return table.drop(index=table.index[losses["row"].to_numpy(int)])


def similarity(first: str, second: str) -> float:
    """Jaccard similarity of token 5-grams, by the definition."""
    grams = []
    for text in (first, second):
        found = tokens(text)
        grams.append({tuple(found[i : i + 5]) for i in range(len(found) - 4)})
    union = grams[0] | grams[1]
    return len(grams[0] & grams[1]) / len(union) if union else 0.0


def variations(seed: int, count: int) -> list[str]:
    """Texts of which many are versions of each other."""
    rng = random.Random(seed)
    stems = [[f"w{rng.randrange(400)}" for _ in range(40)] for _ in range(count // 4)]
    made = []
    for _ in range(count):
        words = list(rng.choice(stems))
        for _ in range(rng.randrange(4)):
            words[rng.randrange(40)] = f"w{rng.randrange(400)}"
        made.append(" ".join(words))
    return made


def test_near_pairs_agree_with_brute_force() -> None:
    problems = variations(1, 240)
    pairs, scores = near_pairs(Text.of(problems).shingles, 0.7)
    found = {tuple(pair): score for pair, score in zip(pairs.tolist(), scores, strict=True)}
    true = {
        (i, j): s
        for i, j in itertools.combinations(range(len(problems)), 2)
        if (s := similarity(problems[i], problems[j])) >= 0.7
    }
    assert len(true) > 100
    assert found.keys() <= true.keys(), "a verified pair is below the threshold"
    assert len(found) >= 0.99 * len(true)
    assert all(found[pair] == pytest.approx(true[pair]) for pair in found)


def test_no_pair_of_a_large_bucket_is_left_out() -> None:
    base = " ".join(f"w{i}" for i in range(80))
    problems = [f"{base} n{i}" for i in range(400)]
    pairs, scores = near_pairs(Text.of(problems).shingles, 0.7)
    assert len(pairs) == 400 * 399 // 2
    assert (np.diff(pairs, axis=1) > 0).all()
    assert len(np.unique(pairs, axis=0)) == len(pairs)
    assert scores == pytest.approx(similarity(problems[0], problems[1]))


def test_ngram_sets_do_not_depend_on_what_stands_in_the_same_block() -> None:
    problems = variations(3, 4100)
    all_of_them, last = Text.of(problems).shingles, Text.of(problems[-10:]).shingles
    assert take(all_of_them, np.arange(4090, 4100)).hashes.tolist() == last.hashes.tolist()


def test_overlap_of_two_sets_is_exact() -> None:
    left, right = variations(2, 120), [*variations(2, 60)[::-1], "1 + 2 =", "1 + 3 ="]
    left.append("1+2=")
    twins = overlap(Text.of(left), Text.of(right), 0.7).twins
    true = {
        (i, j)
        for i, j in itertools.product(range(len(left)), range(len(right)))
        if similarity(left[i], right[j]) >= 0.7 or tokens(left[i]) == tokens(right[j])
    }
    assert set(zip(twins["left"], twins["right"], strict=True)) == true
    assert (len(left) - 1, 60) in true


def test_a_screen_is_not_a_verdict() -> None:
    boilerplate = " where m and n are relatively prime positive integers find m plus n"
    left = ["The area of a strange triangle with seven sides is m over n" + boilerplate]
    right = ["A fair coin comes up heads nine times with chance m over n" + boilerplate]
    found = overlap(Text.of(left), Text.of(right), 0.7)
    assert found.hits[["screened", "verdict"]].values.tolist() == [[True, "different"]]
    assert found.twins.empty


def test_clusters_do_not_chain() -> None:
    words = [f"w{i}" for i in range(60)]
    chain = [" ".join(words[3 * i : 3 * i + 40]) for i in range(7)]
    assert similarity(chain[0], chain[1]) >= 0.7 > similarity(chain[0], chain[6])
    leader, scores = cluster(Text.of(chain), list("abcdefg"), 0.7)
    assert len(set(leader)) > 1
    for row, (head, score) in enumerate(zip(leader, scores, strict=True)):
        assert row == head or similarity(chain[row], chain[head]) == pytest.approx(score)
        assert score >= 0.7


@pytest.mark.parametrize(
    ("policy", "kept"),
    [("drop", ["5"]), ("majority", ["1", "5"]), ("first", ["2", "5"])],
)
def test_conflicts_are_settled_by_the_policy_and_listed(policy: str, kept: list[str]) -> None:
    problems = ["a+b=", "A + b =", "a+b=?", "c"]
    table = table_of(problems, ["2", "1.0", "1", "5"])
    assert [float(a) for a in survivors(table, policy)["answer"]] == [float(a) for a in kept]
    _, conflicts = settle_duplicates(table, Text.of(problems), policy, same)
    assert conflicts["answer_class"].tolist() == [0, 1, 1]


def test_a_tie_has_no_majority() -> None:
    assert survivors(table_of(["a", "a"], ["1", "2"]), "majority").empty


@given(texts)
@settings(max_examples=60, deadline=None)
def test_settling_twice_changes_nothing(problems: list[str]) -> None:
    once = survivors(table_of(problems)).reset_index(drop=True)
    assert survivors(once).equals(once)


@given(texts, st.randoms(use_true_random=False))
@settings(max_examples=60, deadline=None)
def test_the_order_of_rows_does_not_matter(problems: list[str], rng: random.Random) -> None:
    table = table_of(problems)
    shuffled = table.sample(frac=1, random_state=rng.randrange(1000)).reset_index(drop=True)
    assert set(survivors(table)["order"]) == set(survivors(shuffled)["order"])


@given(texts, texts)
@settings(max_examples=60, deadline=None)
def test_a_union_keeps_nothing_that_a_side_would_drop(a: list[str], b: list[str]) -> None:
    union = set(survivors(table_of(a + b))["order"])
    assert {i for i in union if i < len(a)} <= set(survivors(table_of(a))["order"])


@given(texts, st.randoms(use_true_random=False))
@settings(max_examples=30, deadline=None)
def test_clusters_do_not_depend_on_the_order_of_rows(problems, rng: random.Random) -> None:
    names = sorted(set(problems))
    mixed = rng.sample(names, len(names))

    def leaders(order: list[str]) -> dict[str, str]:
        leader, _ = cluster(Text.of(order), order, 0.7)
        return dict(zip(order, np.array(order, object)[leader], strict=True))

    assert leaders(names) == leaders(mixed)
