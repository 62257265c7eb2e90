"""A study's own folder, and the dvc.yaml that follows from its configuration and the rules."""

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import yaml

from rlscale.core.errors import StudyError
from rlscale.core.files import write_text
from rlscale.study.folder import CONFIG, PRODUCT
from rlscale.study.runs import PHASES

# What each phase reads of the configuration, on top of what the phases before it read.
READS = {
    "data": (
        *("study", "data", "benchmarks", "recipes", "sweeps", "ingest", "rerun_on_code"),
        *("pretraining", "fine_tuning"),
    ),
    "models": ("models",),
    "cells": ("training", "evaluation"),
    "fits": ("fit", "forecast", "recommend"),
    "figures": ("figures",),
}
# Whose results each phase reads.
_AFTER = {
    "data": (),
    "models": ("data",),
    "cells": ("data", "models"),
    "fits": ("cells",),
    "figures": ("fits",),
}
_GIT_SUFFIXES = (".csv", ".json", ".md", ".txt")
_GIT_FOLDERS = ("fits", "forecasts", "captions", "data_reports")


def new_study(folder: Path, config: Path) -> None:
    """Make a study's own folder, with its own git and DVC, that uses this product's rules.

    Args:
        folder: Where; must not exist or be empty.
        config: The configuration to start from; copied.

    Raises:
        StudyError: The folder is in use, or the configuration is missing or refused.
    """
    if folder.exists() and any(folder.iterdir()):
        raise StudyError(f"{folder}: not empty; name a new folder (make new-study DIR=...)")
    if not config.is_file():
        raise StudyError(f"{config}: there is no such configuration file")
    template = PRODUCT / "workflow" / "study"
    for source in sorted(path for path in template.rglob("*") if path.is_file()):
        write_text(folder / source.relative_to(template), source.read_text())
    write_text(folder / CONFIG, config.read_text(encoding="utf-8"))
    write_text(folder / "slurm/config.yaml", (PRODUCT / "slurm/config.yaml").read_text())
    subprocess.run(["git", "init", "--quiet", str(folder)], check=True)
    _run([sys.executable, "-m", "dvc", "init", "--quiet"], folder)
    write_text(folder / ".dvc/config", (PRODUCT / ".dvc/config").read_text())
    write_dvc_yaml(folder)
    subprocess.run(["git", "-C", str(folder), "add", "--all"], check=True)
    print(f"new-study: {folder} holds the study, and no data files; next:")
    print("new-study:   copy what the configuration names by a relative path (raw/...) into it")
    print(f"new-study:   cd {folder} && git commit -m 'New study' && snakemake -n")


def write_dvc_yaml(folder: Path) -> None:
    """Write a study's dvc.yaml from its configuration and the outputs of its workflow."""
    outputs = {}
    for phase in PHASES:
        command = [sys.executable, "-m", "snakemake", phase, "--summary"]
        lines = _run(command, folder).splitlines()
        outputs[phase] = [line.split("\t")[0] for line in lines[1:] if "\t" in line]
    config = yaml.safe_load((folder / CONFIG).read_text())
    with contextlib.chdir(folder):
        raw = raw_files([config.get(key) for key in ("data", "benchmarks", "ingest")])
    stages = dvc_yaml(config, outputs, raw)
    if config.get("rerun_on_code") and (folder / "src/rlscale").exists():
        for stage in stages["stages"].values():
            stage["deps"].append("src/rlscale")
    text = yaml.safe_dump(stages, sort_keys=False, width=100)
    write_text(
        folder / "dvc.yaml",
        "# Phases of the study; Snakemake does the work of each and knows what is left to do.\n"
        "# Written by `make dvc-yaml` from the configuration and the rules; docs/dvc.md explains.\n"
        + text,
    )


def raw_files(settings: Any) -> list[str]:
    """Paths in a part of the configuration that exist: the data that no rule makes."""
    if isinstance(settings, str):
        return [settings] if "/" in settings and Path(settings).exists() else []
    parts = settings.values() if isinstance(settings, Mapping) else settings
    if isinstance(settings, Mapping | list):
        return sorted({path for part in parts for path in raw_files(part)})
    return []


def dvc_yaml(
    config: Mapping[str, Any], outputs: Mapping[str, Iterable[str]], raw: Iterable[str]
) -> dict[str, Any]:
    """The content of dvc.yaml.

    Big things go into DVC's cache; small tables, fits and captions of results/ stay in git.

    Args:
        config: The study's configuration.
        outputs: Phase -> all files that its workflow makes up to there.
        raw: Files and folders that its data phase reads.
    """
    # A model that measures pass rates is made in the data phase, and belongs to the models.
    measured = any("pass_rate" in entry for entry in config.get("data", {}).values())
    made = _made(config, outputs, measured)
    stages, reads = {}, []
    for phase in PHASES:
        wanted = [*READS[phase], *(READS["models"] if measured and phase == "data" else ())]
        reads += [key for key in wanted if key in config and key not in reads]
        if made[phase]:
            before = {path for earlier in _AFTER[phase] for path in made[earlier]}
            stages[phase] = {
                "cmd": f"rlscale run {phase}",
                "deps": sorted(before | set(raw if phase == "data" else ())),
                "params": [{CONFIG: list(reads)}],
                "outs": [{path: _out(path)} for path in sorted(made[phase])],
            }
    return {
        "stages": stages,
        "metrics": sorted(made["fits"] & {"results/fits"}),
        "plots": [{"results/curves.csv": {"x": "compute_flops", "y": "loss"}}],
    }


def _made(
    config: Mapping[str, Any], outputs: Mapping[str, Iterable[str]], measured: bool
) -> dict[str, set[str]]:
    """Phase -> what is first made in it: entries of results/, folders of checkpoints/."""
    made: dict[str, set[str]] = {}
    for phase in PHASES:
        tops = {f"results/{Path(path).parts[1]}" for path in outputs[phase]}
        made[phase] = tops.difference(*made.values())
    if measured:
        made["data"].remove("results/models")
        made["models"].add("results/models")
    if made["models"]:
        made["models"].add("checkpoints/models")
    made["cells"] |= {f"checkpoints/{sweep['recipe']}" for sweep in config.get("sweeps", ())}
    return made


def _out(path: str) -> dict[str, bool]:
    in_git = path.endswith(_GIT_SUFFIXES) or Path(path).name in _GIT_FOLDERS
    return {"cache": False, "persist": True} if in_git else {"persist": True}


def _run(command: list[str], folder: Path) -> str:
    done = subprocess.run(
        command, cwd=folder, capture_output=True, text=True, env={**os.environ, "NO_COLOR": "1"}
    )
    if done.returncode:
        raise StudyError(f"{folder}: {' '.join(command[2:])} failed: {done.stderr.strip()[-2000:]}")
    return done.stdout
