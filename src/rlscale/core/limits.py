"""Limits of this process on what it takes of the machine, as the kernel holds them."""

import resource
from pathlib import Path


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
    pages = Path("/proc/self/statm").read_text(encoding="ascii").split()[5]
    return int(pages) * resource.getpagesize()
