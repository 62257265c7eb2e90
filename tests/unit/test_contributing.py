"""What CONTRIBUTING.md, pre-commit and the Makefile say of each other is true."""

import re
import tomllib
from pathlib import Path

import yaml

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "CONTRIBUTING.md").read_text()
MAKEFILE = (ROOT / "Makefile").read_text()


def test_pre_commit_runs_what_make_lint_runs():
    recipe = re.search(r"^lint:.*\n((?:\t.*\n)+)", MAKEFILE, re.M)[1]
    linted = {
        re.sub(r" (--check|--no-cache|\$\(\w+\))", "", line) for line in recipe.split("\n\t@")
    }
    linted = {line.strip().removeprefix("@") for line in linted}
    hooks = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())["repos"][0]["hooks"]
    run = {re.sub(r" (--fix|--no-cache)", "", hook["entry"]) for hook in hooks}
    assert {entry.removeprefix(".venv/bin/") for entry in run} == linted


def test_the_picture_has_every_package_in_its_order():
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]
    layers = next(c["layers"] for c in contracts["contracts"] if c["type"] == "layers")
    listed = re.findall(r"^\| `(\w+)` \|", PAGE, re.M)
    assert listed == layers[::-1]


def test_its_commands_paths_and_groups_exist():
    for target in set(re.findall(r"\bmake ([a-z-]+)", PAGE)):
        assert re.search(rf"^{target}:", MAKEFILE + (ROOT / "workflow/study.mk").read_text(), re.M)
    for path in re.findall(r"\]\(([\w./-]+)\)", PAGE):
        assert (ROOT / path).exists()
    source = "".join(path.read_text() for path in (ROOT / "src").rglob("*.py"))
    for group in re.findall(r"\| `(rlscale\.\w+)` \|", PAGE):
        assert f'"{group}"' in source, group
