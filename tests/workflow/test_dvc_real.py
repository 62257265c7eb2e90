"""The real rules under git and DVC: TRL trains, vLLM evaluates, and nothing valid is made twice."""

import os
import shutil
import signal

import pytest
import yaml
from dvc_study import Study, wait_for

from conftest import small_config
from rlscale.study import new_study as studies

CELL = "main/arith-39k-base/tau1-g4/seed1"
FIGURE = "results/fig_k_of_N.pdf"


@pytest.fixture(scope="session")
def finished(built_once, finished_study):
    """A real study that plain Snakemake has run: recorded, in git, its big files in a remote."""

    def build(folder):
        (folder / "small.yaml").write_text(yaml.safe_dump(small_config(), sort_keys=False))
        studies.new_study(folder / "study", folder / "small.yaml")
        study = Study(folder / "study")
        study.run("git", "commit", "--quiet", "--message", "new study")
        study.run("dvc", "remote", "add", "--default", "store", str(folder / "store"))
        shutil.copytree(finished_study.folder, study.folder, dirs_exist_ok=True)
        study.run("rlscale", "record")
        study.commit()
        study.run("dvc", "push", "--quiet")

    return Study(built_once("dvc_real", build) / "study")


def decided(study: Study) -> dict[str, bytes]:
    """What decides every later result: manifests, curves and fits."""
    found = study.contents("results")
    return {
        path: text
        for path, text in found.items()
        if path.endswith((".json", "curves.csv")) and not path.endswith(".run.json")
    }


def test_a_second_repro_does_nothing(finished):
    before = finished.contents("results", "checkpoints")
    assert "Data and pipelines are up to date" in finished.run("dvc", "repro")
    assert finished.contents("results", "checkpoints") == before


def test_a_clone_pulls_adopts_and_has_nothing_to_do_but_redraws_a_lost_figure(finished):
    clone = finished.clone("clone")
    clone.run("dvc", "pull", "--quiet")
    assert "nothing to be done" in clone.run("rlscale", "adopt")
    assert "Nothing to be done" in clone.run("snakemake", "-n")
    before = clone.contents("results")
    (clone.folder / FIGURE).unlink()
    told = clone.run("snakemake", "--cores", "1", FIGURE)
    assert "train_cell" not in told
    assert clone.contents("results") == before


def test_figures_rebuild_without_checkpoints(finished):
    clone = finished.clone("figures-only")
    before = (finished.folder / FIGURE).read_bytes()
    clone.run("rlscale", "adopt")
    clone.run("rlscale", "run", "figures")
    assert (clone.folder / FIGURE).read_bytes() == before
    assert not list(clone.folder.glob("checkpoints/**/*.safetensors"))


def test_an_edited_cell_killed_in_training_is_resumed_and_made_alone(finished):
    study = finished.clone("edited")
    study.run("dvc", "pull", "--quiet")
    study.run("rlscale", "adopt")
    before = decided(study)
    study.edit(
        fit=small_config()["fit"] | {"allow_differences": ["recipe.grpo.learning_rate"]},
        training={
            "save_state_minutes": 0,
            "overrides": [{"match": {"model": "arith-39k"}, "set": {"learning_rate": 3.0e-4}}],
        },
    )
    repro = study.start("dvc", "repro")
    state = study.folder / ".state" / CELL
    wait_for(lambda: any(state.glob("checkpoint-*/record.json")))
    os.killpg(repro.pid, signal.SIGKILL)
    repro.wait()
    study.run("dvc", "repro")
    log = study.folder / "logs/train_cell" / f"{CELL}.log"
    assert "resuming" in log.read_text()
    after = decided(study)
    cells = {path for path in before if path.startswith("results/cells/")}
    changed = {path for path in cells if before[path] != after[path]}
    assert f"results/cells/{CELL}/train.json" in changed
    assert all(path.startswith(f"results/cells/{CELL}/") for path in changed)
