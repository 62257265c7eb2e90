"""Problems of one set that stand in another: screened by shared n-grams, judged by similarity."""

from dataclasses import dataclass

import numpy as np
import pandas

from rlscale.data.dedup import Text
from rlscale.data.near import cross_pairs, jaccard, shingle

SCREEN = 8


@dataclass(frozen=True)
class Overlap:
    """What two sets share.

    Attributes:
        hits: Pairs that are equal, near, or share an 8-gram: ``left`` and ``right`` (rows),
            ``similarity`` (Jaccard on token 5-grams; 1 for equal texts), ``screened`` (share an
            8-gram) and ``verdict`` (``duplicate``, ``near`` or ``different``).
    """

    hits: pandas.DataFrame

    @property
    def twins(self) -> pandas.DataFrame:
        """The hits that are duplicates or near."""
        return self.hits[self.hits["verdict"] != "different"]

    def closest(self) -> pandas.DataFrame:
        """The most similar twin of each row of the left set, indexed by that row."""
        best = self.twins.sort_values(["similarity", "right"], ascending=[False, True])
        return best.drop_duplicates("left").set_index("left").sort_index()


def overlap(left: Text, right: Text, threshold: float, *, screen: bool = True) -> Overlap:
    """Compare all texts of two sets, exactly (no pair is left out by hashing to buckets).

    Texts of fewer than 5 tokens have no n-grams: they are compared by identity only.
    A screen is not a verdict: pairs that merely share an 8-gram are listed as ``different``.

    Args:
        left: First set, n texts.
        right: Second set, m texts.
        threshold: Least Jaccard similarity of near problems.
        screen: Also list pairs that only share an 8-gram.
    """
    near, similarities = [np.empty((0, 2), np.int64)], [np.empty(0)]
    for pairs, similarity in cross_pairs(left.shingles, right.shingles):
        kept = similarity >= threshold
        near.append(pairs[kept])
        similarities.append(similarity[kept])
    table = pandas.DataFrame(np.concatenate(near), columns=["left", "right"])
    table["similarity"] = np.concatenate(similarities)
    keys = ["left", "right"]
    screened = _screened(left, right) if screen else table[keys].head(0).assign(screened=True)
    table = table.merge(screened, on=keys, how="outer").merge(_equal(left, right), "outer", on=keys)
    for name in ("screened", "equal"):
        table[name] = table[name].eq(True)
    return Overlap(_judged(table.sort_values(keys, ignore_index=True), left, right))


def _screened(left: Text, right: Text) -> pandas.DataFrame:
    long = [shingle(text.tokens, SCREEN) for text in (left, right)]
    parts = [pairs for pairs, _ in cross_pairs(*long)] or [np.empty((0, 2), np.int64)]
    return pandas.DataFrame(np.concatenate(parts), columns=["left", "right"]).assign(screened=True)


def _equal(left: Text, right: Text) -> pandas.DataFrame:
    sides = [
        pandas.DataFrame({"digest": text.tokens.digests, name: np.arange(len(text))})
        for text, name in ((left, "left"), (right, "right"))
    ]
    pairs = sides[0].merge(sides[1], on="digest")[["left", "right"]]
    return pairs.assign(equal=True)


def _judged(table: pandas.DataFrame, left: Text, right: Text) -> pandas.DataFrame:
    unknown = table["similarity"].isna().to_numpy()
    pairs = table.loc[unknown, ["left", "right"]].to_numpy(np.int64)
    table.loc[unknown, "similarity"] = jaccard(left.shingles, right.shingles, pairs)
    table.loc[table["equal"], "similarity"] = 1.0
    near = ~unknown & ~table["equal"]
    table["verdict"] = np.select([table["equal"], near], ["duplicate", "near"], "different")
    return table.drop(columns="equal")
