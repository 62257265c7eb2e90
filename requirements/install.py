"""Make .venv and install one of the locks into it: ``python install.py cpu|gpu|dev|analysis``.

Standard library only: this runs before anything is installed. The lock's packages come from the
sources that pip is configured with; torch's CPU build, which PyPI does not have, also from
PyTorch's own CPU index (or its mirror, ``TORCH_CPU_INDEX``). Hashes in the locks make it
indifferent which source serves a file. uv, when it can be had, only makes this faster than pip.
"""

import contextlib
import hashlib
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "src"))  # what is imported from there needs nothing installed

from rlscale.core.errors import StudyError  # noqa: E402
from rlscale.study import doctor  # noqa: E402

# Published as source alone; built by the lock's own setuptools before anything else is there. Of
# all others wheels are taken: to build one would run tools that no hash names.
SOURCES = ("connection-pool", "deepspeed")
TORCH_CPU_INDEX = "https://download.pytorch.org/whl/cpu"
# GiB that must be free before the install: the packages, unpacked, and the downloads.
ROOM = {"cpu": 6, "cpu312": 12, "dev": 6, "dev312": 12, "gpu": 20, "analysis": 2}
MINUTES = {"gpu": "5 to 15", "analysis": "1"}


class InstallError(Exception):
    """A reason why there is no environment, as a sentence for the user.

    Attributes:
        output: What the installer printed, when one was running.
    """

    def __init__(self, sentence: str, output: str = ""):
        super().__init__(sentence)
        self.output = output


def main(lock: str) -> None:
    """Make the environment and install the lock ``requirements/<lock>.txt``."""
    started = time.time()
    for name in ("PYTHONPATH", "PYTHONHOME"):  # they would bring packages from elsewhere
        os.environ.pop(name, None)
    venv = ROOT / ".venv"
    lock_file = ROOT / "requirements" / f"{file_of(lock)}.txt"
    check_machine(lock, venv)
    packages = sum(line[0].isalnum() for line in lock_file.read_text().splitlines() if line)
    print(
        f"environment: installing {packages} packages into .venv from "
        f"requirements/{lock_file.name} ({MINUTES.get(lock, '1 to 5')} minutes where downloads "
        f"are quick; {ROOM[lock_file.stem]} GiB of disk)",
        flush=True,
    )
    python = make_venv(venv)
    install_lock(python, lock_file)
    run([*installer(python), "--no-deps", "--no-build-isolation", "-e", str(ROOT)], python)
    in_any_locale(venv)
    sha256 = hashlib.sha256(lock_file.read_bytes()).hexdigest()
    (venv / f"{lock}.stamp").write_text(f"{sha256}\n")
    print(f"environment: ready after {time.time() - started:.0f} s", flush=True)


def file_of(lock: str) -> str:
    """The name of the lock's file for the Python that runs this.

    PyTorch's CPU wheels are one per Python; from 3.12 on torch is PyPI's, in locks of their own.
    """
    newer = sys.version_info[:2] > (3, 11) and lock in ("cpu", "dev")
    return f"{lock}312" if newer else lock


def check_machine(lock: str, venv: Path) -> None:
    """Refuse what cannot work, before anything is downloaded."""
    other = "cpu" if lock == "gpu" else "gpu"
    if lock != "analysis" and (venv / f"{other}.stamp").exists():
        raise InstallError(
            f".venv holds the {other} lock, whose torch and vLLM cannot stay beside those of "
            f"{lock}; run `make clean-env` first"
        )
    room = 0 if any(venv.glob("*.stamp")) else ROOM[file_of(lock)]
    try:
        doctor.refuse(doctor.checks(ROOT, study=lock != "analysis", room_gib=room))
    except StudyError as error:
        raise InstallError(str(error)) from None


def make_venv(venv: Path) -> Path:
    """Make the virtual environment unless a working one is there; return its Python."""
    python = venv / "bin" / "python"
    works = python.exists() and not subprocess.run([python, "-c", "import pip"]).returncode
    if not works:
        made = subprocess.run(
            [sys.executable, "-m", "venv", "--clear", venv], capture_output=True, text=True
        )
        if made.returncode:
            raise InstallError(
                f"{sys.executable} -m venv failed: {(made.stdout + made.stderr).strip()[-500:]}"
            )
    return python


def install_lock(python: Path, lock_file: Path) -> None:
    """Install every package of the lock, and nothing else."""
    text = lock_file.read_text(encoding="utf-8")
    bootstrap(python, text)
    pinned = [*installer(python), "--no-deps", "--require-hashes", "--no-build-isolation"]
    with own_file("".join(requirement(text, name) for name in SOURCES)) as sources:
        run([*pinned, "-r", str(sources)], python)
    wheels = ["--only-binary=:all:", *(f"--no-binary={name}" for name in SOURCES)]
    command = [*pinned, *wheels, "-r", str(lock_file)]
    torch = requirement(text, "torch").split()
    try:
        run(command, python)
    except InstallError as error:
        if not (torch and torch[0].endswith("+cpu") and torch[0] in error.output):
            raise
        index = os.environ.get("TORCH_CPU_INDEX", TORCH_CPU_INDEX)
        print(f"environment: trying again with PyTorch's CPU wheels from {index}", flush=True)
        run([*command, "--extra-index-url", index], python)


