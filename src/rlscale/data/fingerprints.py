"""Twins by what a retelling and a translation keep: the numbers of a problem and its answer.

Words do not count, so a problem told in another way or another language is found where its numbers
are rare enough to name it. Frequent numbers name nothing and count for nothing.
"""

import re
from collections import Counter
from collections.abc import Sequence
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
    """In how many texts of n a number, or an answer, stands."""

    texts: int
    times: Counter[str]

    @classmethod
    def of(cls, found: Sequence[Sequence[str]]) -> "_Rarity":
        return cls(len(found), Counter(name for names in found for name in set(names)))

    def weight(self, name: str) -> float:
        """Its inverse document frequency [nats]; at least 0."""
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
    numbers = [[numbers_of(problem) for problem in side["problem"]] for side in (left, right)]
    answers = [[_TYPE.sub("", answer) for answer in side["answer"]] for side in (left, right)]
    rarity = _Rarity.of([list(counted) for counted in numbers[0]])
    answered = _Rarity.of([[answer] for answer in answers[0]])
    names = {name: i for i, name in enumerate(dict.fromkeys(
        name for counted in numbers[1] for name in counted if rarity.is_rare(name)))}  # fmt: skip
    columns = _matrix(numbers[1], names, rarity, weighted=False).T.tocsr()
    found: list[tuple[int, int]] = []
    for start in range(0, len(left), _BLOCK):
        block = numbers[0][start : start + _BLOCK]
        shared = (_matrix(block, names, rarity, weighted=True) @ columns).tocoo()
        for i, j, weight in zip(shared.row, shared.col, shared.data, strict=True):
            row, answer = int(i) + start, answers[1][j]
            if answers[0][row] != answer or weight + answered.weight(answer) < LEAST_WEIGHT:
                continue
            if _alike(numbers[0][row], numbers[1][j]):
                found.append((row, int(j)))
    return pandas.DataFrame(sorted(found), columns=["left", "right"], dtype=np.int64)


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
