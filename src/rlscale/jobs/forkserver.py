"""Steps on this machine that fork from a process which has imported their libraries already.

Imports are most of the time of a small step: torch and TRL take 9 seconds of a core, vLLM 7. A run
keeps a server for each kind of step (``rlscale.jobs.imports``), which imports when it is first
asked and forks from then on. The command that a rule started waits for the forked process, which
has its arguments, folder, environment and output; signals are passed on, and it ends as that one
ends. Where there is no server, or it is gone, the command does its work itself.
"""

import contextlib
import ctypes
import gc
import importlib
import json
import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NoReturn

from rlscale.core.errors import StudyError
from rlscale.jobs.imports import OF_COMMANDS
from rlscale.jobs.signals import STOP_SIGNALS
from rlscale.jobs.threads import VARIABLES

FOLDER = "RLSCALE_FORK_SERVERS"  # of the environment: where they listen, a socket per command
LOG = Path(".state/forkserver.log")
_SERVER = "rlscale.cli.served"  # calls ``serve``, and runs what a forked process is asked for
_PASSED_ON = (*STOP_SIGNALS, signal.SIGINT, signal.SIGHUP)
_SINGLE = dict.fromkeys(VARIABLES, "1")  # a pool of threads survives no fork
_DIE_WITH_PARENT = 1  # of prctl
_LONGEST = 1 << 20  # bytes of a request


@contextlib.contextmanager
def fork_servers() -> Iterator[dict[str, str]]:
    """Keep the servers while a run goes on.

    Yields:
        What the environment of its steps needs to find them.
    """
    with contextlib.ExitStack() as held:
        folder = held.enter_context(tempfile.TemporaryDirectory(prefix="rlscale-"))
        log = held.enter_context(LOG.open("wb"))
        for name, imports in OF_COMMANDS.items():
            command = [sys.executable, "-P", "-m", _SERVER, f"{folder}/{name}", *imports.modules]
            quiet = {"VLLM_LOGGING_LEVEL": "ERROR"}
            server = subprocess.Popen(
                command,
                env={**quiet, **os.environ, **imports.environment, **_SINGLE},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,  # Ctrl-C in a terminal is for the steps
            )
            held.callback(server.wait)
            held.callback(server.terminate)
        yield {FOLDER: folder}


def forked(arguments: Sequence[str]) -> int | None:
    """Have a server run a command of ``rlscale``, and wait for its end.

    Args:
        arguments: The command's, without the program.

    Returns:
        Its exit status; where a signal ended it, this process ends by the same one. None: there is
        no server for it, or the command wants threads of its own.

    Raises:
        StudyError: The server's process was killed meanwhile.
    """
    folder = os.environ.get(FOLDER)
    wants = {name: os.environ.get(name, "1") for name in VARIABLES}
    if not folder or not arguments or arguments[0] not in OF_COMMANDS or wants != _SINGLE:
        return None
    with socket.socket(socket.AF_UNIX) as server:
        try:
            server.connect(f"{folder}/{arguments[0]}")
        except OSError:
            return None
        for name in _PASSED_ON:
            signal.signal(name, lambda number, _: server.send(bytes([number])))
        request = {
            "arguments": list(arguments),
            "folder": os.getcwd(),
            "environment": dict(os.environ),
            "umask": _umask(),
        }
        socket.send_fds(server, [json.dumps(request).encode() + b"\n"], [0, 1, 2])
        answer = server.recv(16)
    if not answer:
        raise StudyError("the process that ran this step was killed; run it again")
    status = int(answer)
    if status < 0:
        if -status in _PASSED_ON:
            signal.signal(-status, signal.SIG_DFL)
        os.kill(os.getpid(), -status)
    return status


def serve(address: str, modules: Sequence[str]) -> list[str]:
    """Fork for every request until the process that started this one is gone.

    Args:
        address: Path of the socket to make.
        modules: What is imported before the first fork; what is missing is for the steps to miss.

    Returns:
        In a forked process, which is by now as its command asked for: the command's arguments.
    """
    ctypes.CDLL(None).prctl(_DIE_WITH_PARENT, signal.SIGTERM, 0, 0, 0)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(address)
        listener.listen(64)
        while True:
            connection, _ = listener.accept()
            _wait_for_the_ended()
            with connection:
                asked = _receive(connection)
                if asked is None:
                    continue
                request, files = asked
                _import(modules)
                if os.fork() == 0:
                    listener.close()
                    job = os.fork()
                    if job == 0:
                        connection.close()
                        return _become(request, files)
                    _keep(job, connection, files)
                _close(files)


def _receive(connection: socket.socket) -> tuple[dict[str, Any], list[int]] | None:
    """A request and the files that it writes to; None where its sender is gone."""
    text, files, _, _ = socket.recv_fds(connection, _LONGEST, 3)
    while text and not text.endswith(b"\n"):
        more = connection.recv(_LONGEST)
        text = text + more if more else b""
    if not text:
        _close(files)
        return None
    return json.loads(text), files


def _wait_for_the_ended() -> None:
    with contextlib.suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass


def _import(modules: Sequence[str]) -> None:
    if all(name in sys.modules for name in modules):
        return
    gc.disable()
    for name in modules:
        with contextlib.suppress(ImportError):
            importlib.import_module(name)
    gc.enable()


def _become(request: dict[str, Any], files: Sequence[int]) -> list[str]:
    """Be the process that a command asked for."""
    for target, file in enumerate(files):
        os.dup2(file, target)
    _close(files)
    os.environ.clear()
    os.environ.update(request["environment"])
    os.umask(request["umask"])
    os.chdir(request["folder"])
    return request["arguments"]


def _keep(job: int, connection: socket.socket, files: Sequence[int]) -> NoReturn:
    """Pass signals on to a job until its end, and say how it ended; without its command it ends."""
    _close(files)
    ended = os.pidfd_open(job)
    while ended not in select.select([connection.fileno(), ended], [], [])[0]:
        number = connection.recv(1)
        signal.pidfd_send_signal(ended, number[0] if number else signal.SIGKILL)
        if not number:
            os._exit(1)
    status = os.waitstatus_to_exitcode(os.waitpid(job, 0)[1])
    with contextlib.suppress(BrokenPipeError):
        connection.sendall(str(status).encode())
    os._exit(0)


def _close(files: Sequence[int]) -> None:
    for file in files:
        os.close(file)


def _umask() -> int:
    now = os.umask(0)
    os.umask(now)
    return now
