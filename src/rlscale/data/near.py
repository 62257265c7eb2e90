"""Near problems: Jaccard similarity of the sets of token 5-grams.

A text is its set of 64-bit n-gram hashes (a row of ``Shingles``). Pairs inside one set are found by
MinHash LSH and verified by true Jaccard; pairs across two sets are found exactly, by a sparse
matrix product, because nothing may be missed there.
"""

import hashlib
import itertools
from collections.abc import Iterable, Iterator, Sequence
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
# A candidate is compared in full unless its signatures, to 8 bits of each hash, agree less often
# than they would in all but one of a million pairs at the threshold.
_MISSED = 1e-6
_SEED = 20260101
_DIGEST_ROWS = 20_000
# An n-gram's hash has 52 bits: with the 12-bit number of its set above it, one integer sort puts
# up to 4,096 sets in order, several times faster than a sort by two keys.
_HASH_BITS = np.uint64(52)
_HASH = (np.uint64(1) << _HASH_BITS) - np.uint64(1)
_BLOCK = 1 << 12
_CANDIDATES = 1 << 16


@dataclass(frozen=True)
class Shingles:
    """N-gram sets of n texts, one after the other.

    Attributes:
        hashes: 52-bit hash of each n-gram, sorted and distinct within a text, shape (total,),
            uint64.
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


def shingle(texts: Iterable[Sequence[str]], length: int = NGRAM) -> Shingles:
    """N-gram sets of tokenised texts.

    Args:
        texts: Tokens of each text; taken a few thousand at a time, so that a generator's texts
            need not all fit into memory.
        length: Tokens per n-gram.
    """
    hashes, sizes = [np.empty(0, np.uint64)], [np.zeros(1, np.int64)]
    rest = iter(texts)
    while block := list(itertools.islice(rest, _BLOCK)):
        owner, grams = _grams(block, length)
        keys = _keys(owner, grams)
        keys = keys[_changes(keys)]
        hashes.append(keys & _HASH)
        sizes.append(np.bincount((keys >> _HASH_BITS).astype(np.int64), minlength=len(block)))
    return Shingles(np.concatenate(hashes), np.cumsum(np.concatenate(sizes)))


def _grams(texts: Sequence[Sequence[str]], length: int) -> tuple[np.ndarray, np.ndarray]:
    """Text and hash of every n-gram of some texts, in order."""
    counts = np.fromiter(map(len, texts), np.int64, len(texts))
    tokens = map(_token_hash, itertools.chain.from_iterable(texts))
    flat = np.fromiter(tokens, np.uint64, counts.sum())
    sizes = np.maximum(counts - length + 1, 0)
    owner = np.repeat(np.arange(len(texts)), sizes)
    shift = np.cumsum(counts) - counts - (np.cumsum(sizes) - sizes)
    first = np.repeat(shift, sizes) + np.arange(sizes.sum())
    grams = np.zeros(len(first), np.uint64)
    for position in range(length):
        grams = _mix(grams ^ flat[first + position])
    return owner, grams >> (np.uint64(64) - _HASH_BITS)


def _keys(owner: np.ndarray, hashes: np.ndarray) -> np.ndarray:
    """Sorted integers of the owner's number (12 bits) and the hash (52 bits)."""
    return np.sort((owner.astype(np.uint64) << _HASH_BITS) | hashes)


def _mix(x: np.ndarray) -> np.ndarray:
    """A bijective scramble of 64-bit integers (the finaliser of SplitMix64)."""
    x = x + np.uint64(0x9E3779B97F4A7C15)
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))


def _changes(ordered: np.ndarray) -> np.ndarray:
    """Where a run of equal values begins, shape (n,)."""
    return np.concatenate([np.ones(min(1, len(ordered)), bool), ordered[1:] != ordered[:-1]])


