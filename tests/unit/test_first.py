"""The first process of a container: a request to stop reaches training, whatever stands between."""

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

FIRST = [sys.executable, "-m", "rlscale.jobs.first"]
# Says its number, and ends with 85 as training does. A shell and a Python stand above it.
TRAINING = """
import signal, sys, time
signal.signal(signal.SIGURG, lambda *_: sys.exit(85))
print("ready", flush=True)
time.sleep(60)
"""
BETWEEN = """
import subprocess, sys
sys.exit(subprocess.run([sys.executable, "-c", sys.argv[1]]).returncode)
"""
WORK = ["sh", "-c", f'{sys.executable} -c "$0" "$1"; exit $?', BETWEEN, TRAINING]
CONTAINER = [
    "unshare",
    "--user",
    "--map-root-user",
    "--pid",
    "--fork",
    "--kill-child",
    "--mount-proc",
]


def stopped(command: list[str]) -> int:
    """Start it, send SIGTERM to its first process once it works; its exit status."""
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "ready\n"
    first = process.pid
    if command[0] == "unshare":
        first = int(Path(f"/proc/{first}/task/{first}/children").read_text())
    os.kill(first, signal.SIGTERM)
    try:
        return process.wait(timeout=5)
    except subprocess.TimeoutExpired:
        return 0
    finally:
        process.kill()
        process.wait()


@pytest.fixture
def container():
    """The start of a command whose process is the first of a PID namespace."""
    if (
        not shutil.which("unshare")
        or subprocess.run([*CONTAINER, "true"], capture_output=True).returncode
    ):
        pytest.skip("this machine gives no PID namespaces")
    return CONTAINER


def test_a_request_to_stop_reaches_what_works_below():
    assert stopped([*FIRST, *WORK]) == 85


def test_it_does_so_as_the_first_process_of_a_container_and_a_shell_does_not(container):
    assert stopped([*container, *FIRST, *WORK]) == 85
    assert stopped([*container, *WORK]) == 0


@pytest.mark.parametrize(
    ("script", "status"), [("exit 3", 3), ("kill -9 $$", 137), ("sleep 0 & exit 0", 0)]
)
def test_it_ends_as_its_command_does(script, status):
    assert subprocess.run([*FIRST, "sh", "-c", script]).returncode == status
