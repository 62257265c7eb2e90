"""`rlscale doctor`: what is missing on a machine is named with its remedy."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from rlscale.core.errors import StudyError
from rlscale.study import doctor

ROOT = Path(__file__).parents[2]


def named(found, name):
    return next(check for check in found if check.name == name)


def test_this_machine_will_do():
    found = doctor.checks(ROOT, room_gib=0)
    assert [check for check in found if not check.ok] == []
    doctor.refuse(found)


@pytest.mark.parametrize(
    ("system", "remedy"),
    [
        ({"ID": "debian"}, "apt install libnuma1"),
        ({"ID": "ubuntu", "ID_LIKE": "debian"}, "apt install libnuma1"),
        ({"ID": "rocky", "ID_LIKE": "rhel centos fedora"}, "dnf install numactl-libs"),
        ({"ID": "opensuse-leap", "ID_LIKE": "suse opensuse"}, "zypper install libnuma1"),
    ],
)
def test_a_missing_library_is_named_with_this_systems_command(monkeypatch, system, remedy):
    monkeypatch.setattr(doctor.platform, "freedesktop_os_release", lambda: system)

    def load(library):
        if "numa" in library:
            raise OSError(f"{library}: cannot open shared object file")

    monkeypatch.setattr(doctor.ctypes, "CDLL", load)
    found = doctor.checks(ROOT, room_gib=0)
    assert not named(found, "libnuma.so.1").ok
    with pytest.raises(StudyError, match=remedy):
        doctor.refuse(found)


def test_packages_from_elsewhere_are_refused(tmp_path):
    (tmp_path / "pandas").mkdir()
    (tmp_path / "pandas/__init__.py").write_text("")
    done = subprocess.run(
        [sys.executable, "-m", "rlscale.cli.main", "doctor", "--json"],
        env={"PYTHONPATH": f"{tmp_path}:{ROOT / 'src'}", "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
    )
    said = {check["name"]: check for check in json.loads(done.stdout)}
    assert done.returncode == 1
    assert said["packages"]["found"] == f"pandas from {tmp_path}"
    assert "unset it" in said["packages"]["remedy"]


def test_too_little_disk_and_another_system(monkeypatch):
    found = doctor.checks(ROOT, room_gib=1e9)
    assert not named(found, "disk").ok
    monkeypatch.setattr(doctor.platform, "machine", lambda: "aarch64")
    assert not named(doctor.checks(ROOT), "system").ok
    assert named(doctor.checks(ROOT, study=False), "system").ok


def test_it_needs_nothing_that_must_be_installed():
    code = "import sys; sys.path.insert(0, sys.argv[1]); from rlscale.study import doctor; "
    code += "print(len(doctor.checks(__import__('pathlib').Path('.'))))"
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", code, str(ROOT / "src")], capture_output=True, text=True
    )
    assert int(done.stdout) > 8, done.stderr


def test_another_encoding_than_utf8_is_named(monkeypatch):
    monkeypatch.setattr(doctor.locale, "getencoding", lambda: "ISO-8859-1")
    assert "PYTHONUTF8=1" in named(doctor.checks(ROOT), "text encoding").remedy
    if not doctor.sys.flags.utf8_mode:
        assert not named(doctor.checks(ROOT), "text encoding").ok
