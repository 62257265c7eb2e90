"""A step that forks from a server is to all others the command that asked for it."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from rlscale.jobs import forkserver
from rlscale.jobs.threads import VARIABLES

COMMAND = "import sys; from rlscale.jobs.forkserver import forked; sys.exit(forked(sys.argv[1:]))"


@pytest.fixture(scope="module")
def running(tmp_path_factory):
    """The environment of steps while servers run whose forks do what tests/unit/forking.py says."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(forkserver, "_SERVER", "forking")
        patch.setattr(forkserver, "LOG", tmp_path_factory.mktemp("servers") / "log")
        patch.setenv("PYTHONPATH", str(Path(__file__).parent), prepend=os.pathsep)
        with forkserver.fork_servers() as found:
            wait_for(lambda: len(os.listdir(found[forkserver.FOLDER])) == 3)
            yield {**os.environ, **found, "TOLD": "by the command"}


@pytest.fixture
def servers(running, tmp_path, monkeypatch):
    """The same, in an empty folder."""
    monkeypatch.chdir(tmp_path)
    Path(".state").mkdir()
    return running


def wait_for(condition):
    """Until something holds; a test that waits longer than half a minute fails."""
    late = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < late
        time.sleep(0.02)


def start(environment, *arguments, **options):
    """A command that has a server do its work."""
    return subprocess.Popen(
        [sys.executable, "-c", COMMAND, "train", *arguments], env=environment, **options
    )


def waiting(environment):
    """A command and the process id of its work, which goes on for long."""
    command = start(environment, "wait")
    pid = Path("pid")
    wait_for(lambda: pid.exists() and pid.read_text())
    return command, int(pid.read_text())


def is_alive(pid):
    """Whether a process is there and is no zombie."""
    try:
        return ") Z" not in Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False


def test_arguments_folder_environment_output_umask_and_status(servers, tmp_path):
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    command = start(
        servers, "tell", "a b", "c", cwd=folder, umask=0o027, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    said, complained = command.communicate(timeout=30)
    assert (said, complained) == (f"{folder} by the command a b c\n", "said\n")
    assert command.returncode == 7
    assert (folder / "made").stat().st_mode & 0o777 == 0o640


def test_an_end_by_a_signal_is_the_commands(servers):
    assert start(servers, "die").wait(30) == -signal.SIGKILL


def test_a_request_to_stop_reaches_the_work(servers):
    command, _ = waiting(servers)
    command.terminate()
    assert command.wait(30) == 85


def test_the_work_ends_with_its_command(servers):
    command, pid = waiting(servers)
    assert is_alive(pid)
    command.kill()
    wait_for(lambda: not is_alive(pid))


def test_two_at_once(servers, tmp_path):
    commands = []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        commands.append(start(servers, "tell", cwd=tmp_path / name))
    assert [command.wait(30) for command in commands] == [7, 7]


def test_without_a_server_or_with_threads_the_command_does_its_work(servers, monkeypatch):
    assert forkserver.forked(["train", "x"]) is None  # this process was told of none
    monkeypatch.setenv(forkserver.FOLDER, servers[forkserver.FOLDER])
    assert forkserver.forked(["check"]) is None
    monkeypatch.setenv(VARIABLES[0], "2")
    assert forkserver.forked(["train", "x"]) is None
    monkeypatch.setenv(VARIABLES[0], "1")
    monkeypatch.setenv(forkserver.FOLDER, "/nowhere")
    assert forkserver.forked(["train", "x"]) is None


def test_servers_end_with_the_run(servers):
    code = (
        "import time\nfrom rlscale.jobs import forkserver\nforkserver._SERVER = 'forking'\n"
        "with forkserver.fork_servers() as found:\n"
        "    print(found[forkserver.FOLDER], flush=True); time.sleep(60)\n"
    )
    run = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    folder = run.stdout.readline().strip()
    wait_for(lambda: len(os.listdir(folder)) == 3)
    run.kill()
    own = {**servers, forkserver.FOLDER: folder}
    refused = [sys.executable, "-c", COMMAND.replace("sys.exit(", "print("), "train", "tell"]
    wait_for(lambda: "None" in subprocess.check_output(refused, env=own, text=True))
