"""`rlscale redraw FOLDER`: the figures of a shipped study, in the small environment."""

import argparse
from pathlib import Path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument(
        "study", type=Path, help="a study's tables and fits, and its configuration.json"
    )
    parser.add_argument("figures", nargs="*", help="names such as fig_k_of_N; all without any")
    parser.add_argument("--output", type=Path, required=True, help="the new folder")


def run(arguments: argparse.Namespace) -> None:
    """Draw them."""
    from rlscale.study.redraw import redraw

    redraw(arguments.study, arguments.figures, arguments.output)
    print(f"redraw: into {arguments.output}/results, each as PDF, SVG, PNG and CSV")
