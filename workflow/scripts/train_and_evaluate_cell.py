"""Train a cell and evaluate its checkpoints in turn: put in front of the command that trains it."""

import argparse
import shlex
import sys
import tempfile
from pathlib import Path

from rlscale.core.errors import sentence_not_traceback


@sentence_not_traceback
def main() -> None:
    """Parse the commands, run them in turn."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--checkpoints-on-disk", type=int, required=True)
    parser.add_argument("--state", type=Path, required=True, help="the training's state")
    parser.add_argument("--last-step", type=int, required=True, help="its weights stay")
    parser.add_argument(
        "--evaluation", type=shlex.split, required=True, help="options of evaluate_cell.py"
    )
    parser.add_argument("train", nargs=argparse.REMAINDER, help="command that trains")
    arguments = parser.parse_args()

    from rlscale.training.alternate import train_and_evaluate

    train = [*arguments.train, "--checkpoints-on-disk", str(arguments.checkpoints_on_disk)]
    evaluate = [sys.executable, str(Path(__file__).with_name("evaluate_cell.py"))]
    evaluate += arguments.evaluation
    with tempfile.TemporaryDirectory() as unused:  # tables of a part of the checkpoints
        for name in ("outcomes", "scores", "metrics", "manifest"):
            evaluate += [f"--{name}", str(Path(unused) / name)]
        status = train_and_evaluate(train, evaluate, arguments.state, arguments.last_step)
    sys.exit(status)


if __name__ == "__main__":
    main()
