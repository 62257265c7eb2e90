"""The tokens of many problems at once, as numbers.

They are those of ``rlscale.data.canonical.tokens``, a 64-bit hash for each. Thousands of texts go
through the patterns as one; what depends on a token alone is looked up, and braces are matched by
sorting, so that Python sees each token once.
"""

import hashlib
import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from rlscale.data.canonical import (
    NUL,
    SETS_TYPE,
    as_ascii,
    is_wide,
    normal_form,
    raw_tokens,
    raw_tokens_of_all,
)

_BLOCK = 1 << 12
# Numbers of what is no content; any other number is the hash of a content token.
_EMPTY, _TYPE, _END, _OPEN, _CLOSE = (np.uint64(number) for number in range(5))
_NUMBER_WORDS = frozenset(
    """zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen
    sixteen seventeen eighteen nineteen twenty thirty forty fifty sixty seventy eighty ninety
    hundred thousand million""".split()  # noqa: SIM905
)
_SPECIAL = {"": _EMPTY, SETS_TYPE: _TYPE, "{": _OPEN, "}": _CLOSE}


@dataclass(frozen=True)
class Tokens:
    """Tokens of n texts, one after the other.

    Attributes:
        hashes: Hash of each token, shape (total,), uint64; equal tokens have equal hashes.
        offsets: Text i owns ``hashes[offsets[i]:offsets[i + 1]]``, shape (n + 1,).
        digests: Hash of each text's whole sequence, shape (n,), uint64.
    """

    hashes: np.ndarray
    offsets: np.ndarray
    digests: np.ndarray

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def take(self, rows: np.ndarray) -> "Tokens":
        """The tokens of some rows, shape (m,), in the given order."""
        sizes = np.diff(self.offsets)[rows]
        offsets = np.concatenate([[0], np.cumsum(sizes)])
        return Tokens(self.hashes[positions(self.offsets, rows)], offsets, self.digests[rows])


def mixed(x: np.ndarray) -> np.ndarray:
    """A bijective scramble of unsigned 64-bit integers, any shape (SplitMix64's finaliser)."""
    x = x + np.uint64(0x9E3779B97F4A7C15)
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))


