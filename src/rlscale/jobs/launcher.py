"""`accelerate launch` that passes signals on to the training and ends with its exit status.

    python -m rlscale.jobs.launcher --config_file config/accelerate/fsdp2.yaml SCRIPT ...

Torch's launcher, which accelerate uses, starts its processes in sessions of their own, kills them
30 seconds after a SIGTERM (a rollout takes longer) and ends with status 1 whatever theirs is.
"""

import os
import signal
import sys
from pathlib import Path
from typing import Any

from rlscale.jobs.attempts import note_kill
from rlscale.jobs.devices import use_gpus, visible_gpus
from rlscale.jobs.signals import STOP_SIGNALS


def main() -> None:
    """Launch; the arguments are those of `accelerate launch`."""
    for name in STOP_SIGNALS:
        signal.signal(name, _pass_on)
    from accelerate.commands.launch import launch_command, launch_command_parser
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError

    arguments = launch_command_parser().parse_args()
    on_this_node = arguments.num_processes // arguments.num_machines
    if visible_gpus():
        use_gpus(on_this_node)
    arguments.signals_to_handle = "SIGINT,SIGHUP,SIGQUIT"  # torch's own option: SIGTERM is ours
    try:
        launch_command(arguments)
    except ChildFailedError as failure:
        _, first = failure.get_first_failure()
        print(f"{failure}", file=sys.stderr)
        if first.exitcode == -signal.SIGKILL:
            note_kill()
        sys.exit(first.exitcode if first.exitcode >= 0 else 128 - first.exitcode)


def _pass_on(number: int, _: Any) -> None:
    """Send a signal to the processes started; without any, end as it would end this one."""
    started = Path(f"/proc/self/task/{os.getpid()}/children").read_text(encoding="utf-8").split()
    if not started:
        sys.exit(128 + number)
    for pid in started:
        os.kill(int(pid), number)


if __name__ == "__main__":
    main()
