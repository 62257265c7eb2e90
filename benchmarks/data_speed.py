"""The whole data stage by step: wall and CPU seconds, and peak memory.

    python benchmarks/data_speed.py FILE --rows 54000 1000000

FILE is a Parquet file in GURU's layout. More rows than it has are made by exchanging about a tenth
of the words and numbers of its problems (dedup_speed.py); every tenth row then repeats an earlier
one, as sets of the field do. The answers are those of the real rows, judged as numbers. Reading,
checks, duplicates, twins of 500 further problems, clusters, split and the written tables are
measured; each size runs in a process of its own.
"""

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from pathlib import Path

import pyarrow
import pyarrow.parquet
from dedup_speed import problems

STEPS = {
    "read": ("rlscale.data.prepare", "read_set"),
    "check rows and golds": ("rlscale.data.prepare", "tabulate"),
    "tokens and n-grams": ("rlscale.data.dedup.Text", "of"),
    "duplicates": ("rlscale.data.clean", "settle_duplicates"),
    "near pairs and clusters": ("rlscale.data.clean", "cluster"),
    "twins across sets, and no leak": ("rlscale.data.clean", "overlap"),
    "semantic twins": ("rlscale.data.prepare", "semantic_twins"),
    "of them, by numbers and answer": ("rlscale.data.semantic", "same_numbers_and_answer"),
    "draw held-out": ("rlscale.data.clean", "draw_held_out"),
    "order": ("rlscale.data.clean", "_in_order"),
    "report": ("rlscale.data.prepare", "data_report"),
    "tables": ("rlscale.data.prepare", "_write_parquet"),
    "CSV": ("rlscale.data.prepare", "_write_csv"),
}
SETTINGS = {
    "verifier": "number", "max_characters": 8000, "cleaning": "strict", "conflicts": "drop",
    "near": {"threshold": 0.7, "within_train": "keep"},
    "semantic_twins": {"cosine": 0.3, "alignment": 0.75, "seed": 0}, "strata": {},
    "held_out": {"problems": 500, "seed": 1}, "order": {"by": "easy_to_hard", "seed": 0},
}  # fmt: skip


def write_rows(file: str, rows: int, folder: Path) -> None:
    """The training rows and a benchmark of 500."""
    from rlscale.core.manifests import Provenance, write_manifest

    texts = problems(file, rows - rows // 10 + 500)
    texts, others = texts[:-500], texts[-500:]
    texts += texts[: rows // 10]
    table = {"problem": texts, "answer": [str(len(text) % 97) for text in texts]}
    pyarrow.parquet.write_table(pyarrow.table(table), folder / "set.parquet")
    made = folder / "problems.parquet"
    bench = {"problem": others, "answer": ["1"] * 500, "source": ["bench"] * 500}
    pyarrow.parquet.write_table(pyarrow.table(bench), made)
    write_manifest(
        folder / "manifest.json",
        Provenance("rlscale.data.clean", {}, {}, started=0),
        kind="benchmark",
        name="bench",
        files=[made],
    )


def timed(seconds: dict[str, list[float]]) -> None:
    """Have every step note its wall and CPU seconds and the peak memory after it."""
    import importlib

    def wrap(name, function):
        def step(*arguments, **named):
            wall, cpu = time.perf_counter(), time.process_time()
            made = function(*arguments, **named)
            entry = seconds[name]
            entry[0] += time.perf_counter() - wall
            entry[1] += time.process_time() - cpu
            entry[2] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
            return made

        return step

    for name, (owner, attribute) in STEPS.items():
        module = owner.removesuffix(".Text")
        holder = importlib.import_module(module)
        holder = holder.Text if owner != module else holder
        setattr(holder, attribute, wrap(name, getattr(holder, attribute)))


def measure(folder: Path) -> None:
    """Run the stage in this process and print its steps."""
    from rlscale.data import prepare

    seconds: dict[str, list[float]] = defaultdict(lambda: [0.0, 0.0, 0.0])
    timed(seconds)
    read = {"layout": "plain", "columns": {}, "wrapper": "", "files": [str(folder / "set.parquet")]}
    wall, cpu = time.perf_counter(), time.process_time()
    prepare.prepare_set(
        name="set", settings={**SETTINGS, "read": read}, benchmarks=[folder / "manifest.json"],
        pass_rates=None, folder=folder / "out", manifest=folder / "out" / "manifest.json",
    )  # fmt: skip
    total = [time.perf_counter() - wall, time.process_time() - cpu]
    total.append(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20)
    whole = [entry for name, entry in seconds.items() if not name.startswith("of them")]
    rest = [total[i] - sum(entry[i] for entry in whole) for i in (0, 1)]
    print("| step | wall s | CPU s | peak GiB after it |\n| --- | --- | --- | --- |")
    for name, entry in {**seconds, "the rest": [*rest, total[2]], "all": total}.items():
        print(f"| {name} | {entry[0]:.1f} | {entry[1]:.1f} | {entry[2]:.2f} |")


def main() -> None:
    """Print a table for each number of rows."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file")
    parser.add_argument("--rows", type=int, nargs="+", default=[54_000])
    parser.add_argument("--folder", type=Path, help="measure what lies there, in this process")
    arguments = parser.parse_args()
    if arguments.folder:
        measure(arguments.folder)
        return
    for rows in arguments.rows:
        with tempfile.TemporaryDirectory() as name:
            write_rows(arguments.file, rows, Path(name))
            print(f"{rows:,} rows", flush=True)
            command = [sys.executable, __file__, arguments.file, "--folder", name]
            subprocess.run(command, check=True)


if __name__ == "__main__":
    main()