def positions(offsets: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Positions of all that some rows own, in the rows' order.

    Args:
        offsets: Where each row's own begin, and where the last one's end, shape (n + 1,).
        rows: Rows, shape (m,).
    """
    sizes = np.diff(offsets)[rows]
    starts = np.cumsum(sizes) - sizes
    found = np.repeat(offsets[rows] - starts, sizes)
    found += np.arange(len(found))
    return found


class _Numbers(dict[str, int]):
    """Raw token -> its number, found when it is first asked for."""

    def __missing__(self, token: str) -> int:
        form = self.form(token)
        if form in _SPECIAL:
            number = int(_SPECIAL[form])
        else:
            digest = hashlib.blake2b(form.encode(), digest_size=8).digest()
            number = int.from_bytes(digest, "little")
        self[token] = number
        return number

    def form(self, token: str) -> str:
        """What a raw token counts as."""
        return normal_form(token)


class _Masked(_Numbers):
    """The same, with one form for all numbers and one for all single letters."""

    def form(self, token: str) -> str:
        """What a raw token counts as."""
        form = normal_form(token)
        if form[:1].isdecimal() or form in _NUMBER_WORDS:
            return "#"
        return "x" if len(form) == 1 and "a" <= form <= "z" else form


def tokenise(problems: Iterable[str], *, masked: bool = False) -> Tokens:
    """Tokens of problem texts, thousands at a time.

    Args:
        problems: The texts.
        masked: Take all numbers for one token, and all single letters (variables) for another.
    """
    numbers = (_Masked if masked else _Numbers)({NUL: int(_END)})
    hashes, digests = [np.empty(0, np.uint64)], [np.empty(0, np.uint64)]
    sizes = [np.zeros(1, np.int64)]
    rest = iter(problems)
    while block := list(itertools.islice(rest, _BLOCK)):
        row, number = _numbered([as_ascii(problem) for problem in block], numbers)
        row, number = _without_idle_braces(row, number)
        count = np.bincount(row, minlength=len(block))
        hashes.append(number)
        sizes.append(count)
        digests.append(_digests(number, count))
    offsets = np.cumsum(np.concatenate(sizes))
    return Tokens(np.concatenate(hashes), offsets, np.concatenate(digests))


def _digests(number: np.ndarray, count: np.ndarray) -> np.ndarray:
    """Hash of each text's sequence: the sum of its tokens, each scrambled with its place."""
    ends = np.cumsum(count)
    place = np.arange(len(number)) - np.repeat(ends - count, count)
    total = np.zeros(len(number) + 1, np.uint64)
    np.cumsum(mixed(number ^ mixed(place.astype(np.uint64))), out=total[1:])
    return total[ends] - total[ends - count]


def _numbered(texts: Sequence[str], numbers: _Numbers) -> tuple[np.ndarray, np.ndarray]:
    """Text and number of every raw token of some texts, in order."""
    ascii_only = [i for i, text in enumerate(texts) if text.isascii() and NUL not in text]
    others = sorted(set(range(len(texts))) - set(ascii_only))
    wide = [i for i in others if is_wide(texts[i])]
    rows, parts = [np.empty(0, np.int64)], [np.empty(0, np.uint64)]
    for alike in (ascii_only, wide):
        found = raw_tokens_of_all([texts[i] for i in alike])
        number = np.fromiter(map(numbers.__getitem__, found), np.uint64, len(found))
        ends = number == _END
        rows.append(np.asarray(alike, np.int64)[(np.cumsum(ends) - ends)[~ends]])
        parts.append(number[~ends])
    for i in sorted(set(others) - set(wide)):
        own = raw_tokens(texts[i])
        rows.append(np.full(len(own), i))
        parts.append(np.fromiter(map(numbers.__getitem__, own), np.uint64, len(own)))
    row, number = np.concatenate(rows), np.concatenate(parts)
    order = np.argsort(row, kind="stable")
    return row[order], number[order]


def _without_idle_braces(row: np.ndarray, number: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Drop what is no content, and braces that group nothing.

    Braces are idle around one token or none, or after a command that sets type. Of nested braces
    around one token all are idle; around more, the outer ones hold as many. So the tokens between
    two braces decide, whatever becomes of the braces between them.
    """
    braces = _braces(number)
    firm = _without_strays(row[braces], number[braces])
    if not firm.all():
        stays = np.ones(len(row), bool)
        stays[braces[~firm]] = False
        row, number = row[stays], number[stays]
        braces = _braces(number)
    content = number > _CLOSE
    before = np.cumsum(content, dtype=np.int32)
    stays = content
    stays[braces] = True
    opening, closing = (braces[pair] for pair in _pairs(row[braces], number[braces]))
    after_type = (opening > 0) & (number[opening - 1] == _TYPE) & (row[opening - 1] == row[opening])
    idle = (before[closing] - before[opening] <= 1) | after_type
    stays[opening[idle]] = stays[closing[idle]] = False
    return row[stays], number[stays]


def _braces(number: np.ndarray) -> np.ndarray:
    return np.flatnonzero((number == _OPEN) | (number == _CLOSE))


def _depth(row: np.ndarray, number: np.ndarray) -> np.ndarray:
    """Braces that are open after each brace, within its text; below 0 after a stray one."""
    steps = (number == _OPEN).astype(np.int64) - (number == _CLOSE)
    total = np.cumsum(steps)
    starts = np.flatnonzero(np.diff(row, prepend=-1))
    base = (total - steps)[starts]
    return total - np.repeat(base, np.diff(np.append(starts, len(row))))


def _without_strays(row: np.ndarray, number: np.ndarray) -> np.ndarray:
    """Mask of the braces but closing ones that nothing has opened.

    They are those where the depth is lower than anywhere before in the text.
    """
    depth = _depth(row, number)
    # Every text lies below those before it, so that the least so far is its own.
    below = np.minimum(depth, 0) - row * (len(row) + 1)
    least = np.minimum.accumulate(np.concatenate([[1], below]))[:-1]
    return (depth >= 0) | (number != _CLOSE) | (below >= least)


def _pairs(row: np.ndarray, number: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Places, among braces without strays, of those that open and close each other."""
    opens = number == _OPEN
    level = _depth(row, number) - opens
    group = row * (level.max(initial=0) + 1) + level
    order = np.argsort(group, kind="stable")
    opens, group = opens[order], group[order]
    pair = np.flatnonzero(opens[:-1] & ~opens[1:] & (group[1:] == group[:-1]))
    return order[pair], order[pair + 1]
