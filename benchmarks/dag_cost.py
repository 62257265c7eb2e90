"""What it costs to plan a study: `snakemake -n` for config/paper.yaml and for synthetic studies.

Run from the repository: python benchmarks/dag_cost.py [--cells 100 500 2000]
Prints a row per study: jobs, seconds, CPU seconds and peak memory of the whole command.
"""

import argparse
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import yaml

ROOT = Path(__file__).parents[1]


def synthetic(cells: int) -> dict:
    """The embedded study with as many cells: five sizes and many seeds."""
    config = yaml.safe_load((ROOT / "config" / "config.yaml").read_text())
    config["sweeps"] = [config["sweeps"][0] | {"seed": list(range(1, cells // 5 + 1))}]
    return config


def plan(name: str, config: dict) -> None:
    """Dry-run a study in an empty folder and print what that took."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "study.yaml").write_text(yaml.safe_dump(config))
        output = Path(folder, "said.txt")
        command = [sys.executable, "-m", "snakemake", "-n", "-q", "rules", "--cores", "2"]
        command += ["--snakefile", str(ROOT / "Snakefile"), "--configfile", "study.yaml"]
        began = time.monotonic()
        with output.open("w") as said:
            process = subprocess.Popen(
                command, cwd=folder, stdout=said, stderr=subprocess.STDOUT, text=True
            )
            _, status, usage = os.wait4(process.pid, 0)
        seconds = time.monotonic() - began
        if status:
            sys.exit(output.read_text()[-3000:])
        jobs = re.findall(r"^total +(\d+)", output.read_text(), re.MULTILINE)
        cpu = usage.ru_utime + usage.ru_stime
        memory = usage.ru_maxrss / 1024
        print(f"{name:>12} {jobs[-1]:>7} jobs {seconds:8.1f} s {cpu:8.1f} CPU s {memory:7.0f} MiB")


def main() -> None:
    """Plan the paper's study and synthetic ones."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cells", type=int, nargs="+", default=[100, 500, 2000])
    arguments = parser.parse_args()
    plan("paper", yaml.safe_load((ROOT / "config" / "paper.yaml").read_text()))
    for cells in arguments.cells:
        plan(f"{cells} cells", synthetic(cells))


if __name__ == "__main__":
    main()
