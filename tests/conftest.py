"""What tests share: the product's folder, ../shared where it is, and what is built only once."""

import copy
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import yaml
from filelock import FileLock

from rlscale.core.files import write_text
from rlscale.jobs.forkserver import fork_servers

ROOT = Path(__file__).parents[1]
SHARED = ROOT.parent / "shared"
QUICK = ("unit", "dag")  # folders of which `make check` runs what is not marked


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark as slow what stands elsewhere or asks for ../shared."""
    for item in items:
        folder = item.path.relative_to(ROOT / "tests").parts[0]
        if folder not in QUICK or "shared" in item.fixturenames:
            item.add_marker("slow")


@pytest.fixture(autouse=True)
def own_folder_of_scripts() -> Iterator[None]:
    """A command that ran in a test's own process leaves no safe path to later scripts."""
    yield
    os.environ.pop("PYTHONSAFEPATH", None)


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of real data beside the project."""
    if not SHARED.is_dir():
        pytest.skip("../shared, with the real problems, is not beside this checkout")
    return SHARED


def embedded_config() -> dict:
    """The configuration of the embedded study."""
    return yaml.safe_load((ROOT / "config" / "config.yaml").read_text())


# Of the small study: what its models learn and are trained on, whatever the embedded study's do.
SMALL_SUMS = {
    f"{name}_terms": {"skill": "sum", "terms": terms, "largest": 9, "problems": 2200}
    for name, terms in (("four", 4), ("six", 6))
}
SMALL_MIXTURE = [
    {"skill": "sum", "terms": 4, "largest": 9, "weight": 4},
    {"skill": "sum", "terms": 6, "largest": 9, "weight": 4},
    {"skill": "sum", "terms": 8, "largest": 9, "weight": 1},
    {"skill": "largest", "terms": 5, "largest": 9, "weight": 1},
]
SMALL_WRITERS = {
    "wrong_answers": 0.2,
    "careless": {"share": 0.5, "wrong_answers": 0.6, "mark": "~"},
    "mixture": SMALL_MIXTURE,
}


def made(intermediate_size: int, n_params: float) -> dict:
    """A model of the small study."""
    own = {"hidden_size": 32, "intermediate_size": intermediate_size, "num_hidden_layers": 2}
    source = {"made": own | {"num_attention_heads": 1, "max_position_embeddings": 64}}
    return {"family": "arith", "n_params_nominal": n_params, "base": source, "instruct": source}


def small_config() -> dict:
    """The embedded study cut to three short cells of two models; each part as real as there."""
    config = copy.deepcopy(embedded_config())
    config["study"] = "small"
    config["data"]["arithmetic"]["generate"]["levels"] = SMALL_SUMS
    config["models"] = {"arith-15k": made(32, 15e3), "arith-39k": made(160, 39e3)}
    config["pretraining"] |= {"steps": 150, "batch_size": 64, "learning_rate": 6e-3}
    config["pretraining"] |= SMALL_WRITERS
    warm_up = {"lr_scheduler_type": "constant_with_warmup", "warmup_steps": 16}
    config["recipes"]["main"]["grpo"] |= warm_up
    config["benchmarks"]["longer_sums"]["task"]["terms"] = 8
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
    """A study's folder, driven by the plain `snakemake` command.

    Args:
        folder: Where the study is; it may hold results already.
        config: The configuration, which becomes its ``study.yaml``.
        file: Another place for the configuration. A dry run with a configuration elsewhere leaves
            a folder that other tests use as it is.
    """

    def __init__(self, folder: Path, config: dict, file: Path | None = None):
        self.folder = folder
        self.file = file or folder / "study.yaml"
        self.configure(config)

    def configure(self, config: dict) -> None:
        """Replace the configuration; a file that holds it stays, as other tests may read it."""
        text = yaml.safe_dump(config, sort_keys=False)
        if not self.file.exists() or self.file.read_text() != text:
            write_text(self.file, text)

    def build(self, *arguments: str) -> None:
        """Run Snakemake as `rlscale run` does, with steps that fork."""
        self.folder.joinpath(".state").mkdir(exist_ok=True)
        with pytest.MonkeyPatch.context() as patch:
            patch.chdir(self.folder)
            with fork_servers() as servers:
                for name, value in servers.items():
                    patch.setenv(name, value)
                self.run(*arguments)

    def begin(self, *arguments: str, own_group: bool = False) -> subprocess.Popen:
        """Start Snakemake, if told so in a process group of its own."""
        path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
        command = ["snakemake", *arguments, "--snakefile", str(ROOT / "Snakefile"), "--cores", "2"]
        return subprocess.Popen(
            [*command, "--directory", str(self.folder), "--configfile", str(self.file)],
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
        """What a dry run would do: step -> the names that its jobs are given."""
        planned: dict[str, set[str]] = {}
        said = self.run("--dry-run", "--printshellcmds", *arguments)
        for command in re.findall(r"rlscale (train|evaluate|step) (.*?) (?:>|2>&1)", said):
            what, names = command
            rule = f"{what}_cell"
            if what == "step":
                rule, _, names = names.partition(" ")
            planned.setdefault(rule, set()).add(names)
        return planned


@pytest.fixture(scope="session")
def built_once(tmp_path_factory) -> Callable[[str, Callable[[Path], object]], Path]:
    """Build a folder once for the whole session, whichever worker of xdist comes first.

    ``built_once(name, build)`` calls ``build(folder)`` in the first process that asks and returns
    the folder in all; the others wait. Tests leave what is in it as they find it.
    """
    base = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        base = base.parent

    def build_once(name: str, build: Callable[[Path], object]) -> Path:
        folder, complete = base / "once" / name, base / "once" / f"{name}.complete"
        folder.parent.mkdir(exist_ok=True)
        with FileLock(folder.with_name(f"{name}.lock")):
            if not complete.exists():
                assert not folder.exists(), f"{name} could not be built; the first error says why"
                folder.mkdir()
                build(folder)
                complete.touch()
        return folder

    return build_once


@pytest.fixture(scope="session")
def finished_study(built_once) -> Study:
    """A small study, run once from raw data to figures; tests leave it as they find it."""

    def build(folder: Path) -> None:
        Study(folder, small_config()).build()

    return Study(built_once("study", build), small_config())


@pytest.fixture(scope="session")
def published_study(built_once) -> Study:
    """The published curves with fits, forecasts, figures and report; tests leave it as it is."""
    config = yaml.safe_load((ROOT / "config/published.yaml").read_text())
    config["fit"]["bootstrap"] = {"replicates": 200}
    config["forecast"]["laws"] = ["saturating", "constant", "last_value"]

    def build(folder: Path) -> None:
        study = Study(folder, config)
        shutil.copytree(ROOT / "resources", folder / "resources")
        study.build("results/report.html", "results/explore.html", "results/published.md")

    return Study(built_once("published", build), config)


@pytest.fixture(scope="session")
def training_inputs(built_once) -> Path:
    """A tiny model and the problems that it trains on."""
    from training_run import make_inputs

    return built_once("inputs", make_inputs)


@pytest.fixture(scope="session")
def undisturbed(built_once, training_inputs):
    """That training, run once without interruption; tests leave it as they find it."""
    from training_run import Run

    folder = built_once("undisturbed", lambda folder: Run(folder, training_inputs).finish())
    return Run(folder, training_inputs)
