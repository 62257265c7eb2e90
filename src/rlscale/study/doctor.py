"""`rlscale doctor`: whether this machine can run a study, and what to do where it cannot.

Standard library only: requirements/install.py asks before anything is installed.
"""

import contextlib
import ctypes
import json
import locale
import os
import platform
import shutil
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from importlib.util import find_spec
from pathlib import Path

from rlscale.core.errors import StudyError
from rlscale.core.machine import processor

# Libraries that wheels load and do not carry (ldd over all of an environment's .so files).
_LIBRARIES = {
    "libstdc++.so.6": {"debian": "libstdc++6", "fedora": "libstdc++", "suse": "libstdc++6"},
    "libnuma.so.1": {"debian": "libnuma1", "fedora": "numactl-libs", "suse": "libnuma1"},
}
_INSTALL = {"debian": "apt install", "fedora": "dnf install", "suse": "zypper install"}
_MEMORY_GIB = 4.0
_SHM_MIB = 64
# Whose copy from elsewhere would take the place of the environment's own.
_OWN = ("numpy", "pandas", "torch", "transformers", "trl", "snakemake")


@dataclass(frozen=True)
class Check:
    """One thing that a study needs of a machine.

    Attributes:
        name: What is looked at.
        ok: Whether it will do.
        found: What is there.
        remedy: What to do where it will not.
    """

    name: str
    ok: bool
    found: str
    remedy: str = ""


def checks(root: Path, *, study: bool = True, room_gib: float = 1.0) -> list[Check]:
    """All checks, in the order in which they are best mended.

    Args:
        root: The checkout or the study's folder.
        study: Whether a study is to run here, not only fits of curves made elsewhere.
        room_gib: Disk that must be free [GiB].
    """
    found = [_system(study), _disk(root, room_gib), _temporary(), _encoding(), *_foreign()]
    if study:
        found += [_git(), *_libraries(), _processor(), _processes(), _shared_memory(), _memory()]
    return found


def refuse(found: Sequence[Check]) -> None:
    """Refuse a machine on which something is missing.

    Raises:
        StudyError: Says what, and the remedy of each, a line each.
    """
    bad = [check for check in found if not check.ok]
    if bad:
        lines = [f"  {check.name}: {check.found}; {check.remedy}" for check in bad]
        raise StudyError("this machine cannot run it yet:\n" + "\n".join(lines))


def show(root: Path, *, as_json: bool) -> int:
    """Print all checks; what a report of a fault should contain.

    Returns:
        Exit status: 1 where something is missing.
    """
    found = checks(root)
    if as_json:
        print(json.dumps([asdict(check) for check in found], indent=2))
    else:
        for check in found:
            print(f"{'ok' if check.ok else 'MISSING':8}{check.name}: {check.found}")
            if not check.ok:
                print(f"{'':8}  {check.remedy}")
    return 0 if all(check.ok for check in found) else 1


def distribution() -> str:
    """Family of this Linux: debian, fedora or suse; debian where it says neither."""
    try:
        about = platform.freedesktop_os_release()
    except OSError:
        return "debian"
    names = f"{about.get('ID', '')} {about.get('ID_LIKE', '')}".split()
    families = {"rhel": "fedora", "centos": "fedora", "fedora": "fedora", "suse": "suse"}
    return next((families[name] for name in names if name in families), "debian")


def _system(study: bool) -> Check:
    found = f"{platform.system()} on {platform.machine()}, Python {platform.python_version()}"
    if not study:
        good = sys.version_info >= (3, 11)
        return Check("system", good, found, "Python 3.11 or newer is needed")
    good = sys.platform == "linux" and platform.machine() == "x86_64"
    remedy = (
        "a study runs on Linux x86-64; elsewhere `make env LOCK=analysis` fits and draws curves "
        "made there"
    )
    return Check("system", good, found, remedy)


def _disk(root: Path, room_gib: float) -> Check:
    free = shutil.disk_usage(root).free / 2**30
    remedy = f"{room_gib:g} GiB are needed: make room there, or work on a larger disk"
    return Check("disk", free >= room_gib, f"{free:.1f} GiB free in {root}", remedy)


def _temporary() -> Check:
    try:
        with tempfile.TemporaryFile():
            return Check("temporary files", True, tempfile.gettempdir())
    except OSError as error:
        return Check("temporary files", False, str(error), "set TMPDIR to a folder to write in")


def _encoding() -> Check:
    name = locale.getencoding()
    good = name.lower().replace("-", "") == "utf8" or bool(sys.flags.utf8_mode)
    return Check("text encoding", good, name, "export PYTHONUTF8=1 (or LC_ALL=C.UTF-8)")


def _foreign() -> Iterator[Check]:
    """Packages that would come from elsewhere than this Python's own environment."""
    places = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    elsewhere = []
    for name in _OWN:
        spec = find_spec(name)
        if spec and spec.origin and any(spec.origin.startswith(p + os.sep) for p in places if p):
            elsewhere.append(f"{name} from {Path(spec.origin).parents[1]}")
    yield Check(
        "packages", not elsewhere, "; ".join(elsewhere) or "this environment's own",
        "PYTHONPATH puts them before this environment's own: unset it",
    )  # fmt: skip


def _git() -> Check:
    found = shutil.which("git")
    remedy = f"{_INSTALL[distribution()]} git"
    return Check("git", found is not None, found or "not found", remedy)


def _libraries() -> Iterator[Check]:
    family = distribution()
    for library, packages in _LIBRARIES.items():
        try:
            ctypes.CDLL(library)
            yield Check(library, True, "found")
        except OSError:
            remedy = f"{_INSTALL[family]} {packages[family]} (vLLM and torch load it)"
            yield Check(library, False, "not found", remedy)


def _processor() -> Check:
    name, known = processor()
    if known is None:
        return Check("processor", True, f"{name}: what it can do is unknown")
    remedy = "torch and vLLM for CPUs need AVX2: another machine, or a GPU (LOCK=gpu)"
    return Check("processor", "avx2" in known, f"{name}: {' '.join(known) or 'no AVX2'}", remedy)


def _processes() -> Check:
    there = Path("/proc/self/stat").exists()
    return Check("/proc", there, "mounted" if there else "not mounted", "mount it")


def _shared_memory() -> Check:
    try:
        size = shutil.disk_usage("/dev/shm").total / 2**20
    except OSError:
        size = 0.0
    remedy = f"{_SHM_MIB} MiB are needed (docker run --shm-size=1g, or mount it)"
    return Check("/dev/shm", size >= _SHM_MIB, f"{size:.0f} MiB", remedy)


def _memory() -> Check:
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    limit = Path("/sys/fs/cgroup/memory.max")
    with contextlib.suppress(OSError, ValueError):  # no limit, or none that can be read
        memory = min(memory, int(limit.read_text(encoding="utf-8")) / 2**30)
    remedy = f"{_MEMORY_GIB:g} GiB are needed at the least"
    return Check("memory", memory >= _MEMORY_GIB, f"{memory:.1f} GiB", remedy)
