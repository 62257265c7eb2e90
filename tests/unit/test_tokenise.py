"""Tokens of many texts at once are those of one text after the other."""

import itertools

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from rlscale.data.canonical import canonicalise, tokens
from rlscale.data.near import near_pairs, shingle
from rlscale.data.tokenise import tokenise

PIECES = [
    *"ab1 {}{}{}$^_.,:!'()-+=<", "\\", "\0", "\n", "\\frac12", "\\dfrac a b", "\\text", "\\mathrm{",
    "\\sqrt x", "\\,", "__", ".5", "1.2.3", "é", "e\u0301", "\u0301", "²", "₁₂", "≤", "ﬁ", "中",
    "\u200b", "½", "の", "\u0338", "Ⅳ", "٣", "İ", "’s", "A B C", "\\$", "\\{",
]  # fmt: skip
texts = st.lists(
    st.lists(st.sampled_from(PIECES), max_size=12).map("".join), min_size=1, max_size=30
)


@given(texts)
@settings(max_examples=300, deadline=None)
def test_the_tokens_of_many_are_those_of_each(problems: list[str]) -> None:
    found, forms = tokenise(problems), {}
    for i, problem in enumerate(problems):
        numbers = found.hashes[found.offsets[i] : found.offsets[i + 1]].tolist()
        assert len(numbers) == len(tokens(problem)), problem
        for number, form in zip(numbers, tokens(problem), strict=True):
            assert forms.setdefault(number, form) == form, problem
    assert len(set(forms.values())) == len(forms), "one number for each form"


@given(texts)
@settings(max_examples=100, deadline=None)
def test_digests_are_equal_where_canonical_texts_are(problems: list[str]) -> None:
    digests = tokenise(problems).digests
    for i, j in itertools.combinations(range(len(problems)), 2):
        same = canonicalise(problems[i]) == canonicalise(problems[j])
        assert (digests[i] == digests[j]) == same


words = st.lists(st.sampled_from([f"w{i}" for i in range(6)]), min_size=3, max_size=14)


@given(st.lists(words.map(" ".join), min_size=2, max_size=40), st.sampled_from([0.5, 0.7, 0.9, 1]))
@settings(max_examples=200, deadline=None)
def test_every_near_pair_is_found_and_no_other(problems: list[str], threshold: float) -> None:
    grams = shingle(tokenise(problems))
    pairs, scores = near_pairs(grams, threshold)
    sets = [set(zip(*(tokens(p)[k:] for k in range(5)), strict=False)) for p in problems]
    true = {}
    for i, j in itertools.combinations(range(len(problems)), 2):
        union = len(sets[i] | sets[j])
        if union and len(sets[i] & sets[j]) / union >= threshold:
            true[i, j] = len(sets[i] & sets[j]) / union
    assert dict(zip(map(tuple, pairs.tolist()), scores.tolist(), strict=True)) == true
    assert np.all(pairs[:, 0] < pairs[:, 1])
