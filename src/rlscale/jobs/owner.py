"""One owner per piece of work: a second start refuses, or waits, and never writes beside the first.

A claim is a file ``<name>.<n>`` made by link, which is atomic on shared file systems where flock is
not reliable; the highest n owns. The owner touches its claim. It is stale once its process is gone,
where this process would see it (the same boot, the same PID namespace); elsewhere, in another
container or before a restart, once its beats stopped and its scheduler's job, if it has one, is no
longer in the queue. One that cannot be read is judged by its beats alone. Who takes over links
n + 1, so two who find the same stale claim cannot both win.
"""

import contextlib
import json
import os
import threading
import time
import uuid
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from rlscale.core.errors import StudyError
from rlscale.jobs import schedulers

BEAT = 15.0  # seconds between two beats
STALE = 8 * BEAT  # silence after which a claim from another machine may be taken over


class Owned(StudyError):
    """Another process is at this work."""

    status = 86


class Owner:
    """The claim that this process holds; ``check`` before writing what others may read."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def check(self) -> None:
        """Make sure that the work is still ours.

        Raises:
            Owned: Another process took over, because our beats had stopped.
        """
        claims = _claims(self.path.with_suffix(""))
        if not claims or claims[-1] != self.path:
            raise Owned(f"{self.path}: taken over by another process; nothing more is written")


@contextlib.contextmanager
def owned(
    name: Path, *, wait: bool = False, beat: float = BEAT, apart: Iterable[Path] = ()
) -> Iterator[Owner]:
    """Hold the claim on a piece of work.

    Args:
        name: Path of the claim without its number, in a folder that all machines share.
        wait: Wait for the present owner to end instead of refusing.
        apart: Other work, named likewise, that must not be done meanwhile: its owners, who name
            this one, refuse or are waited for. Both claim first and look then.
        beat: Seconds between two beats.

    Raises:
        Owned: Another process holds it; the message names its host, process and job.
    """
    while True:
        try:
            owner = _claim(name, apart)
            break
        except Owned:
            if not wait:
                raise
            time.sleep(1)
    done = threading.Event()

    def keep_beating() -> None:
        while not done.wait(beat):
            with contextlib.suppress(FileNotFoundError):
                os.utime(owner.path)

    thread = threading.Thread(target=keep_beating, daemon=True)
    thread.start()
    try:
        yield owner
    finally:
        done.set()
        thread.join()
        owner.path.unlink(missing_ok=True)


def _claims(name: Path) -> list[Path]:
    """Claims on a piece of work, the owner's last."""
    found = [path for path in name.parent.glob(f"{name.name}.*") if path.suffix[1:].isdecimal()]
    for path in found:
        if path.is_symlink() or (path.exists() and not path.is_file()):
            raise StudyError(f"{path}: stands where a claim would, and is none; remove it")
    return sorted(found, key=lambda path: int(path.suffix[1:]))


def _claim(name: Path, apart: Iterable[Path]) -> Owner:
    owner = _link(name)
    held = [claims[-1] for other in apart if (claims := _claims(other))]
    for claim in held:
        if holder := _live_holder(claim):
            owner.path.unlink()
            raise Owned(holder)
    return owner


def _link(name: Path) -> Owner:
    name.parent.mkdir(parents=True, exist_ok=True)
    draft = name.with_name(f"{name.name}.{uuid.uuid4().hex}.draft")
    with open(draft, "x", encoding="utf-8") as handle:
        json.dump(_identity(), handle)
        handle.flush()
        os.fsync(handle.fileno())
    try:
        while True:
            claims = _claims(name)
            if claims and (holder := _live_holder(claims[-1])):
                raise Owned(holder)
            number = int(claims[-1].suffix[1:]) + 1 if claims else 1
            mine = name.with_name(f"{name.name}.{number}")
            try:
                os.link(draft, mine)
            except FileExistsError:
                continue
            # A listing is not atomic: one that missed a newer claim ends here.
            if _claims(name)[-1] != mine:
                mine.unlink()
                continue
            os.utime(mine)
            for old in claims:
                old.unlink(missing_ok=True)
            return Owner(mine)
    finally:
        draft.unlink()


def _identity() -> dict[str, Any]:
    scheduler, job = schedulers.own_job() or (None, None)
    return {
        "host": os.uname().nodename,
        **_sight(),
        "pid": os.getpid(),
        "born": _born(os.getpid()),
        "job": job,
        "scheduler": scheduler,
        "since": time.strftime("%Y-%m-%d %H:%M:%S"),
    }


def _sight() -> dict[str, str]:
    """Of which processes this one can say whether they are there: those of its boot and namespace.

    Containers on one machine may share its name and its boot, and number their processes alike.
    """
    boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="utf-8").strip()
    return {"boot": boot, "pid_namespace": os.readlink("/proc/self/ns/pid")}


def _born(pid: int) -> str | None:
    """When a process of this machine started, in clock ticks since boot; None where it is gone."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return None if fields[0] in "ZX" else fields[19]


def _live_holder(claim: Path) -> str:
    """Who holds a claim, in words; empty where nobody does any more."""
    try:
        silent = _silence(claim)
        holder = _read(claim)
    except FileNotFoundError:
        return ""
    if holder is None:
        if silent >= STALE:
            return ""
        return (
            f"{claim}: somebody's claim that cannot be read, {silent:.0f} s old; it counts for "
            f"{STALE:.0f} s after its last beat, then run this again"
        )
    if all(holder.get(key) == value for key, value in _sight().items()):
        live = _born(holder["pid"]) == holder["born"]
    else:
        live = silent < STALE or (holder["job"] is not None and _in_queue(holder))
    if not live:
        return ""
    job = f", job {holder['job']}" if holder["job"] else ""
    return (
        f"{claim}: process {holder['pid']} on {holder['host']}{job} is at this work since "
        f"{holder['since']} (last beat {silent:.0f} s ago); wait for it, or end it"
    )


def _read(claim: Path) -> dict[str, Any] | None:
    """What a claim says; None where it cannot be read: empty, cut off, or another user's."""
    try:
        holder = json.loads(claim.read_text(encoding="utf-8"))
    except (ValueError, RecursionError, PermissionError):
        return None
    texts = ("host", "boot", "since")
    known = (
        isinstance(holder, dict)
        and all(isinstance(holder.get(key), str) for key in texts)
        and isinstance(holder.get("pid"), int)
        and all(isinstance(holder.get(key, 0), str | None) for key in ("born", "job", "scheduler"))
    )
    return holder if known else None


def _silence(claim: Path) -> float:
    """Seconds since the last beat, by the clock of the file system that both machines share.

    A beat that lies ahead is as far from now: a claim cannot be made to last by its time.
    """
    probe = claim.with_name(f"{claim.name}.{uuid.uuid4().hex}.clock")
    probe.touch()
    now = probe.stat().st_mtime
    probe.unlink()
    return abs(now - claim.stat().st_mtime)


def _in_queue(holder: dict[str, Any]) -> bool:
    """Whether the scheduler still has a holder's job; claims of older versions name none."""
    return schedulers.holds(holder.get("scheduler") or schedulers.SLURM.name, holder["job"])
