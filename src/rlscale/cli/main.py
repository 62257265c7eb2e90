"""The command `rlscale`: what `make` and dvc.yaml call in a study's folder."""

import argparse
import importlib.util
import sys
from pathlib import Path
from typing import Any

import rlscale
from rlscale.cli import data_report as data_report_command
from rlscale.cli import fit as fit_command
from rlscale.cli import ingest as ingest_command
from rlscale.cli import steps as step_commands
from rlscale.core.errors import StudyError, sentence_not_traceback
from rlscale.study.runs import STEP_COMMANDS


@sentence_not_traceback
def main() -> None:
    """Parse the command and run it in the current folder."""
    parser = argparse.ArgumentParser(prog="rlscale", description=__doc__)
    parser.add_argument("--version", action="version", version=f"rlscale {rlscale.__version__}")
    commands = parser.add_subparsers(dest="command", required=True)
    run = commands.add_parser("run", help="run Snakemake for targets or phases, and record it")
    run.add_argument("targets", nargs="*")
    run.add_argument("--configfile", help="the study, where it is not config/config.yaml")
    adopt = commands.add_parser("adopt", help="keep what holds after dvc pull or a checkout")
    adopt.add_argument("--from", dest="revision", help="and bring a merged branch's results")
    commands.add_parser("record", help="make a direct Snakemake run known to DVC")
    commands.add_parser("stale", help="list results made by older code")
    why = commands.add_parser("why", help="what an output was made from, with DVC's hashes")
    why.add_argument("output")
    prune = commands.add_parser("prune", help="list what the study no longer needs")
    prune.add_argument("--checkpoints", action="store_true", help="of evaluated cells, too")
    prune.add_argument("--remove", action="store_true", help="and remove them")
    new = commands.add_parser("new-study", help="make a study's own folder")
    new.add_argument("folder", type=Path)
    new.add_argument("--config", type=Path, required=True)
    commands.add_parser("dvc-yaml", help="write dvc.yaml from the configuration and the rules")
    check = commands.add_parser("check", help="all that is wrong with a configuration, at once")
    check.add_argument("config", type=Path, nargs="?", default=Path("config/config.yaml"))
    check.add_argument("--json", action="store_true", help="as JSON")
    doctor = commands.add_parser("doctor", help="whether this machine can run a study")
    doctor.add_argument("--json", action="store_true", help="as JSON")
    commands.add_parser("status", help="what the run in this folder has done and is doing")
    commands.add_parser("cluster-status", help="how the cells stand, and why some failed")
    fit = commands.add_parser("fit", help="fit a law to a curves table made anywhere")
    fit_command.add_arguments(fit)
    ingest = commands.add_parser("ingest", help="make curves.csv of other trainers' logs")
    ingest_command.add_arguments(ingest)
    data_report = commands.add_parser("data-report", help="what a data file holds and loses")
    data_report_command.add_arguments(data_report)
    step_commands.add_arguments(commands)
    arguments = parser.parse_args()
    # The small analysis environment has no Snakemake and no DVC.
    small = {"fit": fit_command, "ingest": ingest_command, "data-report": data_report_command}
    if arguments.command in small:
        small[arguments.command].run(arguments)
        return

    _check_product(arguments.command)
    if arguments.command in STEP_COMMANDS:
        step_commands.run(arguments)
        return
    from rlscale.study import check as check_command
    from rlscale.study import cluster_status, console, runs, upkeep
    from rlscale.study import doctor as machine
    from rlscale.study import folder as studies

    if arguments.command == "run":
        study = ["--configfile", arguments.configfile] if arguments.configfile else []
        sys.exit(runs.run(arguments.targets, study))
    elif arguments.command == "adopt":
        upkeep.adopt(arguments.revision)
    elif arguments.command == "why":
        upkeep.why(arguments.output)
    elif arguments.command == "prune":
        upkeep.prune(_configuration(), arguments.checkpoints, arguments.remove)
    elif arguments.command == "new-study":
        studies.new_study(arguments.folder, arguments.config)
    elif arguments.command == "check":
        sys.exit(check_command.show(arguments.config, as_json=arguments.json))
    elif arguments.command == "doctor":
        sys.exit(machine.show(Path.cwd(), as_json=arguments.json))
    elif arguments.command == "status":
        console.show_status()
    elif arguments.command == "cluster-status":
        cluster_status.show()
    elif arguments.command == "dvc-yaml":
        studies.write_dvc_yaml(Path.cwd())
    else:
        getattr(upkeep, arguments.command)()


def _check_product(command: str) -> None:
    """Refuse a study's commands where there are no rules, or no Snakemake to follow them."""
    from rlscale.study.folder import PRODUCT

    lacking = "" if (PRODUCT / "Snakefile").exists() else "the rules, which the wheel does not hold"
    if not lacking and importlib.util.find_spec("snakemake") is None:
        lacking = "Snakemake, which this environment does not have"
    if lacking:
        raise StudyError(
            f"rlscale {command} needs {lacking}; clone rlscale or unpack its source distribution, "
            "and run `make env` there"
        )


def _configuration() -> dict[str, Any]:
    import yaml

    from rlscale.study.folder import CONFIG

    if not Path(CONFIG).exists():
        raise StudyError(f"{CONFIG}: not here; run this in a study's folder")
    return yaml.safe_load(Path(CONFIG).read_text(encoding="utf-8"))


if __name__ == "__main__":
    main()
