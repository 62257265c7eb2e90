"""Snakemake runs of a study's folder: one at a time, on inputs compared by content, recorded."""

import contextlib
import fcntl
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path

from rlscale.core.errors import StudyError
from rlscale.core.inside import inside_study
from rlscale.jobs.devices import visible_gpus
from rlscale.jobs.forkserver import fork_servers
from rlscale.jobs.imports import OF_COMMANDS
from rlscale.study import records as provenance

PHASES = ("data", "models", "cells", "fits", "figures")
STEP_COMMANDS = tuple(OF_COMMANDS)  # of `rlscale`, which run steps of a study
_LOCK = Path(".state/run.lock")


def run(targets: Sequence[str], options: Sequence[str] = ()) -> int:
    """Run Snakemake for some targets; what is done by then is recorded however it ends.

    Args:
        targets: Files or target rules.
        options: Further options of Snakemake.

    Returns:
        Snakemake's exit status.

    Raises:
        StudyError: Another run works in this folder, or this is no study.
    """
    with alone():
        for name, outputs in provenance.expose_changes().items():
            print(f"changed: {name} (older than what was made from it: {outputs[0]} ...)")
        try:
            return snakemake([*targets, *options])
        finally:
            provenance.write_records()


def snakemake(arguments: Sequence[str]) -> int:
    """Run Snakemake with the study's usual options, its output shown as it comes."""
    environment = {**os.environ, "PYTHONUTF8": "1"}  # whatever the locale, files are UTF-8
    command = [*_command(), *arguments, "--logger", "rlscale"]
    # Elsewhere steps run on other machines, or on GPUs, which do not outlive a fork.
    with contextlib.ExitStack() as held:
        if "SNAKEMAKE_PROFILE" not in os.environ and not visible_gpus():
            environment |= held.enter_context(fork_servers())
        return subprocess.run(command, env=environment).returncode


def dry_run() -> str:
    """What `snakemake -n` says about this study.

    Raises:
        StudyError: Snakemake refuses the study; its own words are shown before.
    """
    done = subprocess.run([*_command(), "--dry-run"], capture_output=True, text=True)
    if done.returncode:
        print(done.stdout + done.stderr, file=sys.stderr)
        raise StudyError("snakemake --dry-run failed, see above")
    return done.stdout + done.stderr


def nothing_to_do(dry_run_output: str) -> bool:
    """Whether a dry run found everything present and up to date."""
    return "Nothing to be done" in dry_run_output


def _command() -> list[str]:
    # A profile (SNAKEMAKE_PROFILE=slurm) brings its own executor and number of jobs.
    limits = []
    if "SNAKEMAKE_PROFILE" not in os.environ:
        memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") * 9 // 10
        cores = os.environ.get("CORES", "all")
        limits = ["--cores", cores, "--resources", f"mem_mb={memory // 2**20}"]
        if gpus := visible_gpus():
            limits.append(f"gpu={len(gpus)}")  # or jobs with a GPU each would start on the same
    return [
        *(sys.executable, "-m", "snakemake", *limits),
        *("--quiet", "reason", "host", "--rerun-incomplete", "--keep-going"),
    ]


@contextlib.contextmanager
def alone() -> Iterator[None]:
    """Hold this folder's lock; clear the lock that a killed Snakemake left behind.

    Raises:
        StudyError: Another run, or a job that outlived its run, is at work here.
    """
    if not Path("Snakefile").exists():
        raise StudyError(f"{Path.cwd()}: no Snakefile here; run this in a study's folder")
    for folder in (_LOCK.parent, provenance.NOTES, provenance.RECORDS):
        inside_study(folder, "rlscale")
    _LOCK.parent.mkdir(exist_ok=True)
    how = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC  # a link would empty its target
    if _LOCK.is_symlink():
        raise StudyError(f"{_LOCK}: is a link, and would be written through; remove it")
    with os.fdopen(os.open(_LOCK, how, 0o666), "r+", encoding="utf-8") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            raise StudyError(
                f"another run is at work in this folder ({lock.read().strip()}); "
                "wait for it, or stop it with Ctrl-C, and run this again"
            ) from None
        at_work = _at_work()
        if at_work:
            names = ", ".join(f"process {pid}: {name}" for pid, name in at_work.items())
            raise StudyError(
                f"jobs of another run are at work in this folder ({names}); "
                "wait for them, or stop them, and run this again"
            )
        lock.truncate(0)
        lock.write(f"process {os.getpid()} since {time.strftime('%Y-%m-%d %H:%M:%S')}\n")
        lock.flush()
        if any(Path(".snakemake/locks").glob("*")):
            print("a run was killed here before; clearing its lock")
            subprocess.run([*_command(), "--unlock"], check=True, capture_output=True)
        yield


def _at_work() -> dict[int, str]:
    """Processes that run Snakemake or a step in this folder, this one's own line apart."""
    here, own = Path.cwd(), set()
    pid = os.getpid()
    while pid > 1:
        own.add(pid)
        pid = int(
            Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[1]
        )
    found = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            words = folder.joinpath("cmdline").read_text().split("\0")
            if int(folder.name) in own or folder.joinpath("cwd").readlink() != here:
                continue
        except (OSError, UnicodeDecodeError):  # gone meanwhile, or another user's
            continue
        name = _work_of(words)
        if name:
            found[int(folder.name)] = name
    return found


def _work_of(words: Sequence[str]) -> str:
    """What a command line does that another run must not do beside it; empty for any other."""
    for word, command in pairwise(words[:6]):
        if word.endswith(("/rlscale", "rlscale.cli.main")) and command in STEP_COMMANDS:
            return " ".join(("rlscale", *words[words.index(command) :])).strip()
    return next((word for word in words[:4] if word.endswith("snakemake")), "")
