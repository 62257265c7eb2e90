"""Near problems: Jaccard similarity of the sets of token 5-grams, exactly.

A text is its set of n-gram hashes (a row of ``Shingles``). Pairs inside one set are found by
prefix filtering (Chaudhuri et al. 2006; Bayardo et al. 2007): two sets that are near share one of
their rarest n-grams. Pairs across two sets are found by a sparse matrix product. Nothing is missed
by either, and every pair is verified.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from rlscale.data.tokenise import Tokens, mixed, positions

if TYPE_CHECKING:
    from scipy.sparse import csr_array

NGRAM = 5
# An n-gram's hash has 52 bits: with the 12-bit number of its set above it, one integer sort puts
# up to 4,096 sets in order, several times faster than a sort by two keys.
_HASH_BITS = np.uint64(52)
_HASH = (np.uint64(1) << _HASH_BITS) - np.uint64(1)
_BLOCK = 1 << 12
# Within its set an n-gram is ordered by how often it occurs (8 bits), then by the rest of its hash.
_OFTEN = 255
_REST_BITS = np.uint64(44)
_REST = (np.uint64(1) << _REST_BITS) - np.uint64(1)
_CANDIDATES = 1 << 20


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


def shingle(tokens: Tokens, length: int = NGRAM) -> Shingles:
    """N-gram sets of tokenised texts.

    Args:
        tokens: Tokens of n texts.
        length: Tokens per n-gram.
    """
    hashes, sizes = [np.empty(0, np.uint64)], [np.zeros(1, np.int64)]
    for start in range(0, len(tokens), _BLOCK):
        offsets = tokens.offsets[start : start + _BLOCK + 1]
        owner, grams = _grams(tokens.hashes[offsets[0] : offsets[-1]], np.diff(offsets), length)
        keys = _keys(owner, grams)
        keys = keys[_changes(keys)]
        hashes.append(keys & _HASH)
        count = np.bincount((keys >> _HASH_BITS).astype(np.int64), minlength=len(offsets) - 1)
        sizes.append(count)
    return Shingles(np.concatenate(hashes), np.cumsum(np.concatenate(sizes)))


def _grams(flat: np.ndarray, counts: np.ndarray, length: int) -> tuple[np.ndarray, np.ndarray]:
    """Text and hash of every n-gram of some texts, in order."""
    sizes = np.maximum(counts - length + 1, 0)
    owner = np.repeat(np.arange(len(counts)), sizes)
    shift = np.cumsum(counts) - counts - (np.cumsum(sizes) - sizes)
    first = np.repeat(shift, sizes) + np.arange(sizes.sum())
    grams = np.zeros(len(first), np.uint64)
    for position in range(length):
        grams = mixed(grams ^ flat[first + position])
    return owner, grams >> (np.uint64(64) - _HASH_BITS)


def _keys(owner: np.ndarray, hashes: np.ndarray) -> np.ndarray:
    """Sorted integers of the owner's number (12 bits) and the hash (52 bits)."""
    return np.sort((owner.astype(np.uint64) << _HASH_BITS) | hashes)


def _changes(ordered: np.ndarray) -> np.ndarray:
    """Where a run of equal values begins, shape (n,)."""
    return np.concatenate([np.ones(min(1, len(ordered)), bool), ordered[1:] != ordered[:-1]])


def near_pairs(shingles: Shingles, threshold: float) -> tuple[np.ndarray, np.ndarray]:
    """All pairs of texts of one set whose Jaccard similarity reaches the threshold.

    n versions of one text take time, not memory, in proportion to n^2.

    Returns:
        Pairs (i < j), shape (p, 2), sorted, and their similarities, shape (p,).
    """
    kept, scores = [np.empty((0, 2), np.int64)], [np.empty(0)]
    for pairs in _candidates(*_prefixes(shingles, threshold)):
        sizes = shingles.sizes[pairs]
        # The smaller set over the larger one bounds the similarity.
        pairs = pairs[sizes.min(axis=1) >= threshold * sizes.max(axis=1)]
        similarity = jaccard(shingles, shingles, pairs)
        near = similarity >= threshold
        kept.append(pairs[near])
        scores.append(similarity[near])
    pairs, similarity = np.concatenate(kept), np.concatenate(scores)
    _, first = np.unique(pairs[:, 0] * len(shingles) + pairs[:, 1], return_index=True)
    return pairs[first], similarity[first]


