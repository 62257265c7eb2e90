"""The README's commands on a fresh minimal Debian, as a user; what it lacks is said first.

Needs root and debootstrap; the system is made in a temporary folder, and its mounts are of a
namespace that ends with each command. pip is configured there as it is here.
"""

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from conftest import ROOT

pytestmark = [
    pytest.mark.long,
    pytest.mark.skipif(
        os.geteuid() != 0 or shutil.which("debootstrap") is None,
        reason="needs root and debootstrap",
    ),
]
MIRROR = "http://deb.debian.org/debian"
README_SAYS = "make,git,python3-venv,libnuma1"
ENTER = """
set -e
for folder in proc sys dev; do mount --rbind /$folder "$ROOT/$folder"; done
for folder in $SHARED; do mkdir -p "$ROOT$folder"; mount --bind "$folder" "$ROOT$folder"; done
exec chroot $USER_OPTION "$ROOT" /bin/sh -c "$COMMAND"
"""


class Machine:
    """A Debian of its own, with a user `student` who has cloned the product."""

    def __init__(self, root: Path) -> None:
        self.root = root
        subprocess.run(
            ["debootstrap", "--variant=minbase", f"--include={README_SAYS},ca-certificates",
             "bookworm", str(root), MIRROR],
            check=True, stdout=subprocess.DEVNULL,
        )  # fmt: skip
        for file in ("etc/resolv.conf", "etc/hosts", "etc/ssl/certs/ca-certificates.crt"):
            shutil.copy(Path("/", file), root / file)
        for file in ("etc/pip.conf", "etc/xdg/pip/pip.conf"):
            if Path("/", file).exists():
                (root / file).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(Path("/", file), root / file)
        self.run("useradd -m student", user="")
        subprocess.run(
            ["git", "clone", "-q", "--no-hardlinks", ROOT, root / "home/student/rlscale"],
            check=True,
        )
        self.run("chown -R student:student /home/student", user="")

    def run(self, command: str, user: str = "student:student") -> subprocess.CompletedProcess[str]:
        kept = ("PIP_", "UV_", "SSL_", "REQUESTS_", "http", "HTTP", "no_proxy", "NO_PROXY")
        return subprocess.run(
            ["unshare", "--mount", "--propagation", "private", "sh", "-c", ENTER],
            env={
                **{name: value for name, value in os.environ.items() if name.startswith(kept)},
                "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
                "HOME": "/home/student",
                "LANG": "C",
                "ROOT": str(self.root),
                "SHARED": "/opt" if Path("/opt").is_dir() else "",
                "USER_OPTION": f"--userspec={user}" if user else "",
                "COMMAND": f"cd /home/student/rlscale 2>/dev/null; {command}",
            },
            capture_output=True,
            text=True,
        )


@pytest.fixture(scope="module")
def machine(tmp_path_factory) -> Iterator[Machine]:
    folder = tmp_path_factory.mktemp("debian")
    yield Machine(folder / "root")
    shutil.rmtree(folder)


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("usr/lib/x86_64-linux-gnu/libnuma.so.1", "libnuma1"),
        ("usr/lib/python3/dist-packages/../../python3.11/ensurepip", "python3.11-venv"),
        ("usr/bin/git", "git"),
    ],
)
def test_what_is_lacking_is_said_before_anything_is_installed(machine, path, said):
    there = (machine.root / path).resolve()
    away = there.with_name(f"{there.name}.away")
    there.rename(away)
    try:
        done = machine.run("make study")
    finally:
        away.rename(there)
    assert done.returncode != 0
    assert f"apt install {said}" in done.stdout + done.stderr
    assert not (machine.root / "home/student/rlscale/.venv").exists()


def test_the_study_runs_to_its_figures_and_report(machine):
    done = machine.run("make study")
    assert done.returncode == 0, (done.stdout + done.stderr)[-4000:]
    results = machine.root / "home/student/rlscale/results"
    assert (results / "report.html").stat().st_size > 100_000
    assert (results / "fig_k_of_N.pdf").stat().st_size > 1_000
    assert len((done.stdout + done.stderr).splitlines()) < 150
