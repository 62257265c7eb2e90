"""From a cell's tables to its curve, and from cells to the study's tables."""

import os
from pathlib import Path

import pandas
import pytest

from rlscale.accounting.ledger import Cost, Tokens
from rlscale.core.cell import Cell
from rlscale.core.errors import StudyError
from rlscale.core.files import read_json, write_json
from rlscale.core.manifests import Provenance, sealed, write_manifest
from rlscale.core.tables import read_curves
from rlscale.curves.assemble import collect, join, make_curve

CELL = Cell("main", "nano", "base", tau=1, group_size=4, seed=1)
COST = Cost(n_params=10, n_params_total=12, head=2, attention=1, phases=("generation", "update"))
STEPS = (0, 1, 2)


@pytest.fixture
def folder(tmp_path, monkeypatch) -> Path:
    """The folder of a cell that is trained and evaluated, in a study's folder."""
    monkeypatch.chdir(tmp_path)
    return finished_cell(status="ok")


def finished_cell(status: str) -> Path:
    folder = Path("results/cells") / CELL.path
    folder.mkdir(parents=True)
    spent = [Tokens.equal(8, 5, 3)] * 2
    pandas.DataFrame(COST.training(spent)).to_csv(folder / "ledger.csv", index=False)
    timings = [{"step": step, "phase": "update", "seconds": 2.0} for step in STEPS[1:]]
    pandas.DataFrame(timings).to_csv(folder / "timings.csv", index=False)
    made = Provenance("rlscale.core.errors", {}, {}, seed=1, started=0.0)
    common = {"name": CELL.path, "status": status}
    fields = ("recipe", "model", "variant", "tau", "group_size", "seed")
    write_manifest(
        folder / "train.json",
        made,
        kind="train",
        files=[folder / "ledger.csv"],
        cell={"path": CELL.path} | {key: getattr(CELL, key) for key in fields},
        family="f",
        n_params=10,
        n_params_total=12,
        n_params_nominal=None,
        cost=vars(COST),
        gpus=2,
        prompts_per_step=2,
        **common,
    )
    scores = {"benchmark": "held_out", "n_problems": 4, "n_samples": 4, "n_correct": 1}
    scores |= dict.fromkeys(("n_unparsed", "n_timeout", "clipped_share", "loss_se"), 0)
    scores |= {"pass_at_1": 0.25, "loss": 0.75, "response_length": 3.0}
    scores |= {"scoring": "ours", "scoring_digest": "00aa"}
    pandas.DataFrame([{"step": step, **scores} for step in STEPS]).to_csv(
        folder / "scores.csv", index=False
    )
    asked = pandas.DataFrame({"step": STEPS, "prompt_tokens": 5, "tokens": 3})
    asked.to_parquet(folder / "samples.parquet")
    counts = {"cell": CELL.path, "benchmark": "held_out", "problem_id": "p", "n": 4, "n_correct": 1}
    pandas.DataFrame([{"step": step, **counts} for step in STEPS]).to_parquet(
        folder / "outcomes.parquet"
    )
    files = [folder / name for name in ("scores.csv", "samples.parquet", "outcomes.parquet")]
    write_manifest(folder / "eval.json", made, kind="eval", files=files, **common)
    return folder


def curve_of(folder: Path) -> pandas.DataFrame:
    names = {"train": "train.json", "evaluation": "eval.json", "curve": "curve.csv"}
    paths = {key: folder / name for key, name in (names | {"costs": "costs.csv"}).items()}
    make_curve("test", "same", [2, 8], **paths)
    return read_curves(folder / "curve.csv")


def study_tables(folder: Path) -> dict[str, Path]:
    names = ("curves.csv", "outcomes.parquet", "ledger.csv")
    paths = {name.partition(".")[0]: Path("results") / name for name in names}
    collect({CELL.path: folder}, **paths)
    return paths


def test_the_study_keeps_in_what_isolation_programs_were_run(folder):
    curve_of(folder)
    tables = study_tables(folder)
    assert "isolation" not in pandas.read_parquet(tables["outcomes"]).columns
    manifest = read_json(folder / "eval.json")
    judging = {"program": {"isolation": "landlock"}}
    content = {key: value for key, value in manifest.items() if key != "fingerprint"}
    write_json(folder / "eval.json", sealed(**content, judging=judging))
    tables = study_tables(folder)
    assert set(pandas.read_parquet(tables["outcomes"])["isolation"]) == {"landlock"}


def test_a_curve_has_what_was_spent_until_each_step(folder):
    curve = curve_of(folder)
    assert list(curve["data_samples"]) == [0, 2, 4]
    assert list(curve["compute_flops"]) == [0, 6 * 10 * 64, 2 * 6 * 10 * 64]
    assert list(curve["gpu_seconds"]) == [0, 4, 8]
    assert list(curve["status"]) == ["ok"] * 3


def test_pass_at_k_is_the_mean_over_problems_for_each_k_that_all_have(folder):
    curve = curve_of(folder)
    assert list(curve["pass_at_2"]) == [0.5] * 3  # one of four is right: 1 - C(3, 2) / C(4, 2)
    assert "pass_at_8" not in curve.columns


def test_a_diverged_cell_says_so_in_its_curve(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert set(curve_of(finished_cell(status="diverged"))["status"]) == {"diverged"}


@pytest.mark.parametrize("name", ["ledger.csv", "scores.csv", "samples.parquet"])
def test_tables_with_other_bytes_than_their_manifest_says_make_no_curve(folder, name):
    table = folder / name
    data = table.read_bytes()
    table.write_bytes(data.replace(data[-8:], data[-8:][::-1]))
    with pytest.raises(StudyError, match=f"{name}: bytes differ from the manifest"):
        curve_of(folder)
    assert not (folder / "curve.csv").exists()


def test_a_table_that_the_manifest_does_not_name_is_refused(folder):
    os.rename(folder, folder.with_name("seed2"))
    with pytest.raises(StudyError, match=r"seed2/ledger.csv: the manifest of .* does not name it"):
        curve_of(folder.with_name("seed2"))


def test_the_studys_ledger_has_training_and_evaluation(folder):
    curve_of(folder)
    ledger = pandas.read_csv(study_tables(folder)["ledger"])
    phases = [(row.step, row.phase) for row in ledger.itertuples()]
    trained = [(step, phase) for step in (1, 2) for phase in COST.phases]
    assert phases == [*trained, *((step, "evaluation") for step in STEPS)]
    assert set(ledger["cell"]) == {CELL.path}


def test_outcomes_with_other_bytes_than_their_manifest_says_are_not_collected(folder):
    curve_of(folder)
    table = pandas.read_parquet(folder / "outcomes.parquet")
    table.assign(n_correct=4).to_parquet(folder / "outcomes.parquet")
    with pytest.raises(StudyError, match=r"outcomes.parquet: .*manifest"):
        study_tables(folder)


def test_the_studys_timings_say_whose_they_are(folder):
    join({CELL.path: folder / "timings.csv"}, Path("timings.csv"))
    timings = pandas.read_csv("timings.csv")
    assert list(timings.columns) == ["cell", "step", "phase", "seconds"]
    assert set(timings["cell"]) == {CELL.path}
