"""A study's own folder under git and DVC: nothing valid is made again, nothing stale is kept.

The folder is made by `rlscale new-study`; the rules are stand-ins with the real ones' paths and
manifests (stub/), so that the tests take seconds. Each training leaves a line in a log outside.
"""

import json
import os
import re
import shutil
import signal
import socket
import sys
from pathlib import Path

import pytest
import yaml

from rlscale.study import new_study as studies

STUB = Path(__file__).parent / "stub"
sys.path.append(str(STUB))
from dvc_study import Study, wait_for  # noqa: E402
from make_study import make_study  # noqa: E402

ROOT = Path(__file__).parents[2]
CELLS = [f"main/nano-base/tau1-g4/seed{seed}" for seed in (1, 2, 3)]
FIGURE = "results/fig_k_of_N.csv"
WEIGHTS = f"checkpoints/{CELLS[0]}/step1/model.safetensors"


@pytest.fixture(scope="session")
def finished(built_once):
    """A study that `dvc repro` has run, in git, its big files pushed to a local remote."""

    def build(folder):
        make_study(folder / "finished")
        study = Study(folder / "finished")
        study.run("git", "commit", "--quiet", "--message", "new study")
        study.run("dvc", "remote", "add", "--default", "store", str(folder / "store"))
        study.run("dvc", "repro", "--quiet")
        assert study.trainings() == [f"train {cell}" for cell in CELLS]
        study.commit()
        study.run("dvc", "push", "--quiet")

    return Study(built_once("dvc", build) / "finished")


def _name(request: pytest.FixtureRequest) -> str:
    return re.sub(r"\W+", "-", request.node.name)


@pytest.fixture
def study(finished, request):
    """A copy of the finished study, modification times included."""
    copy = finished.copy(_name(request))
    yield copy
    shutil.rmtree(copy.folder)


@pytest.fixture
def clone(finished, request):
    """A fresh clone of the finished study; nothing pulled yet."""
    copy = finished.clone(_name(request))
    yield copy
    shutil.rmtree(copy.folder)


def test_second_repro_trains_nothing_and_status_is_clean(study):
    assert "Data and pipelines are up to date" in study.run("dvc", "status")
    study.run("dvc", "repro")
    assert study.trainings() == []


def test_one_edited_cell_is_one_training(study):
    study.override(2, learning_rate=2.0)
    study.run("dvc", "repro")
    assert study.trainings() == [f"train {CELLS[1]}"]


def test_a_new_colour_trains_nothing(study):
    study.edit(figures={"colour": "blue"})
    study.run("dvc", "repro")
    assert (study.folder / FIGURE).read_text().startswith("blue")
    assert study.trainings() == []


def test_a_failing_cell_loses_no_other(study):
    study.override(2, fail=True)
    study.recipe(grpo={"learning_rate": 3.0})
    study.run("dvc", "repro", fails=True)
    assert study.trainings() == [f"train {cell}" for cell in CELLS]
    study.edit(training={"overrides": []})
    study.run("dvc", "repro")
    assert study.trainings() == [f"train {CELLS[1]}"]


def test_clone_pull_adopt_has_nothing_to_do_and_rebuilds_a_figure_without_training(clone, finished):
    clone.run("dvc", "pull", "--quiet")
    assert "train_cell" in clone.run("snakemake", "-n"), "plain Snakemake would train again"
    assert "nothing to be done" in clone.run("rlscale", "adopt")
    assert "Data and pipelines are up to date" in clone.run("dvc", "status")
    assert clone.contents("results", "checkpoints", "records") == finished.contents(
        "results", "checkpoints", "records"
    )
    before = (clone.folder / FIGURE).read_bytes()
    (clone.folder / FIGURE).unlink()
    clone.run("snakemake", "--cores", "1", FIGURE)
    assert (clone.folder / FIGURE).read_bytes() == before
    assert clone.trainings() == []
    clone.override(1, learning_rate=2.0)
    clone.run("dvc", "repro")
    assert clone.trainings() == [f"train {CELLS[0]}"]


@pytest.mark.parametrize("pulled", [[], ["results/data", "results/cells"], ["checkpoints/main"]])
def test_figures_rebuild_with_only_some_things_pulled(clone, pulled):
    if pulled:
        clone.run("dvc", "pull", "--quiet", *pulled)
    before = (clone.folder / FIGURE).read_bytes()
    (clone.folder / FIGURE).unlink()
    clone.run("rlscale", "adopt")
    clone.run("rlscale", "run", "figures")
    assert (clone.folder / FIGURE).read_bytes() == before
    assert clone.trainings() == []


@pytest.mark.parametrize("file", ["raw/problems.txt", "results/data/toy/manifest.json"])
def test_other_bytes_with_an_older_time_run_what_depends_on_them(study, file):
    path = study.folder / file
    old = path.stat().st_mtime - 10_000
    path.write_text(path.read_text().replace("1+1=2", "2+2=4", 1).replace('"toy"', '"other"', 1))
    os.utime(path, (old, old))
    study.run("dvc", "repro", *(["--force"] if "results" in file else []))
    assert study.trainings() == [f"train {cell}" for cell in CELLS]


