"""The lint of the workflow finds files that are named but not declared, and texts as resources."""

import importlib.util

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


@pytest.fixture(scope="module")
def lint():
    spec = importlib.util.spec_from_file_location("lint", ROOT / "workflow/scripts/lint.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


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
def test_what_is_named_must_be_declared(lint, tmp_path, changes, found):
    (tmp_path / "Snakefile").write_text(WORKFLOW.format(**FINE | changes))
    (tmp_path / "config.yaml").write_text("study: lint\n")
    said = lint.of_jobs(tmp_path / "Snakefile", tmp_path / "config.yaml")
    assert len(said) == len(found)
    for line, wanted in zip(said, found, strict=True):
        assert wanted in line
