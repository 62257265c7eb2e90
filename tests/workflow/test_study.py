"""The chain from data to figures, each part real, on three short cells."""

import copy
import json
import shutil
from pathlib import Path

import pandas
import pytest

from conftest import Study, small_config
from rlscale.core.manifests import read_manifest, verify_files
from rlscale.core.tables import read_curves
from rlscale.study.lineage import trace

CELL = "main/arith-15k-base/tau1-g4/seed1"
CELLS = [CELL, "main/arith-15k-base/tau1-g4/seed2", "main/arith-39k-base/tau1-g4/seed1"]
WEIGHTS = "model.safetensors"
MADE_BY_SCIENCE = {"prepare_set", "make_model", "train_cell", "evaluate_cell", "fit_law"}
DOWNSTREAM_OF_A_CELL = {"collect_curves", "fit_law"}


def test_the_study_ends_in_figures_whose_inputs_are_complete(finished_study):
    results = finished_study.folder / "results"
    for figure in ("k_of_N", "loss_vs_compute", "loss_vs_data", "data_reuse", "group_size"):
        for suffix in ("pdf", "png", "csv"):
            assert (results / f"fig_{figure}.{suffix}").stat().st_size > 0
    curves = read_curves(results / "curves.csv")
    assert sorted(set(curves["cell"])) == CELLS
    assert set(curves["benchmark"]) >= {"held_out", "longer_sums", "largest_of_five"}
    held_out = curves[curves["benchmark"] == "held_out"]
    assert sorted(set(held_out["step"])) == [0, 1, 2, 4]
    assert (held_out["data_samples"] == 16 * held_out["step"]).all()
    assert ((held_out["n_samples"] - held_out["n_correct"]) / held_out["n_samples"]).round(
        8
    ).tolist() == held_out["loss"].round(8).tolist()


def test_no_setting_but_the_swept_ones_differs_between_the_cells(finished_study):
    table = pandas.read_csv(finished_study.folder / "results" / "protocols.csv")
    assert table.columns.tolist() == ["setting", "value", "cells", "which"]
    assert table.empty


def test_step_zero_is_the_same_model_for_all_seeds(finished_study):
    curves = read_curves(finished_study.folder / "results" / "curves.csv")
    start = curves[(curves["step"] == 0) & (curves["model"] == "arith-15k")]
    assert (start.groupby("benchmark")["loss"].nunique() == 1).all()
    assert (start["compute_flops"] == 0).all()


def test_outcomes_add_up_to_the_samples(finished_study):
    outcomes = pandas.read_parquet(finished_study.folder / "results" / "outcomes.parquet")
    parts = outcomes[["n_correct", "n_wrong", "n_unparsed", "n_timeout"]].sum(axis=1)
    assert (parts == outcomes["n"]).all()


def test_the_ledger_counts_six_flops_per_parameter_and_token(finished_study):
    folder = finished_study.folder / "results" / "cells" / CELL
    ledger = pandas.read_csv(folder / "ledger.csv")
    manifest = read_manifest(folder / "train.json", "train")
    updates = ledger[ledger["phase"] == "update"]
    tokens = updates["prompt_tokens"] + updates["completion_tokens"]
    for column, n in (("compute_flops", "n_params"), ("compute_flops_total", "n_params_total")):
        assert (updates[column] == 6 * manifest[n] * tokens).all()
        assert ledger[column].sum() == updates[column].sum()
    metrics = pandas.read_csv(folder / "metrics.csv")
    assert metrics["num_tokens"].tolist() == tokens.cumsum().tolist()  # TRL's own count


def test_curves_and_the_studys_ledger_hold_the_full_count_and_the_evaluation(finished_study):
    results = finished_study.folder / "results"
    curves = read_curves(results / "curves.csv").set_index(["cell", "step", "benchmark"])
    ledger = pandas.read_csv(results / "ledger.csv").query("cell == @CELL")
    training = ledger[ledger["phase"] != "evaluation"]
    end = curves.loc[CELL, 4, "held_out"]
    assert end["compute_flops"] == training["compute_flops"].sum()
    assert end["compute_flops_full"] == training["flops"].sum() > end["compute_flops"]
    evaluation = ledger[ledger["phase"] == "evaluation"]
    samples = pandas.read_parquet(results / "cells" / CELL / "samples.parquet")
    assert evaluation["step"].tolist() == [0, 1, 2, 4]
    assert evaluation["completion_tokens"].sum() == samples["tokens"].sum()
    assert evaluation["prompt_tokens"].sum() == samples["prompt_tokens"].sum()
    assert set(pandas.read_csv(results / "timings.csv")["cell"]) == set(CELLS)


def test_each_step_consumed_the_problems_that_the_data_planned(finished_study):
    results = finished_study.folder / "results"
    consumed = pandas.read_parquet(results / "cells" / CELL / "consumed.parquet")
    planned = pandas.read_parquet(
        results / "data" / "arithmetic" / "variants" / "main-tau1" / "train.parquet"
    )
    assert consumed["problem_id"].tolist() == planned["problem_id"].tolist()
    assert consumed["step"].tolist() == planned["step"].tolist()


def test_manifests_name_files_that_are_as_they_say(finished_study):
    for path in (finished_study.folder / "results").glob("**/*.json"):
        value = json.loads(path.read_text())
        if isinstance(value, dict) and "fingerprint" in value:
            verify_files(value, finished_study.folder)


