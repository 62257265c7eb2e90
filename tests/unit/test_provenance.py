"""Records of what outputs were made from: as Snakemake keeps them, and by content."""

import contextlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from rlscale.study import records as provenance

LONG = "x" * 200  # its base64 is longer than a file name may be

SNAKEFILE = f"""
rule all:
    input: "results/{LONG}/b.txt"
rule a:
    input: "raw.txt"
    output: "results/a.txt", "results/a2.txt"
    params: word=config.get("word", "one")
    shell: "cat {{input}} > {{output[0]}}; cp {{output[0]}} {{output[1]}}"
rule b:
    input: "results/a.txt"
    output: "results/{LONG}/b.txt"
    shell: "cp {{input}} {{output}}"
"""


def snakemake(*arguments: str) -> str:
    command = [sys.executable, "-m", "snakemake", "--cores", "1", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return done.stdout + done.stderr


@pytest.fixture(scope="module")
def finished(tmp_path_factory) -> Path:
    """A workflow of two steps that has run once; tests leave it as they find it."""
    folder = tmp_path_factory.mktemp("finished")
    (folder / "Snakefile").write_text(SNAKEFILE)
    (folder / "raw.txt").write_text("raw")
    with contextlib.chdir(folder):
        snakemake()
    return folder


@pytest.fixture
def folder(finished, tmp_path, monkeypatch):
    """A copy of it, with its times, as the working directory."""
    shutil.copytree(finished, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_notes_are_found_where_snakemake_keeps_them(folder):
    notes = provenance.read_notes()
    outputs = {"results/a.txt", "results/a2.txt", f"results/{LONG}/b.txt"}
    assert notes.keys() == outputs
    assert all(provenance.notes_path(output).is_file() for output in outputs)


def test_records_restore_what_snakemake_needs_after_a_clone(folder):
    assert provenance.write_records() == 3
    before = {path: path.read_text() for path in Path("records").rglob("*.json")}
    assert {str(path) for path in before} == {
        "records/results.json",
        f"records/results/{LONG}.json",
    }
    subprocess.run(["rm", "-rf", ".snakemake"], check=True)
    os.utime("raw.txt")
    assert provenance.restore() == []
    notes = provenance.read_notes()
    assert provenance.changed_inputs(notes) == {}
    provenance.touch_in_order(notes, {})
    assert "Nothing to be done" in snakemake("--dry-run")
    assert "params have changed" in snakemake("--dry-run", "--config", "word=two").lower()
    provenance.write_records()
    assert {path: path.read_text() for path in before} == before


def test_an_output_of_other_bytes_gets_no_notes(folder):
    provenance.write_records()
    subprocess.run(["rm", "-rf", ".snakemake"], check=True)
    Path("results/a2.txt").write_text("by hand")
    assert provenance.restore() == ["results/a2.txt"]
    assert "results/a2.txt" not in provenance.read_notes()


def test_changed_inputs_that_look_older_are_made_visible(folder):
    Path("raw.txt").write_text("new")
    os.utime("raw.txt", (1, 1))
    assert "Nothing to be done" in snakemake("--dry-run"), "plain Snakemake does not see it"
    assert provenance.expose_changes() == {"raw.txt": ["results/a.txt", "results/a2.txt"]}
    assert "updated input files" in snakemake("--dry-run").lower()


def test_a_half_written_note_counts_as_absent(folder):
    provenance.notes_path("results/a.txt").write_text('{"rule": "a')
    assert "results/a.txt" not in provenance.read_notes()


def test_records_keep_what_is_not_here(folder):
    provenance.write_records()
    before = json.loads(Path("records/results.json").read_text())
    Path("results/a.txt").unlink()
    provenance.write_records()
    assert json.loads(Path("records/results.json").read_text()) == before
