"""What a change of the product's code plans in a finished study: what it decides, no more.

The study counts as finished because Snakemake was told so (`--touch`); nothing is computed.
"""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from conftest import ROOT, small_config

pytestmark = pytest.mark.slow


class Product:
    """A copy of the product with a study in it whose cells count as finished."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for name in ("Snakefile", "workflow", "src", "resources", "config"):
            copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
            copy(ROOT / name, folder / name)
        config = small_config() | {"rerun_on_code": True}
        (folder / "config/config.yaml").write_text(yaml.safe_dump(config, sort_keys=False))
        for line in self.snakemake("--summary").splitlines():
            if line.startswith("results/"):
                output = folder / line.split("\t")[0]
                output.parent.mkdir(parents=True, exist_ok=True)
                output.write_text("{}")
        self.snakemake("--touch", "--forceall")
        assert self.planned() == {}

    def snakemake(self, *options: str) -> str:
        done = subprocess.run(
            [sys.executable, "-m", "snakemake", "cells", "--cores", "1", *options],
            cwd=self.folder,
            env={**os.environ, "PYTHONPATH": str(self.folder / "src")},
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout + done.stderr

    def planned(self) -> dict[str, int]:
        """Rule -> jobs of a dry run, without the targets."""
        said = self.snakemake("--dry-run")
        jobs = dict(re.findall(r"^(\w+) +(\d+)$", said, re.MULTILINE))
        return {rule: int(jobs[rule]) for rule in jobs if rule not in ("total", "cells")}

    def edit(self, file: str, old: str, new: str) -> None:
        path = self.folder / "src/rlscale" / file
        assert old in path.read_text()
        path.write_text(path.read_text().replace(old, new))


@pytest.fixture(scope="module")
def finished(tmp_path_factory) -> Product:
    return Product(tmp_path_factory.mktemp("product"))


@pytest.fixture
def product(finished):
    """The finished product; what a test changes in its source is taken back."""
    kept = finished.folder / "kept"
    shutil.copytree(finished.folder / "src", kept)
    yield finished
    shutil.rmtree(finished.folder / "src")
    kept.rename(finished.folder / "src")


def test_benchmarks_and_verifiers_that_the_study_does_not_use_plan_nothing(product):
    product.edit("evaluation/benchmarks/gsm8k.py", "think step by ", "think one step by ")
    product.edit("judging/sandbox_child.py", "_LINE_BYTES = 4 << 20", "_LINE_BYTES = 4 << 10")
    assert product.planned() == {}


def test_a_benchmark_that_it_uses_is_made_and_asked_again(product):
    product.edit(
        "evaluation/benchmarks/arithmetic.py", "len(drawn) < wanted", "wanted > len(drawn)"
    )
    planned = product.planned()
    assert planned["make_benchmark"] == 2
    assert planned["evaluate_cell"] == 3


def test_moved_modules_plan_nothing(product):
    source = product.folder / "src/rlscale"
    (source / "judging").rename(source / "referees")
    (source / "training/reward.py").rename(source / "training/rewards.py")
    for file in [*source.rglob("*.py"), *(product.folder / "workflow").rglob("*.smk")]:
        text = file.read_text().replace("rlscale.judging", "rlscale.referees")
        file.write_text(text.replace("rlscale.training.reward ", "rlscale.training.rewards "))
    assert product.planned() == {}
