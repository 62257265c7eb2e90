"""Typical mistakes in a configuration: few lines, each a sentence, and the page says the same."""

import contextlib
import os
import subprocess
import sys
from pathlib import Path

import pytest
from config_mistakes import ABSENT, ACCEPTED, LINE, MISTAKES, page, rows, text_of

from rlscale.study.check import show

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/mistakes.md").read_text(encoding="utf-8")
ALL = {title: change for own in MISTAKES.values() for title, change in own.items()}
MOST = 6  # lines of console


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    """Kind, mistake and what is said, of each."""
    with contextlib.chdir(tmp_path_factory.mktemp("mistakes")):
        return list(rows())


def test_the_page_says_what_is_said(found):
    assert page(found) == PAGE, "make docs writes it"
    assert len(found) >= 57


@pytest.mark.parametrize("title", ALL)
def test_a_mistake_is_a_sentence_or_two(found, title):
    said = next(said for _, own, said in found if own == title).split(LINE)
    assert len(said) <= 2
    assert all(0 < len(line) < 250 and "\n" not in line for line in said)
    if said[0].startswith("Accepted"):
        assert title in ACCEPTED
    elif said[0].startswith(ABSENT):
        assert all(line.endswith("is not here") for line in said)


@pytest.mark.parametrize(
    "title", ["`prompt_per_step`", "a tab", "a study to compare with that is not here"]
)
def test_the_command_says_it_in_few_lines(found, title, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    path = Path("study.yaml")
    path.write_text(text_of(ALL[title]), encoding="utf-8")
    status = show(path, as_json=False)
    printed = capsys.readouterr().out.splitlines()
    assert status == (0 if printed[-1].endswith("this study can run") else 1)
    assert len(printed) <= MOST
    said = next(said for _, own, said in found if own == title).split(LINE)
    assert all(line.removeprefix(ABSENT) in "\n".join(printed) for line in said)


def test_snakemake_says_the_same_in_as_few_lines(tmp_path):
    path = tmp_path / "study.yaml"
    path.write_text(text_of(ALL["`recipez` for `recipes`"]), encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "snakemake", "-n", "-s", ROOT / "Snakefile", "--configfile", path],
        env=os.environ | {"PYTHONPATH": str(ROOT / "src")},
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    said = [line for line in (done.stdout + done.stderr).splitlines() if line.strip()]
    assert done.returncode == 1
    assert len(said) <= MOST
    assert any("recipez: unknown key; did you mean recipes?" in line for line in said)
