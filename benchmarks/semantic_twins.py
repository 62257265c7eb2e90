"""Semantic twins on ../shared/data: precision of pairs read by hand, recall of made twins, cost.

python benchmarks/semantic_twins.py
semantic_twins.csv beside this file has the pairs that were read (problem ids) and how each was
judged: 100 of those that reach both thresholds, and all that rest on their numbers.
"""

import hashlib
import random
import re
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas
from scipy.stats import binomtest

from rlscale.data.decontaminate import overlap
from rlscale.data.dedup import Text
from rlscale.data.problems import problem_id, tabulate
from rlscale.data.semantic import semantic_pairs

LABELS = Path(__file__).with_suffix(".csv")
RULE = {"cosine": 0.3, "alignment": 0.75, "seed": 0}
NEAR = 0.7
NAMES = ["Amina", "Bjorn", "Chiara", "Dmitri", "Eleni", "Farid", "Greta", "Hiro", "Irma", "Jorge"]
WORDS = {
    "Find": "Determine", "Compute": "Calculate", "What is": "Work out",
    "How many": "Count how many",
    "Given that": "Suppose that", "Let": "Denote by", "such that": "with the property that",
    "value": "number", "satisfies": "fulfils", "satisfy": "fulfil", "integers": "whole numbers",
    "integer": "whole number", "maximum": "largest", "minimum": "smallest", "begins": "starts",
}  # fmt: skip


def half(problem_id: str) -> bool:
    """Whether a problem is of the half on which nothing was tuned."""
    return hashlib.md5(problem_id.encode()).digest()[0] % 2 == 1


def read() -> tuple[pandas.DataFrame, pandas.DataFrame]:
    """Training problems, and held-out problems with those of the benchmarks."""
    tests = Path(__file__).resolve().parents[1] / "tests"
    sys.path[:0] = [str(tests), str(tests / "unit")]
    import real_data

    parts = [
        tabulate(real_data.rows(name), verifier="exact", max_characters=8000)[0]
        for name in (real_data.TRAIN, real_data.HELD_OUT)
    ]
    others = pandas.concat([parts[1], *real_data.benchmarks().values()], ignore_index=True)
    return parts[0], others


def numbers(text: str, rng: random.Random) -> str:
    """Every number gets other digits, as many."""
    return re.sub(r"\d", lambda m: rng.choice("123456789".replace(m[0], "")), text)


def names(text: str, rng: random.Random) -> str:
    """Every word with a capital within a sentence becomes another name."""
    for name in sorted(set(re.findall(r"(?<=[a-z,;] )[A-Z][a-z]+", text))):
        text = re.sub(rf"\b{name}\b", rng.choice(NAMES), text)
    return text


def reworded(text: str, rng: random.Random) -> str:
    """Usual words of statements become their synonyms."""
    return re.sub("|".join(rf"\b{w}\b" for w in WORDS), lambda m: WORDS[m[0]], text)


def turned(text: str, rng: random.Random) -> str:
    """The first sentence comes last."""
    first, dot, rest = text.partition(". ")
    return f"{rest} {first}." if dot else text


def all_at_once(text: str, rng: random.Random) -> str:
    """Other numbers, names and words."""
    return reworded(names(numbers(text, rng), rng), rng)


def recall(train: pandas.DataFrame) -> pandas.DataFrame:
    """Of 1,000 problems, how many twins of each kind are found, by which rule."""
    own = train[train["problem_id"].map(half)]
    texts = own["problem"].sample(1000, random_state=7).tolist()
    place, rows = {text: i for i, text in enumerate(train["problem"])}, []
    kinds: list[Callable[[str, random.Random], str]] = [numbers, names, reworded, turned]
    for kind in [*kinds, all_at_once]:
        rng = random.Random(11)
        twins = [(place[t], kind(t, rng)) for t in texts]
        twins = [(row, twin) for row, twin in twins if twin != train["problem"][row]]
        left, right = train["problem"].tolist(), [twin for _, twin in twins]
        wanted = {(row, j) for j, (row, _) in enumerate(twins)}
        near = overlap(Text.of(left), Text.of(right), NEAR, screen=False).twins
        found = semantic_pairs(left, right, **RULE)
        by_near = wanted & set(zip(near["left"], near["right"], strict=True))
        by_rule = wanted & set(zip(found["left"], found["right"], strict=True))
        rows.append(
            {
                "kind": kind.__name__, "twins": len(twins), "near": len(by_near),
                "semantic, not near": len(by_rule - by_near),
                "recall of all": len(by_near | by_rule) / len(twins),
                "recall of those not near": len(by_rule - by_near) / (len(twins) - len(by_near)),
            }
        )  # fmt: skip
    return pandas.DataFrame(rows)


def pairs_to_read(train: pandas.DataFrame, others: pandas.DataFrame) -> pandas.DataFrame:
    """Pairs of 1,500 held-out problems of the untuned half and those to which they may leak."""
    own = train[train["problem_id"].map(half)].reset_index(drop=True)
    rng = np.random.default_rng(20261126)
    out = rng.permutation(len(own))[:1500]
    left = own.drop(index=out).reset_index(drop=True)
    right = pandas.concat([others, own.iloc[out]], ignore_index=True)
    texts = [side["problem"].tolist() for side in (left, right)]
    near = overlap(*map(Text.of, texts), NEAR, screen=False).twins
    known = set(zip(near["left"], near["right"], strict=True))
    pairs = semantic_pairs(*texts, **RULE)
    new = [pair not in known for pair in zip(pairs["left"], pairs["right"], strict=True)]
    pairs = pairs[np.array(new, bool)]
    whole = (pairs["cosine"] >= RULE["cosine"]) & (pairs["alignment"] >= RULE["alignment"])
    masked, eased = pairs[whole], pairs[~whole]
    masked = masked.iloc[np.sort(rng.choice(len(masked), 100, replace=False))]
    pairs = pandas.concat([masked, eased])
    sides = ("train", left, pairs["left"]), ("other", right, pairs["right"])
    ids = {name: table["problem"].iloc[rows].map(problem_id) for name, table, rows in sides}
    return pandas.DataFrame({name: column.to_numpy() for name, column in ids.items()})


def main() -> None:
    """Print cost, precision and recall."""
    train, others = read()
    started = time.process_time()
    texts = [side["problem"].tolist() for side in (train, others)]
    found = len(semantic_pairs(*texts, **RULE))
    seconds = time.process_time() - started
    print(f"{len(train):,} x {len(others):,} problems: {seconds:.1f} CPU s, {found} pairs")
    drawn = pairs_to_read(train, others)
    read_by_hand = drawn.merge(pandas.read_csv(LABELS), on=["train", "other"], how="left")
    print(read_by_hand.groupby(["rule", "set"])["twin"].agg(["size", "sum"]))
    for rule, judged in read_by_hand.groupby("rule")["twin"]:
        low, high = binomtest(int(judged.sum()), len(judged)).proportion_ci(method="wilson")
        print(f"{rule}: precision {judged.mean():.2f} ({low:.2f} to {high:.2f}) of {len(judged)}")
    print(recall(train).to_string(index=False))


if __name__ == "__main__":
    main()
