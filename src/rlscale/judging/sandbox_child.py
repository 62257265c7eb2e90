"""The two processes behind ``rlscale.judging.sandbox``; standard library only, run as a script.

``check`` is trusted: it runs a problem's tests on a stand-in for the function under test.
``run`` holds the model's program: it locks itself in, then answers calls. Arguments and results
cross a pipe as plain data in JSON, so the program never shares an interpreter with the tests.

It is one file because both run isolated (``python -I -S``), where a script's folder is not on the
path: a module beside it could not be imported. In its order: plain data, the trusted side, the
program's side, and the walls around it (processes, files, system calls).
"""

import _sitebuiltins
import ast
import builtins
import contextlib
import ctypes
import errno
import glob
import importlib.abc
import importlib.util
import json
import marshal
import os
import platform
import re
import resource
import select
import signal
import struct
import subprocess
import sys
import tempfile
import textwrap
import time
from collections.abc import Callable, Iterator
from decimal import Decimal
from fractions import Fraction
from typing import Any, BinaryIO

_LINE_BYTES = 4 << 20
_libc = ctypes.CDLL(None, use_errno=True)


class Hung(BaseException):
    """The program used up its time (no Exception, so that no test can swallow it)."""


# --- plain data, as it crosses the pipe --------------------------------------------------------


def pack(value: Any) -> Any:
    """A value of built-in types, or of classes made from them, as JSON; else a TypeError."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int):
        value = int(value)
        return value if abs(value) < 1 << 63 else ["i", hex(value)]
    if isinstance(value, float):
        return float(value)
    if isinstance(value, str):
        return str.__str__(value)
    for name, kind in _MAKERS.items():
        if isinstance(value, kind):
            return [name, *map(pack, kind.__iter__(value))]
    if isinstance(value, dict):
        return ["d", *([pack(key), pack(own)] for key, own in dict.items(value))]
    if isinstance(value, range):
        return ["r", pack(value.start), pack(value.stop), pack(value.step)]
    if isinstance(value, bytes | bytearray):
        return ["b", bytes(value).hex()]
    if isinstance(value, complex):
        return ["c", value.real, value.imag]
    if isinstance(value, Decimal):
        return ["D", str(value)]
    if isinstance(value, Fraction):
        return ["F", pack(value.numerator), pack(value.denominator)]
    raise TypeError(f"a {type(value).__name__} cannot be handed over")


def unpack(data: Any) -> Any:
    """The value that ``pack`` packed; only built-in types are ever made."""
    if not isinstance(data, list):
        return data
    kind, *items = data
    if kind in _MAKERS:
        return _MAKERS[kind](map(unpack, items))
    if kind == "d":
        return {unpack(key): unpack(value) for key, value in items}
    if kind == "i":
        return int(items[0], 16)
    if kind == "b":
        return bytes.fromhex(items[0])
    return {"r": range, "c": complex, "D": Decimal, "F": Fraction}[kind](*map(unpack, items))


_MAKERS: dict[str, Any] = {"l": list, "t": tuple, "s": set, "f": frozenset}


# --- the trusted side -------------------------------------------------------------------------


class Program:
    """The model's function, called across the pipe."""

    def __init__(self, child: subprocess.Popen[bytes], deadline: float) -> None:
        assert child.stdin is not None
        assert child.stdout is not None
        self.child, self.calls, self.replies = child, child.stdin, child.stdout
        self.deadline, self.rest = deadline, b""

    def line(self) -> str:
        """The next line that the program's side writes.

        Raises:
            Hung: Its time is up.
            RuntimeError: It ended, or wrote too much.
        """
        while b"\n" not in self.rest:
            left = self.deadline - time.monotonic()
            if left <= 0 or not select.select([self.replies], [], [], left)[0]:
                raise Hung
            piece = os.read(self.replies.fileno(), 1 << 16)
            if not piece:
                if self._ended(left) in (signal.SIGXCPU, signal.SIGKILL):
                    raise Hung
                raise RuntimeError("the program ended")
            self.rest += piece
            if len(self.rest) > _LINE_BYTES:
                raise RuntimeError("the program wrote too much")
        line, _, self.rest = self.rest.partition(b"\n")
        return line.decode()

    def _ended(self, seconds: float) -> int:
        """The signal that ended the program; one that only closed its pipe is waited for."""
        try:
            return -self.child.wait(seconds)
        except subprocess.TimeoutExpired:
            raise Hung from None

    def send(self, text: str) -> None:
        """Write a line to the program's side; raises as ``line`` where it has ended."""
        try:
            self.calls.write(text.encode() + b"\n")
            self.calls.flush()
        except BrokenPipeError:
            self.line()  # says why
            raise RuntimeError("the program ended") from None

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        self.send(json.dumps([pack(list(args)), pack(kwargs)]))
        kind, _, value = self.line().partition(" ")
        if kind != "result":
            raise RuntimeError(f"the program failed: {value}")
        return unpack(json.loads(value))


