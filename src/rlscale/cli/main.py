"""The command `rlscale`: studies, their steps, and curves and data of anybody's."""

import argparse
import contextlib
import importlib.util
import os
import sys
from typing import TextIO, cast

import rlscale
from rlscale.cli import (
    bank,
    compare_settings,
    data_report,
    fit,
    forecast,
    ingest,
    joint_law,
    judge,
    leaderboard,
    redraw,
    reuse,
    steps,
    studies,
)
from rlscale.core.errors import Printable, StudyError, sentence_not_traceback
from rlscale.jobs.forkserver import forked
from rlscale.jobs.imports import OF_COMMANDS

# What needs neither the rules nor Snakemake, and stands in the small environment too.
_SMALL = {
    "fit": (fit, "fit a law to a curves table made anywhere"),
    "forecast": (forecast, "what a law gives a size at an x, with its interval"),
    "compare-settings": (compare_settings, "which recipe, tau, ... is better at equal compute"),
    "reuse": (reuse, "what data that are used again are worth"),
    "joint-law": (joint_law, "do variants or families share K_max, N0, or both"),
    "ingest": (ingest, "make curves.csv of other trainers' logs"),
    "judge": (judge, "judge responses against their gold answers"),
    "data-report": (data_report, "what a data file holds and loses"),
    "redraw": (redraw, "draw a shipped study's figures again"),
}
# What needs a checkout.
_BANK = {
    "bank": (bank, "curves of many sources: check them, add one"),
    "leaderboard": (leaderboard, "how well every law forecasts the bank's curves"),
}
_EXAMPLES = {
    "fit": "curves.csv --figure law.pdf --table law.md",
    "forecast": "curves.csv --at N=14e9,x=1e5",
    "compare-settings": "curves.csv --axis recipe",
    "reuse": "curves.csv --select variant=base",
    "joint-law": "base.csv instruct.csv",
    "ingest": "panel.csv --map 'loss=1 - val/acc' --set model=7b variant=base benchmark=held_out",
    "judge": "answers.jsonl --output verdicts.jsonl --kind math",
    "data-report": "raw/problems.csv --output report.html",
    "redraw": "study fig_k_of_N --output figures",
    "bank": "check",
    "leaderboard": "--laws saturating power",
}


class _Defaults(argparse.ArgumentDefaultsHelpFormatter):
    """Defaults in the help, where there are any."""

    def _get_help_string(self, action: argparse.Action) -> str | None:
        nothing = action.default in (None, False, [])
        return action.help if nothing else super()._get_help_string(action)


@sentence_not_traceback
def main() -> None:
    """Run a command in the current folder, by a fork server where there is one for it."""
    status = forked(sys.argv[1:])
    if status is None:
        run_here()
    elif status:
        sys.exit(status)


@sentence_not_traceback
def run_here() -> None:
    """Run a command in the current folder; its exit status is the command's."""
    # No process that is started from here takes modules from the folder that it works in.
    os.environ["PYTHONSAFEPATH"] = "1"
    arguments = parser().parse_args()
    if arguments.command not in _SMALL:
        _check_product(arguments.command)
    with contextlib.ExitStack() as stack:
        if arguments.command not in OF_COMMANDS:  # their output is a log, with progress bars
            for redirect, stream in (
                (contextlib.redirect_stdout, sys.stdout),
                (contextlib.redirect_stderr, sys.stderr),
            ):
                stack.enter_context(redirect(cast("TextIO", Printable(stream))))
        status = arguments.run(arguments)
    if status:
        sys.exit(status)


def parser() -> argparse.ArgumentParser:
    """The command line: every command with its arguments."""
    parser = argparse.ArgumentParser(prog="rlscale", description=__doc__)
    parser.add_argument("--version", action="version", version=f"rlscale {rlscale.__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    studies.add_arguments(commands)
    steps.add_arguments(commands)
    for name, (module, said) in (_SMALL | _BANK).items():
        own = commands.add_parser(
            name,
            help=said,
            description=module.__doc__,
            epilog=f"example: rlscale {name} {_EXAMPLES.get(name, '')}",
            formatter_class=_Defaults,
        )
        module.add_arguments(own)
        own.set_defaults(run=module.run)
    return parser


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


if __name__ == "__main__":
    main()
