"""`rlscale data-report FILE...`: what a data file holds and loses, in the small environment."""

import argparse
from pathlib import Path
from typing import Any

from rlscale.core.errors import StudyError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("files", nargs="+", help="files, folders or patterns; docs/data.md")
    parser.add_argument("--layout", default="auto", help="a layout of docs/data.md")
    parser.add_argument(
        "--column", action="append", default=[], metavar="PART=COLUMN[.KEY...]",
        help="where a part stands: problem=prompt.0.content, pass_rate=extra_info.rate",
    )  # fmt: skip
    parser.add_argument("--wrapper", default="", help="text with {problem} around every problem")
    parser.add_argument(
        "--pass-rate-is", metavar="passes|fails/N", help="the pass rate's column counts tries"
    )
    parser.add_argument("--verifier", help="judge of the golds: math, number, exact, choice, ...")
    parser.add_argument(
        "--against", action="append", default=[], metavar="FILE",
        help="files whose problems may not stand in these, in a layout of their own",
    )  # fmt: skip
    parser.add_argument("--output", type=Path, help="write the page (HTML)")


def run(arguments: argparse.Namespace) -> None:
    """Print the report, and write its page."""
    from rlscale.core.files import write_text
    from rlscale.data.layouts import check_layout
    from rlscale.data.overview import overview
    from rlscale.data.page import page

    check_layout(arguments.layout, "--layout")
    reading: dict[str, Any] = {
        "layout": arguments.layout,
        "columns": dict(_place(pair) for pair in arguments.column),
        "wrapper": arguments.wrapper,
        "files": arguments.files,
    }
    if arguments.pass_rate_is:
        reading["pass_rate_is"] = _counts(arguments.pass_rate_is)
    own = {"layout": "auto", "columns": {}, "wrapper": arguments.wrapper}
    against = {name: {**own, "files": [name]} for name in arguments.against}
    found = overview(reading, against, arguments.verifier)
    print(found.as_text())
    if arguments.output:
        write_text(arguments.output, page(found))
        print(f"\n{arguments.output}: the same as a page, with more examples")


def _place(pair: str) -> tuple[str, list[str | int]]:
    part, found, place = pair.partition("=")
    if not found or not place:
        raise StudyError(f"--column {pair}: write PART=COLUMN, such as answer=reward.gold")
    return part, [int(key) if key.isdecimal() else key for key in place.split(".")]


def _counts(text: str) -> dict[str, Any]:
    counts, _, of = text.partition("/")
    if counts not in ("passes", "fails") or not of.isdecimal():
        raise StudyError(f"--pass-rate-is {text}: write passes/N or fails/N, such as fails/16")
    return {"counts": counts, "of": int(of)}
