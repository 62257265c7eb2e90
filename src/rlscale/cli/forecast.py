"""`rlscale forecast curves.csv --at N=70e9,x=1e5`: what a law gives a size there, and how sure."""

import argparse
from typing import TYPE_CHECKING

from rlscale.cli.fit import add_fit_arguments, fit
from rlscale.core.errors import StudyError

if TYPE_CHECKING:
    from rlscale.laws.prediction import Prediction
    from rlscale.laws.results import FitResult


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    add_fit_arguments(parser)
    parser.add_argument(
        "--at", nargs="+", type=_place, required=True, metavar="N=NUMBER,x=NUMBER",
        help="size, as in the column --size, and abscissa, as in --x: N=70e9,x=1e5",
    )  # fmt: skip
    parser.add_argument("--level", type=float, default=0.9, help="coverage of the interval (0.9)")


def run(arguments: argparse.Namespace) -> None:
    """Fit, then print a line per place and group: value, interval, what it rests on."""
    if not 0 < arguments.level < 1:
        raise StudyError(f"--level {arguments.level:g}: a coverage lies between 0 and 1")
    for group in fit(arguments).result.groups:
        for n, x in arguments.at:
            name = f"{group.family} {group.variant}".strip()
            found = group.predict(n, x, arguments.level)
            print(f"{name}: {arguments.metric} {_words(found)}; {_rests_on(group, found)}")
        print(f"  {group.verdict}")


def _place(text: str) -> tuple[float, float]:
    """The N and x of ``N=70e9,x=1e5``."""
    try:
        found = {
            name: float(value) for name, _, value in (p.partition("=") for p in text.split(","))
        }
        n, x = found.pop("N"), found.pop("x")
    except (KeyError, ValueError):
        n, x, found = 0.0, 0.0, {}
    if found or not (0 < n < float("inf") and 0 < x < float("inf")):
        raise argparse.ArgumentTypeError(f"{text}: the form is N=70e9,x=1e5, both above 0")
    return n, x


def _words(found: "Prediction") -> str:
    value = f"{found.estimate:.4f} at N = {found.n:g}, x = {found.x:g}"
    if found.low is None:
        return f"{value} without an interval: replicate runs or problems are needed for one"
    return f"{value}, {found.level:.0%} interval [{found.low:.4f}, {found.high:.4f}]"


def _rests_on(group: "FitResult", found: "Prediction") -> str:
    """Whether the size was measured, and how far the place lies beyond what was."""
    sizes = [size.n for size in group.sizes]
    last = max(point.x for point in group.points)
    said = ["a measured size, by its own curve" if found.seen else "no measured size, by the law"]
    if found.n > max(sizes) and not found.seen:
        said.append(f"{found.n / max(sizes):.3g} times the largest")
    if found.n < min(sizes) and not found.seen:
        said.append(f"{min(sizes) / found.n:.3g} times below the smallest")
    if found.x > last * (1 + 1e-9):
        said.append(f"{found.x / last:.3g} times the last x")
        if group.verdicts and group.verdicts.bends == "yes":
            said.append("where curves that bend need not go on as the law does")
    return ", ".join(said)
