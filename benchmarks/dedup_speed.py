"""Speed of the duplicate step beside datasketch, and its growth with the number of problems.

    python benchmarks/dedup_speed.py FILE [--rows 12800 54000] [--peer 54000]

FILE is a Parquet file in GURU's layout; more rows than it has are made by exchanging about a tenth
of the words and numbers of its problems. The whole step is timed: canonical form, exact
duplicates, MinHash LSH, verification, clusters. Each size runs in a process of its own, so that
peak memory is that size's. The peer gets the same tokens, 5-grams, bands and threshold, without
the time for tokenisation.
"""

import argparse
import random
import resource
import subprocess
import sys
import time

import numpy as np
import pyarrow.parquet

THRESHOLD = 0.7


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


def ours(texts: list[str]) -> int:
    """Rows that leave or join another row's cluster."""
    from rlscale.dedup import Text, cluster

    text = Text.of(texts)
    first = np.array(sorted({c: i for i, c in enumerate(text.canonical)}.values()))
    leader, _ = cluster(text.take(first), [f"{i:08}" for i in first], THRESHOLD)
    return len(texts) - len(first) + int((leader != np.arange(len(first))).sum())


def datasketch(texts: list[str]) -> tuple[int, float]:
    """Rows with an earlier near row by datasketch, verified; CPU seconds without tokenisation."""
    from datasketch import MinHash, MinHashLSH

    from rlscale.canonical import tokens

    sets = []
    for text in texts:
        found = tokens(text)
        sets.append({" ".join(found[i : i + 5]) for i in range(max(1, len(found) - 4))})
    started = time.process_time()
    index = MinHashLSH(num_perm=128, params=(32, 4))
    near = 0
    for i, grams in enumerate(sets):
        sketch = MinHash(num_perm=128)
        sketch.update_batch([gram.encode() for gram in grams])
        others = (sets[j] for j in index.query(sketch))
        near += any(len(grams & o) >= THRESHOLD * len(grams | o) for o in others)
        index.insert(i, sketch)
    return near, time.process_time() - started


def measure(file: str, rows: int, peer: bool) -> str:
    """One row of the table."""
    texts = problems(file, rows)
    if peer:
        near, seconds = datasketch(texts)
    else:
        started = time.process_time()
        near = ours(texts)
        seconds = time.process_time() - started
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    name = "datasketch" if peer else "rlscale"
    return f"| {name} | {rows:,} | {near:,} | {seconds:.1f} | {memory:.2f} |"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file")
    parser.add_argument("--rows", type=int, nargs="*", default=[10_000, 54_000, 100_000])
    parser.add_argument("--peer", type=int, nargs="*", default=[10_000])
    parser.add_argument("--one", choices=["ours", "peer"], help="measure in this process")
    arguments = parser.parse_args()
    if arguments.one:
        print(measure(arguments.file, arguments.rows[0], arguments.one == "peer"))
        return
    print("| tool | rows | duplicate or near | CPU seconds | peak GiB |")
    print("| --- | --- | --- | --- | --- |")
    for one, sizes in (("ours", arguments.rows), ("peer", arguments.peer)):
        for rows in sizes:
            command = [sys.executable, __file__, arguments.file, "--one", one, "--rows", str(rows)]
            subprocess.run(command, check=True)


if __name__ == "__main__":
    main()
