"""Run a model's program against a problem's tests where it can touch nothing.

The tests run in one process and the program in another; only plain data passes between them, so a
program cannot patch, exit or read its checker. What holds is named by its isolation:

* ``filter`` (always, or nothing is run at all): a seccomp filter that allows computing only, its
  calls' arguments included; no file can be opened, and the standard library is taken into memory
  before; no capabilities; an empty environment; limits on CPU time, wall time, memory, open files
  and the size of its answers. The checker has limits too, and its memory cannot be read.
* ``landlock`` (Linux 5.13 and later, where enabled): Python's and the system's libraries can be
  opened for reading, and no other file.
* ``namespaces`` (where the kernel lets a user make them): also a file system that holds nothing
  else, no network, and no other process in sight. Landlock then is the second layer.
"""

import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path

from rlscale.core.errors import StudyError
from rlscale.judging import sandbox_child
from rlscale.judging.verdicts import Outcome

# From the least to the most.
ISOLATIONS = ("filter", "landlock", "namespaces")
_CHILD = Path(sandbox_child.__file__)
_RESULT_BYTES = 1 << 20


@dataclass(frozen=True)
class Exam:
    """A program and what it is tested with.

    Attributes:
        solution: The model's program: blocks of source, form feeds between them; the last one
            defines the function, or is its body.
        entry: Name of the function under test.
        tests: Source that calls ``entry`` and raises where it is wrong; trusted.
        preamble: Trusted source that tests and program may use: the function's head and helpers.
        whole: Whether the solution is the program as it stands, no blocks to be put together.
        cpu_seconds: CPU time of the program (whole seconds).
        wall_seconds: Wall time of program and tests.
        memory_bytes: Address space of the program.
    """

    solution: str
    entry: str
    tests: str
    preamble: str = ""
    whole: bool = False
    cpu_seconds: int = 5
    wall_seconds: float = 60.0
    memory_bytes: int = 1 << 30


@dataclass(frozen=True)
class Result:
    """Outcome of an exam, its reason in words, and the isolation, one of ``ISOLATIONS``."""

    outcome: Outcome
    reason: str
    isolation: str = "none"


def check(exam: Exam) -> Result:
    """Run one exam.

    Raises:
        StudyError: This machine has no seccomp filter; nothing was run.
    """
    process = subprocess.Popen(
        [sys.executable, "-I", "-S", str(_CHILD), "check"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={},
        start_new_session=True,
    )
    try:
        written, _ = process.communicate(json.dumps(asdict(exam)).encode(), exam.wall_seconds + 30)
    except subprocess.TimeoutExpired:
        return Result("timeout", "the tests themselves did not end")
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    if process.returncode in (-signal.SIGXCPU, -signal.SIGKILL):
        return Result("timeout", "the tests themselves did not end")
    if process.returncode != 0 or len(written) > _RESULT_BYTES:
        return Result("wrong", f"the tests broke (status {process.returncode})")
    result = Result(**json.loads(written))
    if result.outcome is None:
        raise StudyError(
            f"programs cannot be run safely on this machine ({result.reason}); leave code "
            "benchmarks out of 'benchmarks'"
        )
    return result


def check_all(exams: Sequence[Exam], workers: int) -> list[Result]:
    """Run exams, ``workers`` at a time; results in the exams' order."""
    with ThreadPoolExecutor(max(1, workers)) as threads:
        return list(threads.map(check, exams))
