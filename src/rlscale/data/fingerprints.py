"""Twins by what a retelling and a translation keep: the numbers of a problem and its answer.

Words do not count, so a problem told in another way or another language is found where its numbers
are rare enough to name it. Frequent numbers name nothing and count for nothing.
"""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas

if TYPE_CHECKING:
    from scipy.sparse import csr_array

# Chosen on ../shared/data: at these, all of the pairs that no other rule found were twins
# (docs/data.md).
LEAST_WEIGHT = 12.0  # nats: one pair by chance in 160,000 of independent numbers
_LEAST_SHARE, _LEAST_COUNT = 0.7, 2
_FREQUENT_SHARE, _FREQUENT_COUNT = 0.02, 20
_BLOCK = 1 << 12
_DRAWING = re.compile(r"\[asy\].*?\[/asy\]", re.DOTALL | re.IGNORECASE)
_NUMBER = re.compile(r"\d+(?:\.\d+)?")
_TYPE = re.compile(r"\\(?:text|boxed|mathrm|left|right)|(?<=\\)[dt](?=frac)|[\s$,{}]")


def numbers_of(problem: str) -> Counter[str]:
    """Numbers of a problem and how often each stands in it; those of drawings do not count."""
    return Counter(_NUMBER.findall(_DRAWING.sub(" ", problem)))


@dataclass(frozen=True)
class _Rarity:
    """In how many texts of n a number stands."""

    texts: int
    times: Counter[str]

    @classmethod
    def of(cls, texts: Iterable[Counter[str]]) -> "_Rarity":
        """Count the texts of each number."""
        times: Counter[str] = Counter()
        count = 0
        for numbers in texts:
            times.update(numbers.keys())
            count += 1
        return cls(count, times)

    def weight(self, name: str) -> float:
        """Its inverse document frequency [nats], at least 0."""
        return max(0.0, float(np.log(self.texts / (1 + self.times[name]))))

    def is_rare(self, name: str) -> bool:
        """Whether it names a text at all."""
        return self.times[name] <= max(_FREQUENT_COUNT, _FREQUENT_SHARE * self.texts)


def same_numbers_and_answer(left: pandas.DataFrame, right: pandas.DataFrame) -> pandas.DataFrame:
    """All pairs of two sets with the same answer and, in number and rarity, enough same numbers.

    Asked are two different numbers in common, 70 % of all, and that the rare ones of them weigh at
    least 12 nats with the answer, by how few problems of ``left`` have each.

    Args:
        left: ``problem`` and ``answer``, n rows; read in blocks.
        right: The same, m rows.

    Returns:
        ``left`` and ``right`` (rows), sorted.
    """
    rarity = _Rarity.of(numbers_of(problem) for problem in left["problem"])
    second = [numbers_of(problem) for problem in right["problem"]]
    names = {name: i for i, name in enumerate(dict.fromkeys(
        name for counted in second for name in counted if rarity.is_rare(name)))}  # fmt: skip
    columns = _matrix(second, names, rarity, weighted=False).T.tocsr()
    answers, weights = _answers(left["answer"], right["answer"])
    found: list[tuple[int, int]] = []
    for start in range(0, len(left), _BLOCK):
        first = [numbers_of(problem) for problem in left["problem"].iloc[start : start + _BLOCK]]
        shared = (_matrix(first, names, rarity, weighted=True) @ columns).tocoo()
        same = answers[0][shared.row + start] == answers[1][shared.col]
        heavy = shared.data + weights[shared.row + start] >= LEAST_WEIGHT
        pairs = zip(shared.row[same & heavy], shared.col[same & heavy], strict=True)
        found += [(int(i) + start, int(j)) for i, j in pairs if _alike(first[i], second[j])]
    return pandas.DataFrame(sorted(found), columns=["left", "right"], dtype=np.int64)


def _answers(
    left: pandas.Series, right: pandas.Series
) -> tuple[tuple[np.ndarray, np.ndarray], np.ndarray]:
    """Numbers of both sides' answers, the same for equal ones, (n,) and (m,), and weights, (n,)."""
    written = [side.str.replace(_TYPE, "", regex=True) for side in (left, right)]
    codes, _ = pandas.factorize(pandas.concat(written, ignore_index=True))
    first, second = codes[: len(left)], codes[len(left) :]
    times = np.bincount(first, minlength=codes.max(initial=-1) + 1)
    return (first, second), np.maximum(0, np.log(len(left) / (1 + times[first])))


def _alike(first: Counter[str], second: Counter[str]) -> bool:
    both = first & second
    most = max(first.total(), second.total())
    return len(both) >= _LEAST_COUNT and both.total() >= _LEAST_SHARE * most


def _matrix(
    numbers: Sequence[Counter[str]], names: dict[str, int], rarity: _Rarity, *, weighted: bool
) -> "csr_array":
    """Texts x named numbers: the number's weight, or 1."""
    from scipy.sparse import csr_array

    known = [(row, name) for row, counted in enumerate(numbers) for name in counted
             if name in names]  # fmt: skip
    values = [rarity.weight(name) if weighted else 1.0 for _, name in known]
    places = [row for row, _ in known], [names[name] for _, name in known]
    return csr_array((values, places), shape=(len(numbers), len(names)))
