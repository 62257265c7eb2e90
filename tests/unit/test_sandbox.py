# ruff: noqa: E501 (programs)
"""The sandbox: honest programs pass; hostile ones are contained, scored wrong, and harm nothing."""

import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from sandbox_modes import HONEST, TESTS, mode, verdict  # noqa: F401 (a fixture)

from rlscale.core.errors import StudyError
from rlscale.judging import canaries, sandbox
from rlscale.judging.sandbox import Exam, check


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
    exam = Exam(
        f"def give(x):\n    return x, {value}", "give", f"assert give({text}) == ({text}, {text})"
    )
    assert check(exam).outcome == "correct"


def test_outcomes():
    assert verdict("def square(x):\n    return x").outcome == "wrong"
    assert verdict("def square(x:").outcome == "unparsed"
    assert verdict("raise ValueError('no')").outcome == "unparsed"
    assert verdict(f"{HONEST}\nraise ValueError('no')").outcome == "wrong"
    assert "AssertionError" in verdict("def square(x):\n    return x").reason
    assert check(Exam(HONEST, "square", "while True: pass", wall_seconds=-28)).outcome == "timeout"


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


HOSTILE_TOO = {
    "signals by a pipe's owner": "import fcntl\nok = any(attempt(lambda d=d: fcntl.fcntl(d, fcntl.F_SETOWN, {pid})) for d in range(16))",
    "a signal of choice for a pipe": "import fcntl\nok = any(attempt(lambda d=d: fcntl.fcntl(d, 10, 9)) for d in range(16))",
    "asynchronous pipes": "import fcntl\nok = any(attempt(lambda d=d: fcntl.fcntl(d, fcntl.F_SETFL, 0o20000)) for d in range(16))",
    "leases on files": "import fcntl, os\nok = attempt(lambda: fcntl.fcntl(os.open(os.__file__, os.O_RDONLY), 1024, 0))",
    "flags of files": "import fcntl, os, struct\nok = attempt(lambda: fcntl.ioctl(os.open(os.__file__, os.O_RDONLY), 0x40086602, struct.pack('l', 64)))",
    "type into a terminal": "import fcntl\nok = any(attempt(lambda d=d: fcntl.ioctl(d, 0x5412, b'x')) for d in range(16))",
    "become dumpable, set names": "import ctypes; ok = ctypes.CDLL(None).prctl(4, 1, 0, 0, 0) == 0",
    "take capabilities back": "import ctypes; ok = ctypes.CDLL(None).syscall(126, b'\\x22\\x05\\x08\\x20' + bytes(4), b'\\xff' * 24) == 0",
    "change the user": "import os; ok = attempt(lambda: os.setuid(0))",
    "lift the filter": "import ctypes; ok = ctypes.CDLL(None).prctl(22, 0, 0, 0, 0) == 0",
    "send by pidfd": "import ctypes; ok = ctypes.CDLL(None).syscall(434, {pid}, 0) >= 0",
    "read another's memory": "import ctypes; ok = ctypes.CDLL(None).syscall(310, {pid}, 0, 0, 0, 0, 0) >= 0",
    "io_uring": "import ctypes; ok = ctypes.CDLL(None).syscall(425, 1, bytes(120)) >= 0",
    "bpf": "import ctypes; ok = ctypes.CDLL(None).syscall(321, 0, bytes(64), 64) >= 0",
    "keys": "import ctypes; ok = ctypes.CDLL(None).syscall(250, 0, -3, 0, 0, 0) >= 0",
    "shared memory": "import ctypes; ok = ctypes.CDLL(None).shmget(0, 4096, 0o1600) >= 0",
    "a memory file": "import os; ok = attempt(lambda: os.memfd_create('x'))",
    "nice of others": "import os; ok = attempt(lambda: os.setpriority(os.PRIO_PROCESS, {pid}, 19))",
    "a unix socket pair": "import socket; ok = attempt(socket.socketpair)",
    "clone3": "import ctypes; ok = ctypes.CDLL(None).syscall(435, bytes(88), 88) >= 0",
    "time travel": "import time; ok = attempt(lambda: time.clock_settime(0, 0))",
    "a file lock": "import fcntl, os; ok = attempt(lambda: fcntl.flock(os.open(os.__file__, os.O_RDONLY), 2))",
}  # fmt: skip


