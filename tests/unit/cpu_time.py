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


def assert_linear(cost: Callable[[int], Callable[[], object]], start: int = 2_000) -> None:
    """Ten times and a hundred times the size: no more than that many times the time, and a bit.

    What grows by the square would take 10,000 times the smallest; its least counts as 2 ms, as the
    clock and other processes are no finer.
    """
    small = max(least_seconds(cost(start)), 2e-3)
    assert least_seconds(cost(10 * start)) < 40 * small
    assert least_seconds(cost(100 * start)) < 400 * small
