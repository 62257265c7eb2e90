"""The embedded study, cut to a few cells, on Slurm: it ends with the bytes of a local run."""

import copy
import shutil
from pathlib import Path

import pytest
from slurm_study import SlurmStudy, cluster  # noqa: F401

from conftest import Study, small_config
from rlscale.jobs import attempts

FIGURE = "results/fig_k_of_N.pdf"
# What a run must not change; the rest of a study holds measured times.
RESULTS = (
    "results/curves.csv", "results/ledger.csv", "results/outcomes.parquet", "results/fits/*.json",
    "results/fig_k_of_N.*", "results/cells/**/*.json", "results/cells/**/metrics.csv",
    "results/cells/**/consumed.parquet", "checkpoints/main/**/model.safetensors",
)  # fmt: skip


def two_sizes(seeds: list[int]) -> dict:
    """A cell per size and seed; each training holds a GPU."""
    config = copy.deepcopy(small_config())
    config["sweeps"] = [config["sweeps"][0] | {"seed": seeds}]
    config["resources"]["default"] = {"gpus": 1, "mem_mb": 3000, "minutes": 30}
    return config


def results_of(study: Study) -> dict[str, bytes]:
    """Path in the study -> content."""
    files = {path for pattern in RESULTS for path in study.folder.glob(pattern)}
    here = {str(path.relative_to(study.folder)): path.read_bytes() for path in files}
    return {name: content for name, content in here.items() if not name.endswith(".run.json")}


def run_here(finished: Study, folder: Path, config: dict, seeds: list[int]) -> Study:
    """The study by plain Snakemake: the finished one's cells, those that it lacks, and the fit."""
    shutil.copytree(finished.folder, folder)
    shutil.rmtree(folder / "results/fits")
    if 2 not in seeds:
        for cell in folder.glob("*/**/seed2"):
            shutil.rmtree(cell)
    local = Study(folder, config)
    local.run(FIGURE)
    return local


@pytest.mark.parametrize("seeds", [[1], pytest.param([1, 2], marks=pytest.mark.long)])
def test_the_study_by_slurm_ends_with_the_bytes_of_a_local_run(
    cluster,  # noqa: F811
    finished_study,
    tmp_path_factory,
    seeds,
):
    config = two_sizes(seeds)
    local = run_here(finished_study, tmp_path_factory.mktemp("local") / "study", config, seeds)
    study = SlurmStudy(tmp_path_factory.mktemp("study"), config)
    done = study.start(FIGURE)
    assert done.returncode == 0, done.stdout[-4000:] + study.failed_logs()
    expected, found = results_of(local), results_of(study)
    assert FIGURE in expected
    assert len([name for name in expected if name.endswith("curves.csv")]) == 1
    assert sorted(found) == sorted(expected)
    assert [name for name in expected if found[name] != expected[name]] == []
    records = sorted((study.folder / ".state/attempts").glob("**/*.jsonl"))
    trainings = [attempt for record in records for attempt in attempts.history(record)]
    assert len(trainings) == len({training["job"] for training in trainings}) == 2 * len(seeds)
    for training in trainings:
        assert training["gpus"] == 1  # CUDA_VISIBLE_DEVICES as Slurm set it
        asked = cluster.command(f"scontrol show job {training['job']}")
        assert "gres:gpu:1" in asked or "gres/gpu=1" in asked, asked
