"""What keeping a study costs where there is nothing to do, at many cells.

Stand-in cells (tests/workflow/stub) in a real study folder: no-op `snakemake`, no-op `dvc repro`,
`adopt` and `record`, each timed over fresh processes; the smallest of the repeats is reported.

    python benchmarks/dvc_overhead.py --cells 10 100 1000
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import yaml

STUB = Path(__file__).parents[1] / "tests/workflow/stub"
sys.path.append(str(STUB))
from make_study import make_study  # noqa: E402

COMMANDS = {
    "snakemake, nothing to do": ("snakemake", "--cores", "2", "--quiet", "all"),
    "dvc repro, nothing to do": ("dvc", "repro", "--quiet"),
    "adopt": ("rlscale", "adopt"),
    "record": ("rlscale", "record"),
}


def main() -> None:
    """Make a study of each size, run it once, time the commands."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cells", type=int, nargs="+", default=[10, 100])
    parser.add_argument("--repeats", type=int, default=3)
    arguments = parser.parse_args()
    print("| cells | command | seconds |\n| --- | --- | --- |")
    for cells in arguments.cells:
        with tempfile.TemporaryDirectory() as folder:
            for name, seconds in timings(Path(folder) / "study", cells, arguments.repeats).items():
                print(f"| {cells} | {name} | {seconds:.1f} |", flush=True)


def timings(folder: Path, cells: int, repeats: int) -> dict[str, float]:
    """Seconds of each command in a study of so many cells."""
    config = yaml.safe_load((STUB / "config.yaml").read_text())
    config["sweeps"][0]["seed"] = list(range(cells))
    file = folder.parent / "config.yaml"
    file.write_text(yaml.safe_dump(config))
    make_study(folder, file)
    environment = {
        **os.environ,
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "STUB_LOG": str(folder.parent / "log"),
    }

    def run(*command: str) -> float:
        started = time.perf_counter()
        subprocess.run(command, cwd=folder, env=environment, check=True, capture_output=True)
        return time.perf_counter() - started

    run("dvc", "repro", "--quiet")
    return {name: min(run(*command) for _ in range(repeats)) for name, command in COMMANDS.items()}


if __name__ == "__main__":
    main()
