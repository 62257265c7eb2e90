# ruff: noqa: E501 (programs)
"""Programs of an attacker who read the sandbox's source: forged verdicts, kernel doors, false values.

And what right programs do as every script may, which the sandbox must not take from them.
"""

import json
import sys

import pytest
from cpu_time import least_seconds
from sandbox_modes import TESTS, mode  # noqa: F401 (a fixture)

from rlscale import verify
from rlscale.judging import sandbox
from rlscale.judging.grid import GRID
from rlscale.judging.program import fenced
from rlscale.judging.sandbox import Exam, check

# x86-64 system calls that would reach another process, a file or the kernel; right if one works.
CALLS = {
    "process_vm_writev": "311, os.getppid(), b'x' * 16, 1, b'x' * 16, 1, 0",
    "seize the parent by ptrace": "101, 0x4206, os.getppid(), 0, 0",
    "userfaultfd": "323, 0", "add_key": "248, b'user', b'a', b'b', 1, -3",
    "request_key": "249, b'user', b'a', 0, 0", "memfd_create": "319, b'x', 0",
    "execveat": "322, os.open(os.__file__, os.O_RDONLY), b'', 0, 0, 0x1000",
    "pidfd_send_signal": "424, 3, 9, 0, 0", "pidfd_getfd": "438, 3, 1, 0",
    "perf_event_open": "298, bytes(128), 0, -1, -1, 0",
    "open_by_handle_at": "304, -100, bytes(128), 0", "open_tree": "428, -100, b'/', 0",
    "fsopen": "430, b'tmpfs', 0", "a seccomp listener": "317, 1, 8, bytes(16)", "vfork": "58",
    "openat2": "437, -100, b'/tmp', (ctypes.c_uint64 * 3)(0, 0, 0), 24",
    "a timer's signal": "222, 0, (ctypes.c_int * 16)(0, 0, 9, 4, os.getppid()), ctypes.byref(ctypes.c_int())",
    "mq_open": "240, b'x', 0o102, 0o600, 0", "semget": "64, 1, 1, 0o1600", "inotify": "253",
    "fanotify": "300, 0, 0", "personality": "135, 0x40000", "setns": "308, 3, 0",
    "modify_ldt": "154, 0, bytes(16), 16", "arch_prctl": "158, 0x1002, 0",
}  # fmt: skip
REPLY = "import sys\nreply = sys._getframe(1).f_locals['reply']\n"
PROGRAMS = {
    "a forged verdict on all that is open": "import os\nfor d in range(64):\n    for p in (f'/proc/self/fd/{d}', f'/proc/{os.getppid()}/fd/{d}'):\n        try: os.write(os.open(p, os.O_WRONLY), b'{\"outcome\": \"correct\", \"reason\": \"\", \"isolation\": \"filter\"}\\n')\n        except OSError: pass\ndef square(x): return 0",
    "calls of 32 bits": "import ctypes, mmap\nm = mmap.mmap(-1, 4096, prot=7)\nm.write(bytes.fromhex('53b814000000cd805bc3'))\ngot = ctypes.CFUNCTYPE(ctypes.c_int)(ctypes.addressof(ctypes.c_char.from_buffer(m)))()\ndef square(x): return x * x if got > 0 else 0",
    "__class__ of a number": "class E:\n    __class__ = int\n    def __int__(s): return 0\n    def __index__(s): return 0\n    def __eq__(s, o): return True\ndef square(x): return E()",
    "a decimal of its own text": "import decimal\nclass E(decimal.Decimal):\n    def __str__(s): return '1e999999999999999'\n    def __eq__(s, o): return True\n    __hash__ = decimal.Decimal.__hash__\ndef square(x): return E(0)",
    "__reduce__": "class E:\n    def __reduce__(s): return (eval, ('4',))\n    def __eq__(s, o): return True\ndef square(x): return E()",
    "ANY of unittest.mock": "from unittest.mock import ANY\ndef square(x): return ANY",
    "sys.modules patched": "import sys, builtins\nfrom unittest.mock import ANY\nsys.modules['__main__'].__dict__['unpack'] = lambda d: ANY\nbuiltins.AssertionError = type('A', (BaseException,), {})\ndef square(x): return ANY",
    "its own packing": "import sys\nsys._getframe(1).f_globals['pack'] = lambda v: ['z', '__import__(\"os\")._exit(0)']\ndef square(x): return 0",
    "a forged reply": REPLY + "reply('correct'); reply('result [')\ndef square(x): return 0",
    "a reply of depth": REPLY + "def square(x):\n    reply('result ' + '[\"l\",' * 100000 + '1' + ']' * 100000); return 0",
    "an error's name of two lines": "E = type('E\\nresult 4\\n', (Exception,), {})\ndef square(x): raise E",
    "at exit": "import atexit, os\natexit.register(lambda: [os.write(d, b'result 4\\n') for d in range(3, 9)])\ndef square(x): raise SystemExit(0)",
    "a finalizer": "import os\nclass D:\n    def __del__(s):\n        for d in range(16):\n            try: os.write(d, b'result true\\n')\n            except OSError: pass\nd = D()\ndef square(x): raise SystemExit",
    "the tests by gc": "import gc\ndef square(x):\n    for o in gc.get_objects():\n        if isinstance(o, dict) and 'tests' in o: exec(o['tests'])",
    "colliding hashes": "def square(x): return {i * (2 ** 61 - 1) for i in range(1, 10 ** 6)}",
    "a range without end": "def square(x): return range(10 ** 18)",
    "not a number": "def square(x): return float('nan')",
    "lists a million deep": "import sys\nsys.setrecursionlimit(10 ** 9)\ndef square(x):\n    a = []\n    for _ in range(10 ** 6): a = [a]\n    return a",
    "a source of signs": "x = " + "-" * 90000 + "1\ndef square(x): return 0",
    "a source of brackets": "x = " + "(" * 5000 + ")" * 5000 + "\ndef square(x): return 0",
}  # fmt: skip
CALLED = "import ctypes, os\nok = ctypes.CDLL(None).syscall({}) >= 0\ndef square(x): return x * x if ok else 0"


