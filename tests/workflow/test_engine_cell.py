"""Evaluating a whole cell: what is generated when, what is refused, and what a kill costs."""

import contextlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pandas
import pytest
from tiny_cell import CELL, evaluate, make_cell, save_model, settings, write_benchmark

from rlscale.core.errors import StudyError
from rlscale.core.manifests import fingerprint
from rlscale.evaluation.samples import KEY, SampleStore
from rlscale.evaluation.scoring import Rule

NAMES = ["held_out", "harder"]
STEPS = [0, 1, 4]


@pytest.fixture(scope="session")
def done(built_once):
    """A cell, evaluated once: 3 checkpoints x 2 benchmarks x 30 problems x 2 samples."""

    def build(root):
        make_cell(root, steps=STEPS, problems=30, benchmarks=NAMES)
        report = evaluate(root, settings(NAMES, 2, suites={"both": {"held_out": 3, "harder": 1}}))
        assert report["generated"] == 360

    return built_once("evaluated", build)


@pytest.fixture
def cell(done, tmp_path):
    """A copy of the evaluated cell's outputs, to change."""
    for file in done.iterdir():
        if file.is_file():
            shutil.copy(file, tmp_path)
    return done, tmp_path


def samples(folder):
    return pandas.read_parquet(folder / "samples.parquet")


def test_counts_add_up_everywhere(done):
    scores = pandas.read_csv(done / "scores.csv")
    assert list(scores["step"].unique()) == STEPS
    assert len(scores) == 6
    outcomes = ["n_correct", "n_wrong", "n_unparsed", "n_timeout"]
    assert (scores[outcomes].sum(axis=1) == scores["n_samples"]).all()
    assert (scores["n_samples"] == 60).all()
    assert scores["loss"].to_numpy() == pytest.approx(1 - scores["n_correct"] / 60)
    counts = pandas.read_parquet(done / "outcomes.parquet")
    assert list(counts.columns) == ["cell", "step", "benchmark", "problem_id", "n", *outcomes]
    assert (counts["cell"] == CELL).all()
    assert (counts[outcomes].sum(axis=1) == counts["n"]).all()
    assert counts["n"].sum() == len(samples(done)) == 360


def test_every_sample_is_kept_with_its_key(done):
    table = samples(done)
    assert not table.duplicated(list(KEY)).any()
    assert table[["text", "finish_reason", "tokens", "outcome", "scorer"]].notna().all().all()
    assert set(table["finish_reason"]) <= {"stop", "length"}
    assert (table["tokens"] <= 8).all()
    assert table["checkpoint"].nunique() == 3


def test_suites_are_weighted_means(done):
    scores = pandas.read_csv(done / "scores.csv").set_index(["step", "benchmark"])["loss"]
    table = pandas.read_csv(done / "eval_metrics.csv").set_index(["step", "benchmark"])
    for step in STEPS:
        value = (3 * scores[step, "held_out"] + scores[step, "harder"]) / 4
        assert table.loc[(step, "suite:both"), "value"].item() == pytest.approx(value)


def test_again_nothing_is_generated_and_bytes_are_equal(cell):
    done, folder = cell
    report = evaluate(done, settings(NAMES, 2), folder)
    assert (report["generated"], report["judged_again"]) == (0, 0)
    for name in ("samples.parquet", "outcomes.parquet", "scores.csv"):
        assert (folder / name).read_bytes() == (done / name).read_bytes()


def test_a_changed_scorer_judges_again_without_generating(cell, monkeypatch):
    done, folder = cell
    monkeypatch.setattr("rlscale.evaluation.engine.Engine.__init__", None)
    report = evaluate(done, settings(NAMES, 2, verifier="exact"), folder)
    assert (report["generated"], report["judged_again"]) == (0, 360)
    before, after = samples(done), samples(folder)
    assert (before["text"] == after["text"]).all()
    assert (before["outcome"] != after["outcome"]).any()