def assemble(blocks: str, entry: str, stub: str) -> str | None:
    """The program that a response's blocks make, or None.

    The last block defines the function; of the blocks before it definitions and imports are kept.
    Or the last block is the function's body, which the stub begins. Prose around a program that
    stands in no fence is left out.
    """
    *earlier, last = blocks.split("\f")
    own = last.strip("\n")
    tree = parse(own) or (not earlier and parse(own := without_prose(own)))
    if tree and entry in names_of(tree):
        return "\n".join([*map(definitions, earlier), own])
    if re.search(r"^[^\S\n]*(return|yield)\b", last, re.MULTILINE):
        body = last.strip("\n")
        body = body if body.startswith((" ", "\t")) else textwrap.indent(body, "    ")
        whole = without_prose(stub.rstrip("\n") + "\n" + body)
        tree = parse(whole)
        if tree and body.split("\n")[0] in whole and entry in names_of(tree):
            return whole
    return None


def parse(source: str) -> ast.Module | None:
    """The syntax tree, or None."""
    try:
        return ast.parse(source)
    except (SyntaxError, ValueError, MemoryError, RecursionError):
        return None


def names_of(tree: ast.Module) -> set[str]:
    """Names that a module defines."""
    names = set()
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            names.add(node.name)
        targets = getattr(node, "targets", None) or [getattr(node, "target", None)]
        names |= {target.id for target in targets if isinstance(target, ast.Name)}
    return names


def definitions(source: str) -> str:
    """Imports, functions, classes and constants of a block; empty where it is no Python."""
    kept = ast.Import | ast.ImportFrom | ast.FunctionDef | ast.ClassDef | ast.Assign | ast.AnnAssign
    tree = parse(source.strip("\n"))
    body = [node for node in tree.body if isinstance(node, kept)] if tree else []
    return "\n".join(map(ast.unparse, body))


def without_prose(text: str) -> str:
    """From the first line of a program to the last that still is one."""
    lines = text.split("\n")
    heads = (r"(def|class|import|from|async def) |@", r".*")
    starts = (i for head in heads for i, line in enumerate(lines) if re.match(head, line))
    lines = lines[next(starts, 0) :]
    for _ in range(50):
        try:
            ast.parse("\n".join(lines))
        except SyntaxError as error:
            lines = lines[: max(0, (error.lineno or 1) - 1)]
        except (ValueError, MemoryError, RecursionError):
            return ""
        else:
            break
    return "\n".join(lines)


def limit_checker(exam: dict[str, Any]) -> None:
    """The checker's own limits; nobody may read its memory, where the tests are."""
    _libc.prctl(4, 0, 0, 0, 0)  # not dumpable
    space, seconds = exam["memory_bytes"] + (256 << 20), 2 * exam["cpu_seconds"] + 30
    resource.setrlimit(resource.RLIMIT_AS, (space, space))
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds + 1))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def check() -> dict[str, Any]:
    """Read an exam from stdin, write its verdict to stdout: outcome, reason and isolation."""
    exam = json.load(sys.stdin)
    limit_checker(exam)
    program_text = exam["solution"]
    if not exam["whole"]:
        program_text = assemble(program_text, exam["entry"], exam["preamble"])
    if program_text is None:
        return {"outcome": "unparsed", "reason": "no program that defines the function"}
    root = tempfile.mkdtemp()
    child = subprocess.Popen(
        [sys.executable, "-I", "-S", __file__, "run", root],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={},
        cwd="/",
    )
    try:
        return run_tests(
            Program(child, time.monotonic() + exam["wall_seconds"]), program_text, exam
        )
    finally:
        child.kill()
        child.wait()
        os.rmdir(root)