def test_the_chain_of_a_figure_leads_back_to_problems_and_to_what_models_learnt(
    finished_study, monkeypatch
):
    monkeypatch.chdir(finished_study.folder)
    chain = list(trace(Path("results/fig_k_of_N.pdf")))
    assert {status.partition(",")[0] for _, _, status in chain} == {"ok"}
    found = " ".join(what for _, what, _ in chain)
    for made in ("models/arith-15k-base", "corpora/pretraining", "data/arithmetic"):
        assert f"results/{made}/manifest.json" in found


def test_a_finished_study_has_nothing_to_do(finished_study):
    assert finished_study.planned() == {}


def test_an_override_schedules_its_cell_and_what_depends_on_it(finished_study, tmp_path):
    config = small_config()
    config["training"]["overrides"] = [
        {"match": {"model": "arith-15k", "seed": 2}, "set": {"learning_rate": 5e-5}}
    ]
    config["fit"]["allow_differences"] = ["recipe.grpo.learning_rate"]
    planned = Study(finished_study.folder, config, tmp_path / "study.yaml").planned()
    for rule in ("train_cell", "evaluate_cell", "make_curve"):
        assert planned.pop(rule) == {"main/arith-15k-base/tau1-g4/seed2"}
    assert planned.keys() >= DOWNSTREAM_OF_A_CELL
    assert not planned.keys() & {"make_model", "make_benchmark", "prepare_set", "make_variant"}


def test_another_temperature_of_evaluation_trains_nothing(finished_study, tmp_path):
    config = small_config()
    config["evaluation"]["temperature"] = 1.0
    planned = Study(finished_study.folder, config, tmp_path / "study.yaml").planned()
    assert planned["evaluate_cell"] == set(CELLS)
    assert not planned.keys() & {"make_model", "make_variant", "train_cell"}


def test_another_colour_draws_figures_and_trains_nothing(finished_study, tmp_path):
    config = small_config()
    config["figures"]["palette"] = "cividis"
    planned = Study(finished_study.folder, config, tmp_path / "study.yaml").planned()
    assert "plot" in planned
    assert not planned.keys() & MADE_BY_SCIENCE


def test_a_tracker_follows_new_runs_and_makes_none_again(finished_study, tmp_path):
    config = small_config()
    config["training"]["report_to"] = ["tensorboard"]
    study = Study(finished_study.folder, config, tmp_path / "study.yaml")
    train = f"results/cells/{CELL}/train.json"
    planned = study.planned()
    forced = study.planned(train, "--forcerun", train)["train_cell"]
    assert not planned.keys() & MADE_BY_SCIENCE
    assert forced == {CELL}


def test_the_first_cells_again_elsewhere_are_equal_to_the_bit(finished_study, tmp_path):
    study = Study(tmp_path, small_config())
    curve = f"results/cells/{CELL}/curve.csv"
    study.run(curve)
    tables = (f"results/cells/{CELL}/{name}" for name in ("train.json", "metrics.csv"))
    for name in (curve, *tables, f"checkpoints/{CELL}/step4/{WEIGHTS}"):
        assert (tmp_path / name).read_bytes() == (finished_study.folder / name).read_bytes(), name


def test_an_instruct_model_made_here_can_be_trained(finished_study, tmp_path):
    """Its folder holds what its manifest names and nothing else, or no step would load it."""
    shutil.copytree(finished_study.folder, tmp_path / "study")
    config = small_config()
    config["fine_tuning"]["steps"] = 3
    config["sweeps"][1] |= {"name": "instruct", "variant": ["instruct"], "seed": [1]}
    study = Study(tmp_path / "study", config)
    cell = CELL.replace("base", "instruct")
    study.run(f"results/cells/{cell}/train.json")
    made = read_manifest(study.folder / "results/models/arith-15k-instruct/manifest.json", "model")
    folder = study.folder / made["weights"]
    assert sorted(path.name for path in folder.iterdir()) == [
        Path(entry["path"]).name for entry in made["files"]
    ]


def test_a_second_study_in_the_folder_is_refused(finished_study, tmp_path):
    config = {**small_config(), "study": "another"}
    said = Study(finished_study.folder, config, tmp_path / "study.yaml").refuse("--dry-run")
    assert "holds the study 'small', not 'another'" in said
    assert "new-study" in said


def misspelt(config):
    config["sweeps"][0]["model"] = ["arith-15"]


def unknown_key(config):
    config["recipes"]["main"]["promts_per_step"] = 16


def unknown_grpo_key(config):
    config["recipes"]["main"]["grpo"]["learnign_rate_"] = 1.0


def text_for_a_number(config):
    config["recipes"]["main"]["grpo"]["learning_rate"] = "fast"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (misspelt, "did you mean arith-15k"),
        (unknown_key, "promts_per_step"),
        (text_for_a_number, "learning_rate"),
    ],
)
def test_a_bad_configuration_is_refused_by_name(change, message, tmp_path):
    config = copy.deepcopy(small_config())
    change(config)
    assert message in Study(tmp_path, config).refuse("--dry-run")


def test_an_unknown_cell_is_refused_with_near_matches(tmp_path):
    said = Study(tmp_path, small_config()).refuse(
        "--dry-run", "results/cells/main/arith-15k-base/tau2-g4/seed1/curve.csv"
    )
    assert f"did you mean {CELL}" in said


def test_a_truncated_weight_file_stops_the_cell_by_name(finished_study, tmp_path):
    study = Study(tmp_path, small_config())
    for name in ("results/data", "results/models", "checkpoints/models"):
        shutil.copytree(finished_study.folder / name, tmp_path / name)
    weights = tmp_path / "checkpoints" / "models" / "arith-15k-base" / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1000])
    said = study.refuse(
        f"results/cells/{CELL}/train.json", "--rerun-triggers", "params", "--forcerun", "train_cell"
    )
    assert "model.safetensors" in said
    assert "truncated" in said
