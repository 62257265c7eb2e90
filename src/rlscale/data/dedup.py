"""Duplicates and clusters of near problems inside one set, as notes of docs/data.md define them."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pandas

from rlscale.data.canonical import canonicalise
from rlscale.data.near import Shingles, near_pairs, shingle, take
from rlscale.data.tokenise import Tokens, tokenise

Equal = Callable[[str, str], bool]


@dataclass(frozen=True)
class Text:
    """The canonical form of a table's problems, computed once.

    Attributes:
        problems: Text of each row, shape (n,).
        tokens: Its tokens.
        shingles: N-gram set of each row.
    """

    problems: np.ndarray
    tokens: Tokens
    shingles: Shingles

    @classmethod
    def of(cls, problems: Sequence[str]) -> "Text":
        """Canonical form of problem texts."""
        texts = np.empty(len(problems), object)
        texts[:] = problems
        found = tokenise(problems)
        return cls(texts, found, shingle(found))

    def __len__(self) -> int:
        return len(self.problems)

    @property
    def canonical(self) -> np.ndarray:
        """Canonical text of each row, shape (n,); of many rows, slow."""
        return np.array([canonicalise(problem) for problem in self.problems], object)

    def take(self, rows: np.ndarray) -> "Text":
        """The same for some rows, shape (m,), in the given order."""
        return Text(self.problems[rows], self.tokens.take(rows), take(self.shingles, rows))


def settle_duplicates(
    table: pandas.DataFrame, text: Text, policy: str, equal: Equal
) -> tuple[pandas.DataFrame, pandas.DataFrame]:
    """Keep one row of every group of duplicates, and settle conflicting gold answers.

    Args:
        table: Problem table with ``order`` (position of the row in the raw data: the first row of
            a group is kept), not necessarily sorted.
        text: Canonical form of its rows.
        policy: What happens to a group whose gold answers differ: ``drop`` it, keep the first row
            with the ``majority`` answer (drop it where no answer has more than half), or keep the
            ``first`` row.
        equal: Whether two gold answers are mathematically equal.

    Returns:
        Losses (``row``: position in the table, ``reason``, ``other``: position of the row that
        stays, or of the group's first row, ``detail``) and conflicts (``group``: canonical text,
        ``row``, ``answer_class``: number of the answer within the group, ``decision``).
    """
    losses, conflicts = [], []
    for canonical, rows in _groups(table["order"], text):
        answers = table["answer"].iloc[rows].tolist()
        classes = _answer_classes(answers, equal)
        keep = _settle(rows, classes, policy)
        conflict = max(classes) > 0
        for row, number in zip(rows, classes, strict=True):
            if conflict:
                decision = "kept" if row == keep else "dropped"
                conflicts.append((canonical, row, number, decision))
            if row != keep:
                reason = "conflicting duplicate" if conflict else "duplicate"
                detail = f"{len(set(classes))} different answers" if conflict else ""
                losses.append((row, reason, rows[0] if keep is None else keep, detail))
    return (
        pandas.DataFrame(losses, columns=["row", "reason", "other", "detail"]),
        pandas.DataFrame(conflicts, columns=["group", "row", "answer_class", "decision"]),
    )


def _groups(order: pandas.Series, text: Text) -> Iterator[tuple[str, list[int]]]:
    """Canonical text and rows, by their ``order``, of every group of duplicates."""
    frame = pandas.DataFrame({"digest": text.tokens.digests, "order": order.to_numpy()})
    repeated = frame[frame["digest"].duplicated(keep=False)]
    first = repeated.drop_duplicates("digest")
    names = map(canonicalise, text.problems[first.index])
    forms = repeated["digest"].map(dict(zip(first["digest"], names, strict=True)))
    repeated = repeated.assign(canonical=forms).sort_values(["canonical", "order"])
    for canonical, group in repeated.groupby("canonical", sort=True):
        yield str(canonical), group.index.tolist()


def _answer_classes(answers: Sequence[str], equal: Equal) -> list[int]:
    """Number the distinct answers of a group, in order of appearance."""
    representatives: list[str] = []
    classes = []
    for answer in answers:
        for number, known in enumerate(representatives):
            if answer == known or equal(answer, known):
                classes.append(number)
                break
        else:
            classes.append(len(representatives))
            representatives.append(answer)
    return classes


def _settle(rows: Sequence[int], classes: Sequence[int], policy: str) -> int | None:
    """The row of a group that stays, or None."""
    if max(classes) == 0 or policy == "first":
        return rows[0]
    if policy == "majority":
        for row, number in zip(rows, classes, strict=True):
            if 2 * classes.count(number) > len(classes):
                return row
    return None


def cluster(text: Text, names: Sequence[str], threshold: float) -> tuple[np.ndarray, np.ndarray]:
    """Cluster near problems around leaders, without chaining.

    Every member reaches the threshold with its cluster's leader; a chain of texts that resemble
    only their neighbours is not one cluster. Leaders are taken by number of near texts, ties by
    name, so the row order does not matter.

    Args:
        text: Canonical form of n distinct problems.
        names: Problem ids.
        threshold: Least Jaccard similarity of near problems.

    Returns:
        Row of the leader of each row, shape (n,), and similarity to it (1 for leaders), (n,).
    """
    n = len(names)
    order = np.argsort(np.asarray(names, dtype=object), kind="stable")
    pairs, scores = near_pairs(take(text.shingles, order), threshold)
    neighbours: dict[int, dict[int, float]] = {}
    for (i, j), score in zip(order[pairs].tolist(), scores.tolist(), strict=True):
        neighbours.setdefault(i, {})[j] = score
        neighbours.setdefault(j, {})[i] = score
    leader, similarity = np.arange(n), np.ones(n)
    assigned: set[int] = set()
    for row in sorted(neighbours, key=lambda row: (-len(neighbours[row]), names[row])):
        if row in assigned:
            continue
        assigned.add(row)
        for other, score in neighbours[row].items():
            if other not in assigned:
                assigned.add(other)
                leader[other], similarity[other] = row, score
    return leader, similarity