def near_pairs(shingles: Shingles, threshold: float) -> tuple[np.ndarray, np.ndarray]:
    """Pairs of texts of one set whose Jaccard similarity reaches the threshold.

    Candidates come from MinHash LSH, so a pair just at the threshold is missed with probability
    1.5e-4 (at 0.7); those whose whole signatures are too unlike are left out (b-bit minwise
    hashing, Li and Koenig 2010), and every pair returned is verified. A bucket's pairs are all
    looked at, however many they are: n versions of one text take time, not memory, in proportion
    to n^2.

    Returns:
        Pairs (i < j), shape (p, 2), sorted, and their similarities, shape (p,).
    """
    usable = np.flatnonzero(shingles.sizes)
    kept, scores = [np.empty((0, 2), np.int64)], [np.empty(0)]
    keys, signatures = _sketches(shingles, usable)
    least = _least_agreement(threshold)
    for block in _candidates(keys):
        alike = (signatures[block[:, 0]] == signatures[block[:, 1]]).sum(axis=1) >= least
        pairs = usable[block[alike]]
        sizes = shingles.sizes[pairs]
        # The smaller set over the larger one bounds the similarity.
        pairs = pairs[sizes.min(axis=1) >= threshold * sizes.max(axis=1)]
        similarity = jaccard(shingles, shingles, pairs)
        near = similarity >= threshold
        kept.append(pairs[near])
        scores.append(similarity[near])
    pairs, similarity = np.concatenate(kept), np.concatenate(scores)
    order = np.lexsort((pairs[:, 1], pairs[:, 0]))
    return pairs[order], similarity[order]


def _sketches(shingles: Shingles, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """MinHash signatures of some rows, as keys of the bands and as bytes for comparison.

    Returns:
        One key for each band, shape (bands, len(rows)), uint64; the low 8 bits of every hash of
        the signature, shape (len(rows), bands x rows), uint8.
    """
    from rensa import RMinHash

    count = _BANDS * _ROWS
    keys = np.zeros((_BANDS, len(rows)), np.uint64)
    low = np.empty((len(rows), count), np.uint8)
    for start in range(0, len(rows), _DIGEST_ROWS):
        part = take(shingles, rows[start : start + _DIGEST_ROWS])
        matrix = RMinHash.digest_matrix_from_flat_token_hashes(
            part.hashes, part.offsets.astype(np.uint64), count, _SEED
        )
        flat = itertools.chain.from_iterable(matrix.to_rows())
        signatures = np.fromiter(flat, np.uint32, len(part) * count).reshape(len(part), count)
        stop = start + len(part)
        low[start:stop] = signatures
        for halves in np.moveaxis(signatures.view(np.uint64).reshape(len(part), _BANDS, -1), 2, 0):
            keys[:, start:stop] = _mix(keys[:, start:stop] ^ halves.T)
    return keys, low


def _least_agreement(threshold: float) -> int:
    """Hashes of the signature in which a pair at the threshold agrees, but for ``_MISSED``."""
    from scipy.stats import binom

    return int(binom.ppf(_MISSED, _BANDS * _ROWS, threshold))


def _candidates(keys: np.ndarray) -> Iterator[np.ndarray]:
    """Blocks of pairs (i < j) that agree in a band, each pair once, shape (p, 2).

    A pair is yielded by the first band in which it agrees, so none need be remembered.
    """
    for band, key in enumerate(keys):
        order = np.argsort(key, kind="stable")
        starts = np.append(np.flatnonzero(_changes(key[order])), len(order))
        end = np.repeat(starts[1:], np.diff(starts))
        place = np.arange(len(order))
        for distance in itertools.count(1):
            place = place[place + distance < end[place]]
            if not len(place):
                break
            for start in range(0, len(place), _CANDIDATES):
                left = place[start : start + _CANDIDATES]
                pairs = np.stack([order[left], order[left + distance]], axis=1)
                yield pairs[~(keys[:band, pairs[:, 0]] == keys[:band, pairs[:, 1]]).any(axis=0)]


def jaccard(left: Shingles, right: Shingles, pairs: np.ndarray) -> np.ndarray:
    """True Jaccard similarity of pairs (row of left, row of right), shape (p,)."""
    blocks = range(0, len(pairs), _BLOCK)
    parts = [_jaccard(left, right, pairs[start : start + _BLOCK]) for start in blocks]
    return np.concatenate([np.empty(0), *parts])


def _jaccard(left: Shingles, right: Shingles, pairs: np.ndarray) -> np.ndarray:
    values, owners, total = [], [], np.zeros(len(pairs), np.int64)
    for shingles, rows in ((left, pairs[:, 0]), (right, pairs[:, 1])):
        sizes = shingles.sizes[rows]
        total += sizes
        values.append(shingles.hashes[_positions(shingles, rows)])
        owners.append(np.repeat(np.arange(len(pairs)), sizes))
    keys = _keys(np.concatenate(owners), np.concatenate(values))
    twice = keys[1:][keys[1:] == keys[:-1]]
    shared = np.bincount((twice >> _HASH_BITS).astype(np.int64), minlength=len(pairs))
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
