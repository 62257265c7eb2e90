"""The tutorial's commands run and say what it shows; the index of the docs names every page."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pandas
import pytest

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
CURVES, STUDY = (DOCS / "tutorial.md").read_text().split("## Your study")


def blocks(text: str, kind: str) -> list[str]:
    """Fenced blocks of one kind."""
    return re.findall(rf"```{kind}\n(.*?)```", text, re.DOTALL)


def run(commands: str, folder: Path) -> str:
    """What commands print, run as a reader would type them."""
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", commands],
        cwd=folder,
        env={**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


@pytest.mark.slow
def test_your_curves(tmp_path):
    said = run("\n".join(blocks(CURVES, "sh")), tmp_path)
    for line in "".join(blocks(CURVES, "text")).splitlines():
        assert line in said
    assert (tmp_path / "law.pdf").stat().st_size > 5_000
    columns = ["model", "seed", "step", "loss", "data_samples", "n_params"]
    panel, long = (
        pandas.read_csv(tmp_path / name, usecols=columns)[columns].sort_values(columns[:3])
        for name in ("curves.csv", "long_curves.csv")
    )
    pandas.testing.assert_frame_equal(
        panel.reset_index(drop=True), long.reset_index(drop=True), rtol=1e-9
    )


@pytest.mark.slow
def test_your_study(tmp_path):
    (tmp_path / "rlscale").symlink_to(ROOT)
    first, *rest = blocks(STUDY, "sh")
    run(first, tmp_path)
    (tmp_path / "my-study/my.yaml").write_text(blocks(STUDY, "yaml")[0])
    said = run("\n".join(rest), tmp_path / "my-study")
    assert "this study can run" in said
    assert re.search(r"train_cell +2\b", said)


def test_the_index_names_every_page_and_its_links_lead_somewhere():
    index = (DOCS / "README.md").read_text()
    named = set(re.findall(r"\]\(([^)#]+)", index))
    assert {page.name for page in DOCS.glob("*.md")} - {"README.md"} <= named
    for page in (*DOCS.glob("*.md"), ROOT / "README.md", ROOT / "CONTRIBUTING.md"):
        for link in re.findall(r"\]\(([^)#]+)", page.read_text()):
            if not re.match("https?:", link):
                assert (page.parent / link).exists(), f"{page.name}: {link}"
