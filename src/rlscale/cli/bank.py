"""`rlscale bank check` and `rlscale bank add`: the bank of curves in resources/bank."""

import argparse
from pathlib import Path

from rlscale.core.errors import StudyError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the commands' arguments."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    check = actions.add_parser("check", help="refuse wrong units, falling counts, double points")
    check.add_argument("folders", nargs="*", type=Path, help="sources (all of resources/bank)")
    check.set_defaults(act=_check)
    add = actions.add_parser("add", help="make a source of a curves table and a card")
    add.add_argument("curves", type=Path, help="curves.csv of a study or of `rlscale ingest`")
    add.add_argument("--card", type=Path, required=True, help="whose they are: docs/bank.md")
    add.add_argument("--name", required=True, help="the source's name, that of its folder")
    add.add_argument("--bank", type=Path, help="another bank than resources/bank")
    add.set_defaults(act=_add)


def run(arguments: argparse.Namespace) -> None:
    """Check or add."""
    arguments.act(arguments)


def _check(arguments: argparse.Namespace) -> None:
    from rlscale.bank.check import check_sources
    from rlscale.bank.source import BANK, read_source, source_folders

    folders = arguments.folders or source_folders(BANK)
    sources, found = [], []
    for folder in folders:
        try:
            sources.append(read_source(folder))
        except StudyError as error:
            found.append(str(error))
    if found:
        raise StudyError("\n".join(found))
    check_sources(sources)
    for source in sources:
        print(
            f"{source.name}: {source.curve_count} curves, {len(source.counted):,} points, "
            f"{source.counted['cell'].nunique()} runs or means of runs; {source.card.terms}"
        )
    total = sum(source.curve_count for source in sources)
    print(f"{len(sources)} sources, {total} curves, nothing to refuse")


def _add(arguments: argparse.Namespace) -> None:
    from rlscale.bank.add import add_source
    from rlscale.bank.source import BANK

    bank = arguments.bank or BANK
    source = add_source(arguments.curves, arguments.card, arguments.name, bank)
    print(f"wrote {bank / source.name}: {source.curve_count} curves, {len(source.curves):,} rows")
