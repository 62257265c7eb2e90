"""Speed of the duplicate step beside datasketch and text-dedup, and its growth.

    python benchmarks/dedup_speed.py FILE [--rows 12800 54000 1000000] [--peer-rows 54000]

FILE is a Parquet file in GURU's layout; more rows than it has are made by exchanging about a tenth
of the words and numbers of its problems. Every tool begins with raw texts and gets 5-grams,
32 bands of 4 and threshold. Ours finds duplicates by canonical text, near problems by LSH,
verifies each and clusters. datasketch gets our tokens (timed) and verifies. text-dedup
(``uv pip install text-dedup``; left out where absent) has a simpler tokeniser of its own and
verifies nothing, so its number of rows differs. Each size runs in a process of its own, so that
peak memory is that size's; it includes the raw texts.
"""

import argparse
import random
import resource
import subprocess
import sys
import time
from collections import defaultdict
from importlib.util import find_spec

import numpy as np
import pyarrow.parquet

THRESHOLD = 0.7
BANDS, ROWS = 32, 4


def problems(file: str, rows: int) -> list[str]:
    """Real problems, then variations of them."""
    prompts = pyarrow.parquet.read_table(file, columns=["prompt"])["prompt"].to_pylist()
    real = [" ".join(prompt[0]["content"].split(" ")[15:-8]) for prompt in prompts]  # bare problems
    made = real[:rows]
    rng = random.Random(0)
    words = sorted({word for text in real[:2000] for word in text.split()})
    while len(made) < rows:
        text = rng.choice(real).split(" ")
        for position in range(len(text)):
            if rng.random() < 0.1:
                text[position] = rng.choice(words)
        made.append(" ".join(text))
    return made


def rlscale(texts: list[str]) -> int:
    """Rows that leave or join another row's cluster."""
    from rlscale.dedup import Text, cluster

    text = Text.of(texts)
    first = np.array(sorted({c: i for i, c in enumerate(text.canonical)}.values()))
    leader, _ = cluster(text.take(first), [f"{i:08}" for i in first], THRESHOLD)
    return len(texts) - len(first) + int((leader != np.arange(len(first))).sum())


def phases(texts: list[str]) -> None:
    """CPU seconds of each phase of ours, on standard error."""
    from rlscale import near
    from rlscale.canonical import tokens

    def timed(name, work):
        started = time.process_time()
        made = work()
        print(f"{name}: {time.process_time() - started:.2f} s", file=sys.stderr)
        return made

    found = timed("tokenise", lambda: [tokens(text) for text in texts])
    timed("canonical text", lambda: [" ".join(text) for text in found])
    grams = timed("shingle and hash", lambda: near.shingle(found))
    usable = np.flatnonzero(grams.sizes)
    keys, _ = timed("MinHash", lambda: near._sketches(grams, usable))
    pairs = timed("LSH", lambda: np.concatenate(list(near._candidates(keys))))
    timed(f"LSH and verify, {len(pairs):,} pairs", lambda: near.near_pairs(grams, THRESHOLD))


def datasketch(texts: list[str]) -> int:
    """Rows with an earlier near row by datasketch, verified."""
    from datasketch import MinHash, MinHashLSH

    from rlscale.canonical import tokens

    index = MinHashLSH(num_perm=BANDS * ROWS, params=(BANDS, ROWS))
    sets: list[set[str]] = []
    near = 0
    for i, text in enumerate(texts):
        found = tokens(text)
        grams = {" ".join(found[i : i + 5]) for i in range(max(1, len(found) - 4))}
        sketch = MinHash(num_perm=BANDS * ROWS)
        sketch.update_batch([gram.encode() for gram in grams])
        others = (sets[j] for j in index.query(sketch))
        near += any(len(grams & o) >= THRESHOLD * len(grams | o) for o in others)
        index.insert(i, sketch)
        sets.append(grams)
    return near


def text_dedup(texts: list[str]) -> int:
    """Rows that text-dedup's MinHash would drop (its functions, without its files)."""
    from text_dedup.minhash import RNG, embed_func
    from text_dedup.utils import UnionFind, sha1_hash

    prime, most = np.uint64((1 << 61) - 1), np.uint32((1 << 32) - 1)
    count = BANDS * ROWS
    keys = {
        "num_perm": count, "ngram_size": 5, "min_length": 1, "hash_func": sha1_hash,
        "hashranges": [(i * ROWS, (i + 1) * ROWS) for i in range(BANDS)],
        "permutations": (
            RNG.randint(1, prime, size=count, dtype=np.uint64),
            RNG.randint(0, prime, size=count, dtype=np.uint64),
        ),
        "dtype": np.uint64, "max_hash": most, "modulo_prime": prime,
    }  # fmt: skip
    tables = [defaultdict(set) for _ in range(BANDS)]
    for i, text in enumerate(texts):
        for table, key in zip(tables, embed_func(text, i, **keys)["__signatures__"], strict=True):
            table[key].add(i)
    union = UnionFind()
    for table in tables:
        for members in table.values():
            for member in members if len(members) > 1 else ():
                union.union(member, min(members))
    return sum(union.find(i) != i for i in range(len(texts)))


TOOLS = {"rlscale": rlscale, "datasketch": datasketch, "text_dedup": text_dedup}


def measure(file: str, rows: int, tool: str) -> str:
    """One row of the table."""
    texts = problems(file, rows)
    started = time.process_time()
    near = TOOLS[tool](texts)
    seconds = time.process_time() - started
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    return f"| {tool} | {rows:,} | {near:,} | {seconds:.1f} | {memory:.2f} |"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file")
    parser.add_argument("--rows", type=int, nargs="*", default=[10_000, 54_000, 100_000])
    parser.add_argument("--peer-rows", type=int, nargs="*", default=[10_000])
    parser.add_argument("--phases", type=int, metavar="ROWS", help="only the phases of ours")
    parser.add_argument("--one", choices=TOOLS, help="measure in this process")
    arguments = parser.parse_args()
    if arguments.phases:
        phases(problems(arguments.file, arguments.phases))
        return
    if arguments.one:
        print(measure(arguments.file, arguments.rows[0], arguments.one))
        return
    print("| tool | rows | duplicate or near | CPU seconds | peak GiB |")
    print("| --- | --- | --- | --- | --- |", flush=True)
    for tool in TOOLS:
        if tool != "rlscale" and find_spec(tool) is None:
            print(f"{tool} is not installed", file=sys.stderr)
            continue
        for rows in arguments.rows if tool == "rlscale" else arguments.peer_rows:
            command = [sys.executable, __file__, arguments.file, "--one", tool]
            subprocess.run([*command, "--rows", str(rows)], check=True)


if __name__ == "__main__":
    main()
