"""`snakemake fetch`: what comes from a hub is made before compute nodes need it."""

import copy
import json
import shutil

from conftest import Study, small_config

REVISION = "a1" * 20


def test_models_and_sets_of_a_hub_are_fetched_and_nothing_else(
    training_inputs, tmp_path, monkeypatch
):
    cache = tmp_path / "hub"
    snapshot = cache / "hub" / "models--me--arith" / "snapshots" / REVISION
    shutil.copytree(training_inputs / "checkpoints/models/tiny-base", snapshot)
    rows = [{"problem": f"{a}+{b}=", "answer": str(a + b)} for a in range(30) for b in range(9)]
    rows_file = cache / "hub" / "datasets--me--sums" / "snapshots" / REVISION / "train.jsonl"
    rows_file.parent.mkdir(parents=True)
    rows_file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    monkeypatch.setenv("HF_HOME", str(cache))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    config = copy.deepcopy(small_config())
    config["models"]["arith-15k"]["base"] = {"hub": "me/arith", "revision": REVISION}
    hub = {"name": "me/sums", "revision": REVISION, "split": "train"}
    entry = config["data"]["arithmetic"]
    del entry["generate"]
    entry["read"] = {"layout": "plain", "hub": hub}
    entry["held_out"] = {"problems": 40, "seed": 1}
    study = Study(tmp_path, config)

    study.run("fetch")

    made = {path.parent.name for path in (tmp_path / "results/models").glob("*/manifest.json")}
    assert made == {"arith-15k-base"}
    assert (tmp_path / "results/data/arithmetic/problems/manifest.json").exists()
    assert not (tmp_path / "results/cells").exists()
    shutil.rmtree(cache / "hub")  # the weights are the study's own from here on
    planned = study.planned("results/curves.csv")
    assert len(planned["make_model"]) == 1
    assert "Nothing to be done" in study.run("fetch", "--dry-run")
