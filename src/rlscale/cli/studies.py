"""The commands of a study's folder: run, check, status, adopt, record and the rest."""

import argparse
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TypeAlias

from rlscale.cli.steps import CONFIGFILE
from rlscale.core.errors import StudyError

Commands: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"


def add_arguments(commands: Commands) -> None:
    """Declare the commands."""
    _add_running(commands)
    _add_keeping(commands)
    _add_making(commands)


def _command(
    commands: Commands,
    name: str,
    run: Callable[[argparse.Namespace], int | None],
    said: str,
    example: str = "",
) -> argparse.ArgumentParser:
    own = commands.add_parser(
        name, help=said, description=f"{said[0].upper()}{said[1:]}.",
        epilog=f"example: rlscale {name} {example}",
    )  # fmt: skip
    own.set_defaults(run=run)
    return own


def _add_running(commands: Commands) -> None:
    """Commands that run a study, or say whether and how it runs."""
    command = partial(_command, commands)
    run = command("run", _run, "run Snakemake for targets or phases, and record it", "cells")
    run.add_argument("targets", nargs="*", help="files or phases; all without any")
    run.add_argument("--configfile", help=CONFIGFILE)
    check = command("check", _check, "say all that is wrong with a configuration", "my.yaml")
    check.add_argument(
        "config", type=Path, nargs="?", default=Path("config/config.yaml"),
        help="the file (default: %(default)s)",
    )  # fmt: skip
    check.add_argument("--json", action="store_true", help="as JSON")
    doctor = command("doctor", _doctor, "say whether this machine can run a study", "--json")
    doctor.add_argument("--json", action="store_true", help="as JSON")
    gpu = command("gpu-check", _gpu_check, "try all that training does on this machine's devices")
    gpu.add_argument("--device", choices=("cuda", "cpu"), default="cuda", help="(default: cuda)")
    gpu.add_argument(
        "--out", type=Path, default=Path("results/gpu_check"),
        help="folder of the report (default: %(default)s)",
    )  # fmt: skip
    gpu.add_argument("--keep", action="store_true", help="keep the study that was run, in trial/")
    command("status", _status, "say what the run in this folder has done and is doing")
    command("cluster-status", _cluster_status, "say how the cells stand, and why some failed")


def _add_keeping(commands: Commands) -> None:
    """Commands on results that are there: what they were made from, what holds, what can go."""
    command = partial(_command, commands)
    why = command(
        "why", _why, "say what an output was made from, with DVC's hashes", "results/fig_k_of_N.pdf"
    )
    why.add_argument("output", help="a file of results/")
    command("stale", _stale, "list results that older code made")
    adopt = command("adopt", _adopt, "keep what holds after dvc pull or a checkout")
    adopt.add_argument("--from", dest="revision", help="and bring a merged branch's results")
    adopt.add_argument("--yes", action="store_true", help="remove results that do not hold")
    pull = command("pull", _pull, "get a study's big files by DVC, checked, and adopt them")
    pull.add_argument("targets", nargs="*", help="files or folders; all without any")
    pull.add_argument("--yes", action="store_true", help="remove results that do not hold")
    command("record", _record, "make a direct Snakemake run known to DVC")
    prune = command("prune", _prune, "list what the study no longer needs", "--checkpoints")
    prune.add_argument("--checkpoints", action="store_true", help="of evaluated cells, too")
    prune.add_argument("--remove", action="store_true", help="and remove them")


def _add_making(commands: Commands) -> None:
    """Commands that make what a study starts from."""
    command = partial(_command, commands)
    new = command(
        "new-study", _new_study, "make a study's own folder, under git and DVC",
        "../my-study --config config/paper.yaml",
    )  # fmt: skip
    new.add_argument("folder", type=Path, help="the new folder")
    new.add_argument("--config", type=Path, required=True, help="the configuration to start from")
    gguf = command(
        "from-gguf", _from_gguf, "make a model's folder of a GGUF file, for `folder:` of a study",
        "model.gguf models/mine",
    )  # fmt: skip
    gguf.add_argument("file", type=Path, help="the GGUF file")
    gguf.add_argument("folder", type=Path, help="the new folder")
    command("dvc-yaml", _dvc_yaml, "write dvc.yaml from the configuration and the rules")


def _run(arguments: argparse.Namespace) -> int:
    from rlscale.study import runs

    study = ["--configfile", arguments.configfile] if arguments.configfile else []
    return runs.run(arguments.targets, study)


def _check(arguments: argparse.Namespace) -> int:
    from rlscale.study import check

    return check.show(arguments.config, as_json=arguments.json)


def _doctor(arguments: argparse.Namespace) -> int:
    from rlscale.study import doctor

    return doctor.show(Path.cwd(), as_json=arguments.json)


def _gpu_check(arguments: argparse.Namespace) -> int:
    from rlscale.study.gpu_check import report

    return report.check(arguments.device, arguments.out, arguments.keep)


def _status(_: argparse.Namespace) -> None:
    from rlscale.study import console

    console.show_status()


def _cluster_status(_: argparse.Namespace) -> None:
    from rlscale.study import cluster_status

    cluster_status.show()


def _why(arguments: argparse.Namespace) -> None:
    from rlscale.study import upkeep

    upkeep.why(arguments.output)


def _stale(_: argparse.Namespace) -> None:
    from rlscale.study import upkeep

    upkeep.stale()


def _adopt(arguments: argparse.Namespace) -> None:
    from rlscale.study.adopt import adopt

    adopt(arguments.revision, remove=arguments.yes)


def _pull(arguments: argparse.Namespace) -> None:
    from rlscale.study.pull import pull

    pull(arguments.targets, remove=arguments.yes)


def _record(_: argparse.Namespace) -> None:
    from rlscale.study import upkeep

    upkeep.record()


def _prune(arguments: argparse.Namespace) -> None:
    from rlscale.core.yaml_files import load
    from rlscale.study import upkeep
    from rlscale.study.folder import CONFIG
    from rlscale.study.schema import SCHEMA, schema_findings

    config, schema = load(CONFIG), load(SCHEMA)
    keys = ("study", "sweeps")  # all that is read of it
    own = {key: config[key] for key in keys if key in config} if isinstance(config, dict) else {}
    properties = {key: schema["properties"][key] for key in keys}
    found = schema_findings(own, {"required": list(keys), "properties": properties})
    if found:
        raise StudyError("\n".join(f"{CONFIG}: {said}" for said in found))
    upkeep.prune(config, arguments.checkpoints, arguments.remove)


def _new_study(arguments: argparse.Namespace) -> None:
    from rlscale.study.new_study import new_study

    new_study(arguments.folder, arguments.config)


def _from_gguf(arguments: argparse.Namespace) -> None:
    from rlscale.models import gguf

    gguf.unpack(arguments.file, arguments.folder)


def _dvc_yaml(_: argparse.Namespace) -> None:
    from rlscale.study.new_study import write_dvc_yaml

    write_dvc_yaml(Path.cwd())
