# ruff: noqa: E501 (programs)
"""The sandbox: honest programs pass; hostile ones are contained, scored wrong, and harm nothing."""

import os
import socket
import threading
from pathlib import Path

import pytest

from rlscale.judging import sandbox
from rlscale.judging.sandbox import Job, check

TESTS = "def check(f):\n    assert f(2) == 4\n    assert f(-3) == 9\ncheck(square)"
HONEST = "def square(x):\n    return x * x\n"


def verdict(solution, **limits):
    limits = {"cpu_seconds": 2, "wall_seconds": 20.0, **limits}
    return check(Job(solution, "square", TESTS, **limits))


@pytest.mark.parametrize(
    "solution",
    [
        HONEST,
        "import math, re, typing, random, hashlib, heapq, functools, string, json\n" + HONEST,
        "import collections, itertools, datetime, decimal, fractions, statistics\n" + HONEST,
        "def square(x):\n    print('noise')\n    return sum(abs(x) for _ in range(abs(x)))",
        "import sys\nsys.setrecursionlimit(10000)\n"
        "def square(x, n=None):\n    n = abs(x) if n is None else n\n"
        "    return 0 if n == 0 else abs(x) + square(x, n - 1)",
    ],
)
def test_honest_programs_pass(solution):
    assert verdict(solution).outcome == "correct"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("None", "None"), ("(1, 2.5, 'a')", "(1, 2.5, 'a')"), ("{1: [True]}", "{1: [True]}"),
        ("{3}", "{3}"), ("b'x'", "b'x'"), ("'a\\nb'", "'a\\nb'"), ("-0.0", "0.0"),
    ],
)  # fmt: skip
def test_values_cross_the_pipe(value, text):
    job = Job(
        f"def give(x):\n    return x, {value}", "give", f"assert give({text}) == ({text}, {text})"
    )
    assert check(job).outcome == "correct"


def test_outcomes():
    assert verdict("def square(x):\n    return x").outcome == "wrong"
    assert verdict("def square(x:").outcome == "unparsed"
    assert verdict("raise ValueError('no')").outcome == "wrong"
    assert "AssertionError" in verdict("def square(x):\n    return x").reason
    assert check(Job(HONEST, "square", "while True: pass", wall_seconds=-28)).outcome == "timeout"


def hostile(witness: Path, port: int, pid: int) -> dict[str, str]:
    """Programs that would be right, or would leave a trace, if their attack worked."""
    touch = f"open({str(witness)!r}, 'w').write('x')"
    body = "\ndef square(x):\n    return x if x == 2 else 9 if {} else 0\n"
    attack = "\ndef attempt(f):\n    try:\n        f(); return True\n    except BaseException: return False\n"
    lie = "\ndef square(x):\n    return (4 if x == 2 else 9) if ok else 'contained'\n"
    tried = {
        "fork": "import os; ok = attempt(os.fork)",
        "fork bomb": "import os\ndef bomb():\n    while True: os.fork()\nok = attempt(bomb)",
        "thread bomb": "import threading\nok = attempt(lambda: [threading.Thread(target=input).start() for _ in range(9)])",
        "subprocess": "import subprocess; ok = attempt(lambda: subprocess.run(['/bin/true']))",
        "execve": "import os; ok = attempt(lambda: os.execv('/bin/sh', ['sh', '-c', 'exit 0']))",
        "write outside": f"ok = attempt(lambda: {touch})",
        "write in the current folder": "ok = attempt(lambda: open('x', 'w'))",
        "write into the library": "import os\nok = attempt(lambda: open(os.__file__, 'a'))",
        "delete": f"import os; ok = attempt(lambda: os.remove({str(witness.parent / 'precious')!r}))",
        "symlink": f"import os; ok = attempt(lambda: os.symlink('/etc', {str(witness)!r}))",
        "hard link": f"import os; ok = attempt(lambda: os.link('/etc/passwd', {str(witness)!r}))",
        "chmod": f"import os; ok = attempt(lambda: os.chmod({str(witness.parent)!r}, 0o777))",
        "temporary file": "import tempfile; ok = attempt(tempfile.NamedTemporaryFile)",
        "connect": f"import socket; ok = attempt(lambda: socket.create_connection(('127.0.0.1', {port}), 2))",
        "listen": "import socket; ok = attempt(lambda: socket.socket().bind(('', 0)))",
        "kill the parent": "import os; ok = attempt(lambda: os.kill(os.getppid(), 9))",
        "kill the study": f"import os; ok = attempt(lambda: os.kill({pid}, 9))",
        "kill everything": "import os; ok = attempt(lambda: os.kill(-1, 9))",
        "trace the study": f"import ctypes; ok = ctypes.CDLL(None).ptrace(16, {pid}, 0, 0) == 0",
        "raise its limits": "import resource; ok = attempt(lambda: resource.setrlimit(7, (9999, 9999)))",
        "read the environment": "import os; ok = 'SECRET' in os.environ",
        "leave by chroot": "import os; ok = attempt(lambda: os.chroot('/'))",
        "mount": "import ctypes; ok = ctypes.CDLL(None).mount(b'x', b'/', b'tmpfs', 0, 0) == 0",
        "new namespaces": "import ctypes; ok = ctypes.CDLL(None).unshare(0x10000000) == 0",
        "raw system call": "import ctypes; ok = ctypes.CDLL(None).syscall(57) >= 0",
        "32-bit numbering": "import ctypes; ok = ctypes.CDLL(None).syscall(0x40000000 + 57) >= 0",
    }
    programs = {name: attack + code + lie for name, code in tried.items()}
    return programs | {
        "allocate 10 GB": "def square(x):\n    return len(bytearray(10 ** 10))",
        "endless loop": "def square(x):\n    while True: pass",
        "endless loop on import": "while True: pass\ndef square(x): return x * x",
        "endless sleep": "import time\ndef square(x):\n    time.sleep(10 ** 6)",
        "swallow every exception": "def square(x):\n    while True:\n        try:\n            while True: pass\n        except BaseException: pass",
        "endless recursion": "import sys\nsys.setrecursionlimit(10 ** 9)\ndef square(x): return square(x)",
        "crash": "import ctypes\ndef square(x): return ctypes.string_at(0)",
        "print gigabytes": "def square(x):\n    while True: print('x' * 10 ** 6)",
        "answer gigabytes": "import os\ndef square(x):\n    while True:\n        for d in range(32):\n            try: os.write(d, b'y' * 65536)\n            except OSError: pass",
        "answer before the question": "import os\nfor d in range(3, 32):\n    try: os.write(d, b'result True\\n' * 9)\n    except OSError: pass\ndef square(x): return 0",
        "exit": "import sys\nsys.exit(0)",
        "exit when called": "import os\ndef square(x): os._exit(0)",
        "patch the builtins": "import builtins\nbuiltins.AssertionError = None\nbuiltins.abs = lambda x: 0\n" + body.format("False"),
        "an object equal to all": "class All:\n    def __eq__(self, other): return True\n    def __repr__(self): return '__import__(\"os\")'\ndef square(x): return All()",
        "a subclass equal to all": "class All(int):\n    def __eq__(self, other): return True\n    __hash__ = int.__hash__\ndef square(x): return All(0)",
        "patch the checker": "import sys, gc\nfor o in gc.get_objects():\n    if isinstance(o, dict) and 'check' in o: o['check'] = lambda f: None\ndef square(x): return 0",
        "swap the stack's code": "import sys\nsys._getframe(1).f_globals['reply'] = print\ndef square(x): return 0",
    }  # fmt: skip


