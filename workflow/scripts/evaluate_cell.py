"""Evaluate all checkpoints of one cell on all benchmarks, in one engine."""

import argparse
import json
import os
from pathlib import Path

from rlscale.core.errors import sentence_not_traceback


def _named_path(text: str) -> tuple[str, Path]:
    name, _, path = text.partition("=")
    return name, Path(path)


@sentence_not_traceback
def main() -> None:
    """Parse the paths and evaluate."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--settings",
        type=json.loads,
        required=True,
        help="evaluation_settings",
    )
    parser.add_argument("--machine", type=json.loads, default={}, help="speed keys of the engine")
    parser.add_argument("--train", type=Path, required=True, help="the cell's train.json")
    parser.add_argument(
        "--problems", type=_named_path, nargs="+", required=True, metavar="NAME=MANIFEST"
    )
    parser.add_argument("--owner", type=Path, required=True, help="claim on the cell")
    parser.add_argument("--wait", action="store_true", help="wait for another owner to end")
    parser.add_argument("--journal", type=Path, required=True, help="parts of the sample store")
    for name in ("samples", "outcomes", "scores", "metrics", "manifest"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    arguments = parser.parse_args()

    from rlscale.evaluation.engine import Machine
    from rlscale.evaluation.evaluate import evaluate_cell
    from rlscale.jobs.owner import owned

    with owned(arguments.owner, wait=arguments.wait):
        report = evaluate_cell(
            train_manifest=arguments.train,
            problems=dict(arguments.problems),
            settings=arguments.settings,
            machine=Machine.from_json(arguments.machine),
            journal=arguments.journal,
            outputs={
                name: getattr(arguments, name)
                for name in ("samples", "outcomes", "scores", "metrics", "manifest")
            },
        )
    print(json.dumps(report), flush=True)
    os._exit(0)  # all is written; vLLM's own end would collect garbage for seconds


if __name__ == "__main__":
    main()
