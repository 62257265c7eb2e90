"""docs/commands.md: every command with its arguments and defaults, from the parsers themselves.

``python -m rlscale.cli.reference docs/commands.md``
"""

import argparse
import re
import sys
from collections.abc import Iterator
from pathlib import Path

from rlscale.core.files import write_text

_INTRODUCTION = """\
# Commands

<!-- Written by `make docs` from the parsers and the Makefile; edit those instead. -->

`rlscale COMMAND -h` says the same. Exit status 0: done; 1: refused or not fitted, with a sentence;
2: the arguments are wrong; 85: a training was stopped, saved itself, and goes on when it is started
again; 86: another process has the cell.
"""
_STEPS = """\
## rlscale step

Any other step of a study by hand, as its rule runs it; each also takes `--configfile`.

| step and its arguments | what it does |
| --- | --- |"""
_TARGET = re.compile(r"^([a-z-]+):.*## (.*)", re.M)


def write(parser: argparse.ArgumentParser, makefiles: str) -> str:
    """The whole page: a section for each command, and a table of the targets of make."""
    commands = list(_commands(parser))
    steps = [command for command in commands if command.prog.startswith(f"{parser.prog} step ")]
    parts = [_INTRODUCTION, *(_section(command) for command in commands if command not in steps)]
    parts += [_STEPS, *map(_step, steps), ""]
    rows = [f"| `make {name}` | {_cell(said)} |" for name, said in _TARGET.findall(makefiles)]
    return "\n".join([*parts, "## make\n\n| target | what it does |\n| --- | --- |", *rows]) + "\n"


def _commands(parser: argparse.ArgumentParser) -> Iterator[argparse.ArgumentParser]:
    """The commands of a parser, those of commands in the place of these."""
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for own in action.choices.values():
                yield from _commands(own)
            return
    yield parser


def _section(command: argparse.ArgumentParser) -> str:
    lines = [f"## {command.prog}\n"]
    lines += [f"{_text(said)}\n" for said in (command.description, command.epilog) if said]
    rows = [_row(action) for action in command._actions if action.dest != "help"]
    if rows:
        lines += ["| argument | default | meaning |", "| --- | --- | --- |", *rows, ""]
    return "\n".join(lines)


def _step(command: argparse.ArgumentParser) -> str:
    names = [action.dest for action in command._actions if not action.option_strings]
    words = " ".join([*command.prog.split()[2:], *(f"<{name}>" for name in names)])
    return f"| `{words}` | {command.description} |"


def _row(action: argparse.Action) -> str:
    name = ", ".join(action.option_strings) or str(action.metavar or action.dest)
    default = "" if action.default in (None, False, []) else f"`{action.default}`"
    if not default and (action.required and action.nargs != "*"):
        default = "must be given"
    said = (action.help or "").replace("(default: %(default)s)", "")
    return f"| `{_cell(name)}` | {default} | {_cell(said.strip())} |"


def _text(said: str) -> str:
    """A description or an example as Markdown, the example as code."""
    kind, colon, line = said.partition("example: ")
    return f"`{line.strip()}`" if colon and not kind else " ".join(said.split())


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("<", "\\<")


def main() -> None:
    """Write the page."""
    from rlscale.cli.main import parser
    from rlscale.study.folder import PRODUCT

    makefiles = [PRODUCT / "Makefile", PRODUCT / "workflow/study.mk"]
    text = "\n".join(path.read_text(encoding="utf-8") for path in makefiles)
    write_text(Path(sys.argv[1]), write(parser(), text))


if __name__ == "__main__":
    main()
