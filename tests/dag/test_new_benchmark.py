"""What a new benchmark plans in a finished study: its own jobs, and nothing that is trained.

The data stage is real; what comes after it counts as finished because Snakemake was told so.
"""

import re

import pytest

from conftest import Study, small_config

pytestmark = pytest.mark.slow
MORE = {
    "module": "arithmetic",
    "task": {"skill": "largest", "terms": 9, "largest": 9},
    "problems": 20,
    "samples": 2,
    "seed": 77,
}


def jobs(said: str) -> dict[str, int]:
    """Rule -> jobs of a dry run, without the targets."""
    found = dict(re.findall(r"^(\w+) +(\d+)$", said, re.MULTILINE))
    return {rule: int(found[rule]) for rule in found if rule not in ("total", "cells")}


@pytest.fixture(scope="module")
def finished(tmp_path_factory) -> Study:
    """A study of three cells up to its curves."""
    study = Study(tmp_path_factory.mktemp("finished"), small_config())
    study.run("data")
    for line in study.run("cells", "--summary").splitlines():
        output = study.folder / line.split("\t")[0]
        if line.startswith("results/") and not output.exists():
            output.parent.mkdir(parents=True, exist_ok=True)
            output.write_text("{}")
    study.run("cells", "--touch", "--forceall")
    assert jobs(study.run("cells", "--dry-run")) == {}
    return study


def test_a_new_benchmark_plans_its_own_jobs_and_trains_nothing(finished):
    config = small_config()
    config["benchmarks"]["more"] = MORE
    finished.configure(config)
    finished.run("data")
    planned = jobs(finished.run("cells", "--dry-run"))
    finished.configure(small_config())
    assert planned == {"evaluate_cell": 3, "make_curve": 3}
