"""Processor time of a call, for tests of how it grows with its input."""

import time
from collections.abc import Callable


def least_seconds(call: Callable[[], object]) -> float:
    """The least CPU time of three calls: a collection of other tests' garbage is not the call's."""

    def once() -> float:
        started = time.process_time()
        call()
        return time.process_time() - started

    return min(once() for _ in range(3))
