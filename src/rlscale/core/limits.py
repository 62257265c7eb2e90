"""Limits of this process on what it takes of the machine, as the kernel holds them."""

import resource
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_NOW = Path("/proc/self/statm")


def lower_limit(kind: int, most: int) -> tuple[int, int]:
    """Lower a limit of this process; one that is lower already stays.

    Args:
        kind: One of ``resource``'s, such as ``RLIMIT_CPU``.
        most: The limit, in that kind's unit.

    Returns:
        Soft and hard limit as they were, for ``resource.setrlimit``.
    """
    soft, hard = resource.getrlimit(kind)
    known = [limit for limit in (most, soft, hard) if limit != resource.RLIM_INFINITY]
    resource.setrlimit(kind, (min(known), hard))
    return soft, hard


def data_bytes() -> int:
    """Memory of this process that counts for ``RLIMIT_DATA`` [bytes]."""
    return int(_NOW.read_text(encoding="ascii").split()[5]) * resource.getpagesize()


@contextmanager
def memory_limit(more: int) -> Iterator[None]:
    """Let this process take no more than so many bytes beyond what it has; on Linux alone.

    Raises:
        MemoryError: What was called asked for more.
    """
    if not _NOW.exists():
        yield
        return
    before = lower_limit(resource.RLIMIT_DATA, data_bytes() + more)
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_DATA, before)


@contextmanager
def time_limit(seconds: float) -> Iterator[None]:
    """A limit of CPU time in the main thread, which alone gets signals.

    Args:
        seconds: The limit [s].

    Raises:
        TimeoutError: What was called took more.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def stop(*_: object) -> None:
        raise TimeoutError(f"more than {seconds:g} s of CPU time")

    before = signal.signal(signal.SIGVTALRM, stop)
    signal.setitimer(signal.ITIMER_VIRTUAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)