def test_a_rule_with_a_stop_string_asks_again_and_its_digest_stands_in_the_scores(
    cell, monkeypatch
):
    done, folder = cell
    rule = Rule(stop=("1",))
    monkeypatch.setattr("rlscale.evaluation.tasks.rule_of", lambda *names: rule)
    report = evaluate(done, settings(NAMES, 2), folder)
    assert report["generated"] == 360
    before, after = samples(done), samples(folder)
    said = before["text"].str.partition("1")
    assert said[1].eq("1").any()
    # Requests have their own seeds, so a response is what it was, up to what ends it.
    assert after["text"].tolist() == said[0].tolist()
    assert (after["tokens"] <= before["tokens"]).all()
    rules = [pandas.read_csv(place / "scores.csv")["scoring_digest"] for place in (done, folder)]
    assert [names.nunique() for names in rules] == [1, 1]
    assert rules[0][0] != rules[1][0]


def test_a_corrected_gold_judges_its_problem_again_without_generating(cell, tmp_path):
    done, folder = cell
    before = pandas.read_csv(folder / "scores.csv")
    table = pandas.read_parquet(done / "harder" / "problems.parquet")
    corrected = samples(folder).query("benchmark == 'harder' and outcome == 'wrong'").iloc[0]
    right = table["problem_id"] == corrected["problem_id"]
    other = tmp_path / "corrected"
    other.mkdir()
    for name in ("held_out", "harder"):
        shutil.copytree(done / name, other / name)
    table.loc[right, "answer"] = corrected["answer"]
    write_benchmark(other / "harder", table)
    shutil.copy(done / "train.json", other)
    report = evaluate(other, settings(NAMES, 2), output=folder)
    assert (report["generated"], report["judged_again"]) == (0, 2 * len(STEPS))
    gained = pandas.read_csv(folder / "scores.csv")["n_correct"] - before["n_correct"]
    assert gained[before["benchmark"] == "harder"].sum() > 0
    assert (gained[before["benchmark"] == "held_out"] == 0).all()


def test_a_changed_n_generates_only_what_is_missing(cell):
    done, folder = cell
    own = settings(NAMES, 2)
    own["benchmarks"]["harder"]["samples"] = 3
    own["top_up"] = [{"match": {"step": 4, "benchmark": "held_out"}, "samples": 5}]
    report = evaluate(done, own, folder)
    assert report["generated"] == 3 * 30 + 3 * 30
    table = samples(folder)
    per_problem = table.groupby(["step", "benchmark", "problem_id"]).size()
    assert set(per_problem[:, "harder"]) == {3}
    assert set(per_problem[4, "held_out"]) == {5}
    assert set(per_problem[1, "held_out"]) == {2}
    old = samples(done).set_index(list(KEY))["text"]
    kept = table.set_index(list(KEY))["text"].loc[old.index]
    assert kept.equals(old)
    fewer = evaluate(done, settings(NAMES, 1), folder)
    assert fewer["generated"] == 0
    assert len(samples(folder)) == 180


def test_an_unusable_gold_is_listed_and_not_blamed_on_the_model(done, tmp_path):
    root = tmp_path / "cell"
    shutil.copytree(done, root)
    for name in NAMES:
        table = pandas.read_parquet(root / name / "problems.parquet")
        manifest = json.loads((root / name / "manifest.json").read_text())
        if name == "harder":
            table.loc[[3, 5], "answer"] = "no number"
            table.to_parquet(root / name / "problems.parquet")
        manifest["files"] = []
        write_again(root / name / "manifest.json", manifest)
    assert evaluate(root, settings(NAMES, 2))["generated"] == 0
    scores = pandas.read_csv(root / "scores.csv").set_index(["step", "benchmark"])
    assert set(scores.loc[(slice(None), "harder"), "n_problems"]) == {28}
    assert set(scores.loc[(slice(None), "held_out"), "n_problems"]) == {30}
    unusable = json.loads((root / "eval.json").read_text())["unusable_golds"]
    assert unusable == {"harder": sorted(table["problem_id"][[3, 5]])}


def write_again(path, manifest):
    """Write a manifest that says something else as if a step had made it so."""
    path.write_text(json.dumps({**manifest, "fingerprint": fingerprint(manifest)}))


def poison(done, tmp_path, step, change):
    """A copy of the cell in which one checkpoint has been changed, and nothing was evaluated."""
    root = tmp_path / "cell"
    shutil.copytree(done, root, ignore=shutil.ignore_patterns("*.parquet.*", "samples.parquet"))
    manifest = json.loads((root / "train.json").read_text())
    for checkpoint in manifest["checkpoints"]:
        checkpoint["path"] = str(root / Path(checkpoint["path"]).name)
    write_again(root / "train.json", manifest)
    change(root / f"step{step}")
    return root


