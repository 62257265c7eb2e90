"""Near problems: Jaccard similarity of the sets of token 5-grams.

A text is its set of 64-bit n-gram hashes (a row of ``Shingles``). Pairs inside one set are found by
MinHash LSH and verified by true Jaccard; pairs across two sets are found exactly, by a sparse
matrix product, because nothing may be missed there.
"""

import hashlib
import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from scipy.sparse import csr_array

NGRAM = 5
# 32 bands of 4: a pair at Jaccard 0.7 becomes a candidate with probability 1 - (1 - 0.7^4)^32 =
# 0.99985, one at 0.8 with 1 - 5e-8.
_BANDS, _ROWS = 32, 4
_SEED = 20260101
_DIGEST_ROWS = 20_000
# ASSUME: in a band's bucket above this size all members are versions of one text; each is compared
# with its neighbours and with the bucket's first, not with all others.
_LARGE_BUCKET = 200
_PAIR_BLOCK = 200_000


@dataclass(frozen=True)
class Shingles:
    """N-gram sets of n texts, one after the other.

    Attributes:
        hashes: Hash of each n-gram, sorted and distinct within a text, shape (total,), uint64.
        offsets: Text i owns ``hashes[offsets[i]:offsets[i + 1]]``, shape (n + 1,). A text of
            fewer than 5 tokens owns none: only identity counts for it.
    """

    hashes: np.ndarray
    offsets: np.ndarray

    @property
    def sizes(self) -> np.ndarray:
        """Number of n-grams of each text, shape (n,)."""
        return np.diff(self.offsets)

    def __len__(self) -> int:
        return len(self.offsets) - 1


@lru_cache(maxsize=1 << 20)
def _token_hash(token: str) -> int:
    return int.from_bytes(hashlib.blake2b(token.encode(), digest_size=8).digest(), "little")


def shingle(texts: Sequence[Sequence[str]], length: int = NGRAM) -> Shingles:
    """N-gram sets of tokenised texts.

    Args:
        texts: Tokens of each text.
        length: Tokens per n-gram.
    """
    counts = np.fromiter((len(text) for text in texts), np.int64, len(texts))
    hashes = map(_token_hash, itertools.chain.from_iterable(texts))
    flat = np.fromiter(hashes, np.uint64, counts.sum())
    if len(flat) < length:
        return Shingles(np.empty(0, np.uint64), np.zeros(len(texts) + 1, np.int64))
    grams = np.zeros(len(flat) - length + 1, np.uint64)
    for position in range(length):
        grams = _mix(grams ^ flat[position : len(flat) - length + 1 + position])
    sizes = np.maximum(counts - length + 1, 0)
    owner = np.repeat(np.arange(len(texts)), sizes)
    shift = np.cumsum(counts) - counts - (np.cumsum(sizes) - sizes)
    grams = grams[np.repeat(shift, sizes) + np.arange(sizes.sum())]
    order = np.lexsort((grams, owner))
    grams, owner = grams[order], owner[order]
    first = np.ones(len(grams), bool)
    first[1:] = (grams[1:] != grams[:-1]) | (owner[1:] != owner[:-1])
    sizes = np.bincount(owner[first], minlength=len(texts))
    return Shingles(grams[first], np.concatenate([[0], np.cumsum(sizes)]))


def _mix(x: np.ndarray) -> np.ndarray:
    """A bijective scramble of 64-bit integers (the finaliser of SplitMix64)."""
    x = x + np.uint64(0x9E3779B97F4A7C15)
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))


def near_pairs(shingles: Shingles, threshold: float) -> tuple[np.ndarray, np.ndarray]:
    """Pairs of texts of one set whose Jaccard similarity reaches the threshold.

    Candidates come from MinHash LSH, so a pair just at the threshold is missed with probability
    1.5e-4 (at 0.7); every pair returned is verified.

    Returns:
        Pairs (i < j), shape (p, 2), sorted, and their similarities, shape (p,).
    """
    usable = np.flatnonzero(shingles.sizes)
    candidates = usable[_candidates(_signatures(shingles, usable))]
    kept, scores = [], []
    for block in _blocks(candidates, _PAIR_BLOCK):
        similarity = jaccard(shingles, shingles, block)
        near = similarity >= threshold
        kept.append(block[near])
        scores.append(similarity[near])
    if not kept:
        return np.empty((0, 2), np.int64), np.empty(0)
    return np.concatenate(kept), np.concatenate(scores)


def _signatures(shingles: Shingles, rows: np.ndarray) -> np.ndarray:
    """MinHash signatures, shape (len(rows), bands x rows per band), uint32."""
    from rensa import RMinHash

    parts = [np.empty((0, _BANDS * _ROWS), np.uint32)]
    for block in _blocks(rows, _DIGEST_ROWS):
        part = take(shingles, block)
        matrix = RMinHash.digest_matrix_from_flat_token_hashes(
            part.hashes.tolist(), part.offsets.tolist(), _BANDS * _ROWS, _SEED
        )
        parts.append(np.array(matrix.to_rows(), np.uint32))
    return np.concatenate(parts)


