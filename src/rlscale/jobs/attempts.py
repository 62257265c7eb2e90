"""Attempts at a long step: those that got nowhere are counted, those that advanced are free.

On a cluster a step that is interrupted or killed goes on in a new job. A run of the largest models
needs many jobs, each ended by its time limit, so the number of jobs says nothing about its health:
what counts is attempts in a row, within one run of the workflow, that saved no further state.
"""

import contextlib
import json
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from rlscale.core.errors import StudyError
from rlscale.jobs import schedulers
from rlscale.jobs.owner import Owned
from rlscale.jobs.signals import AsPlanned

RUN = "RLSCALE_RUN"  # names the run of the workflow; its jobs inherit it
RECORD = "RLSCALE_ATTEMPTS"  # the record's path, for a launcher that sees another process killed
_KILLED = "killed: out of memory, of time, or a lost node"
_AS_PLANNED = "as planned"


def read(path: Path) -> list[dict[str, Any]]:
    """Attempts of the present run, oldest first.

    Returns: as ``history``.
    """
    return [entry for entry in history(path) if entry["run"] == os.environ.get(RUN, "")]


def history(path: Path) -> list[dict[str, Any]]:
    """Attempts of all runs, oldest first.

    Returns:
        Dicts with ``run``, ``job``, ``host``, ``gpus``, ``started``, ``progress`` (its start) and,
        unless the attempt was killed or still works, ``ended`` and ``end`` (what it ended with).
    """
    attempts: list[dict[str, Any]] = []
    if not path.exists():
        return attempts
    for line in path.read_text(encoding="utf-8").splitlines():
        with contextlib.suppress(json.JSONDecodeError):  # a line that a kill cut off
            row = json.loads(line)
            if "end" not in row:
                attempts.append(row)
            elif attempts[-1].get("end") != _KILLED:  # what the others say of it comes of it
                attempts[-1] |= row
    return attempts


def saved_updates(state: Path) -> int:
    """Updates after which the newest complete state was taken; 0 without one."""
    records = state.glob("checkpoint-*/record.json")
    return max((int(record.parent.name.split("-")[1]) for record in records), default=0)


def without_progress(path: Path, state: Path) -> list[dict[str, Any]]:
    """Attempts of this run that were to advance the state that there is now, and did not."""
    here = saved_updates(state)
    tried = [entry for entry in read(path) if entry["progress"] == here]
    return [entry for entry in tried if entry.get("end") != _AS_PLANNED]


def killed(path: Path, state: Path) -> int:
    """How many of these left no word: out of memory, a lost node, a time limit without warning."""
    ends = [entry.get("end", _KILLED) for entry in without_progress(path, state)]
    return ends.count(_KILLED)


def note_kill() -> None:
    """Say in the record that a process of this launch was killed; the first one may live to end."""
    if RECORD in os.environ:
        _append(Path(os.environ[RECORD]), {"ended": time.time(), "end": _KILLED})


def spent(path: Path, state: Path, budget: int) -> str:
    """Why there is no point in another attempt in this run; empty where there is."""
    failed = without_progress(path, state)
    refused = [entry for entry in failed if entry.get("end", "").startswith("error: ")]
    if not refused and len(failed) < budget:
        return ""
    last = (refused or failed)[-1].get("end", _KILLED)
    return f"{len(failed)} attempts without progress in this run, the last ended with '{last}'"


@contextlib.contextmanager
def counted(path: Path, state: Path, budget: int) -> Iterator[None]:
    """Record an attempt; refuse it where as many before it got nowhere.

    Args:
        path: File of the record, one line for each start and each end.
        state: Folder of the resumable state.
        budget: Attempts that may fail to advance it.

    Raises:
        StudyError: The budget is spent, or an attempt of this run found its input bad.
    """
    why = spent(path, state, budget)
    if why:
        raise StudyError(f"{why} ({path}); mend the cause and start the workflow again")
    path.parent.mkdir(parents=True, exist_ok=True)
    _, job = schedulers.own_job() or ("", str(os.getpid()))
    gpus = len([name for name in os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",") if name])
    start = {"run": os.environ.get(RUN, ""), "job": job, "host": os.uname().nodename, "gpus": gpus}
    _append(path, {**start, "started": time.time(), "progress": saved_updates(state)})
    end = "ok"
    try:
        yield
    except Owned:
        end = ""  # the record is another process's by now
        raise
    except AsPlanned:
        end = _AS_PLANNED
        raise
    except StudyError as error:
        end = f"error: {error}"
        raise
    except BaseException as error:
        end = f"{type(error).__name__}: {error}"
        raise
    finally:
        if end:
            _append(path, {"ended": time.time(), "end": end})


def _append(path: Path, row: dict[str, Any]) -> None:
    with path.open("a", encoding="utf-8") as file:
        file.write(
            "\n" + json.dumps(row)
        )  # the break comes first: a kill may have cut the line before
        file.flush()
        os.fsync(file.fileno())
