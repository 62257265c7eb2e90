"""Measure how often a model solves each problem of a data set."""

import argparse
import json
import os
from pathlib import Path

from rlscale.core.errors import sentence_not_traceback


@sentence_not_traceback
def main() -> None:
    """Parse the paths and measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--name", required=True)
    parser.add_argument("--settings", type=json.loads, required=True, help="asking_settings")
    parser.add_argument("--machine", type=json.loads, default={}, help="speed keys of the engine")
    parser.add_argument("--owner", type=Path, required=True, help="claim on the samples")
    parser.add_argument("--wait", action="store_true", help="wait for another owner to end")
    for name in ("problems", "model", "journal", "samples", "rates", "manifest"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    arguments = vars(parser.parse_args())

    from rlscale.evaluation.engine import Machine
    from rlscale.evaluation.pass_rates import estimate_pass_rates
    from rlscale.jobs.owner import owned

    with owned(arguments.pop("owner"), wait=arguments.pop("wait")):
        machine = Machine.from_json(arguments.pop("machine"))
        report = estimate_pass_rates(machine=machine, **arguments)
    print(json.dumps(report), flush=True)
    os._exit(0)  # all is written; vLLM's own end would collect garbage for seconds


if __name__ == "__main__":
    main()