def test_a_cell_edited_before_adopt_is_exactly_that_cell(clone):
    clone.run("dvc", "pull", "--quiet")
    clone.override(3, learning_rate=2.0)
    told = clone.run("rlscale", "adopt")
    assert re.search(r"train_cell +1\n", told)
    clone.run("snakemake", "--cores", "2")
    assert clone.trainings() == [f"train {CELLS[2]}"]


def test_direct_run_and_record_equal_a_repro(study):
    study.override(1, learning_rate=2.0)
    assert "work is outstanding" in study.run("rlscale", "record", fails=True)
    study.run("snakemake", "--cores", "2")
    study.run("rlscale", "record")
    assert study.trainings() == [f"train {CELLS[0]}"]
    assert "Data and pipelines are up to date" in study.run("dvc", "status")
    study.run("dvc", "repro")
    assert study.trainings() == []


def test_a_killed_repro_repeats_only_unfinished_work(study):
    study.override(2, sleep=1.0)
    repro = study.start("dvc", "repro")
    state = study.folder / ".state" / CELLS[1] / "step"
    wait_for(lambda: state.exists() and int(state.read_text() or 0) >= 2)
    os.killpg(repro.pid, signal.SIGKILL)
    repro.wait()
    assert study.trainings() == [f"train {CELLS[1]}"]
    assert "killed here before" in study.run("dvc", "repro")
    assert study.trainings() == [f"resume {CELLS[1]}"]


@pytest.mark.parametrize("recovery", [["git", "checkout", "dvc.lock"], ["rlscale", "record"]])
def test_an_emptied_lock_is_recovered_without_training(study, recovery):
    before = (study.folder / "dvc.lock").read_text()
    (study.folder / "dvc.lock").write_text("")
    study.run(*recovery)
    assert yaml.safe_load((study.folder / "dvc.lock").read_text()) == yaml.safe_load(before)
    study.run("dvc", "repro")
    assert study.trainings() == []


def test_two_runs_at_once_are_refused(study):
    study.override(2, sleep=2.0)
    first = study.start("rlscale", "run", "cells")
    lock = study.folder / ".state/run.lock"
    wait_for(lambda: f"process {first.pid} " in lock.read_text())
    refusal = study.run("rlscale", "run", "cells", fails=True)
    assert f"another run is at work in this folder (process {first.pid} since" in refusal
    os.killpg(first.pid, signal.SIGKILL)
    first.wait()


def test_branches_that_each_add_a_cell_merge_without_training(study):
    def grow(branch: str, seed: int) -> None:
        study.run("git", "checkout", "--quiet", "-b", branch, "main")
        study.run("dvc", "checkout", "--quiet")
        study.run("rlscale", "adopt")
        sweep = yaml.safe_load((STUB / "config.yaml").read_text())["sweeps"][0]
        study.edit(sweeps=[sweep, {**sweep, "name": f"more{seed}", "seed": [seed]}])
        study.run("dvc", "repro")
        assert study.trainings() == [f"train main/nano-base/tau1-g4/seed{seed}"]
        study.commit()

    study.run("git", "branch", "-M", "main")
    grow("left", 4)
    grow("right", 5)
    both = yaml.safe_load((study.folder / "config/config.yaml").read_text())["sweeps"]
    study.run("git", "merge", "--quiet", "left", fails=True)
    study.run("git", "checkout", "--ours", ".")
    study.edit(sweeps=[*both, {**both[0], "name": "more4", "seed": [4]}])
    study.run("git", "add", "--all")
    study.run("git", "commit", "--quiet", "--message", "merge")
    study.run("rlscale", "adopt", "--from", "left")
    study.run("rlscale", "run", "figures")
    study.run("rlscale", "record")
    assert study.trainings() == []
    assert len((study.folder / "results/curves.csv").read_text().splitlines()) == 10


def test_a_damaged_checkpoint_is_named_and_only_that_cell_made_again(clone, finished):
    clone.run("dvc", "pull", "--quiet")
    clone.run("rlscale", "adopt")
    weights = clone.folder / WEIGHTS
    good = weights.read_bytes()
    weights.chmod(0o644)
    with weights.open("r+b") as file:  # in place: a hard link into the cache is damaged with it
        file.write(b"broken")
    refused = clone.run("rlscale", "adopt", fails=True)
    assert f"would remove {WEIGHTS}: its bytes are not those" in refused
    assert weights.exists()
    told = clone.run("rlscale", "adopt", "--yes")
    assert f"removed {WEIGHTS}: its bytes are not those" in told
    assert not re.search(f"removed .*{CELLS[1]}", told)
    clone.run("dvc", "repro")
    assert clone.trainings() == [f"train {CELLS[0]}"]
    assert weights.read_bytes() == good
    clone.run("dvc", "checkout", "--force", "checkpoints/main")
    assert weights.read_bytes() == good


