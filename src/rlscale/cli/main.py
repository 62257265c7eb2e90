"""The command `rlscale`: studies, their steps, and curves and data of anybody's."""

import argparse
import contextlib
import importlib
import importlib.util
import os
import sys
from typing import TextIO, cast

import rlscale
from rlscale.core.errors import Printable, StudyError, reader_may_leave, sentence_not_traceback
from rlscale.jobs.forkserver import forked
from rlscale.jobs.imports import OF_COMMANDS

# Commands that need neither the rules nor Snakemake, and stand in the small environment too: what
# each does, and an example of its arguments. Each has a module of its name.
_SMALL = {
    "fit": (
        "fit a law to a curves table made anywhere", "curves.csv --figure law.pdf --table law.md"
    ),
    "forecast": (
        "what a law gives a size at an x, with its interval", "curves.csv --at N=14e9,x=1e5"
    ),
    "compare-settings": (
        "which recipe, tau, ... is better at equal compute", "curves.csv --axis recipe"
    ),
    "reuse": ("what data that are used again are worth", "curves.csv --select variant=base"),
    "joint-law": ("do variants or families share K_max, N0, or both", "base.csv instruct.csv"),
    "ingest": (
        "make curves.csv of other trainers' logs",
        "panel.csv --map 'loss=1 - val/acc' --set model=7b variant=base benchmark=held_out",
    ),
    "judge": (
        "judge responses against their gold answers",
        "answers.jsonl --output verdicts.jsonl --kind math",
    ),
    "data-report": (
        "what a data file holds and loses", "raw/problems.csv --output report.html"
    ),
    "redraw": ("draw a shipped study's figures again", "study fig_k_of_N --output figures"),
}  # fmt: skip
# The same of what needs a checkout.
_BANK = {
    "bank": ("curves of many sources: check them, add one", "check"),
    "leaderboard": (
        "how well every law forecasts the bank's curves", "--laws saturating power"
    ),
}  # fmt: skip


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
    arguments = parser(*sys.argv[1:2]).parse_args()
    if arguments.command not in _SMALL:
        _check_product(arguments.command)
    with contextlib.ExitStack() as stack:
        if arguments.command in _SMALL:
            stack.enter_context(reader_may_leave())
        if arguments.command not in OF_COMMANDS:  # their output is a log, with progress bars
            for redirect, stream in (
                (contextlib.redirect_stdout, sys.stdout),
                (contextlib.redirect_stderr, sys.stderr),
            ):
                stack.enter_context(redirect(cast("TextIO", Printable(stream))))
        status = arguments.run(arguments)
    if status:
        sys.exit(status)


def parser(command: str = "") -> argparse.ArgumentParser:
    """The command line.

    Args:
        command: One that is declared alone, so that nothing of the others is imported; without
            one, or with a word that is none, all are.
    """
    parser = argparse.ArgumentParser(prog="rlscale", description=__doc__)
    parser.add_argument("--version", action="version", version=f"rlscale {rlscale.__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    named = _SMALL | _BANK
    if command in named:
        _declare(commands, command, *named[command])
        return parser
    from rlscale.cli import steps

    if command in OF_COMMANDS:
        steps.add_arguments(commands)
        return parser
    from rlscale.cli import studies

    studies.add_arguments(commands)
    steps.add_arguments(commands)
    for name, (said, example) in named.items():
        _declare(commands, name, said, example)
    return parser


def _declare(
    commands: "argparse._SubParsersAction[argparse.ArgumentParser]",
    name: str,
    said: str,
    example: str,
) -> None:
    """Declare a command that has a module of its name."""
    module = importlib.import_module(f"rlscale.cli.{name.replace('-', '_')}")
    own = commands.add_parser(
        name,
        help=said,
        description=module.__doc__,
        epilog=f"example: rlscale {name} {example}",
        formatter_class=_Defaults,
    )
    module.add_arguments(own)
    own.set_defaults(run=module.run)


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