@pytest.mark.parametrize("step", [0, 4])
def test_weights_other_than_the_manifests_are_refused(done, tmp_path, step):
    def cut(folder):
        file = folder / "model.safetensors"
        file.write_bytes(file.read_bytes()[:-1])

    root = poison(done, tmp_path, step, cut)
    with pytest.raises(StudyError, match=rf"step{step}: the weights are not those that train"):
        evaluate(root, settings(NAMES, 2))
    assert not (root / "samples.parquet").exists()
    assert len(SampleStore(root / "samples.parquet", root / "journal")) == 0


def test_weights_of_another_cell_are_refused(done, tmp_path):
    root = poison(done, tmp_path, 4, lambda folder: save_model(folder, 99))
    with pytest.raises(StudyError, match="of another cell"):
        evaluate(root, settings(NAMES, 2))


def test_a_prompt_that_does_not_fit_is_named(done, tmp_path):
    own = settings(NAMES, 2)
    own["benchmarks"]["harder"]["max_tokens"] = 60
    with pytest.raises(StudyError, match=r"benchmark harder: .* lower max_tokens"):
        evaluate(done, own, tmp_path)


def test_bad_benchmark_names_are_explained(done, tmp_path):
    own = settings(NAMES, 2)
    own["benchmarks"]["harder"]["module"] = "held_aut"
    with pytest.raises(StudyError, match="did you mean held_out"):
        evaluate(done, own, tmp_path)


ZYGOTE = """
import os, sys
sys.path.insert(0, {folder!r})
import torch; torch.set_num_threads(1)
import vllm.entrypoints.llm, transformers, pandas
from pathlib import Path
from rlscale.evaluation import progress
from rlscale.evaluation import samples
import tiny_cell
samples.FLUSH_SECONDS = progress.EVERY_SECONDS = 0.05
for line in sys.stdin:
    child = os.fork()
    if not child:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
        tiny_cell.evaluate(Path({root!r}), tiny_cell.settings({names!r}, 8), Path(line.strip()))
        os._exit(0)
    print(child, flush=True)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""


def killed_often(root: Path, tmp_path: Path, kills: int) -> None:
    """Kill evaluations of a cell at random moments; end one; compare with one left in peace."""
    script = ZYGOTE.format(folder=str(Path(__file__).parent), root=str(root), names=NAMES)
    zygote = subprocess.Popen(
        [sys.executable, "-c", script],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1", "VLLM_LOGGING_LEVEL": "ERROR"},
    )

    def begin(folder):
        zygote.stdin.write(f"{folder}\n")
        zygote.stdin.flush()
        return int(zygote.stdout.readline())

    peace, storm = tmp_path / "peace", tmp_path / "storm"
    begin(peace)
    started = time.monotonic()
    assert zygote.stdout.readline().strip() == "0"
    whole = time.monotonic() - started
    rng = random.Random(kills)
    saved, hits = 0, 0
    while hits < kills:
        child = begin(storm)
        time.sleep(rng.uniform(0.3, 0.9) * whole)
        with contextlib.suppress(ProcessLookupError):
            os.kill(child, signal.SIGKILL)
        if zygote.stdout.readline().strip() == "0":  # it was done before the blow
            shutil.rmtree(storm)
            saved = 0
            continue
        hits += 1
        store = SampleStore(storm / "samples.parquet", storm / "journal")
        frame = store.frame()
        assert len(frame) == len(store) >= saved
        saved = len(frame)
    begin(storm)
    assert zygote.stdout.readline().strip() == "0"
    zygote.stdin.close()
    assert zygote.wait() == 0
    for name in ("samples.parquet", "outcomes.parquet", "scores.csv", "eval_metrics.csv"):
        assert (storm / name).read_bytes() == (peace / name).read_bytes(), name


def test_killed_evaluations_end_as_one_left_in_peace(done, tmp_path):
    killed_often(done, tmp_path, 2)


@pytest.mark.long
def test_ten_kills(tmp_path):
    make_cell(tmp_path / "cell", steps=[0, 1, 2, 4, 8, 16], problems=200, benchmarks=NAMES)
    killed_often(tmp_path / "cell", tmp_path, 10)
