"""Signals that ask a long step to stop, and how it says that it ends before its work is done."""

import signal
from typing import Any

INTERRUPTED = 85
STOP_SIGNALS = (signal.SIGTERM, signal.SIGUSR1, signal.SIGURG)


class Interrupted(Exception):
    """The run was asked to stop, and its state is saved."""


class AsPlanned(Exception):
    """An attempt ends before the step does, and did what it was to do."""


class stop_signals:
    """Within it, signals ask the guard to stop at the next rollout boundary.

    SIGURG is a cluster's warning of the time limit: it reaches all processes of a job, and is the
    one that shells and Snakemake, which stand above the training, ignore by default.
    """

    def __init__(self, guard: Any) -> None:
        self.guard = guard

    def __enter__(self) -> None:
        def ask(*_: Any) -> None:
            self.guard.stop_asked = True

        self.before = {name: signal.signal(name, ask) for name in STOP_SIGNALS}

    def __exit__(self, *_: Any) -> None:
        for name, handler in self.before.items():
            signal.signal(name, handler)
