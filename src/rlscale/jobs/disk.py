"""A full disk in words: libraries report it in ways of their own, or not as such."""

import contextlib
import shutil
from collections.abc import Iterator
from pathlib import Path

from rlscale.core.errors import StudyError

_FULL = 2**20  # bytes left that count as none


@contextlib.contextmanager
def full_disk_named(*folders: Path) -> Iterator[None]:
    """Turn a failure into a sentence where one of the folders' disks is full.

    Raises:
        StudyError: Names the folder; what was complete before is kept, and work goes on from it.
    """
    try:
        yield
    except Exception as error:
        for folder in folders:
            there = next(path for path in (folder, *folder.absolute().parents) if path.exists())
            if shutil.disk_usage(there).free < _FULL:
                raise StudyError(
                    f"{folder}: the disk is full ({error}); make room and start again: the work "
                    "goes on from what was saved last"
                ) from error
        raise
