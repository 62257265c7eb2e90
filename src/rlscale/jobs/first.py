"""First process of a container, which passes a request to stop on to all that works in it.

    python -m rlscale.jobs.first snakemake -c8 results/cells/CELL/train.json

The kernel ignores a signal to the first process of a container (PID 1) that has no handler for it,
and what a shell or Snakemake gets, training never sees. So SIGTERM becomes SIGURG for every process
below this one: shells and Snakemake ignore it, training saves its state and ends with 85.
"""

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rlscale.jobs.signals import STOP_SIGNALS


def main(command: Sequence[str]) -> int:
    """Run a command as the first process.

    Returns:
        Its exit status; 128 and the signal's number where a signal ended it.
    """
    for name in STOP_SIGNALS:
        signal.signal(name, _pass_on)
    started = subprocess.Popen(command)
    while True:
        pid, status = os.wait()  # also those that lost their parent: they are the first one's
        if pid == started.pid:
            code = os.waitstatus_to_exitcode(status)
            return code if code >= 0 else 128 - code


def _pass_on(*_: Any) -> None:
    for pid in _below(os.getpid()):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGURG)


def _below(pid: int) -> list[int]:
    """Processes that a process started, and all that those started."""
    try:
        texts = [task.read_text() for task in Path(f"/proc/{pid}/task").glob("*/children")]
    except (FileNotFoundError, ProcessLookupError):  # it has just ended
        return []
    children = [int(child) for text in texts for child in text.split()]
    return children + [process for child in children for process in _below(child)]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