def _candidates(signatures: np.ndarray) -> np.ndarray:
    """Pairs (i < j) that agree in all rows of a band, each once, sorted, shape (p, 2)."""
    n = len(signatures)
    found = np.empty(0, np.int64)
    for band in range(_BANDS):
        key = np.zeros(n, np.uint64)
        for column in signatures[:, band * _ROWS : (band + 1) * _ROWS].T:
            key = _mix(key ^ column.astype(np.uint64))
        order = np.argsort(key, kind="stable")
        starts = np.flatnonzero(np.concatenate([[True], np.diff(key[order]) != 0, [True]]))
        buckets = np.flatnonzero(np.diff(starts) > 1)
        pairs = [_bucket_pairs(order[starts[b] : starts[b + 1]], n) for b in buckets]
        found = np.unique(np.concatenate([found, *pairs]))
    return np.stack([found // n, found % n], axis=1) if n else np.empty((0, 2), np.int64)


def _bucket_pairs(members: np.ndarray, n: int) -> np.ndarray:
    if len(members) > _LARGE_BUCKET:
        first = np.concatenate([np.repeat(members[0], len(members) - 1), members[1:-1]])
        return first * n + np.concatenate([members[1:], members[2:]])
    i, j = np.triu_indices(len(members), 1)
    return members[i] * n + members[j]


def jaccard(left: Shingles, right: Shingles, pairs: np.ndarray) -> np.ndarray:
    """True Jaccard similarity of pairs (row of left, row of right), shape (p,)."""
    values, owners, total = [], [], np.zeros(len(pairs), np.int64)
    for shingles, rows in ((left, pairs[:, 0]), (right, pairs[:, 1])):
        sizes = shingles.sizes[rows]
        total += sizes
        values.append(shingles.hashes[_positions(shingles, rows)])
        owners.append(np.repeat(np.arange(len(pairs)), sizes))
    value, owner = np.concatenate(values), np.concatenate(owners)
    order = np.lexsort((value, owner))
    value, owner = value[order], owner[order]
    equal = (value[1:] == value[:-1]) & (owner[1:] == owner[:-1])
    shared = np.bincount(owner[1:][equal], minlength=len(pairs))
    union = total - shared
    return np.divide(shared, union, out=np.zeros(len(pairs)), where=union > 0)


def _positions(shingles: Shingles, rows: np.ndarray) -> np.ndarray:
    """Positions in ``hashes`` of all n-grams of some rows, in the rows' order."""
    sizes = shingles.sizes[rows]
    starts = np.cumsum(sizes) - sizes
    return np.repeat(shingles.offsets[rows] - starts, sizes) + np.arange(sizes.sum())


def take(shingles: Shingles, rows: np.ndarray) -> Shingles:
    """The n-gram sets of some rows, in their order."""
    offsets = np.concatenate([[0], np.cumsum(shingles.sizes[rows])])
    return Shingles(shingles.hashes[_positions(shingles, rows)], offsets)


def cross_pairs(left: Shingles, right: Shingles) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """All pairs of texts of two sets that share an n-gram, exactly, in blocks.

    Yields:
        Pairs (row of left, row of right), shape (p, 2), and their Jaccard similarities, (p,).
    """
    vocabulary = np.unique(right.hashes)
    columns = _membership(right, vocabulary).T.tocsr()
    for start in range(0, len(left), 2000):
        stop = min(start + 2000, len(left))
        part = take(left, np.arange(start, stop))
        shared = (_membership(part, vocabulary) @ columns).tocoo()
        pairs = np.stack([shared.row + start, shared.col], axis=1).astype(np.int64)
        union = left.sizes[pairs[:, 0]] + right.sizes[pairs[:, 1]] - shared.data
        yield pairs, shared.data / union


def _membership(shingles: Shingles, vocabulary: np.ndarray) -> "csr_array":
    """Texts x vocabulary, 1 where the text has the n-gram."""
    from scipy.sparse import csr_array

    shape = (len(shingles), len(vocabulary))
    if not len(vocabulary):
        return csr_array(shape, dtype=np.int32)
    column = np.minimum(np.searchsorted(vocabulary, shingles.hashes), len(vocabulary) - 1)
    known = vocabulary[column] == shingles.hashes
    row = np.repeat(np.arange(len(shingles)), shingles.sizes)[known]
    return csr_array((np.ones(len(row), np.int32), (row, column[known])), shape=shape)


def _blocks(array: np.ndarray, size: int) -> Iterator[np.ndarray]:
    for start in range(0, len(array), size):
        yield array[start : start + size]
