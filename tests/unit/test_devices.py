"""GPUs follow the job: none where it asks for none, and never those of the job beside it."""

import os
import subprocess
import sys
from dataclasses import replace

import pytest
import torch

from rlscale.core.cell import Cell
from rlscale.core.errors import StudyError
from rlscale.core.recipe import Recipe
from rlscale.jobs import devices
from rlscale.jobs.devices import use_gpus
from rlscale.jobs.job import Job
from rlscale.study import runs

CELL = Cell("main", "tiny", "base", tau=1, group_size=4, seed=1)
RECIPE = Recipe(
    version=1, data="d", steps=4, prompts_per_step=2, updates_per_step=1, checkpoints=(0, 4),
    template="{problem}", grpo={"learning_rate": 1e-4, "max_completion_length": 4}, lora=None,
    checkpoint_dtype="float32", cpu_threads=1, zero_reward_steps=9, verifier="number",
)  # fmt: skip


@pytest.fixture(autouse=True)
def four_gpus(monkeypatch, tmp_path):
    """As on a machine with four of them; claims of these tests are their own."""
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,1,2,3")
    monkeypatch.setattr(devices.tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(devices, "_held", [])
    monkeypatch.setattr(torch.version, "cuda", "13.0")


def test_a_job_without_gpus_sees_none():
    use_gpus(0)
    assert os.environ["CUDA_VISIBLE_DEVICES"] == ""


def test_what_a_scheduler_chose_stands():
    use_gpus(4)
    assert os.environ["CUDA_VISIBLE_DEVICES"] == "0,1,2,3"


def test_jobs_side_by_side_have_gpus_of_their_own(tmp_path):
    use_gpus(3)
    assert os.environ["CUDA_VISIBLE_DEVICES"] == "0,1,2"
    beside = (
        "import os, torch; torch.version.cuda = '13.0'; from rlscale.jobs.devices import use_gpus;"
        "use_gpus({}); print(os.environ['CUDA_VISIBLE_DEVICES'])"
    )
    environment = {**os.environ, "CUDA_VISIBLE_DEVICES": "0,1,2,3", "TMPDIR": str(tmp_path)}
    for count, wanted in ((1, "3\n"), (2, "other jobs hold all but 1")):
        done = subprocess.run(
            [sys.executable, "-c", beside.format(count)],
            env=environment, capture_output=True, text=True,
        )  # fmt: skip
        assert wanted in done.stdout + done.stderr


def test_where_nobody_chose_the_only_gpu_is_not_shared(monkeypatch, tmp_path):
    """Two jobs at once on an H100: a trainer's vLLM found no memory beside an evaluation's."""
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES")
    smi = tmp_path / "nvidia-smi"
    smi.write_text("#!/bin/sh\necho 0\n")
    smi.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    use_gpus(1)
    assert os.environ["CUDA_VISIBLE_DEVICES"] == "0"
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES")
    with pytest.raises(StudyError, match="--resources gpu=N"):
        use_gpus(1)


def test_a_run_tells_snakemake_how_many_gpus_there_are(monkeypatch):
    monkeypatch.delenv("SNAKEMAKE_PROFILE", raising=False)
    assert "gpu=4" in runs._command()
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    assert not [word for word in runs._command() if word.startswith("gpu=")]


def test_more_gpus_than_there_are_is_refused():
    with pytest.raises(StudyError, match="asks for 8 GPUs of this machine, 4 are visible"):
        use_gpus(8)


@pytest.mark.parametrize(("gpus", "bfloat16"), [(0, False), (1, True)])
def test_the_job_decides_where_and_in_which_format_a_step_is_computed(
    gpus, bfloat16, monkeypatch, tmp_path
):
    """As on a machine whose GPU a job without gpus must not use."""
    import trl

    from rlscale.training.grpo_settings import grpo_config

    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    asked = {}

    def take(**settings):
        asked.update(settings)

    monkeypatch.setattr(trl, "GRPOConfig", take)
    grpo_config(RECIPE, CELL, Job(gpus=gpus), state=tmp_path)
    assert asked["use_cpu"] == (gpus == 0)
    assert asked["bf16"] is bfloat16


def test_a_recipe_may_ask_for_bfloat16_where_the_processor_has_it(monkeypatch, tmp_path):
    """Emulated, it is slower than float32: refused."""
    from rlscale.training import grpo_settings

    recipe = replace(RECIPE, grpo={**RECIPE.grpo, "bf16": True})
    monkeypatch.setattr(grpo_settings, "cpu_has_bfloat16", lambda: True)
    assert grpo_settings.grpo_config(recipe, CELL, Job(), state=tmp_path).bf16
    monkeypatch.setattr(grpo_settings, "cpu_has_bfloat16", lambda: False)
    with pytest.raises(StudyError, match=r"grpo\.bf16: this machine's processor has no bfloat16"):
        grpo_settings.grpo_config(recipe, CELL, Job(), state=tmp_path)
