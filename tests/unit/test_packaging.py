"""The package as others install it: its lists, its files, and what the bare wheel can do."""

import importlib.metadata
import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
INSTALLERS = {"setuptools", "uv"}  # of requirements/analysis.in: they install, nothing imports them
BARE = ("core", "laws", "accounting", "judging", "data", "curves", "answers", "report", "cli")
CLEAN = {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")}


def wanted(name: str) -> set[str]:
    """Requirements of a file, without those of the files that it takes in, as PyPI spells them."""
    lines = (ROOT / f"requirements/{name}.in").read_text().splitlines()
    kept = (line for line in lines if line and not line.startswith(("#", "-r ")))
    return {line.replace("+cpu", "") for line in kept}


def test_dependencies_and_extras_are_those_of_the_locks():
    assert set(PROJECT["dependencies"]) == wanted("analysis") - INSTALLERS
    extras = {name: set(listed) for name, listed in PROJECT["optional-dependencies"].items()}
    assert extras == {
        "parquet": {"pyarrow"},
        "study": wanted("chain") | wanted("cpu"),
        "gpu": wanted("chain") | wanted("gpu"),
        "dev": wanted("tools") | {"rlscale[study]"},
    }


def test_one_version_everywhere():
    import rlscale

    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert citation["version"] == rlscale.__version__
    assert re.search(rf"^## \[({re.escape(rlscale.__version__)}|Unreleased)\]", changelog(), re.M)


def changelog() -> str:
    return (ROOT / "CHANGELOG.md").read_text()


def test_the_mapping_of_the_published_points_is_the_studys():
    mapping = yaml.safe_load((ROOT / "resources/published/mapping.yaml").read_text())
    study = yaml.safe_load((ROOT / "config/published.yaml").read_text())["ingest"]
    assert {f"resources/published/{file}": own for file, own in mapping.pop("files").items()} == (
        study.pop("files")
    )
    assert mapping == study


@pytest.fixture(scope="module")
def dist(tmp_path_factory) -> Path:
    """A wheel, built from a source distribution that is built from the checkout's files."""
    folder = tmp_path_factory.mktemp("dist")
    source = folder / "checkout"
    tracked = subprocess.run(
        ["git", "-C", ROOT, "ls-files", "--cached", "--others", "--exclude-standard"],
        capture_output=True, text=True, check=True,
    ).stdout.split("\n")  # fmt: skip
    for name in filter(None, tracked):
        if (ROOT / name).exists():
            (source / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, source / name, follow_symlinks=False)
    command = ["uv", "build", "--offline", "--no-build-isolation", "--python", sys.executable]
    subprocess.run([*command, "--out-dir", folder / "dist", source], check=True)
    return folder / "dist"


@pytest.fixture(scope="module")
def bare(dist, tmp_path_factory) -> Path:
    """An environment with the wheel and what it depends on, and nothing else."""
    venv = tmp_path_factory.mktemp("bare") / "venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", venv], check=True)
    (wheel,) = dist.glob("*.whl")
    command = ["uv", "pip", "install", "--offline", "--no-deps", "--python", venv / "bin/python"]
    subprocess.run([*command, wheel], check=True)
    (site,) = venv.glob("lib/python*/site-packages")
    lock = (ROOT / "requirements/analysis.txt").read_text()
    for name in set(re.findall(r"^([a-z0-9-]+)==", lock, re.M)) - INSTALLERS:
        found = importlib.metadata.distribution(name)
        for top in {file.parts[0] for file in found.files if file.parts[0] != ".."}:
            if not (site / top).exists():
                (site / top).symlink_to(found.locate_file(top))
    return venv


def run(venv: Path, folder: Path, *command: str) -> subprocess.CompletedProcess:
    """Run a program of an environment that knows nothing of this checkout."""
    return subprocess.run(
        [venv / "bin" / command[0], *command[1:]],
        cwd=folder, env=CLEAN, capture_output=True, text=True,
    )  # fmt: skip


def fits_the_published_curves(venv: Path, folder: Path) -> None:
    """Hold a bare environment to the fit of the published curves."""
    asked = run(venv, folder, "python", "-c", "import rlscale; print(rlscale.__path__[0])")
    mapping = f"{asked.stdout.strip()}/published/mapping.yaml"
    made = run(venv, folder, "rlscale", "ingest", "--mapping", mapping, "--yes")
    assert made.returncode == 0, made.stderr
    options = ["--size", "n_params_nominal", "--select", "recipe=main", "--weighting", "equal"]
    fit = run(venv, folder, "rlscale", "fit", "curves.csv", *options)
    assert fit.returncode == 0, fit.stderr
    assert "K_max = 0.137" in fit.stdout
    assert "qwen2.5-72b" in fit.stdout


@pytest.mark.slow
def test_the_bare_wheel_fits_the_published_curves_without_torch(bare, tmp_path):
    assert "No module named 'torch'" in run(bare, tmp_path, "python", "-c", "import torch").stderr
    fits_the_published_curves(bare, tmp_path)


@pytest.mark.slow
def test_the_bare_wheel_imports_all_that_it_promises(bare, tmp_path):
    script = f"""
import importlib, pkgutil, rlscale
for module in pkgutil.walk_packages(rlscale.__path__, "rlscale."):
    if module.name.split(".")[1] in {BARE} and not module.name.endswith("sandbox_child"):
        importlib.import_module(module.name)
"""
    done = run(bare, tmp_path, "python", "-c", script)
    assert done.returncode == 0, done.stderr


@pytest.mark.slow
def test_the_bare_wheel_reports_on_a_data_file(bare, tmp_path):
    (tmp_path / "set.json").write_text('[{"problem": "1+1=", "answer": "2"}]')
    done = run(bare, tmp_path, "rlscale", "data-report", "set.json")
    assert done.returncode == 0, done.stderr
    assert "read 1 rows of set.json in layout plain" in done.stdout


@pytest.mark.slow
def test_the_bare_wheel_says_what_needs_pyarrow(bare, tmp_path):
    for name in ("set.parquet", "set.jsonl.zst"):
        (tmp_path / name).write_bytes(b"PAR1")
        for command in (("data-report",), ("ingest", "--map", "loss=1 - acc")):
            done = run(bare, tmp_path, "rlscale", command[0], name, *command[1:])
            assert (done.returncode, done.stdout) == (1, "")
            assert f"{name}: Parquet, Arrow and .zst are read by pyarrow" in done.stderr


@pytest.mark.slow
def test_the_bare_wheel_says_what_needs_the_rules(bare, tmp_path):
    done = run(bare, tmp_path, "rlscale", "run", "all")
    assert done.returncode == 1
    assert done.stderr.startswith("error: rlscale run needs the rules, which the wheel does not")
    assert "make env" in done.stderr
    assert run(bare, tmp_path, "rlscale", "--version").stdout.startswith("rlscale 0.")


@pytest.mark.long
def test_the_wheel_installs_from_a_registry(dist, tmp_path):
    venv = tmp_path / "venv"
    subprocess.run([sys.executable, "-m", "venv", venv], check=True)
    (wheel,) = dist.glob("*.whl")
    subprocess.run([venv / "bin/pip", "install", "--quiet", wheel], check=True, env=CLEAN)
    fits_the_published_curves(venv, tmp_path)
