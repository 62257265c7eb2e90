"""The two processes behind ``rlscale.judging.sandbox``; standard library only, run as a script.

``check`` is trusted: it runs a problem's tests on a stand-in for the function under test.
``run`` holds the model's program: it locks itself in, then answers calls. Arguments and results
cross a pipe as Python literals, so the program never shares an interpreter with the tests.
"""

import ast
import contextlib
import ctypes
import errno
import json
import os
import platform
import resource
import select
import signal
import struct
import subprocess
import sys
import tempfile
import time
from typing import Any

_LINE_BYTES = 4 << 20
_libc = ctypes.CDLL(None, use_errno=True)


class Hung(BaseException):
    """The program used up its time (no Exception, so that no test can swallow it)."""


# --- the trusted side -------------------------------------------------------------------------


class Program:
    """The model's function, called across the pipe."""

    def __init__(self, child: subprocess.Popen[bytes], deadline: float) -> None:
        assert child.stdin is not None
        assert child.stdout is not None
        self.child, self.calls, self.replies = child, child.stdin, child.stdout
        self.deadline, self.rest = deadline, b""

    def line(self) -> str:
        while b"\n" not in self.rest:
            left = self.deadline - time.monotonic()
            if left <= 0 or not select.select([self.replies], [], [], left)[0]:
                raise Hung
            piece = os.read(self.replies.fileno(), 1 << 16)
            if not piece:
                if -self.child.wait() in (signal.SIGXCPU, signal.SIGKILL):
                    raise Hung
                raise RuntimeError("the program ended")
            self.rest += piece
            if len(self.rest) > _LINE_BYTES:
                raise RuntimeError("the program wrote too much")
        line, _, self.rest = self.rest.partition(b"\n")
        return line.decode()

    def send(self, text: str) -> None:
        try:
            self.calls.write(text.encode() + b"\n")
            self.calls.flush()
        except BrokenPipeError:
            self.line()  # says why
            raise RuntimeError("the program ended") from None

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        self.send(repr((args, kwargs)))
        kind, _, value = self.line().partition(" ")
        if kind != "result":
            raise RuntimeError(f"the program failed: {value}")
        return ast.literal_eval(value)


def check() -> dict[str, Any]:
    """Read a job from stdin, write its verdict to stdout: outcome, reason and isolation."""
    job = json.load(sys.stdin)
    try:
        compile(job["solution"], "solution", "exec")
    except (SyntaxError, ValueError, MemoryError, RecursionError) as error:
        return {"outcome": "unparsed", "reason": f"{type(error).__name__}: {error}"}
    root = tempfile.mkdtemp()
    child = subprocess.Popen(
        [sys.executable, "-I", "-S", __file__, "run", root],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={},
        cwd="/",
    )
    isolation = "none"
    try:
        program = Program(child, time.monotonic() + job["wall_seconds"])
        part = {key: job[key] for key in ("solution", "entry", "cpu_seconds", "memory_bytes")}
        program.send(json.dumps(part))
        isolation = program.line()
        if isolation not in ("namespaces", "seccomp"):
            return {"outcome": None, "reason": isolation, "isolation": "none"}
        space: dict[str, Any] = {"__name__": "checks"}
        exec(compile(job["preamble"], "preamble", "exec"), space)
        space[job["entry"]] = program
        exec(compile(job["tests"], "tests", "exec"), space)
    except Hung:
        verdict = {"outcome": "timeout", "reason": "out of time"}
    except BaseException as error:
        verdict = {"outcome": "wrong", "reason": f"{type(error).__name__}: {error}"[:500]}
    else:
        verdict = {"outcome": "correct", "reason": ""}
    finally:
        child.kill()
        child.wait()
        os.rmdir(root)
    return {**verdict, "isolation": isolation}


# --- the program's side -----------------------------------------------------------------------


def run(root: str) -> None:
    """Lock this process in, then define the function and answer calls of it."""
    replies, calls = os.dup(1), os.fdopen(os.dup(0), "rb")
    null = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(null, descriptor)

    def reply(text: str) -> None:
        data = text.encode(errors="replace") + b"\n"
        while data:
            data = data[os.write(replies, data) :]

    job = json.loads(calls.readline())
    isolation = "namespaces" if enter_namespaces(root) else "seccomp"
    limit = job["cpu_seconds"]
    for name, value in (
        (resource.RLIMIT_CPU, limit),
        (resource.RLIMIT_AS, job["memory_bytes"]),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_NOFILE, 32),
        (resource.RLIMIT_CORE, 0),
    ):
        resource.setrlimit(name, (value, value))
    try:
        forbid_system_calls()
    except OSError as error:
        reply(f"no seccomp filter on this machine: {error}")
        return
    reply(isolation)
    space: dict[str, Any] = {"__name__": "solution"}
    exec(compile(job["solution"], "solution", "exec"), space)
    function = space[job["entry"]]
    for line in calls:
        args, kwargs = ast.literal_eval(line.decode())
        try:
            text = "result " + repr(function(*args, **kwargs)).replace("\n", " ")
        except Exception as error:
            text = f"error {type(error).__name__}: {error}".replace("\n", " ")
        reply(text)


