"""Semantic twins: the same problem with other numbers, names or wording, on both sides of a split.

They are reported, never removed. Numbers, single letters, names and drawings are masked; candidates
share rare words and runs of two or three tokens, and are then aligned token by token. Where their
numbers are the same, less likeness is asked for, and where the answer is too and the numbers are
rare, none (rlscale.data.fingerprints). Nothing is hashed to buckets: every pair that
reaches the thresholds is found, in the same order each time.
"""

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas

from rlscale.data.clean import Cleaned
from rlscale.data.decontaminate import overlap
from rlscale.data.dedup import Text
from rlscale.data.fingerprints import numbers_of, same_numbers_and_answer
from rlscale.data.near import shingle
from rlscale.data.tokenise import Tokens, tokenise

if TYPE_CHECKING:
    from scipy.sparse import csr_array

COLUMNS = (
    "part", "against", "cosine", "alignment", "numbers", "source", "problem", "answer",
    "other", "other_problem", "other_answer",
)  # fmt: skip
SAME_ANSWER = "same answer"
_BOTH_SIDES = {"source": "other", "problem": "other_problem", "answer": "other_answer"}
# A term of more texts than these is boilerplate: it adds to a text's length, not to agreement.
# The share was chosen on half of ../shared/data (docs/data.md); the count is for small sets.
_FREQUENT_SHARE, _FREQUENT_COUNT = 0.02, 20
_SAMPLE = 20_000
_BLOCK = 1 << 12
# Numbers are the same where this share of them is, and evidence where so many different ones are;
# then these parts of both thresholds are enough. Chosen on the same half.
_SAME_SHARE, _SAME_COUNT = 0.8, 3
_EASED_COSINE, _EASED_ALIGNMENT = 0.5, 0.6
_EQUAL_PAIRS = 1_000_000  # of tokens of two texts; of the longest real problems 140,000
_DRAWING = re.compile(r"\[asy\].*?\[/asy\]", re.DOTALL | re.IGNORECASE)
_NAME = re.compile(r"(?<=[a-z,;] )[A-Z][a-z]+")


def masked_tokens(problems: Sequence[str]) -> Tokens:
    """Tokens of problems, with one token each for numbers, single letters, names and drawings.

    A word is a name where it has a capital within a sentence, and wherever it stands in that text.
    """
    return tokenise(map(_without_names, problems), masked=True)


def _without_names(problem: str) -> str:
    text = _DRAWING.sub(" [] ", problem)
    names = sorted(set(_NAME.findall(text)))
    return re.sub(rf"\b(?:{'|'.join(names)})\b", "Name", text) if names else text


def semantic_pairs(
    left: Sequence[str], right: Sequence[str], *, cosine: float, alignment: float, seed: int
) -> pandas.DataFrame:
    """All pairs of problems of two sets whose masked texts are alike by both measures.

    Of pairs that share at least 80 % of their numbers, and three different ones, half of ``cosine``
    and .6 of ``alignment`` are asked.

    Args:
        left: First set, n texts; read in blocks, so that memory grows with ``right``.
        right: Second set, m texts.
        cosine: Least cosine of the texts' weighted sets of 1-, 2- and 3-grams, in (0, 1].
        alignment: Least ratio of aligned tokens (Ratcliff and Obershelp, as difflib), in [0, 1].
        seed: Draws the texts of ``left`` from which the weights are estimated, 20,000 at most.

    Returns:
        ``left`` and ``right`` (rows), ``cosine``, ``alignment`` and ``numbers`` (``same`` or
        ``other``), sorted by rows.
    """
    found = [pandas.DataFrame(columns=["left", "right", "cosine", "numbers", "alignment"])]
    if len(left) and len(right):
        drawn = np.random.default_rng(seed).permutation(len(left))[:_SAMPLE]
        second = _Second.of(right, masked_tokens([left[i] for i in np.sort(drawn)]))
        for start in range(0, len(left), _BLOCK):
            pairs = second.alike(left[start : start + _BLOCK], cosine, alignment)
            found.append(pairs.assign(left=pairs["left"] + start))
    table = pandas.concat([part for part in found if len(part)] or found, ignore_index=True)
    table = table.astype(
        {"left": np.int64, "right": np.int64, "cosine": float, "alignment": float, "numbers": str}
    )
    return table.sort_values(["left", "right"], ignore_index=True)