def test_an_s3_remote_carries_a_study(study, finished):
    import boto3

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    keys = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}
    server = study.start("moto_server", "-H", "127.0.0.1", "-p", str(port))
    try:
        wait_for(lambda: not socket.socket().connect_ex(("127.0.0.1", port)))
        url = f"http://127.0.0.1:{port}"
        boto3.client(
            "s3", endpoint_url=url, aws_access_key_id="test", aws_secret_access_key="test"
        ).create_bucket(Bucket="studies")
        study.environment |= keys
        study.run("dvc", "remote", "add", "--default", "--force", "store", "s3://studies/mine")
        study.run("dvc", "remote", "modify", "store", "endpointurl", url)
        study.commit()
        study.run("dvc", "push", "--quiet")
        clone = study.clone("from-s3")
        clone.environment |= keys
        clone.run("dvc", "pull", "--quiet")
    finally:
        os.killpg(server.pid, signal.SIGKILL)
        server.wait()
    assert "nothing to be done" in clone.run("rlscale", "adopt")
    assert clone.contents("results", "checkpoints") == finished.contents("results", "checkpoints")


def test_params_metrics_and_plots_speak_offline(study):
    study.override(1, learning_rate=2.0)
    assert "training.overrides" in study.run("dvc", "params", "diff")
    study.run("dvc", "repro", "--quiet")
    assert "saturating-compute-loss.json" in study.run("dvc", "metrics", "show")
    assert "k" in study.run("dvc", "metrics", "diff")


def test_prune_lists_then_removes_cells_that_the_configuration_no_longer_names(study):
    sweep = yaml.safe_load((STUB / "config.yaml").read_text())["sweeps"][0]
    study.edit(sweeps=[{**sweep, "seed": [1, 2]}])
    assert f"{CELLS[2]}, no longer named by the configuration" in study.run("rlscale", "prune")
    assert (study.folder / "checkpoints" / CELLS[2]).exists()
    study.run("rlscale", "prune", "--remove")
    left = [path for path in study.contents(".") if CELLS[2] in path and ".git" not in path]
    assert left == []
    study.run("snakemake", "--cores", "1")
    study.run("rlscale", "record")
    assert study.trainings() == []


def test_checkpoints_of_evaluated_cells_can_go_and_figures_still_rebuild(study):
    samples = study.folder / "results/cells" / CELLS[2] / "samples.parquet"
    samples.unlink()  # this cell's evaluation is no longer complete: its checkpoints stay
    told = study.run("rlscale", "prune", "--checkpoints", "--remove")
    assert "prune: 2 removed" in told
    assert (study.folder / "checkpoints" / CELLS[2] / "step1").exists()
    study.run("rlscale", "record")
    (study.folder / FIGURE).unlink()
    assert "nothing to be done" not in study.run("rlscale", "adopt")
    study.run("rlscale", "run", "figures")
    assert (study.folder / FIGURE).exists()
    assert study.trainings() == []


def test_why_goes_back_to_the_raw_data_with_dvc_hashes(study):
    told = study.run("rlscale", "why", FIGURE)
    lock = yaml.safe_load((study.folder / "dvc.lock").read_text())["stages"]
    raw = lock["data"]["deps"][0]
    assert raw["path"] == "raw/problems.txt"
    assert re.search(rf"raw/problems.txt: given, sha256 \w+, dvc md5 {raw['md5']}", told)
    for cell in CELLS:
        assert f"results/cells/{cell}/train.json: by train_cell" in told
    assert "no step has made it here" in study.run("rlscale", "why", "raw", fails=True)


def test_stale_lists_what_older_code_made(study):
    assert "stale: 0 results" in study.run("rlscale", "stale")
    path = study.folder / "results/cells" / CELLS[0] / "train.run.json"
    run = json.loads(path.read_text())
    path.unlink()
    path.write_text(json.dumps({**run, "code": {**run["code"], "digest": "older"}}))
    told = study.run("rlscale", "stale")
    assert f"stale: results/cells/{CELLS[0]}/train.json" in told
    assert "stale: 1 results" in told


def test_dvc_yaml_is_that_of_the_configuration_and_the_rules(tmp_path):
    """The product's own dvc.yaml, and a real study folder in which the real rules are found."""
    studies.new_study(tmp_path / "study", ROOT / "config/config.yaml")
    made = yaml.safe_load((tmp_path / "study/dvc.yaml").read_text())
    own = yaml.safe_load((ROOT / "dvc.yaml").read_text())
    for stage in own["stages"].values():
        stage["deps"].remove("src/rlscale")
    assert own == made, "dvc.yaml is out of step: run `make dvc-yaml`"
    config = yaml.safe_load((ROOT / "config/config.yaml").read_text())
    read = {key for keys in studies.READS.values() for key in keys}
    assert config.keys() - read == {"resources"}, "every key but these decides a result"
    plan = Study(tmp_path / "study").run("snakemake", "-n", "results/fig_k_of_N.pdf")
    assert re.search(r"train_cell +\d+\n", plan)
