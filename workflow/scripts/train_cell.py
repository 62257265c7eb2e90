"""Train one cell by GRPO, or go on where an interrupted run of it stopped."""

import argparse
import json
import os
import sys
from contextlib import ExitStack
from pathlib import Path

from rlscale.core.cell import Cell
from rlscale.core.errors import sentence_not_traceback

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
    parser.add_argument("--tracked", type=Path, help="folder that trackers write into")
    for output in OUTPUTS:
        parser.add_argument(f"--{output}", type=Path, required=True)
    arguments = parser.parse_args()

    # Before torch is imported: threads change float sums.
    os.environ["OMP_NUM_THREADS"] = str(arguments.settings["recipe"]["cpu_threads"])
    os.environ["HF_HUB_OFFLINE"] = "1"
    from rlscale.jobs.attempts import counted
    from rlscale.jobs.devices import use_gpus
    from rlscale.jobs.disk import full_disk_named
    from rlscale.jobs.job import Job
    from rlscale.jobs.owner import owned
    from rlscale.jobs.signals import INTERRUPTED, Interrupted
    from rlscale.training.pauses import Paused
    from rlscale.training.run import Outputs, Paths, Upkeep
    from rlscale.training.train import train_cell
    from rlscale.training.watch import prepare_trackers

    job = Job.from_json(arguments.job)
    try:
        with ExitStack() as held:
            owner = None
            if os.environ.get("RANK", "0") == "0":  # the first of the processes of a launch
                owner = held.enter_context(owned(arguments.owner, wait=arguments.wait))
                held.enter_context(counted(arguments.attempts, arguments.state, arguments.faults))
            held.enter_context(
                full_disk_named(arguments.state, arguments.checkpoints, arguments.manifest.parent)
            )
            use_gpus(job.gpus_per_node)
            prepare_trackers(arguments.report_to, arguments.tracked)
            train_cell(
                arguments.cell,
                arguments.settings,
                Paths(
                    model=arguments.model,
                    data=arguments.data,
                    checkpoints=arguments.checkpoints,
                    state=arguments.state,
                    outputs=Outputs(**{name: getattr(arguments, name) for name in OUTPUTS}),
                ),
                job,
                Upkeep(
                    save_state_minutes=arguments.save_state_minutes,
                    checkpoints_on_disk=arguments.checkpoints_on_disk,
                    report_to=tuple(arguments.report_to),
                    owner=owner,
                ),
            )
    except Paused as pause:
        print(f"paused: {pause}")
    except Interrupted as stop:
        from accelerate import PartialState

        # A launcher ends the others as soon as one has ended: the first may still be writing.
        PartialState().wait_for_everyone()
        print(f"interrupted: {stop}", file=sys.stderr)
        sys.exit(INTERRUPTED)


if __name__ == "__main__":
    main()
