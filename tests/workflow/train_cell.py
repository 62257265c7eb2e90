"""A start of a training as `rlscale train CELL` makes it, with all given on the command line."""

import argparse
import json
import sys
from pathlib import Path

from rlscale.core.cell import Cell
from rlscale.core.errors import sentence_not_traceback
from rlscale.jobs.job import Job
from rlscale.jobs.threads import use_threads

OUTPUTS = ("manifest", "metrics", "ledger", "timings", "consumed")


@sentence_not_traceback
def main() -> None:
    """Parse the paths, fix the number of threads, train."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--settings", type=json.loads, required=True)
    parser.add_argument("--job", type=json.loads, required=True, help="how steps are computed")
    parser.add_argument("--cell", type=Cell.from_path, required=True)
    parser.add_argument("--model", type=Path, required=True, help="manifest of the weights")
    parser.add_argument("--data", type=Path, required=True, help="manifest of the data variant")
    parser.add_argument("--checkpoints", type=Path, required=True)
    parser.add_argument("--state", type=Path, required=True, help="folder of resumable state")
    parser.add_argument("--save-state-minutes", type=float, required=True)
    parser.add_argument("--owner", type=Path, required=True, help="claim on the cell")
    parser.add_argument("--wait", action="store_true", help="wait for another owner to end")
    parser.add_argument("--attempts", type=Path, required=True, help="record of the attempts")
    parser.add_argument("--faults", type=int, required=True, help="attempts without progress")
    parser.add_argument("--checkpoints-on-disk", type=int, default=0, help="pause at so many")
    parser.add_argument("--report-to", nargs="+", default=[], help="trackers")
    parser.add_argument("--trusted", action="store_true", help="run the model's own code")
    parser.add_argument("--tracked", type=Path, help="folder that trackers write into")
    for output in OUTPUTS:
        parser.add_argument(f"--{output}", type=Path, required=True)
    arguments = parser.parse_args()

    use_threads(arguments.settings["recipe"]["cpu_threads"])
    from rlscale.training.run import Outputs, Paths, Upkeep
    from rlscale.training.start import Claim, start_training

    status = start_training(
        arguments.cell,
        arguments.settings,
        Paths(
            model=arguments.model,
            data=arguments.data,
            checkpoints=arguments.checkpoints,
            state=arguments.state,
            outputs=Outputs(**{name: getattr(arguments, name) for name in OUTPUTS}),
        ),
        Job.from_json(arguments.job),
        Upkeep(
            save_state_minutes=arguments.save_state_minutes,
            checkpoints_on_disk=arguments.checkpoints_on_disk,
            report_to=tuple(arguments.report_to),
            trust_remote_code=arguments.trusted,
        ),
        Claim(
            owner=arguments.owner,
            wait=arguments.wait,
            attempts=arguments.attempts,
            faults=arguments.faults,
            tracked=arguments.tracked,
        ),
    )
    if status:
        sys.exit(status)


if __name__ == "__main__":
    main()
