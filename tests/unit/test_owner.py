"""Ownership of a cell between real processes: races, dead and silent owners, takeovers."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from rlscale.jobs import owner
from rlscale.jobs.owner import Owned, owned

RACER = """
import sys, time
from pathlib import Path
from rlscale.jobs.owner import Owned, owned
name, log, hold, wait = Path(sys.argv[1]), Path(sys.argv[2]), float(sys.argv[3]), sys.argv[4] == "1"
print("ready", flush=True)
sys.stdin.readline()
try:
    with owned(name, wait=wait) as mine:
        with log.open("a") as file:
            file.write("in\\n")
        time.sleep(hold)
        mine.check()
        with log.open("a") as file:
            file.write("out\\n")
except Owned as refusal:
    print(refusal)
    sys.exit(86)
"""


def racers(name: Path, log: Path, count: int, hold: float, wait: bool = False):
    """Processes that start together on one piece of work; returns their exit statuses."""
    command = [sys.executable, "-c", RACER, str(name), str(log), str(hold), str(int(wait))]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    started = [subprocess.Popen(command, **pipes) for _ in range(count)]
    for racer in started:
        assert racer.stdout.readline() == "ready\n"
    for racer in started:
        racer.stdin.write("go\n")
        racer.stdin.flush()
    said = [racer.communicate(timeout=60)[0] for racer in started]
    return [racer.returncode for racer in started], said


def stale_claim(name: Path, **changes) -> Path:
    """A claim as a process that was killed left it."""
    command = [sys.executable, "-c", RACER, str(name), str(name.with_name("log")), "60", "0"]
    killed = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)
    killed.stdin.close()
    claim = name.with_name(f"{name.name}.1")
    while not claim.exists() or list(name.parent.glob("*.draft")):
        time.sleep(0.01)
    killed.kill()
    killed.wait()
    name.with_name("log").unlink(missing_ok=True)
    claim.write_text(json.dumps(json.loads(claim.read_text()) | changes))
    return claim


# A squeue that knows one job, in the state that stands in a file beside it.
SQUEUE = """#!/bin/sh
[ "$3" = 7 ] && cat "$(dirname "$0")/state"
"""


@pytest.mark.parametrize("left_behind", [False, True])
def test_of_many_starts_at_once_exactly_one_works(tmp_path, left_behind):
    for turn in range(4):
        name, log = tmp_path / f"{turn}" / "train", tmp_path / f"{turn}.log"
        name.parent.mkdir()
        if left_behind:
            stale_claim(name)
        statuses, said = racers(name, log, 6, hold=1.0)
        assert sorted(statuses) == [0, 86, 86, 86, 86, 86]
        assert log.read_text() == "in\nout\n"
        assert sum("is at this work since" in text for text in said) == 5
        assert list(name.parent.iterdir()) == []


def test_who_waits_works_after_the_other_never_beside_it(tmp_path):
    statuses, _ = racers(tmp_path / "train", tmp_path / "log", 3, hold=0.2, wait=True)
    assert statuses == [0, 0, 0]
    assert (tmp_path / "log").read_text() == "in\nout\n" * 3


def test_a_claim_of_this_very_process_is_refused_and_named(tmp_path):
    with owned(tmp_path / "train"), pytest.raises(Owned, match=f"process {os.getpid()} on "):
        owned(tmp_path / "train").__enter__()
    with owned(tmp_path / "train"):
        pass


def test_another_machines_claim_is_stale_only_when_silent_and_out_of_the_queue(
    tmp_path, monkeypatch
):
    name = tmp_path / "train"
    claim = stale_claim(name, host="elsewhere", boot="another", job="7")
    (tmp_path / "bin").mkdir()
    squeue, state = tmp_path / "bin" / "squeue", tmp_path / "bin" / "state"
    squeue.write_text(SQUEUE)
    squeue.chmod(0o755)
    state.write_text("RUNNING\n")
    monkeypatch.setenv("PATH", f"{squeue.parent}:{os.environ['PATH']}")
    with pytest.raises(Owned, match="on elsewhere, job 7"):
        owned(name).__enter__()
    long_ago = time.time() - 2 * owner.STALE
    os.utime(claim, (long_ago, long_ago))
    with pytest.raises(Owned, match="on elsewhere, job 7"):
        owned(name).__enter__()
    state.write_text("COMPLETED\n")
    with owned(name) as mine:
        mine.check()
        assert not claim.exists()


@pytest.mark.parametrize("other", [{"pid_namespace": "pid:[1]"}, {"boot": "another"}])
def test_a_claim_of_another_container_is_judged_by_its_beats_not_by_process_numbers(
    tmp_path, other
):
    """Also one of this host's name: containers number their processes alike."""
    claim = stale_claim(tmp_path / "train", **other)
    with pytest.raises(Owned, match="is at this work since"):
        owned(tmp_path / "train").__enter__()
    long_ago = time.time() - 2 * owner.STALE
    os.utime(claim, (long_ago, long_ago))
    with owned(tmp_path / "train"):
        assert not claim.exists()


@pytest.mark.parametrize("content", ["", "{", "[]", "null", '{"host": "x"}', "\0\0"])
def test_a_claim_that_cannot_be_read_blocks_only_as_long_as_it_beats(tmp_path, content):
    claim = tmp_path / "train.1"
    claim.write_text(content)
    with pytest.raises(Owned, match=r"train\.1: somebody's claim that cannot be read"):
        owned(tmp_path / "train").__enter__()
    long_ago = time.time() - 2 * owner.STALE
    os.utime(claim, (long_ago, long_ago))
    with owned(tmp_path / "train"):
        assert not claim.exists()


@pytest.mark.skipif(os.getuid() != 0, reason="a PID namespace needs root")
def test_two_pid_namespaces_do_not_own_one_cell(tmp_path):
    log = tmp_path / "log"
    inner = ["unshare", "--pid", "--fork", "--mount-proc", sys.executable, "-c", RACER]
    with owned(tmp_path / "train"):
        done = subprocess.run(
            [*inner, str(tmp_path / "train"), str(log), "0", "0"],
            input="go\n", capture_output=True, text=True,
        )  # fmt: skip
    if "unshare failed" in done.stderr or "Operation not permitted" in done.stderr:
        pytest.skip(f"no PID namespace can be made here: {done.stderr.strip()}")
    assert done.returncode == 86, done.stderr
    assert not log.exists()


def test_an_owner_beats(tmp_path):
    with owned(tmp_path / "train", beat=0.05) as mine:
        os.utime(mine.path, (0, 0))
        time.sleep(0.5)
        assert time.time() - mine.path.stat().st_mtime < 0.4


def test_who_was_taken_over_writes_nothing_more(tmp_path):
    with owned(tmp_path / "train") as mine:
        (tmp_path / "train.2").write_text(mine.path.read_text())
        with pytest.raises(Owned, match="taken over"):
            mine.check()


def test_a_shard_and_the_whole_are_not_done_at_once(tmp_path):
    whole, shards = tmp_path / "seed1", [tmp_path / "seed1" / name for name in ("1of2", "2of2")]
    refused = pytest.raises(Owned, match="is at this work")
    with owned(shards[0], apart=[whole]), owned(shards[1], apart=[whole]):
        with refused, owned(whole, apart=shards):
            pass
        assert not list(tmp_path.glob("seed1.*"))
    with owned(whole, apart=shards), refused, owned(shards[0], apart=[whole]):
        pass
    with owned(shards[0], apart=[whole]):
        pass