def test_hostile_programs_are_contained_and_score_wrong(tmp_path, monkeypatch):
    monkeypatch.setenv("SECRET", "42")
    precious = tmp_path / "precious"
    precious.write_text("kept")
    mode = tmp_path.stat().st_mode
    visits = []
    server = socket.create_server(("127.0.0.1", 0))

    def listen():
        try:
            visits.append(server.accept())
        except OSError:
            return

    threading.Thread(target=listen, daemon=True).start()
    programs = hostile(tmp_path / "witness", server.getsockname()[1], os.getpid())
    assert len(programs) >= 25
    jobs = [
        Job(text, "square", TESTS, cpu_seconds=1, wall_seconds=8.0) for text in programs.values()
    ]
    verdicts = dict(zip(programs, sandbox.check_all(jobs, 4), strict=True))
    server.close()
    assert {name: v for name, v in verdicts.items() if v.outcome not in ("wrong", "timeout")} == {}
    for name in ("endless loop", "endless sleep", "swallow every exception"):
        assert verdicts[name].outcome == "timeout"
    assert visits == []
    assert sorted(path.name for path in tmp_path.iterdir()) == ["precious"]
    assert precious.read_text() == "kept"
    assert tmp_path.stat().st_mode == mode


def test_files_are_out_of_sight_where_namespaces_work(tmp_path):
    secret = tmp_path / "secret"
    secret.write_text("42")
    look = f"import os\ndef square(x):\n    return x * x if os.path.exists({str(secret)!r}) else 0"
    result = verdict(look)
    if result.isolation != "namespaces":
        pytest.skip("this kernel lets no user make namespaces: only the filter holds")
    assert result.outcome == "wrong"
    listing = "import os\ndef square(x):\n    return sorted(set(os.listdir('/')))"
    roots = check(Job(listing, "square", "raise ValueError(square(2))")).reason
    assert "home" not in roots
    assert "proc" not in roots


def test_the_filter_alone_still_contains(tmp_path, monkeypatch):
    """As on a machine without namespaces: what is written as the rule, tried by taking them away."""
    source = sandbox._CHILD.read_text()
    crippled = tmp_path / "child.py"
    crippled.write_text(source.replace("if _libc.unshare(sum(new.values())):", "if True:"))
    assert crippled.read_text() != source
    monkeypatch.setattr(sandbox, "_CHILD", crippled)
    assert verdict(HONEST).isolation == "seccomp"
    programs = hostile(tmp_path / "witness", 1, os.getpid())
    for name in ("fork", "write outside", "connect", "kill the study", "symlink", "listen"):
        assert verdict(programs[name]).outcome == "wrong", name
    assert not (tmp_path / "witness").exists()
