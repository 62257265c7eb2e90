"""Which files of a study a step opens, by whatever process and library (inotify), undeclared."""

import contextlib
import ctypes
import os
import struct
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from unittest import mock

from conftest import Study
from rlscale.core.files import read_json
from rlscale.core.manifests import is_manifest, run_record
from rlscale.study import configuration, records

# What is no file of the study's, or is where a step keeps what only it reads.
_LEFT_OUT = (".snakemake", ".state", "logs")

_OPEN, _CREATE, _MOVED_TO, _IS_DIR = 0x20, 0x100, 0x80, 0x40000000
_EVENT = struct.Struct("iIII")
_libc = ctypes.CDLL(None, use_errno=True)


class Opened:
    """What was opened, as paths relative to the folder; files that came to be are left out."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.files: set[str] = set()
        self._created: set[str] = set()
        self._watched: dict[int, Path] = {}
        self._queue = _libc.inotify_init1(os.O_NONBLOCK)
        self._watch(folder)

    def _watch(self, folder: Path) -> None:
        mask = _OPEN | _CREATE | _MOVED_TO
        for path in (folder, *(path for path in folder.rglob("*") if path.is_dir())):
            if not str(path.relative_to(self.folder)).startswith(_LEFT_OUT):
                number = _libc.inotify_add_watch(self._queue, os.fsencode(path), mask)
                assert number >= 0, os.strerror(ctypes.get_errno())
                self._watched[number] = path

    def end(self) -> None:
        """Read all events."""
        with contextlib.suppress(BlockingIOError):
            while True:
                self._take(os.read(self._queue, 1 << 16))
        os.close(self._queue)
        self.files -= self._created

    def _take(self, events: bytes) -> None:
        while events:
            number, what, _, length = _EVENT.unpack_from(events)
            name = events[_EVENT.size : _EVENT.size + length].rstrip(b"\0").decode()
            events = events[_EVENT.size + length :]
            if what & _IS_DIR or not name:
                continue
            path = str((self._watched[number] / name).relative_to(self.folder))
            (self.files if what & _OPEN else self._created).add(path)


@contextlib.contextmanager
def opened_below(folder: Path) -> Iterator[Opened]:
    """Watch a study's folder; folders that are made meanwhile are not watched."""
    opened = Opened(folder)
    yield opened
    opened.end()


def undeclared_reads(study: Study, command: str, output: str) -> list[str]:
    """Run a step again in a finished study; what it opens that its rule does not declare.

    Args:
        study: The study.
        command: ``train CELL``, ``evaluate CELL``, or the name of a step and its arguments.
        output: A file that the step makes, whose notes tell what Snakemake took for its inputs.

    Returns:
        Files of the study that are neither inputs or outputs, nor named by a manifest among them.
    """
    step = [] if command.startswith(("train ", "evaluate ")) else ["step"]
    with contextlib.chdir(study.folder), mock.patch.dict(os.environ):
        configuration.use(configuration.current(study.file))  # as the workflow does
        notes = records.read_notes()
        declared = notes[output]["input"] or []
        own = [name for name, note in notes.items() if note["log"] == notes[output]["log"]]
        with opened_below(study.folder) as opened:
            done = subprocess.run(
                [sys.executable, "-m", "rlscale.cli.main", *step, *command.split()],
                capture_output=True,
                text=True,
            )
        assert done.returncode == 0, done.stdout + done.stderr
        made = [name for name in own if Path(name).exists()]
        records_of_runs = [str(run_record(name)) for name in made]
        allowed = {*declared, *_named_by(declared), *made, *_named_by(made), *records_of_runs}
    assert not declared or opened.files & set(declared), "the watch sees nothing"
    return sorted(opened.files - allowed)


def _named_by(paths: list[str]) -> set[str]:
    """Files that manifests name."""
    found: set[str] = set()
    for path in paths:
        content = read_json(path) if path.endswith(".json") else None
        if is_manifest(content):
            found |= {entry["path"] for entry in content["files"]}
    return found