def bootstrap(python: Path, lock: str) -> None:
    """Install the lock's own setuptools and uv by pip; without uv, pip serves for the rest too."""
    pip = [python, "-m", "pip", "install", "--retries", "1", "--only-binary=:all:"]
    for name in ("setuptools", "uv"):
        with own_file(requirement(lock, name)) as one:
            subprocess.run([*pip, "--no-deps", "--require-hashes", "-r", one], capture_output=True)


@contextlib.contextmanager
def own_file(requirements: str) -> Iterator[Path]:
    """A file of some requirements of a lock."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "requirements.txt"
        file.write_text(requirements)
        yield file


def requirement(lock: str, name: str) -> str:
    """The lines of one package in a lock: its pin and the indented hashes below it."""
    found = re.search(rf"^{name}==.*(\n +--hash=.*)*", lock, re.MULTILINE)
    return found[0].rstrip("\\ ") + "\n" if found else ""


def in_any_locale(venv: Path) -> None:
    """Spell this checkout's path in ASCII where Python reads it: by a locale's encoding (3.11)."""
    for file in venv.glob("lib/python3*/site-packages/__editable__.*.pth"):
        path = file.read_text(encoding="utf-8").strip()
        if not path.isascii() and "\n" not in path:
            line = f"import sys; sys.path.append({path!a})\n"
            file.write_text(line, encoding="ascii")


def installer(python: Path) -> list[str]:
    """The install command: uv where the environment has it, else pip."""
    if (python.parent / "uv").exists():
        # As pip does. It costs seconds once; where PYTHONDONTWRITEBYTECODE is set, every job of a
        # study would otherwise compile all that it imports (2 s a figure).
        return [str(python.parent / "uv"), "pip", "install", "--compile-bytecode"]
    return [str(python), "-m", "pip", "install", "--progress-bar", "off", "--use-pep517"]


def run(command: list[str], python: Path) -> None:
    """Run an installer, showing its output; a failure becomes an InstallError that says why."""
    own = {"VIRTUAL_ENV": str(python.parent.parent), "LC_ALL": "C.UTF-8"}
    environment = {**os.environ, **uv_settings(python), **own}
    process = subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    output = []
    for line in process.stdout:
        if not line.startswith((" + ", "Requirement already satisfied")):  # one line per package
            print(f"  {line}", end="", flush=True)
        output.append(line)
    if process.wait():
        raise InstallError(reason("".join(output)), "".join(output))


def reason(output: str) -> str:
    """Say in one sentence why an installer failed, from what it printed."""
    text = output.lower()
    if "no space left" in text or "os error 28" in text:
        return "the disk is full; make room and run the same command again"
    unreachable = (
        "dns error",
        "failed to fetch",
        "connection refused",
        "timed out",
        "name resolution",
    )
    if any(word in text for word in unreachable):
        return (
            "no package registry could be reached; check the network, or configure pip for your "
            "mirror (`pip config list` shows what is set) and run the same command again"
        )
    if "hash mismatch" in text or "do not match the hashes" in text:
        return "a downloaded file differs from the lock's hash (see above); it was not installed"
    return "packages could not be installed; the lines above say which and why"


def uv_settings(python: Path) -> dict[str, str]:
    """What pip is configured with, as uv's environment variables (uv reads no pip settings)."""
    pip = pip_sources(python)
    settings = {
        "UV_FIND_LINKS": ",".join(pip["find-links"]),
        "UV_DEFAULT_INDEX": " ".join(pip["index-url"][:1]),
        "UV_INDEX": " ".join(pip["extra-index-url"]),
        "SSL_CERT_FILE": " ".join(pip["cert"][:1]),
    }
    settings = {key: value for key, value in settings.items() if value and key not in os.environ}
    # As pip does: the best version of all sources, whichever has it. Hashes guard the choice.
    return {"UV_INDEX_STRATEGY": "unsafe-best-match", **settings}


def pip_sources(python: Path) -> dict[str, list[str]]:
    """Pip's configured find-links, indexes and certificate, from all of its configuration."""
    listing = subprocess.run(
        [python, "-m", "pip", "config", "list"], capture_output=True, text=True, check=True
    ).stdout
    sources: dict[str, list[str]] = {
        key: [] for key in ("find-links", "index-url", "extra-index-url", "cert")
    }
    for line in listing.splitlines():
        name, _, value = line.partition("=")
        key = name.split(".", 1)[-1]
        if key in sources:
            words = value.strip("'\"").replace("\\n", " ").split()
            sources[key] += [word for word in words if word not in sources[key]]
    return sources


if __name__ == "__main__":
    if sys.argv[1:] == ["--find-links"]:
        print(uv_settings(Path(sys.executable)).get("UV_FIND_LINKS", ""))
        sys.exit()
    try:
        main(sys.argv[1])
    except (InstallError, OSError) as error:
        sys.exit(f"error: {error}")