@pytest.mark.slow
def test_hostile_programs_are_contained_and_score_wrong(mode, tmp_path, monkeypatch):  # noqa: F811
    monkeypatch.setenv("SECRET", "42")
    home = tmp_path / "home"
    home.mkdir()
    (home / "precious").write_text("kept")
    rights = home.stat().st_mode
    visits = []
    server = socket.create_server(("127.0.0.1", 0))

    def listen():
        try:
            visits.append(server.accept())
        except OSError:
            return

    threading.Thread(target=listen, daemon=True).start()
    victim = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    programs = hostile(home / "witness", server.getsockname()[1], victim.pid)
    attempt = "\ndef attempt(f):\n    try:\n        f(); return True\n    except BaseException: return False\n"
    lie = "\ndef square(x):\n    return (4 if x == 2 else 9) if ok else 'contained'\n"
    more = {name: attempt + code.format(pid=victim.pid) + lie for name, code in HOSTILE_TOO.items()}
    assert len(more) >= 20
    programs |= more
    exams = [
        Exam(text, "square", TESTS, cpu_seconds=1, wall_seconds=12.0) for text in programs.values()
    ]
    results = dict(zip(programs, sandbox.check_all(exams, 4), strict=True))
    server.close()
    alive = victim.poll() is None
    victim.kill()
    victim.wait()
    assert [name for name, result in results.items() if result.outcome == "correct"] == []
    for name in ("endless loop", "endless sleep", "swallow every exception"):
        assert results[name].outcome == "timeout"
    assert alive
    assert visits == []
    assert sorted(path.name for path in home.iterdir()) == ["precious"]
    assert (home / "precious").read_text() == "kept"
    assert home.stat().st_mode == rights


PROMISES = {  # what a program would find -> the isolations under which it does not
    "the user's files": ("filter", "landlock", "namespaces"),
    "its own folder": ("filter", "landlock", "namespaces"),
    "other processes' environment": ("filter", "landlock", "namespaces"),
    "the checker's memory": ("filter", "landlock", "namespaces"),
    "its own environment": ("filter", "landlock", "namespaces"),
    "that another process runs": ("namespaces",),
}


def test_each_mode_promises_what_the_documents_say(mode, tmp_path, monkeypatch):  # noqa: F811
    monkeypatch.setenv("SECRET", "42")
    secret = tmp_path / "secret"
    secret.write_text("42")
    victim = subprocess.Popen(
        [sys.executable, "-c", "import time; time.sleep(600)"], env={"TOKEN": "SECRET"}
    )
    time.sleep(0.3)
    parents = "import os\ndef walk():\n    for p in os.listdir('/proc'):\n        if p.isdigit() and int(p) != os.getpid() and b'child.py' in open(f'/proc/{p}/cmdline', 'rb').read(): yield p\n"
    finds = {
        "the user's files": f"def find(): return open({str(secret)!r}).read() == '42'",
        "its own folder": f"import os\ndef find(): return bool(os.listdir({str(tmp_path)!r}))",
        "other processes' environment": f"def find(): return b'SECRET' in open('/proc/{victim.pid}/environ', 'rb').read()",
        "the checker's memory": parents + "def find(): return any(open(f'/proc/{p}/mem', 'rb') for p in walk())",
        "its own environment": "import os\ndef find(): return 'SECRET' in os.environ",
        "that another process runs": f"import os\ndef find(): return bool(os.stat('/proc/{victim.pid}'))",
    }  # fmt: skip
    call = "\ndef square(x):\n    try:\n        return find()\n    except OSError: return False\n"
    found = {}
    for name, code in finds.items():
        result = check(Exam(code + call, "square", "assert square(1)", cpu_seconds=2))
        found[name] = result.outcome == "correct"
    victim.kill()
    victim.wait()
    assert [name for name, held in PROMISES.items() if mode in held and found[name]] == []
    assert found["that another process runs"] == (mode != "namespaces")


