"""The lint of the workflow finds files that are named but not declared, and texts as resources."""

import subprocess
import sys

import pytest

from conftest import ROOT

WORKFLOW = """
rule all:
    default_target: True
    input:
        "results/made.csv",


rule make:
    input:
        {input}
    output:
        "results/made.csv",
    log:
        "logs/make.log",
    params:
        given={params},
    resources:
        {resources},
    shell:
        {shell}
"""
FINE = {
    "input": "[]",
    "params": "'1 --read resources/given.csv'",
    "resources": "mem_mb=100",
    "shell": "'make {params.given} {output} > {log}'",
}


# In a process of its own: Snakemake leaves a workflow in its modules, and vLLM, which looks through
# all modules for kernels, stops at it.
SAY = (
    "import sys, pathlib; sys.path.insert(0, sys.argv[1]); import lint; "
    "print(*lint.of_jobs(*map(pathlib.Path, sys.argv[2:])), sep='\\n')"
)


def lines(folder):
    """What the lint says of the study in a folder."""
    done = subprocess.run(
        [sys.executable, "-c", SAY, ROOT / "workflow/scripts", "Snakefile", "config.yaml"],
        cwd=folder,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return [line for line in done.stdout.splitlines() if line]


@pytest.mark.parametrize(
    ("changes", "found"),
    [
        ({"params": "1"}, []),
        ({"params": "'results/made.csv and logs/make.log'"}, []),
        ({}, ["params names resources/given.csv", "shell names resources/given.csv"]),
        (
            {"params": "1", "shell": "'make --with checkpoints/a/step1/model.safetensors'"},
            ["shell names checkpoints/a/step1/model.safetensors"],
        ),
        ({"params": "1", "resources": "wait='--wait'"}, ["resource wait is a text ('--wait')"]),
    ],
)
def test_what_is_named_must_be_declared(tmp_path, changes, found):
    (tmp_path / "Snakefile").write_text(WORKFLOW.format(**FINE | changes))
    (tmp_path / "config.yaml").write_text("study: lint\n")
    said = lines(tmp_path)
    assert len(said) == len(found)
    for line, wanted in zip(said, found, strict=True):
        assert wanted in line
