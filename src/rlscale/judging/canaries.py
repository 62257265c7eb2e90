"""Programs whose verdict is known, judged before any other: right, wrong, and hostile ones.

Where one is judged otherwise, the sandbox does not work on this machine, and nothing is generated
or scored.
"""

import functools

from rlscale.core.errors import StudyError
from rlscale.judging.sandbox import ISOLATIONS, Exam, check_all

_TESTS = "assert square(2) == 4\nassert square(-3) == 9"
_RIGHT = "def square(x):\n    return x * x\n"
_ATTEMPT = (
    "def attempt(attack):\n    try:\n        attack()\n    except BaseException:\n"
    "        return False\n    return True\n"
)
# A hostile program is right only where its attack succeeds.
_LIE = "\ndef square(x):\n    return x * x if succeeded else None\n"
_HOSTILE = {
    "starts a process": "import os\nsucceeded = attempt(os.fork)",
    "opens a socket": "import socket\nsucceeded = attempt(socket.socket)",
    "reads a file of the user": f"succeeded = attempt(lambda: open({__file__!r}))",
    "writes a file": "succeeded = attempt(lambda: open('canary', 'w'))",
    "sends a signal": "import os\nsucceeded = attempt(lambda: os.kill(os.getppid(), 0))",
    "owns a pipe's signals": (
        "import fcntl, os\nsucceeded = any(attempt(lambda d=d: fcntl.fcntl(d, fcntl.F_SETOWN, 1))"
        " for d in range(16))"
    ),
    "raises its limits": (
        "import resource\nsucceeded = attempt(lambda: resource.setrlimit(7, (99, 99)))"
    ),
}
_KNOWN = {
    "a right program": (_RIGHT, ("correct",)),
    "a right program that imports": (
        "import random, typing, collections, math, re, datetime\n" + _RIGHT, ("correct",)
    ),
    "a wrong program": ("def square(x):\n    return x\n", ("wrong",)),
    "no program": ("def square(x:\n", ("unparsed",)),
    "an endless program": ("def square(x):\n    while True: pass\n", ("timeout",)),
    **{name: (_ATTEMPT + code + _LIE, ("wrong",)) for name, code in _HOSTILE.items()},
}  # fmt: skip


@functools.cache
def check_canaries(isolation: str) -> str:
    """Judge the known programs; once in a process.

    Args:
        isolation: The least that is demanded, of ``rlscale.judging.sandbox.ISOLATIONS``.

    Returns:
        The isolation that holds here.

    Raises:
        StudyError: A program is judged otherwise than it should be, or less isolation holds.
    """
    exams = [Exam(text, "square", _TESTS, cpu_seconds=1) for text, _ in _KNOWN.values()]
    results = check_all(exams, 2)
    for (name, (_, right)), result in zip(_KNOWN.items(), results, strict=True):
        if result.outcome not in right:
            raise StudyError(
                f"the sandbox does not work on this machine: {name} was judged {result.outcome} "
                f"({result.reason}); leave code benchmarks out of 'benchmarks'"
            )
    held = results[0].isolation
    if ISOLATIONS.index(held) < ISOLATIONS.index(isolation):
        raise StudyError(
            f"programs are isolated by '{held}' on this machine, and '{isolation}' is demanded "
            "(evaluation.machine.isolation); allow user namespaces, or demand less"
        )
    return held