@dataclass(frozen=True)
class _Weights:
    """Inverse document frequencies of terms: hashes, sorted, and weights, shape (n,) each."""

    terms: np.ndarray
    idf: np.ndarray
    unknown: float
    frequent: float

    @classmethod
    def of(cls, texts: Sequence[Tokens]) -> "_Weights":
        """Estimate them from some texts; an unknown term counts as one of a single text."""
        count = sum(map(len, texts))
        terms, times = np.unique(
            np.concatenate([_terms(text)[1] for text in texts]), return_counts=True
        )
        whole = float(np.log(count + 1))
        frequent = max(_FREQUENT_COUNT, _FREQUENT_SHARE * count)
        return cls(terms, whole - np.log(times), whole, whole - float(np.log(frequent)))

    def matrix(self, texts: Tokens) -> "csr_array":
        """Texts x known terms: weights over the text's length, without frequent terms."""
        from scipy.sparse import csr_array

        row, term = _terms(texts)
        column = np.minimum(np.searchsorted(self.terms, term), len(self.terms) - 1)
        known = self.terms[column] == term
        weight = np.where(known, self.idf[column], self.unknown)
        length = np.sqrt(np.bincount(row, weight**2, len(texts)))
        kept = known & (weight >= self.frequent)
        scaled = weight[kept] / length[row[kept]]
        shape = (len(texts), len(self.terms))
        return csr_array((scaled, (row[kept], column[kept])), shape=shape)


@dataclass(frozen=True)
class _Second:
    """The second set, made ready to be held against: its texts, tokens and weighted terms."""

    texts: Sequence[str]
    tokens: Tokens
    weights: _Weights
    columns: "csr_array"  # terms x texts

    @classmethod
    def of(cls, texts: Sequence[str], sample: Tokens) -> "_Second":
        """Make a set ready, with weights estimated from it and a sample of the first."""
        tokens = masked_tokens(texts)
        weights = _Weights.of([sample, tokens])
        return cls(texts, tokens, weights, weights.matrix(tokens).T.tocsr())

    def alike(self, texts: Sequence[str], cosine: float, alignment: float) -> pandas.DataFrame:
        """Pairs of some texts and this set's by both measures; ``left`` is the text's place."""
        tokens = masked_tokens(texts)
        pairs = _candidates(self.weights.matrix(tokens), self.columns, _EASED_COSINE * cosine)
        share, count = _shared_numbers(texts, self.texts, pairs)
        pairs["numbers"] = np.where(share >= _SAME_SHARE, "same", "other")
        eased = (share >= _SAME_SHARE) & (count >= _SAME_COUNT)
        least = np.where(eased, _EASED_ALIGNMENT, 1.0) * alignment
        kept = eased | (pairs["cosine"] >= cosine)
        pairs, least = pairs[kept], least[kept]
        pairs = pairs.assign(alignment=list(_aligned(tokens, self.tokens, pairs, least)))
        return pairs[pairs["alignment"] >= least]


def _terms(texts: Tokens) -> tuple[np.ndarray, np.ndarray]:
    """Text and hash of every distinct 1-, 2- and 3-gram, shape (total,) each."""
    parts = [shingle(texts, length) for length in (1, 2, 3)]
    rows = [np.repeat(np.arange(len(part)), part.sizes) for part in parts]
    return np.concatenate(rows), np.concatenate([part.hashes for part in parts])


def _candidates(rows: "csr_array", columns: "csr_array", cosine: float) -> pandas.DataFrame:
    product = (rows @ columns).tocoo()
    kept = product.data >= cosine
    return pandas.DataFrame(
        {"left": product.row[kept], "right": product.col[kept], "cosine": product.data[kept]}
    )


def _shared_numbers(
    left: Sequence[str], right: Sequence[str], pairs: pandas.DataFrame
) -> tuple[np.ndarray, np.ndarray]:
    """Share of numbers, counted as often as they stand, and different numbers that pairs share."""
    rows = [
        {row: numbers_of(texts[row]) for row in pairs[side].unique()}
        for side, texts in (("left", left), ("right", right))
    ]
    share, count = np.ones(len(pairs)), np.zeros(len(pairs), np.int64)
    for place, (i, j) in enumerate(zip(pairs["left"], pairs["right"], strict=True)):
        first, second = rows[0][i], rows[1][j]
        both = first & second
        count[place] = len(both)
        if first or second:
            share[place] = both.total() / max(first.total(), second.total())
    return share, count


