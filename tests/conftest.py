"""What tests share: the product's folder, ../shared where it is, and a small real study."""

import copy
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[1]
SHARED = ROOT.parent / "shared"


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of real data beside the project."""
    if not SHARED.is_dir():
        pytest.skip("../shared, with the real problems, is not beside this checkout")
    return SHARED


def embedded_config() -> dict:
    """The configuration of the embedded study."""
    return yaml.safe_load((ROOT / "config" / "config.yaml").read_text())


def small_config() -> dict:
    """The embedded study cut to three short cells; each part as real as there."""
    config = copy.deepcopy(embedded_config())
    config["study"] = "small"
    config["pretraining"] |= {"steps": 150, "batch_size": 64}
    config["recipes"]["main"] |= {
        "steps": 4,
        "prompts_per_step": 16,
        "checkpoints": [0, 1, 2, 4],
    }
    for benchmark in config["benchmarks"].values():
        benchmark["samples"] = 2
        if "problems" in benchmark:
            benchmark["problems"] = 20
    sizes = {"recipe": "main", "variant": ["base"], "tau": [1], "group_size": [4]}
    config["sweeps"] = [
        {"name": "size", "model": ["arith-15k", "arith-39k"], "seed": [1], **sizes},
        {"name": "seeds", "model": ["arith-15k"], "seed": [1, 2], **sizes},
    ]
    config["fit"]["select"]["group_size"] = 4
    return config


class Study:
    """A study in a folder of its own, driven by the plain `snakemake` command."""

    def __init__(self, folder: Path, config: dict):
        self.folder = folder
        self.configure(config)

    def configure(self, config: dict) -> None:
        """Replace the study's configuration."""
        (self.folder / "study.yaml").write_text(yaml.safe_dump(config, sort_keys=False))

    def begin(self, *arguments: str, own_group: bool = False) -> subprocess.Popen:
        """Start Snakemake, if told so in a process group of its own."""
        path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
        command = ["snakemake", *arguments, "--snakefile", str(ROOT / "Snakefile"), "--cores", "2"]
        return subprocess.Popen(
            [*command, "--directory", str(self.folder), "--configfile", "study.yaml"],
            cwd=self.folder,
            env={**os.environ, "PATH": path},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=own_group,
        )

    def start(self, *arguments: str) -> subprocess.CompletedProcess:
        """Run Snakemake, whatever comes of it."""
        with self.begin(*arguments) as process:
            said, _ = process.communicate()
        return subprocess.CompletedProcess(process.args, process.returncode, said)

    def run(self, *arguments: str) -> str:
        """Run Snakemake; it must succeed. Returns what it printed."""
        done = self.start(*arguments)
        assert done.returncode == 0, done.stdout[-6000:] + self.failed_logs()
        return done.stdout

    def refuse(self, *arguments: str) -> str:
        """Run Snakemake; it must fail without a Python traceback. Returns what is said."""
        done = self.start(*arguments)
        said = done.stdout + self.failed_logs()
        assert done.returncode != 0, said
        assert "Traceback (most recent call last)" not in said, said
        return said

    def failed_logs(self) -> str:
        """The logs of the study that tell of an error."""
        texts = [path.read_text() for path in self.folder.glob("logs/**/*.log")]
        return "".join(text[-2000:] for text in texts if "error:" in text or "Traceback" in text)

    def planned(self, *arguments: str) -> dict[str, set[str]]:
        """What a dry run would do: entry point -> the command lines of its jobs."""
        planned: dict[str, set[str]] = {}
        said = self.run("--dry-run", "--printshellcmds", *arguments)
        for script, command in re.findall(r"\$SCRIPTS/(\w+)\.py (.*)", said):
            planned.setdefault(script, set()).add(command)
        return planned


@pytest.fixture(scope="session")
def finished_study(tmp_path_factory) -> Study:
    """A small study, run once from raw data to figures; tests leave it as they find it."""
    study = Study(tmp_path_factory.mktemp("study"), small_config())
    study.run()
    return study


@pytest.fixture(scope="session")
def training_inputs(tmp_path_factory) -> Path:
    """A tiny model and the problems that it trains on."""
    from training_run import make_inputs

    return make_inputs(tmp_path_factory.mktemp("inputs"))


@pytest.fixture(scope="session")
def undisturbed(tmp_path_factory, training_inputs):
    """That training, run once without interruption; tests leave it as they find it."""
    from training_run import Run

    run = Run(tmp_path_factory.mktemp("undisturbed"), training_inputs)
    run.finish()
    return run
