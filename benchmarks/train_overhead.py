"""What our training entry point costs over plain TRL: the same losses, and the time of a step.

    python benchmarks/train_overhead.py --study FOLDER [--cell CELL] [--pairs 3]

FOLDER is a finished study (``make study``), whose cell is trained again, in turn by our entry point
and by plain TRL with the same settings, data and seed, each in a process and a folder of its own.
Reported are ratios of the median times of a step (one rollout batch with its updates; the first two
left out). Saving the weights of eight steps is in none of the medians.

A third run is plain TRL with what it does by default where the embedded study decides otherwise and
the result is the same: gradient checkpointing, and as many threads as there are cores. A fourth is
the same on one thread.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

import pandas

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "tests" / "workflow")]

PLAIN = """
import json, re, sys, time
import pandas, torch
from datasets import Dataset
from transformers import AutoModelForCausalLM, AutoTokenizer, TrainerCallback
from trl import GRPOConfig, GRPOTrainer
weights, table, settings, threads = sys.argv[1:]
torch.set_num_threads(int(threads))
settings = json.loads(settings)
clock = []
class Clock(TrainerCallback):
    def on_step_end(self, args, state, control, **_):
        if state.global_step % settings["steps_per_generation"] == 0:
            clock.append(time.monotonic())
def reward(completions, answer, **_):
    numbers = [re.findall(r"-?[0-9]+", text) for text in completions]
    return [float(bool(n) and int(n[-1]) == int(a)) for n, a in zip(numbers, answer)]
rows = pandas.read_parquet(table)
data = Dataset.from_dict({"prompt": rows["problem"].tolist(), "answer": rows["answer"].tolist()})
trainer = GRPOTrainer(
    model=AutoModelForCausalLM.from_pretrained(weights, dtype="float32"),
    args=GRPOConfig(**settings),
    train_dataset=data, reward_funcs=reward, callbacks=[Clock()],
    processing_class=AutoTokenizer.from_pretrained(weights, padding_side="left"))
trainer.train()
losses = [entry["loss"] for entry in trainer.state.log_history if "reward" in entry]
print("RESULT", json.dumps({"losses": losses, "clock": clock}))
"""


class Cell:
    """A trained cell of the study in the working directory, to be trained again."""

    def __init__(self, name: str):
        from rlscale.core.manifests import read_manifest, read_record
        from rlscale.study.grid import Cell as Name

        self.name = Name.from_path(name)
        path = Path("results/cells", name, "train.json")
        trained = read_manifest(path, "train")
        self.recipe = read_record(path)["settings"]["recipe"]
        self.model = Path("results/models", self.name.model_name)
        self.weights = trained["checkpoints"][0]["path"]
        variants = Path("results/data", self.recipe["data"], "variants")
        self.data = variants / f"{self.name.recipe}-tau{self.name.tau}"

    def settings(self, folder: Path) -> dict:
        """TRL's settings, as a plain script would have them."""
        updates = self.recipe["updates_per_step"]
        responses = self.recipe["prompts_per_step"] * self.name.group_size
        return self.recipe["grpo"] | {
            "output_dir": str(folder),
            "num_generations": self.name.group_size,
            "per_device_train_batch_size": responses // updates,
            "steps_per_generation": updates,
            "max_steps": self.recipe["steps"] * updates,
            "shuffle_dataset": False,
            "seed": self.name.seed,
            "use_cpu": True,
            "bf16": False,
            "save_strategy": "no",
            "logging_steps": updates,
            "report_to": [],
            "disable_tqdm": True,
        }


def plain(cell: Cell, folder: Path, threads: int, *, checkpointing: bool) -> tuple[list, float]:
    """Losses by step and the median seconds of a step of the plain script."""
    settings = cell.settings(folder) | {"gradient_checkpointing": checkpointing}
    arguments = [cell.weights, cell.data / "train.parquet", json.dumps(settings), threads]
    command = [sys.executable, "-c", PLAIN, *map(str, arguments)]
    environment = {**os.environ, "OMP_NUM_THREADS": str(threads)}
    done = subprocess.run(command, stdout=-1, stderr=-1, text=True, check=True, env=environment)
    result = json.loads(done.stdout.split("RESULT ")[1])
    times = [b - a for a, b in zip(result["clock"], result["clock"][1:], strict=False)]
    return result["losses"], statistics.median(times[1:])


def ours(cell: Cell, folder: Path) -> tuple[list, float]:
    """The same of our entry point, from the tables that it leaves."""
    from training_run import Run

    (folder / "inputs").mkdir(parents=True)
    (folder / "inputs" / "model").symlink_to(cell.model.absolute())
    (folder / "inputs" / "data").symlink_to(cell.data.absolute())
    run = Run(folder / "ours", folder / "inputs")
    run.cell, run.recipe, run.save_state_minutes = cell.name.path, cell.recipe, 15
    run.finish()
    seconds = pandas.read_csv(run.outputs / "timings.csv").groupby("step")["seconds"].sum()
    losses = pandas.read_csv(run.outputs / "metrics.csv", float_precision="round_trip")["loss"]
    return losses.tolist(), statistics.median(seconds.iloc[2:])


def main() -> None:
    """Train in turn, compare the losses, print the ratios."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--study", type=Path, required=True)
    parser.add_argument("--cell", default="main/arith-25k-base/tau1-g8/seed1")
    parser.add_argument("--pairs", type=int, default=3)
    arguments = parser.parse_args()
    os.chdir(arguments.study)
    cell, cores = Cell(arguments.cell), os.cpu_count()
    ways = {
        "ours": lambda folder: ours(cell, folder),
        "plain": lambda folder: plain(
            cell, folder, cell.recipe["cpu_threads"], checkpointing=False
        ),
        "checkpointing": lambda folder: plain(cell, folder, 1, checkpointing=True),
        f"checkpointing, {cores} threads": lambda folder: plain(
            cell, folder, cores, checkpointing=True
        ),
    }
    seconds: dict[str, list[float]] = {way: [] for way in ways}
    with tempfile.TemporaryDirectory() as temporary:
        for turn in range(arguments.pairs):
            losses = {}
            for way, train in ways.items():
                losses[way], took = train(Path(temporary, f"{turn}-{way}"))
                seconds[way].append(took)
            apart = {
                way: max(abs(a - b) for a, b in zip(found, losses["plain"], strict=True))
                for way, found in losses.items()
            }
            assert apart["ours"] == 0, f"other losses than plain TRL's, by up to {apart['ours']}"
            said = (f"{way} {seconds[way][-1]:.4f} s ({apart[way]:.1g})" for way in ways)
            print(f"a step (losses apart from plain's): {', '.join(said)}", flush=True)
    for way in ways:
        ratios = sorted(a / b for a, b in zip(seconds[way], seconds["ours"], strict=True))
        print(
            f"{way} / ours = {statistics.median(ratios):.3f} ({ratios[0]:.3f} to {ratios[-1]:.3f})"
        )


if __name__ == "__main__":
    main()