def run_tests(program: Program, text: str, exam: dict[str, Any]) -> dict[str, Any]:
    """The verdict on a program: the exam's tests call it where it has locked itself in."""
    isolation = "none"
    try:
        part = {key: exam[key] for key in ("preamble", "entry", "cpu_seconds", "memory_bytes")}
        program.send(json.dumps({**part, "solution": text}))
        isolation = program.line()
        if isolation not in ("namespaces", "landlock", "filter"):
            return {"outcome": None, "reason": isolation, "isolation": "none"}
        space: dict[str, Any] = {"__name__": "checks"}
        exec(compile(exam["preamble"], "preamble", "exec"), space)
        space[exam["entry"]] = program
        exec(compile(exam["tests"], "tests", "exec"), space)
    except Hung:
        verdict = {"outcome": "timeout", "reason": "out of time"}
    except BaseException as error:
        verdict = {"outcome": "wrong", "reason": f"{type(error).__name__}: {error}"[:500]}
    else:
        verdict = {"outcome": "correct", "reason": ""}
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

    exam = json.loads(calls.readline())
    alone = enter_namespaces(root)
    if alone:
        be_alone(calls, replies)
    try:
        files_closed = lock_in(exam)
    except OSError as error:
        reply(f"no seccomp filter on this machine: {error}")
        return
    reply("namespaces" if alone else "landlock" if files_closed else "filter")
    answer_calls(exam, calls, reply)


def lock_in(exam: dict[str, Any]) -> bool:
    """Give up capabilities, files, resources and system calls; whether Landlock closes the files.

    Raises:
        OSError: There is no seccomp filter here.
    """
    drop_capabilities()
    files_closed = restrict_files()
    if not files_closed:
        hold_library()
    for name, value in (
        (resource.RLIMIT_CPU, exam["cpu_seconds"] + int(time.process_time())),
        (resource.RLIMIT_AS, exam["memory_bytes"]),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_NOFILE, 32),
        (resource.RLIMIT_CORE, 0),
    ):
        resource.setrlimit(name, (value, value))
    forbid_system_calls(opening=files_closed)
    return files_closed


def answer_calls(exam: dict[str, Any], calls: BinaryIO, reply: Callable[[str], None]) -> None:
    """Define the model's function and answer each call with its result or its error."""
    for leave in ("exit", "quit"):  # as every script has them
        setattr(builtins, leave, _sitebuiltins.Quitter(leave, ""))
    space: dict[str, Any] = {"__name__": "solution"}
    with contextlib.suppress(Exception):
        exec(compile(exam["preamble"], "stub", "exec"), space)
    exec(compile(exam["solution"], "solution", "exec"), space)
    function = space[exam["entry"]]
    for line in calls:
        args, kwargs = json.loads(line)
        try:
            text = "result " + json.dumps(pack(function(*unpack(args), **unpack(kwargs))))
        except Exception as error:
            text = f"error {type(error).__name__}: {error}".replace("\n", " ")
        reply(text)


# --- the walls around it: processes, files, system calls ----------------------------------------


def be_alone(calls: BinaryIO, replies: int) -> None:
    """Go on in a process that sees no other; this one hands on how that one ends."""
    child = os.fork()
    if child == 0:
        _libc.prctl(1, signal.SIGKILL, 0, 0, 0)  # ends with its parent
        return
    calls.close()
    os.close(replies)
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        os.kill(os.getpid(), os.WTERMSIG(status))
    os._exit(os.waitstatus_to_exitcode(status))


def drop_capabilities() -> None:
    """Give up what root may do; raises OSError."""
    header = ctypes.create_string_buffer(struct.pack("Ii", 0x20080522, 0))
    none = ctypes.create_string_buffer(struct.pack("6I", *[0] * 6))
    if _libc.capset(header, none):
        raise OSError(ctypes.get_errno(), "capabilities cannot be given up")


def libraries() -> list[str]:
    """Folders that a program may read: Python's library, by its real name, and the system's."""
    prefixes = {os.path.realpath(path) for path in (sys.base_prefix, sys.base_exec_prefix)}
    folders = {f"{path}/{name}" for path in prefixes for name in ("lib", sys.platlibdir)}
    folders |= {"/lib", "/lib64", "/usr/lib", "/usr/lib64", "/usr/share/zoneinfo"}
    return [path for path in sorted(folders, key=len) if os.path.isdir(path)]


def packages() -> set[str]:
    """Folders of installed packages: no program can import them, and some hold tests to be read."""
    found = {path for folder in libraries() for path in glob.glob(f"{folder}/python3*/*-packages")}
    return {os.path.realpath(path) for path in found if os.path.isdir(path)}


