"""`rlscale leaderboard`: how well every law forecasts the bank's curves (docs/leaderboard.md)."""

import argparse
import os
import time
from pathlib import Path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    add = parser.add_argument
    add("--bank", type=Path, help="another bank than resources/bank")
    add("--laws", nargs="+", metavar="LAW", help="some laws alone (all that are registered)")
    add(
        "--output", type=Path, default=Path("results/leaderboard"), help="folder of what is written"
    )
    add("--jobs", type=int, default=os.cpu_count(), help="processes (one per core)")


def run(arguments: argparse.Namespace) -> None:
    """Score what changed since the last call, then write table, page and figure."""
    import pandas

    from rlscale.bank.board import leaderboard
    from rlscale.bank.check import check_sources
    from rlscale.bank.drawing import draw_leaderboard
    from rlscale.bank.page import leaderboard_page
    from rlscale.bank.source import BANK, read_source, source_folders
    from rlscale.bank.store import scores_of
    from rlscale.core.files import write_text
    from rlscale.laws.registry import LAWS

    for name in arguments.laws or ():
        LAWS.check(name, "--laws")
    laws = arguments.laws or LAWS.names()
    sources = [read_source(folder) for folder in source_folders(arguments.bank or BANK)]
    check_sources(sources)
    output, tables = arguments.output, []
    for source in sources:
        start = time.monotonic()
        table, computed = scores_of(source, laws, output / "scores", arguments.jobs)
        said = f"scored in {time.monotonic() - start:.0f} s" if computed else "as scored before"
        print(f"{source.name}: {source.curve_count} curves, {said}", flush=True)
        tables.append(table)
    board = leaderboard(pandas.concat(tables, ignore_index=True))
    write_text(output / "leaderboard.csv", board.to_csv(index=False, float_format="%.6g"))
    write_text(output / "leaderboard.md", leaderboard_page(board))
    draw_leaderboard(board, output / "leaderboard.png")
    print(f"wrote {output}/leaderboard.csv, .md, .png: {len(laws)} laws, {len(sources)} sources")