def enter_namespaces(root: str) -> bool:
    """Own user, network, mount, IPC and UTS namespaces; a file system of read-only libraries.

    Returns:
        Whether the machine allows it; where not, this process is as it was.
    """
    new = {"user": 0x10000000, "net": 0x40000000, "mount": 0x20000}
    new |= {"ipc": 0x08000000, "uts": 0x04000000}
    user, group = os.getuid(), os.getgid()
    if _libc.unshare(sum(new.values())):
        return False
    try:
        for file, text in (
            ("setgroups", "deny"),
            ("uid_map", f"0 {user} 1"),
            ("gid_map", f"0 {group} 1"),
        ):
            with open(f"/proc/self/{file}", "w", encoding="utf-8") as handle:
                handle.write(text)
        private, bind, remount, readonly = 0x40000 | 0x4000, 0x1000 | 0x4000, 0x1020, 0x1
        nosuid, nodev = 0x2, 0x4
        mount(None, "/", None, private)
        mount("tmpfs", root, "tmpfs", nosuid | nodev)
        for folder in {os.path.realpath(sys.base_prefix), "/usr", "/lib", "/lib64"}:
            if os.path.islink(folder):
                os.symlink(os.readlink(folder), root + folder)
            elif os.path.isdir(folder):
                os.makedirs(root + folder)
                mount(folder, root + folder, None, bind)
                locked = os.statvfs(folder).f_flag & (nosuid | nodev | 0x8 | 0x400 | 0x800)
                mount(None, root + folder, None, remount | readonly | nosuid | nodev | locked)
        mount(None, root, None, 0x20 | readonly | nosuid | nodev)
        os.chroot(root)
        os.chdir("/")
    except OSError:
        return False
    return True


def mount(source: str | None, target: str, kind: str | None, flags: int) -> None:
    """mount(2); raises OSError."""
    encoded = [None if text is None else text.encode() for text in (source, target, kind)]
    if _libc.mount(*encoded, ctypes.c_ulong(flags), None):
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), target)


# x86-64 numbers of what a computing program needs; all else fails with EPERM: no process or
# thread, no socket, no signal to others, no change to any file.
_ALLOWED = {
    "read": 0, "write": 1, "close": 3, "stat": 4, "fstat": 5, "lstat": 6, "poll": 7, "lseek": 8,
    "mmap": 9, "mprotect": 10, "munmap": 11, "brk": 12, "rt_sigaction": 13, "rt_sigprocmask": 14,
    "rt_sigreturn": 15, "ioctl": 16, "pread64": 17, "readv": 19, "writev": 20, "access": 21,
    "sched_yield": 24, "mremap": 25, "madvise": 28, "dup": 32, "nanosleep": 35, "getpid": 39,
    "exit": 60, "uname": 63, "fcntl": 72, "getcwd": 79, "readlink": 89, "gettimeofday": 96,
    "getrlimit": 97, "getrusage": 98, "sysinfo": 99, "times": 100, "getuid": 102, "getgid": 104,
    "geteuid": 107, "getegid": 108, "sigaltstack": 131, "gettid": 186, "time": 201, "futex": 202,
    "sched_getaffinity": 204, "getdents64": 217, "restart_syscall": 219, "clock_gettime": 228,
    "clock_getres": 229, "clock_nanosleep": 230, "exit_group": 231, "newfstatat": 262,
    "readlinkat": 267, "faccessat": 269, "dup3": 292, "getrandom": 318, "statx": 332,
    "faccessat2": 439,
}  # fmt: skip
_OPEN, _OPENAT = 2, 257
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND | 0o20000000


def forbid_system_calls() -> None:
    """Install the seccomp filter; raises OSError where the machine has none."""
    if platform.machine() != "x86_64":
        raise OSError(errno.ENOSYS, "the filter is written for x86-64")
    load, equal, any_bit, end = 0x20, 0x15, 0x45, 0x06
    allow, deny = 0x7FFF0000, 0x00050000 | errno.EPERM
    code = [
        (load, 0, 0, 4),
        (equal, 1, 0, 0xC000003E),  # x86-64, or die
        (end, 0, 0, 0x80000000),
        (load, 0, 0, 0),
    ]
    for number, argument in ((_OPEN, 1), (_OPENAT, 2)):
        code += [
            (equal, 0, 4, number),
            (load, 0, 0, 16 + 8 * argument),
            (any_bit, 0, 1, _WRITING),
            (end, 0, 0, deny),
            (end, 0, 0, allow),
        ]
    for number in sorted(_ALLOWED.values()):
        code += [(equal, 0, 1, number), (end, 0, 0, allow)]
    code.append((end, 0, 0, deny))
    packed = b"".join(struct.pack("HBBI", *line) for line in code)
    buffer = ctypes.create_string_buffer(packed, len(packed))
    program = struct.pack("HxxxxxxQ", len(code), ctypes.addressof(buffer))
    no_new_privileges, set_seccomp, filter_mode = 38, 22, 2
    if _libc.prctl(no_new_privileges, 1, 0, 0, 0) or _libc.prctl(
        set_seccomp, filter_mode, ctypes.create_string_buffer(program, len(program)), 0, 0
    ):
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


if __name__ == "__main__":
    if sys.argv[1] == "check":
        verdict = check()
        with contextlib.suppress(BrokenPipeError):
            print(json.dumps(verdict), flush=True)
    else:
        run(sys.argv[2])