def _aligned(
    left: Tokens, right: Tokens, pairs: pandas.DataFrame, lowest: np.ndarray
) -> Iterator[float]:
    """Share of tokens that align; its upper bound where that is below the lowest already, or where
    the texts are a few tokens again and again: aligning these takes the square of their length.
    """
    for i, j, least in zip(pairs["left"], pairs["right"], lowest, strict=True):
        first, second = (
            text.hashes[text.offsets[row] : text.offsets[row + 1]].tolist()
            for text, row in ((left, i), (right, j))
        )
        matcher = SequenceMatcher(None, first, second, autojunk=False)
        bound = min(matcher.real_quick_ratio(), matcher.quick_ratio())
        yield matcher.ratio() if bound >= least and not _repeats(first, second) else bound


def _repeats(first: Sequence[int], second: Sequence[int]) -> bool:
    counts = Counter(second)
    return sum(counts[token] for token in first) > _EQUAL_PAIRS


def semantic_twins(
    cleaned: Cleaned, benchmarks: Mapping[str, pandas.DataFrame], settings: Mapping[str, Any]
) -> pandas.DataFrame:
    """The semantic twins across training problems, held-out problems and benchmarks of a set.

    Pairs that are equal or near are left out: they are duplicates, not twins of this kind.

    Args:
        cleaned: The set.
        benchmarks: Problem table of each benchmark.
        settings: ``semantic_twins`` (``cosine``, ``alignment``, ``seed``) and ``near`` of the set.

    Returns:
        A row a pair (COLUMNS): ``part`` and ``against`` name its sides, ``other`` and so on
        describe the second problem; ``numbers`` is ``same`` where they share 80 % of them, and
        ``same answer`` where numbers and answer alone make the pair (no cosine, no alignment).
    """
    held_out = {"held_out": cleaned.held_out}
    sides = (
        ("train", cleaned.train, {**held_out, **benchmarks}),
        ("held_out", cleaned.held_out, dict(benchmarks)),
    )
    found = [pandas.DataFrame(columns=list(COLUMNS))]
    for part, table, against in sides:
        if not against:
            continue
        others = pandas.concat(
            [other.assign(against=name) for name, other in against.items()], ignore_index=True
        )
        left, right = table["problem"].tolist(), others["problem"].tolist()
        pairs = semantic_pairs(left, right, **settings["semantic_twins"])
        pairs = _with_same_answers(pairs, same_numbers_and_answer(table, others))
        pairs = _not_near(pairs, left, right, settings["near"]["threshold"])
        if len(pairs):
            found.append(_described(pairs, table, others).assign(part=part))
    return pandas.concat(found[1:] or found, ignore_index=True)[list(COLUMNS)]


def _with_same_answers(pairs: pandas.DataFrame, named: pandas.DataFrame) -> pandas.DataFrame:
    """The pairs, and after them those that their numbers and answers alone name."""
    known = set(zip(pairs["left"], pairs["right"], strict=True))
    new = [pair not in known for pair in zip(named["left"], named["right"], strict=True)]
    named = named[np.array(new, bool)].assign(numbers=SAME_ANSWER)
    return pandas.concat([pairs, named], ignore_index=True) if len(named) else pairs


def _not_near(
    pairs: pandas.DataFrame, left: Sequence[str], right: Sequence[str], threshold: float
) -> pandas.DataFrame:
    """The pairs that are neither equal nor near."""
    rows = [np.unique(pairs[side]) for side in ("left", "right")]
    first, second = (
        Text.of([side[i] for i in kept]) for side, kept in zip((left, right), rows, strict=True)
    )
    near = overlap(first, second, threshold, screen=False).twins
    known = set(zip(rows[0][near["left"]], rows[1][near["right"]], strict=True))
    new = [pair not in known for pair in zip(pairs["left"], pairs["right"], strict=True)]
    return pairs[np.array(new, bool)].reset_index(drop=True)


def _described(
    pairs: pandas.DataFrame, table: pandas.DataFrame, others: pandas.DataFrame
) -> pandas.DataFrame:
    first = table.iloc[pairs["left"]].reset_index(drop=True)
    second = others.iloc[pairs["right"]].reset_index(drop=True)
    described = pairs[["cosine", "alignment", "numbers"]].assign(against=second["against"])
    for name, new in _BOTH_SIDES.items():
        described[name], described[new] = first[name], second[name]
    return described


def counted(twins: pandas.DataFrame) -> list[dict[str, Any]]:
    """Pairs, and problems on the second side, by part, other side and numbers; for report.json."""
    groups = twins.groupby(["part", "against", "numbers"])
    counts = groups.agg(pairs=("other", "size"), problems=("other", "nunique"))
    return [{str(k): v for k, v in row.items()} for row in counts.reset_index().to_dict("records")]
