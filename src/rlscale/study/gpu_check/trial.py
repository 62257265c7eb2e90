"""The trial of `rlscale gpu-check`: a small study in a folder of its own, by the usual commands."""

import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import yaml

from rlscale.core.cell import Cell
from rlscale.core.errors import StudyError
from rlscale.core.files import write_text
from rlscale.core.yaml_files import load
from rlscale.jobs.devices import cpu_has_bfloat16, on_gpu, visible_gpus
from rlscale.study import grid
from rlscale.study.folder import CONFIG, PRODUCT
from rlscale.study.layout import CellFiles
from rlscale.study.new_study import new_study
from rlscale.study.schema import SCHEMA, with_defaults

_COMMAND = [sys.executable, "-m", "rlscale.cli.main"]
_COLOCATED = {"use_vllm": True, "vllm_mode": "colocate", "vllm_gpu_memory_utilization": 0.2}
PLAIN, AGAIN, OTHER_SEED = (
    Cell("main", model, "base", tau=1, group_size=4, seed=seed)
    for model, seed in (("plain", 1), ("again", 1), ("plain", 2))
)


@dataclass(frozen=True)
class Trial:
    """A finished trial, or as far as it came.

    Attributes:
        folder: The study's.
        config: Its configuration, defaults filled in.
        interrupted: Exit status of the training that SIGTERM stopped.
    """

    folder: Path
    config: dict[str, Any]
    interrupted: int

    def files(self, cell: Cell) -> CellFiles:
        """A cell's files, from the current folder."""
        inside = vars(CellFiles.of(cell.path)).items()
        return CellFiles(**{name: self.folder / path for name, path in inside})

    @property
    def cells(self) -> list[Cell]:
        """All cells of the trial."""
        return grid.expand(self.config)


def configuration(device: str) -> dict[str, Any]:
    """What is tried on a device: every launch that it allows, in the formats that it has.

    Raises:
        StudyError: No GPU can be used here.
    """
    document = load(PRODUCT / "config/gpu_check.yaml")
    if device == "cpu":
        if not cpu_has_bfloat16():
            document["evaluation"]["dtype"] = "float32"
        return document
    gpus = len(visible_gpus()) if on_gpu(1) else 0
    if not gpus:
        raise StudyError(
            "no GPU can be used here (nvidia-smi, CUDA_VISIBLE_DEVICES, or a CPU environment); "
            "`make env LOCK=gpu` where there is one, or --device cpu to see what is checked"
        )
    models, resources = document["models"], document["resources"]
    resources["default"]["gpus"] = 1
    jobs: dict[str, dict[str, Any]] = {"vllm": {"engine": _COLOCATED}}
    if gpus > 1:
        jobs |= {name: {"gpus": 2, "launch": name} for name in ("ddp", "fsdp2")}
        if find_spec("deepspeed"):
            jobs["deepspeed_zero3"] = {"gpus": 2, "launch": "deepspeed_zero3"}
    resources["models"] = jobs
    models |= dict.fromkeys(jobs, models["plain"])
    document["sweeps"][0]["model"] = list(models)
    return document


def run(folder: Path, document: dict[str, Any]) -> Trial:
    """Run a trial in a new folder; what fails is left for the checks to say."""
    file = folder.with_suffix(".yaml")
    write_text(file, yaml.safe_dump(document, sort_keys=False))
    new_study(folder, file)
    file.unlink()
    _study(folder, "data", "models")
    interrupted = _interrupt(folder)
    trial = Trial(folder, with_defaults(load(folder / CONFIG), load(SCHEMA)), interrupted)
    trained = [str(CellFiles.of(cell.path).train) for cell in trial.cells]
    _study(folder, *trained, str(CellFiles.of(PLAIN.path).curve))
    return trial


def _study(folder: Path, *targets: str) -> None:
    with (folder / "check.log").open("ab") as log:
        subprocess.run([*_COMMAND, "run", *targets], cwd=folder, stdout=log, stderr=log)


def _interrupt(folder: Path) -> int:
    """Start a training, stop it by SIGTERM once it has saved its state; its exit status."""
    state = folder / CellFiles.of(AGAIN.path).state
    with (folder / "check.log").open("ab") as log:
        process = subprocess.Popen(
            [*_COMMAND, "train", AGAIN.path], cwd=folder, stdout=log, stderr=log
        )
        while process.poll() is None and not list(state.glob("checkpoint-*/record.json")):
            time.sleep(0.02)
        process.send_signal(signal.SIGTERM)
        return process.wait()
