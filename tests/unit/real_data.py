"""The real problems of ../shared/data, as their tests read them."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence

import pandas

from conftest import SHARED
from rlscale.data.problems import RawRow
from rlscale.data.readers import read_rows
from rlscale.evaluation.benchmarks import BENCHMARKS as REGISTERED

DATA = SHARED / "data"
TRAIN = "math__sampled_1_4_12800.parquet"
HELD_OUT = "math__full_difficulty_ordered_test_500.parquet"
WRAPPER = (
    "You are a knowledgeable math assistant. Answer the following questions and think step by step."
    r" {problem} Please output the final answer within \boxed{}."
)
BENCHMARKS = {
    "aime_2024": "aime2024",
    "amc_2023": "amc2023",
    "gsm8k": "gsm8k",
    "humaneval": "codegen__humaneval_164",
    "math_500": "math__math_500",
    "supergpqa": "stem__supergpqa_200",
    "zebra": "logic__zebra_puzzle_dataset_200",
}


def rows(name: str) -> list[RawRow]:
    """All rows of a file of GURU."""
    return read_rows(
        {
            "layout": "guru", "files": [str(DATA / "guru" / name)], "wrapper": WRAPPER,
            "columns": {"pass_rate": ["extra_info", "qwen2.5_7b_pass_rate"]},
        }
    )  # fmt: skip


def benchmarks() -> dict[str, pandas.DataFrame]:
    """The seven benchmarks as problem tables."""
    return {
        name: REGISTERED.get(name).load({"path": str(DATA / "benchmarks" / f"{file}.parquet")})
        for name, file in BENCHMARKS.items()
    }


def ngrams(tokens: Sequence[str], length: int) -> set[tuple[str, ...]]:
    """Distinct runs of tokens."""
    return {tuple(tokens[i : i + length]) for i in range(len(tokens) - length + 1)}


def near_by_definition(
    left: Iterable[str], right: Iterable[str], tokens: Callable[[str], Sequence[str]]
) -> dict[tuple[int, int], float]:
    """All pairs whose sets of token 5-grams have Jaccard similarity 0.7: no hashes, no sampling."""
    texts, holders = [ngrams(tokens(text), 5) for text in right], defaultdict(list)
    for j, grams in enumerate(texts):
        for gram in grams:
            holders[gram].append(j)
    found = {}
    for i, text in enumerate(left):
        grams = ngrams(tokens(text), 5)
        for j, shared in Counter(j for gram in grams for j in holders.get(gram, ())).items():
            similarity = shared / (len(grams) + len(texts[j]) - shared)
            if similarity >= 0.7:
                found[i, j] = similarity
    return found
