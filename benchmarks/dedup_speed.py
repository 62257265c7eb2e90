"""Speed of the duplicate step beside datasketch and text-dedup, and its growth.

    python benchmarks/dedup_speed.py FILE        # about 8 minutes on one quiet core

FILE is a Parquet file in GURU's layout; more rows than it has are made by exchanging about a tenth
of the words and numbers of its problems. Every tool begins with raw texts and gets 5-grams,
32 bands of 4 and threshold 0.7:

- rlscale finds duplicates by canonical text, all near problems by prefix filtering, and clusters;
- datasketch, as its documentation uses it: words, an update for each 5-gram; nothing is verified;
- datasketch_batched, at its best: words, one update for a text, every candidate verified;
- datasketch_tokens: the same with our tokens, which count as its time;
- text_dedup, by its own command (``uv pip install text-dedup``; left out where absent): its own
  tokeniser and files; nothing is verified.

Imports do not count: each tool has seen 100 rows before. Numbers of rows differ with tokens and
verification. Each size runs in a process of its own, so that peak memory is that size's; it
includes the raw texts.
"""

import argparse
import json
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
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
    from rlscale.data.dedup import Text, cluster

    text = Text.of(texts)
    first = np.sort(np.unique(text.tokens.digests, return_index=True)[1])
    leader, _ = cluster(text.take(first), [f"{i:08}" for i in first], THRESHOLD)
    return len(texts) - len(first) + int((leader != np.arange(len(first))).sum())


def phases(texts: list[str]) -> None:
    """CPU seconds of each phase of ours, on standard error."""
    from rlscale.data.dedup import Text, cluster
    from rlscale.data.near import near_pairs, shingle
    from rlscale.data.tokenise import tokenise

    def timed(name, work):
        started = time.process_time()
        made = work()
        print(f"{name}: {time.process_time() - started:.2f} s", file=sys.stderr)
        return made

    found = timed("tokens", lambda: tokenise(texts))
    grams = timed("n-gram sets", lambda: shingle(found))
    timed("near pairs", lambda: near_pairs(grams, THRESHOLD))
    text = Text(np.array(texts, object), found, grams)
    timed("near pairs and clusters", lambda: cluster(text, list(map(str, texts)), THRESHOLD))


def words(text: str) -> list[str]:
    """The usual tokens: what stands between spaces, in lower case."""
    return text.lower().split()


def grams(tokens: list[str]) -> set[str]:
    """5-grams of tokens; all tokens where they are fewer."""
    return {" ".join(tokens[i : i + 5]) for i in range(max(1, len(tokens) - 4))}


def datasketch(texts: list[str]) -> int:
    """Rows with an earlier candidate by datasketch, as its documentation uses it."""
    from datasketch import MinHash, MinHashLSH

    index = MinHashLSH(num_perm=BANDS * ROWS, params=(BANDS, ROWS))
    near = 0
    for i, text in enumerate(texts):
        sketch = MinHash(num_perm=BANDS * ROWS)
        for gram in grams(words(text)):
            sketch.update(gram.encode())
        near += bool(index.query(sketch))
        index.insert(i, sketch)
    return near


def datasketch_batched(texts: list[str], tokenise: Callable[[str], list[str]] = words) -> int:
    """Rows with an earlier near row by datasketch, verified."""
    from datasketch import MinHash, MinHashLSH

    index = MinHashLSH(num_perm=BANDS * ROWS, params=(BANDS, ROWS))
    sets: list[set[str]] = []
    near = 0
    for i, text in enumerate(texts):
        own = grams(tokenise(text))
        sketch = MinHash(num_perm=BANDS * ROWS)
        sketch.update_batch([gram.encode() for gram in own])
        others = (sets[j] for j in index.query(sketch))
        near += any(len(own & o) >= THRESHOLD * len(own | o) for o in others)
        index.insert(i, sketch)
        sets.append(own)
    return near


def datasketch_tokens(texts: list[str]) -> int:
    """The same with our tokens."""
    from rlscale.data.canonical import tokens

    return datasketch_batched(texts, tokens)


def text_dedup(texts: list[str]) -> int:
    """Rows that text-dedup's command drops; only the command counts."""
    from datasets import Dataset, load_from_disk

    with tempfile.TemporaryDirectory() as folder:
        Dataset.from_dict({"text": texts}).save_to_disk(f"{folder}/in")
        command = [sys.executable, "-m", "text_dedup.minhash", "--local", "--path", f"{folder}/in"]
        command += ["--output", f"{folder}/out", "--column", "text", "--ngram", "5"]
        command += ["--min_length", "1", "--num_perm", str(BANDS * ROWS), "--num_proc", "1"]
        command += ["--threshold", str(THRESHOLD), "--b", str(BANDS), "--r", str(ROWS)]
        subprocess.run(command, check=True, capture_output=True)
        return len(texts) - len(load_from_disk(f"{folder}/out"))


TOOLS = {
    tool.__name__: tool
    for tool in (rlscale, datasketch, datasketch_batched, datasketch_tokens, text_dedup)
}


def measure(file: str, rows: int, tool: str) -> dict[str, float]:
    """Rows found, CPU seconds and peak memory in GiB of one tool, in this process."""
    texts = problems(file, rows)
    who = resource.RUSAGE_CHILDREN if tool == "text_dedup" else resource.RUSAGE_SELF

    def seconds() -> float:
        usage = resource.getrusage(who)
        return usage.ru_utime + usage.ru_stime

    TOOLS[tool](texts[:100])  # imports and the like are not the step
    started = seconds()
    near = TOOLS[tool](texts)
    memory = resource.getrusage(who).ru_maxrss / 2**20
    return {"near": near, "seconds": seconds() - started, "gib": memory}


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file")
    rows = [10_000, 54_000, 100_000, 1_000_000]
    parser.add_argument("--rows", type=int, nargs="*", default=rows)
    parser.add_argument("--peer-rows", type=int, nargs="*", default=rows[:2])
    parser.add_argument("--phases", type=int, metavar="ROWS", help="only the phases of ours")
    parser.add_argument("--one", choices=TOOLS, help="measure in this process")
    arguments = parser.parse_args()
    if arguments.phases:
        phases(problems(arguments.file, arguments.phases))
        return
    if arguments.one:
        print(json.dumps(measure(arguments.file, arguments.rows[0], arguments.one)))
        return
    print("| tool | rows | duplicate or near | CPU seconds | times ours | peak GiB |")
    print("| --- | --- | --- | --- | --- | --- |", flush=True)
    ours: dict[int, float] = {}
    for tool in TOOLS:
        if not find_spec(tool.partition("_")[0] if tool.startswith("datasketch") else tool):
            print(f"{tool} is not installed", file=sys.stderr)
            continue
        for rows in arguments.rows if tool == "rlscale" else arguments.peer_rows:
            command = [sys.executable, __file__, arguments.file, "--one", tool, "--rows", str(rows)]
            done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
            found = json.loads(done.stdout)
            seconds = found["seconds"]
            ratio = seconds / ours.setdefault(rows, seconds)
            print(
                f"| {tool} | {rows:,} | {found['near']:,} | {seconds:.1f} | {ratio:.1f}"
                f" | {found['gib']:.2f} |",
                flush=True,
            )


if __name__ == "__main__":
    main()
