"""What our training entry point costs over plain TRL: the same losses, and the time of a step.

    python benchmarks/train_overhead.py [--pairs 3]

Both train the cell of tests/workflow/training_run.py with the same settings, data and seed, in
turn; ours saves weights at three steps, and no state. Reported is the ratio of the median times of
a step (the first two left out), pair by pair. A step takes some 16 ms, so this is the worst case.
A third run is plain TRL with its own default of gradient checkpointing, which the embedded study
turns off.
"""

import argparse
import json
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
weights, table, settings, out = sys.argv[1:]
torch.set_num_threads(1)
clock = []
class Clock(TrainerCallback):
    def on_step_end(self, args, state, control, **_):
        if state.global_step % 2 == 0:
            clock.append(time.monotonic())
def reward(completions, answer, **_):
    numbers = [re.findall(r"[0-9]+", text) for text in completions]
    return [float(bool(n) and int(n[-1]) == int(a)) for n, a in zip(numbers, answer)]
rows = pandas.read_parquet(table)
data = Dataset.from_dict({"prompt": rows["problem"].tolist(), "answer": rows["answer"].tolist()})
config = GRPOConfig(output_dir=out, num_generations=4, per_device_train_batch_size=16,
    steps_per_generation=2, max_steps=48, shuffle_dataset=False, seed=1, use_cpu=True, bf16=False,
    save_strategy="no", logging_steps=2, report_to=[], disable_tqdm=True, **json.loads(settings))
trainer = GRPOTrainer(
    model=AutoModelForCausalLM.from_pretrained(weights, dtype="float32"), args=config,
    train_dataset=data, reward_funcs=reward, callbacks=[Clock()],
    processing_class=AutoTokenizer.from_pretrained(weights, padding_side="left"))
trainer.train()
losses = [entry["loss"] for entry in trainer.state.log_history if "reward" in entry]
print("RESULT", json.dumps({"losses": losses, "clock": clock}))
"""


def plain(inputs: Path, folder: Path, settings: dict) -> tuple[list[float], float]:
    """Losses by step and the median seconds of a step of the plain script."""
    weights = inputs / "checkpoints" / "models" / "tiny-base"
    arguments = [weights, inputs / "data" / "train.parquet", json.dumps(settings), folder / "plain"]
    command = [sys.executable, "-c", PLAIN, *map(str, arguments)]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    result = json.loads(said.split("RESULT ")[1])
    times = [b - a for a, b in zip(result["clock"], result["clock"][1:], strict=False)]
    return result["losses"], statistics.median(times[1:])


def ours(inputs: Path, folder: Path) -> tuple[list[float], float]:
    """The same of our entry point, from the tables that it leaves."""
    from training_run import Run

    run = Run(folder / "ours", inputs)
    run.save_state_minutes = 15
    run.finish()
    seconds = pandas.read_csv(run.outputs / "timings.csv").groupby("step")["seconds"].sum()
    losses = pandas.read_csv(run.outputs / "metrics.csv", float_precision="round_trip")["loss"]
    return losses.tolist(), statistics.median(seconds.iloc[2:])


def main() -> None:
    """Train in turn, compare the losses, print the ratios."""
    from training_run import RECIPE, make_inputs

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pairs", type=int, default=3)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        inputs = Path(temporary) / "inputs"
        inputs.mkdir()
        make_inputs(inputs)
        ratios, gains = [], []
        defaults = {k: v for k, v in RECIPE["grpo"].items() if k != "gradient_checkpointing"}
        for pair in range(arguments.pairs):
            folder = Path(temporary) / str(pair)
            plain_losses, plain_seconds = plain(inputs, folder, RECIPE["grpo"])
            our_losses, our_seconds = ours(inputs, folder)
            assert our_losses == plain_losses, f"other losses: {our_losses} and {plain_losses}"
            default_losses, default_seconds = plain(inputs, folder, defaults)
            apart = max(abs(a - b) for a, b in zip(our_losses, default_losses, strict=True))
            assert apart < 1e-6, f"with checkpointing losses are {apart} apart"
            ratios.append(our_seconds / plain_seconds)
            gains.append(default_seconds / our_seconds)
            print(
                f"a step: plain {plain_seconds:.4f} s, ours {our_seconds:.4f} s, "
                f"plain with checkpointing {default_seconds:.4f} s",
                flush=True,
            )
    print(f"equal losses; ours / plain = {statistics.median(ratios):.3f} of {sorted(ratios)}")
    print(f"plain with TRL's defaults / ours = {statistics.median(gains):.3f} of {sorted(gains)}")


if __name__ == "__main__":
    main()