def readable(folder: str, hidden: set[str]) -> Iterator[tuple[str, int]]:
    """What Landlock lets be read of a folder, all but the hidden ones: paths and rights."""
    run, read, listing = 1 << 0, 1 << 2, 1 << 3
    if not any(path.startswith(f"{folder}/") for path in hidden):
        yield folder, run | read | listing
        return
    yield folder, listing
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.is_symlink() or entry.path in hidden:  # a link's target has rules of its own
                continue
            if entry.is_dir():
                yield from readable(entry.path, hidden)
            elif entry.is_file():
                yield entry.path, run | read


def restrict_files() -> bool:
    """Landlock: open nothing but libraries, and those for reading; whether it is to be had."""
    create, add, restrict = 444, 445, 446
    version = _libc.syscall(create, None, ctypes.c_size_t(0), 1)
    if version < 1:
        return False
    files = (1 << (13, 13, 14, 15, 15, 16)[min(version, 5)]) - 1
    handled = [files] + [3] * (version >= 4) + [3] * (version >= 6)  # network; signals and sockets
    attributes = ctypes.create_string_buffer(struct.pack(f"{len(handled)}Q", *handled))
    rules = _libc.syscall(create, attributes, ctypes.c_size_t(8 * len(handled)), 0)
    if rules < 0:
        return False
    folders, hidden = {os.path.realpath(folder) for folder in libraries()}, packages()
    for path, rights in (rule for folder in folders for rule in readable(folder, hidden)):
        place = os.open(path, os.O_PATH | os.O_CLOEXEC)
        rule = ctypes.create_string_buffer(struct.pack("=Qi", rights, place))
        if _libc.syscall(add, rules, 1, rule, 0):
            return False
        os.close(place)
    _libc.prctl(38, 1, 0, 0, 0)  # no new privileges
    done = _libc.syscall(restrict, rules, 0) == 0
    os.close(rules)
    return done


# Folders and modules in C that no right program needs, or that are large.
_NO_LIBRARY = {
    "site-packages", "dist-packages", "test", "tests", "idlelib", "tkinter", "turtledemo",
    "lib2to3", "ensurepip", "distutils", "__pycache__", "_tkinter", "_curses", "_curses_panel",
    "readline", "_asyncio",
}  # fmt: skip


class Held(importlib.abc.Loader):
    """Finds modules of the standard library in memory, where no file can be opened.

    Args:
        modules: By name: source or byte code, and whether it is a package.
    """

    def __init__(self, modules: dict[str, tuple[bytes, bool]]) -> None:
        self.modules = modules

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> Any:
        """The module's specification; None where it is not held."""
        if name not in self.modules:
            return None
        return importlib.util.spec_from_loader(name, self, is_package=self.modules[name][1])

    def create_module(self, spec: Any) -> None:
        """A module as usual."""

    def exec_module(self, module: Any) -> None:
        """Run the module's code in it."""
        code = self.modules[module.__name__][0]
        compiled = code.startswith(importlib.util.MAGIC_NUMBER)
        own = marshal.loads(code[16:]) if compiled else compile(code, module.__name__, "exec")
        exec(own, module.__dict__)


def hold_library() -> None:
    """Take the standard library into memory, and its modules in C into this process."""
    modules: dict[str, tuple[bytes, bool]] = {}
    for folder in map(os.path.realpath, filter(os.path.isdir, sys.path)):
        for place, inner, names in os.walk(folder):
            inner[:] = [name for name in inner if name not in _NO_LIBRARY]
            parents = place[len(folder) :].split("/")[1:]
            for name in names:
                stem, _, kind = name.partition(".")
                if kind == "py":
                    package = stem == "__init__"
                    own = ".".join(parents + [stem] * (not package))
                    modules.setdefault(own, (code_of(f"{place}/{name}"), package))
                elif kind.endswith("so") and not parents and stem not in _NO_LIBRARY:
                    with contextlib.suppress(Exception):
                        importlib.import_module(stem)
    sys.meta_path.insert(0, Held(modules))


def code_of(path: str) -> bytes:
    """A module's byte code, where it lies there for this Python; else its source."""
    with contextlib.suppress(OSError), open(importlib.util.cache_from_source(path), "rb") as file:
        code = file.read()
        if code.startswith(importlib.util.MAGIC_NUMBER):
            return code
    with open(path, "rb") as file:
        return file.read()


