"""A study's own folder under git and DVC, as its tests drive it."""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import yaml


class Study:
    """A study's folder, the commands that a user runs in it, and its log of trainings."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.log = folder.parent / f"{folder.name}.log"
        self.environment = {
            **os.environ,
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "STUB_LOG": str(self.log),
            "CORES": "2",
            **dict.fromkeys(("GIT_AUTHOR_NAME", "GIT_COMMITTER_NAME"), "test"),
            **dict.fromkeys(("GIT_AUTHOR_EMAIL", "GIT_COMMITTER_EMAIL"), "test@localhost"),
        }

    def run(self, *command: str, fails: bool = False) -> str:
        """Run a command; its outcome must be as expected. Returns all that it printed."""
        done = subprocess.run(
            command,
            cwd=self.folder,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=900,
        )
        assert bool(done.returncode) is fails, f"{command}: {done.stdout}"
        assert "Traceback" not in done.stdout, done.stdout
        return done.stdout

    def start(self, *command: str) -> subprocess.Popen:
        """Start a command in a process group of its own."""
        return subprocess.Popen(
            command,
            cwd=self.folder,
            env=self.environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    def trainings(self) -> list[str]:
        """Trainings since the last call."""
        lines = self.log.read_text().splitlines() if self.log.exists() else []
        self.log.unlink(missing_ok=True)
        return sorted(lines)

    def edit(self, **changes) -> None:
        """Change top-level keys of the configuration."""
        path = self.folder / "config/config.yaml"
        path.write_text(yaml.safe_dump(yaml.safe_load(path.read_text()) | changes, sort_keys=False))

    def override(self, seed: int, **settings) -> None:
        """Give one cell its own training settings."""
        self.edit(training={"overrides": [{"match": {"seed": seed}, "set": settings}]})

    def recipe(self, **changes) -> None:
        """Change settings of all cells' training."""
        recipes = yaml.safe_load((self.folder / "config/config.yaml").read_text())["recipes"]
        self.edit(recipes={"main": recipes["main"] | changes})

    def commit(self) -> None:
        self.run("git", "add", "--all")
        self.run("git", "commit", "--quiet", "--message", "results")

    def copy(self, name: str) -> "Study":
        other = Study(self.folder.with_name(name))
        shutil.copytree(self.folder, other.folder, symlinks=True)
        return other

    def clone(self, name: str) -> "Study":
        """A fresh clone: what git has, with the modification times of today."""
        other = Study(self.folder.with_name(name))
        self.run("git", "clone", "--quiet", ".", str(other.folder))
        return other

    def contents(self, *roots: str) -> dict[str, bytes]:
        files = [path for root in roots for path in sorted((self.folder / root).rglob("*"))]
        return {str(p.relative_to(self.folder)): p.read_bytes() for p in files if p.is_file()}


def wait_for(condition: Callable[[], bool]) -> None:
    """Wait for a condition; three minutes without it fail the test."""
    deadline = time.time() + 180
    while not condition():
        assert time.time() < deadline
        time.sleep(0.05)