@pytest.mark.slow
def test_no_attack_is_right(mode):  # noqa: F811
    programs = PROGRAMS | {name: CALLED.format(call) for name, call in CALLS.items()}
    exams = [Exam(p, "square", TESTS, cpu_seconds=1, wall_seconds=12.0) for p in programs.values()]
    results = dict(zip(programs, sandbox.check_all(exams, 2), strict=True))
    assert [name for name, result in results.items() if result.outcome == "correct"] == []


def test_a_program_that_closes_its_pipe_and_sleeps_is_out_of_time(mode):  # noqa: F811
    sleeper = "import os, time\ndef square(x):\n    for d in range(3, 32):\n        try: os.close(d)\n        except OSError: pass\n    time.sleep(10 ** 6)"
    result = check(Exam(sleeper, "square", TESTS, cpu_seconds=1, wall_seconds=2.0))
    assert (result.outcome, result.reason) == ("timeout", "out of time")


READS = """
import os
def find(folders):
    for folder in folders:
        for place, _, names in os.walk(folder):
            for name in names:
                try:
                    open(os.path.join(place, name), "rb").read(1)
                    return name
                except OSError:
                    pass
"""


def test_installed_packages_which_may_hold_tests_cannot_be_read(mode):  # noqa: F811
    own = f"{sys.base_prefix}/lib/python3.{sys.version_info.minor}"
    folders = [f"{own}/site-packages", "/usr/lib/python3/dist-packages", "/usr/local/lib"]
    found = check(Exam(READS, "find", f"assert find({folders[:2]!r}) is None"))
    assert found.outcome == "correct"
    library = check(Exam(READS, "find", f"assert find([{own + '/json'!r}]) is not None"))
    assert (library.outcome == "correct") == (mode != "filter")  # which opens no file at all


def test_exit_and_quit_are_there_as_in_every_script():
    program = "def square(x):\n    if x == 2: return 4\n    try: (exit if x else quit)()\n    except SystemExit: return 9"
    assert check(Exam(program, "square", TESTS)).outcome == "correct"


@pytest.mark.parametrize(
    "program",
    [
        "print(sum(map(int, open(0).read().split())))",
        "a, b = map(int, open('/dev/stdin').readline().split())\nprint(a + b)\nquit()",
        "import sys\nprint(sum(map(int, sys.stdin.buffer.read().split())))\nexit()",
        "with open(0) as given:\n    print(sum(map(int, given.read().split())))",
    ],
)
def test_programs_read_their_input_in_any_way(program):
    gold = json.dumps([["1 2\n", "3\n"], ["5 6\n", "11\n"]])
    assert verify(f"```python\n{program}\n```", gold, kind="stdin_program").outcome == "correct"


def test_fences_are_found_in_linear_time():
    def look(count):
        for text in ("```" + " " * count + "`", "~" * count + "`", "```\n" * count):
            fenced(text)
        GRID.extract("<answer>```\n" + "\n" * count + "x</answer>", "")

    few = least_seconds(lambda: look(10_000))
    assert least_seconds(lambda: look(40_000)) < 8 * few


def test_a_body_after_many_empty_lines_is_looked_for_in_linear_time():
    exam = Exam("q q\n" + "\n" * 60_000 + "x\n return 4", "square", TESTS, "def square(x):\n")
    assert check(exam).outcome == "unparsed"  # not out of the checker's time


@pytest.mark.parametrize("fence", ["```json\n{}\n```", "```\n  {}\n\n  ```", "``` \n{}```"])
def test_a_grid_may_stand_in_a_fence(fence):
    assert GRID.extract(f"<answer>{fence.format('{1}')}</answer>", "") == "{1}"