def test_a_python_behind_links_runs_the_same_programs(tmp_path):
    link = tmp_path / "linked"
    link.symlink_to(sys.base_prefix)
    binary = link / "bin" / f"python3.{sys.version_info.minor}"
    subprocess.run([binary, "-m", "venv", "--without-pip", tmp_path / "venv"], check=True)
    script = (
        "from rlscale.judging.sandbox import Exam, check\n"
        "programs = ('from typing import List\\ndef f(x): return x', "
        "'import random, datetime\\ndef f(x): return x')\n"
        "results = [check(Exam(p, 'f', 'assert f(2) == 2')) for p in programs]\n"
        "print([r.outcome for r in results], {r.isolation for r in results})"
    )
    source = Path(sandbox.__file__).parents[2]
    said = [
        subprocess.run(
            [python, "-c", script], env={"PYTHONPATH": str(source)}, capture_output=True, text=True
        ).stdout
        for python in (binary, tmp_path / "venv/bin/python", sys.executable)
    ]
    assert said[0].startswith("['correct', 'correct']")
    assert len(set(said)) == 1


@pytest.mark.parametrize(
    ("value", "test"),
    [
        ("__import__('collections').Counter('aab')", "== {'a': 2, 'b': 1}"),
        ("__import__('collections').defaultdict(int, a=1)", "== {'a': 1}"),
        ("__import__('collections').namedtuple('R', 'a b')(1, 2)", "== (1, 2)"),
        ("float('inf')", "> 10 ** 9"), ("10 ** 5000", "== 10 ** 5000"), ("-2 ** 70", "== -2 ** 70"),
        ("float('nan')", "!= 0"), ("3 + 4j", "== 3 + 4j"), ("range(3)", "== range(3)"),
        ("__import__('fractions').Fraction(1, 3)", "* 3 == 1"),
        ("__import__('decimal').Decimal('0.1')", "* 10 == 1"), ("'\\ud800'", "== '\\ud800'"),
        ("frozenset({1})", "== {1}"), ("[(1, [2.5, None])]", "== [(1, [2.5, None])]"),
    ],
)  # fmt: skip
def test_what_right_programs_return_is_handed_over(value, test):
    exam = Exam(f"def f(x):\n    return {value}", "f", f"assert f(float('inf')) {test}")
    assert check(exam).outcome == "correct"


LARGE = """
import resource, time
from rlscale.judging.sandbox import Exam, check
started = time.monotonic()
done = check(Exam("def f(x):\\n    return [0] * 1_900_000", "f", "assert len(f(1)) == 3"))
print(done.outcome, time.monotonic() - started,
      resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
"""


def test_a_large_answer_costs_the_checker_little():
    done = subprocess.run([sys.executable, "-c", LARGE], capture_output=True, text=True)
    outcome, seconds, kilobytes = done.stdout.split()
    assert outcome == "wrong"
    assert float(seconds) < 30
    assert int(kilobytes) < 1_200_000


def test_canaries_pass_here_and_stop_where_the_sandbox_fails(tmp_path, monkeypatch):
    held = canaries.check_canaries.__wrapped__("filter")
    assert held in sandbox.ISOLATIONS
    with monkeypatch.context() as patch:
        patch.setattr(
            canaries, "check_all", lambda exams, n: [sandbox.Result("correct", "", "filter")] * 20
        )
        with pytest.raises(StudyError, match="a wrong program was judged correct"):
            canaries.check_canaries.__wrapped__("filter")
    source = sandbox._CHILD.read_text()
    (tmp_path / "child.py").write_text(
        source.replace("if _libc.unshare(sum(new.values())):", "if True:")
    )
    monkeypatch.setattr(sandbox, "_CHILD", tmp_path / "child.py")
    with pytest.raises(StudyError, match="'namespaces' is demanded"):
        canaries.check_canaries.__wrapped__("namespaces")