def enter_namespaces(root: str) -> bool:
    """Own user, network, mount, IPC, UTS and PID namespaces; a file system of only libraries.

    Returns:
        Whether the machine allows it; where not, this process is as it was.
    """
    new = {"user": 0x10000000, "net": 0x40000000, "mount": 0x20000}
    new |= {"ipc": 0x08000000, "uts": 0x04000000, "pid": 0x20000000}
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
        see_only_libraries(root)
    except OSError:
        return False
    return True


# Flags of mount(2).
_READONLY, _NOSUID, _NODEV, _NOEXEC = 0x1, 0x2, 0x4, 0x8
_REMOUNT, _NOATIME, _NODIRATIME = 0x20, 0x400, 0x800
_BIND, _RECURSIVE, _PRIVATE = 0x1000, 0x4000, 0x40000
_PLAIN = _NOSUID | _NODEV


def see_only_libraries(root: str) -> None:
    """Make an empty folder a file system of libraries alone, and go on in it; raises OSError."""
    mount(None, "/", None, _PRIVATE | _RECURSIVE)
    mount("tmpfs", root, "tmpfs", _PLAIN)
    mounted: list[str] = []
    for folder in libraries():
        if any(folder.startswith(f"{other}/") for other in mounted):
            continue
        if os.path.islink(folder):
            os.symlink(os.readlink(folder), root + folder)
            continue
        mount_library(folder, root + folder)
        mounted.append(folder)
    for folder in packages():
        if os.path.isdir(root + folder):
            mount("tmpfs", root + folder, "tmpfs", _PLAIN | _READONLY)
    for name in (sys.base_prefix, sys.base_exec_prefix):  # as Python knows its folders
        if not os.path.exists(root + name):
            os.makedirs(os.path.dirname(root + name), exist_ok=True)
            os.symlink(os.path.realpath(name), root + name)
    mount(None, root, None, _REMOUNT | _PLAIN | _READONLY)
    os.chroot(root)
    os.chdir("/")


def mount_library(folder: str, place: str) -> None:
    """Let a folder be read at another place, with the flags that a user may not lift there."""
    os.makedirs(place)
    mount(folder, place, None, _BIND | _RECURSIVE)
    locked = os.statvfs(folder).f_flag & (_PLAIN | _NOEXEC | _NOATIME | _NODIRATIME)
    mount(None, place, None, _REMOUNT | _BIND | _PLAIN | _READONLY | locked)


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
    "rt_sigreturn": 15, "pread64": 17, "readv": 19, "writev": 20, "access": 21,
    "sched_yield": 24, "mremap": 25, "madvise": 28, "dup": 32, "nanosleep": 35, "getpid": 39,
    "exit": 60, "uname": 63, "getcwd": 79, "readlink": 89, "gettimeofday": 96,
    "getrlimit": 97, "getrusage": 98, "sysinfo": 99, "times": 100, "getuid": 102, "getgid": 104,
    "geteuid": 107, "getegid": 108, "sigaltstack": 131, "gettid": 186, "time": 201, "futex": 202,
    "sched_getaffinity": 204, "getdents64": 217, "restart_syscall": 219, "clock_gettime": 228,
    "clock_getres": 229, "clock_nanosleep": 230, "exit_group": 231, "newfstatat": 262,
    "readlinkat": 267, "faccessat": 269, "dup3": 292, "getrandom": 318, "statx": 332,
    "faccessat2": 439,
}  # fmt: skip
_OPEN, _OPENAT, _IOCTL, _FCNTL = 2, 257, 16, 72
# Requests of these two that change nothing but the program's own descriptors: is it a terminal,
# close on exec; duplicate, flags. Others change files' flags, or have signals sent to processes.
_REQUESTS = {
    _IOCTL: (0x5401, 0x5413, 0x5450, 0x5451),
    _FCNTL: (0, 1, 2, 3, 1030),
}
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND | 0o20000000


def forbid_system_calls(*, opening: bool) -> None:
    """Install the seccomp filter; raises OSError where the machine has none.

    Args:
        opening: Whether files may be opened for reading (Landlock then says which).
    """
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
            (end, 0, 0, allow if opening else deny),
        ]
    for number, requests in _REQUESTS.items():
        code += [(equal, 0, 2 * len(requests) + 2, number), (load, 0, 0, 16 + 8)]
        for request in requests:
            code += [(equal, 0, 1, request), (end, 0, 0, allow)]
        code.append((end, 0, 0, deny))
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
