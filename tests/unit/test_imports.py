"""Every module can be imported where only the analysis lock is; names of modules in texts hold."""

import importlib
import re
import subprocess
import sys
import tomllib
from functools import cache

import pytest

from conftest import ROOT

# Imports every module of the package; a third-party module that no package of the lock provides
# is as good as not installed.
IMPORT_ALL = """
import importlib, importlib.metadata, pkgutil, re, sys

def name(text):
    return re.sub(r"[-_.]+", "-", text).lower()

locked = {name(line.split("==")[0]) for line in open(sys.argv[1]) if "==" in line}
provided = importlib.metadata.packages_distributions()

class Absent:
    @staticmethod
    def find_spec(module, path=None, target=None):
        packages = {name(package) for package in provided.get(module.partition(".")[0], ())}
        if packages and not packages & {*locked, "rlscale"}:
            raise ModuleNotFoundError(f"No module named '{module}'", name=module)

sys.meta_path.insert(0, Absent)
try:
    import torch
except ModuleNotFoundError:
    pass
else:
    sys.exit("torch can be imported")
import rlscale
count = 0
for module in pkgutil.walk_packages(rlscale.__path__, "rlscale."):
    if module.name != "rlscale.judging.sandbox_child":  # a program
        importlib.import_module(module.name)
        count += 1
print(count)
"""
NAME = re.compile(r"\brlscale(?:\.\w+)+(?::\w+)?")
TEXTS = ("src", "workflow", "tests", "benchmarks", "docs", "*.md", "*.toml", "Makefile")
MADE_UP = {
    "rlscale.core.disk_files", "rlscale.judging.referees", "rlscale.referees", "rlscale.shapes",
    "rlscale.training.rewards", "rlscale.verified", "rlscale.core.nowhere",
    "rlscale.core.files:nothing",
}  # fmt: skip
FILES = {"rlscale.def", "rlscale.sif", "rlscale.tar"}


def test_every_module_imports_with_the_packages_of_the_analysis_lock():
    lock = ROOT / "requirements/analysis.txt"
    done = subprocess.run(
        [sys.executable, "-c", IMPORT_ALL, lock], capture_output=True, text=True, cwd=ROOT / "src"
    )
    assert done.returncode == 0, done.stderr
    modules = [path for path in (ROOT / "src/rlscale").rglob("*.py") if path.parts[-2] != "rlscale"]
    assert int(done.stdout) >= len(modules) - 1


def names() -> dict[str, str]:
    """Every name of a module or of what is in one -> a file that holds it."""
    listed = subprocess.run(
        ["git", "ls-files", *TEXTS], cwd=ROOT, capture_output=True, text=True, check=True
    )
    found = {}
    for file in listed.stdout.split("\n"):
        path = ROOT / file
        if path.is_file() and path.suffix not in (".png", ".parquet"):
            found |= dict.fromkeys(NAME.findall(path.read_text(encoding="utf-8")), file)
    return found


@cache
def entry_point_groups() -> set[str]:
    plugin = tomllib.loads((ROOT / "tests/plugin/pyproject.toml").read_text())
    return set(plugin["project"]["entry-points"])


def resolves(name: str) -> bool:
    """Whether ``package.module``, ``module:attribute`` or ``module.attribute`` exists."""
    dotted, _, attribute = name.partition(":")
    parts = dotted.split(".")
    for length in range(len(parts), 0, -1):
        try:
            there = importlib.import_module(".".join(parts[:length]))
        except ModuleNotFoundError:
            continue
        for part in [*parts[length:], *filter(None, [attribute])]:
            if not hasattr(there, part):
                return False
            there = getattr(there, part)
        return True
    return False


def test_names_of_modules_in_texts_are_of_modules_that_exist():
    found = names()
    assert len(found) > 100
    known = MADE_UP | FILES | entry_point_groups()
    wrong = {name: file for name, file in found.items() if name not in known and not resolves(name)}
    assert wrong == {}


@pytest.mark.parametrize("name", ["rlscale.core.nowhere", "rlscale.core.files:nothing"])
def test_a_name_of_nothing_does_not_resolve(name):
    assert not resolves(name)