def _prefixes(shingles: Shingles, threshold: float) -> tuple[np.ndarray, np.ndarray]:
    """The rarest n-grams of each text, of which two near texts share one.

    Sets of m and at least m n-grams at the threshold t share t m of them or more; so those of the
    larger set, and those of the smaller, cannot all be among the last t m - 1 in one order of all
    n-grams. Rare ones come first, because they have few holders; those of one holder find nothing.

    Returns:
        N-gram and text of each, by n-gram, then text.
    """
    often = _occurrences(shingles.hashes)
    lengths = shingles.sizes - np.ceil(threshold * shingles.sizes - 1e-9).astype(np.int64) + 1
    found, texts = [np.empty(0, np.uint64)], [np.empty(0, np.int64)]
    for start in range(0, len(shingles), _BLOCK):
        offsets = shingles.offsets[start : start + _BLOCK + 1]
        part = slice(offsets[0], offsets[-1])
        owner = np.repeat(np.arange(len(offsets) - 1), np.diff(offsets))
        ranked = (often[part].astype(np.uint64) << _REST_BITS) | (shingles.hashes[part] & _REST)
        keys = _keys(owner, ranked)
        place = np.arange(len(owner)) - (offsets[:-1] - offsets[0])[owner]
        first = (place < lengths[start : start + _BLOCK][owner]) & (
            (keys & _HASH) >> _REST_BITS > np.uint64(1)
        )
        found.append(keys[first] & _HASH)
        texts.append(owner[first] + start)
    gram, text = np.concatenate(found), np.concatenate(texts)
    order = np.argsort(gram, kind="stable")
    return gram[order], text[order]


def _occurrences(hashes: np.ndarray) -> np.ndarray:
    """In how many sets each n-gram occurs, by all of its hash that fits; at most 255.

    The position stands in the low bits of what is sorted, because that is faster than argsort.
    """
    bits = np.uint64(max(1, len(hashes).bit_length()))
    drop = np.uint64(max(0, int(_HASH_BITS + bits) - 64))
    ordered = np.sort(((hashes >> drop) << bits) | np.arange(len(hashes), dtype=np.uint64))
    starts = np.flatnonzero(_changes(ordered >> bits))
    times = np.minimum(np.diff(np.append(starts, len(hashes))), _OFTEN).astype(np.uint8)
    often = np.empty(len(hashes), np.uint8)
    position = (ordered & ((np.uint64(1) << bits) - np.uint64(1))).astype(np.int64)
    often[position] = np.repeat(times, np.diff(np.append(starts, len(hashes))))
    return often


def _candidates(grams: np.ndarray, texts: np.ndarray) -> Iterator[np.ndarray]:
    """Blocks of pairs (i < j) of texts with an n-gram in common, distinct in a block, (p, 2)."""
    starts = np.append(np.flatnonzero(_changes(grams)), len(grams))
    end = np.repeat(starts[1:], np.diff(starts))
    place, distance = np.arange(len(grams)), 0
    waiting: list[np.ndarray] = []
    while len(place):
        distance += 1
        place = place[place + distance < end[place]]
        for start in range(0, len(place), _CANDIDATES):
            left = place[start : start + _CANDIDATES]
            # Two numbers of texts in one integer sort several times faster than as two.
            waiting.append((texts[left] << 32) | texts[left + distance])
            if sum(map(len, waiting)) >= _CANDIDATES:
                yield _unpacked(waiting)
                waiting = []
    if waiting:
        yield _unpacked(waiting)


def _unpacked(pairs: list[np.ndarray]) -> np.ndarray:
    distinct = np.unique(np.concatenate(pairs))
    return np.stack([distinct >> 32, distinct & 0xFFFFFFFF], axis=1)


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
        values.append(shingles.hashes[positions(shingles.offsets, rows)])
        owners.append(np.repeat(np.arange(len(pairs)), sizes))
    keys = _keys(np.concatenate(owners), np.concatenate(values))
    twice = keys[1:][keys[1:] == keys[:-1]]
    shared = np.bincount((twice >> _HASH_BITS).astype(np.int64), minlength=len(pairs))
    union = total - shared
    return np.divide(shared, union, out=np.zeros(len(pairs)), where=union > 0)


def take(shingles: Shingles, rows: np.ndarray) -> Shingles:
    """The n-gram sets of some rows, shape (m,), in the given order."""
    offsets = np.concatenate([[0], np.cumsum(shingles.sizes[rows])])
    return Shingles(shingles.hashes[positions(shingles.offsets, rows)], offsets)


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
