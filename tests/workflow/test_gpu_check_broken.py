"""`rlscale gpu-check` on a CPU from end to end, and on a product that is broken on purpose."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from conftest import ROOT

# Loaded by every process of the trial, before anything of the product is used.
BREAK = """
import os
from rlscale.evaluation import engine
from rlscale.training import build, grpo_settings

whole, configure, swap = build.build, grpo_settings.grpo_config, engine.Engine.swap
broken = os.environ["BROKEN"].split()

def zeros(*arguments):
    trainer, reward, cost = whole(*arguments)
    for parameter in trainer.ref_model.parameters():
        parameter.data.zero_()
    return trainer, reward, cost

def one_seed(*arguments, **keys):
    config = configure(*arguments, **keys)
    config.seed = 1
    return config

if "reference" in broken:
    build.build = zeros
if "seed" in broken:
    grpo_settings.grpo_config = one_seed
if "swap" in broken:
    engine.Engine.swap = lambda self, folder, probes: None
"""


def gpu_check(folder: Path, broken: str = "") -> tuple[int, dict[str, str], dict]:
    """Exit status, the failed checks and the report; ``broken`` names what does not work."""
    environment = {**os.environ, "BROKEN": broken, "PYTHONPATH": str(ROOT / "src")}
    if broken:
        (folder / "broken").mkdir()
        (folder / "broken" / "sitecustomize.py").write_text(BREAK)
        environment["PYTHONPATH"] = f"{folder / 'broken'}:{ROOT / 'src'}"
    command = [sys.executable, "-m", "rlscale.cli.main", "gpu-check", "--device", "cpu"]
    done = subprocess.run(
        [*command, "--out", str(folder / "out"), "--keep"],
        env=environment, capture_output=True, text=True,
    )  # fmt: skip
    report = json.loads((folder / "out/gpu_check.json").read_text())
    failed = {entry["name"]: entry["found"] for entry in report["checks"] if not entry["ok"]}
    return done.returncode, failed, report


@pytest.mark.long
def test_it_passes_on_a_cpu(tmp_path):
    status, failed, report = gpu_check(tmp_path)
    assert (status, failed) == (0, {})
    assert {"generation", "reference", "update"} == {row["phase"] for row in report["speed"]}
    assert "| update |" in report["benchmark"]


@pytest.mark.long
def test_one_seed_for_all_and_weights_that_stay_are_found(tmp_path):
    status, failed, _ = gpu_check(tmp_path, "seed swap")
    assert status == 1
    assert failed.keys() == {"seeds", "weight swap"}
    assert failed["weight swap"].startswith("0% of 100 responses differ")


@pytest.mark.long
def test_a_reference_of_zeros_stops_every_training(tmp_path):
    """By the training's own guard, before the first update."""
    status, failed, _ = gpu_check(tmp_path, "reference")
    assert status == 1
    assert failed["launches"].startswith("not trained: main/again-base")
    assert "the reference is not the model that" in (tmp_path / "out/trial/check.log").read_text()
