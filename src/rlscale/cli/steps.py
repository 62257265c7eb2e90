"""`rlscale train CELL`, `rlscale evaluate CELL`, `rlscale step ...`: what the rules run.

By hand, in a study's folder, they do what the rules do: the same settings, paths and code.
"""

import argparse
from pathlib import Path

from rlscale.study import configuration
from rlscale.study.steps import STEPS, run_step

CONFIGFILE = "the study, where it is not config/config.yaml"
_CELL = "main/arith-25k-base/tau1-g8/seed1"


def add_arguments(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Declare the commands."""
    train = commands.add_parser(
        "train", help="train a cell, or go on with its training",
        description="Train a cell, or go on with its training.",
        epilog=f"example: rlscale train {_CELL}",
    )  # fmt: skip
    train.add_argument("cell", help="<recipe>/<model>-<variant>/tau<t>-g<G>/seed<s>")
    train.add_argument("--here", action="store_true", help="as one of the processes of its job")
    evaluate = commands.add_parser(
        "evaluate", help="evaluate all checkpoints of a cell",
        description="Evaluate all checkpoints of a cell.",
        epilog=f"example: rlscale evaluate {_CELL}",
    )  # fmt: skip
    evaluate.add_argument("cell", help="as for train")
    evaluate.add_argument("--pause", type=Path, help="pause.json of a training that waits")
    other = commands.add_parser(
        "step", help="run any other step of a study", description="Run any other step of a study.",
        epilog=f"example: rlscale step make_curve {_CELL}",
    )  # fmt: skip
    steps = other.add_subparsers(dest="step", required=True)
    own = [
        steps.add_parser(
            name, help=step.help, description=f"{step.help[0].upper()}{step.help[1:]}."
        )
        for name, step in STEPS.items()
    ]
    for parser, step in zip(own, STEPS.values(), strict=True):
        for name in step.names:
            parser.add_argument(name)
    for parser in (train, evaluate, *own):
        parser.add_argument("--configfile", type=Path, help=CONFIGFILE)
        parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Run the command in the current folder; returns its exit status."""
    config = configuration.current(arguments.configfile)
    configuration.use(config)  # for the processes that it starts
    if arguments.command == "step":
        names = [getattr(arguments, name) for name in STEPS[arguments.step].names]
        run_step(arguments.step, config, names)
        return 0
    from rlscale.study.steps import cells

    if arguments.command == "train":
        return cells.train(config, arguments.cell, here=arguments.here)
    cells.evaluate(config, arguments.cell, pause=arguments.pause)
    return 0
