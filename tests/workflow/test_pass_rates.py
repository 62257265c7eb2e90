"""Pass rates measured with a model of the study: a rule that orders the set and can be resumed."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time

import dvc_study
import numpy as np
import pandas
import pytest
import yaml
from opened_files import undeclared_reads
from scipy.stats import binomtest

from conftest import Study, small_config
from rlscale.core.manifests import read_manifest, read_record
from rlscale.data.canonical import canonicalise
from rlscale.evaluation.pass_rates import binomial_interval
from rlscale.evaluation.samples import KEY
from rlscale.study import new_study as studies

TARGET = "results/data/arithmetic/manifest.json"
SAMPLES = 3


def rated_config(samples):
    """The small study with measured pass rates that decide strata and order."""
    config = small_config()
    data = config["data"]["arithmetic"]
    data["generate"]["levels"] = {
        "three_terms": {"skill": "sum", "terms": 3, "largest": 9, "problems": 60},
        "four_terms": {"skill": "sum", "terms": 4, "largest": 9, "problems": 200},
    }
    data["held_out"]["problems"] = 20
    data["strata"] = {"easy": 0.3, "hard": 0}
    data["pass_rate"] = {"model": "arith-39k", "samples": samples, "max_tokens": 8}
    return config


@pytest.fixture(scope="module")
def repro(tmp_path_factory):
    """Its first two phases, run once by DVC in a study's own folder."""
    folder = tmp_path_factory.mktemp("rated")
    (folder / "rated.yaml").write_text(yaml.safe_dump(rated_config(SAMPLES), sort_keys=False))
    studies.new_study(folder / "study", folder / "rated.yaml")
    repro = dvc_study.Study(folder / "study")
    repro.run("git", "commit", "--quiet", "--message", "new study")
    repro.run("dvc", "repro", "--quiet", "models")
    repro.commit()
    return repro


@pytest.fixture(scope="module")
def study(repro):
    """The same folder, driven by plain Snakemake."""
    return Study(repro.folder, rated_config(SAMPLES))


def test_dvc_has_nothing_to_do_again_nor_in_a_clone(repro):
    """The data phase makes the model that it asks; the models phase owns it, with the others."""
    before = repro.contents("results", "checkpoints")
    assert "Data and pipelines are up to date" in repro.run("dvc", "repro", "models")
    assert repro.contents("results", "checkpoints") == before
    repro.run("dvc", "remote", "add", "--default", "store", str(repro.folder.with_name("store")))
    repro.commit()
    repro.run("dvc", "push", "--quiet")
    clone = repro.clone("clone")
    clone.run("dvc", "pull", "--quiet", "data", "models")
    clone.run("rlscale", "adopt")
    assert "Nothing to be done" in clone.run("snakemake", "-n", "models")
    assert "Data and pipelines are up to date" in clone.run("dvc", "repro", "models")
    clone.edit(pretraining=rated_config(SAMPLES)["pretraining"] | {"seed": 8})
    assert "pretraining" in clone.run("dvc", "status", "data")
    plan = clone.run("snakemake", "-n", "data")
    assert all(rule in plan for rule in ("make_model", "estimate_pass_rate", "prepare_set"))


def rated(study):
    folder = study.folder / "results" / "data" / "arithmetic"
    return folder, pandas.read_parquet(folder / "pass_rates" / "pass_rates.parquet")


def test_every_usable_problem_is_asked_and_judged(study):
    folder, rates = rated(study)
    problems = pandas.read_parquet(folder / "problems" / "problems.parquet")
    assert set(rates["problem_id"]) == set(problems["problem_id"])
    assert (rates["n"] == SAMPLES).all()
    assert rates["n_correct"].between(1, SAMPLES - 1).any()
    samples = pandas.read_parquet(folder / "pass_rates" / "samples.parquet")
    correct = samples["outcome"].eq("correct").groupby(samples["problem_id"]).sum()
    assert (correct.loc[rates["problem_id"]].to_numpy() == rates["n_correct"]).all()
    assert ((rates["low"] <= rates["pass_rate"]) & (rates["pass_rate"] <= rates["high"])).all()


def test_strata_and_order_follow_the_measured_rates(study):
    folder, rates = rated(study)
    measured = rates.set_index("problem_id")["pass_rate"]
    for part in ("train", "held_out"):
        table = pandas.read_parquet(folder / f"{part}.parquet")
        assert table["pass_rate"].tolist() == measured.loc[table["problem_id"]].tolist()
        assert (table["level"].eq("easy") == table["pass_rate"].ge(0.3)).all()
        if part == "train":
            assert table["pass_rate"].is_monotonic_decreasing
            assert table["pass_rate"].nunique() > 2
    inputs = read_record(folder / "manifest.json")["inputs"]
    rates = read_manifest(folder / "pass_rates" / "manifest.json", "pass_rates")
    assert inputs["pass_rates"] == rates["fingerprint"]


def test_the_model_that_is_asked_has_seen_no_problem_of_the_set(study):
    folder, rates = rated(study)
    corpus = study.folder / "results/corpora/pretraining"
    listed = read_manifest(folder / "problems" / "manifest.json", "problems")
    read = read_record(corpus / "manifest.json")
    assert listed["fingerprint"] in read["inputs"].values()
    assert read["excluded_problems"] >= len(rates)
    problems = pandas.read_parquet(folder / "problems" / "problems.parquet")["problem"]
    learnt = pandas.read_parquet(corpus / "pairs.parquet")["problem"]
    assert not set(map(canonicalise, problems)) & set(map(canonicalise, learnt))


# A child that saves often, so that a kill meets a journal with parts.
IMPATIENT = """
import json, os, pathlib, sys
from rlscale.evaluation import progress, samples
from rlscale.evaluation.asking import Questions
from rlscale.evaluation.engine import Machine
from rlscale.evaluation.pass_rates import estimate_pass_rates
from rlscale.evaluation.settings import PASS_RATE
samples.FLUSH_SECONDS = progress.EVERY_SECONDS = 0.01
settings, paths = map(json.loads, sys.argv[1:])
paths = {name: pathlib.Path(path) for name, path in paths.items()}
problems = {PASS_RATE: paths.pop("problems")}
kept = {name: paths.pop(name) for name in ("samples", "journal")}
questions = Questions(problems=problems, settings=settings, **kept)
report = estimate_pass_rates(questions, Machine(), name="arithmetic", **paths)
print(json.dumps(report), flush=True)
os._exit(0)
"""


def test_a_kill_loses_no_flushed_sample(study, tmp_path):
    folder, _ = rated(study)
    done = pandas.read_parquet(folder / "pass_rates" / "samples.parquet")
    settings = read_record(folder / "pass_rates" / "manifest.json")["settings"]
    paths = {
        "problems": folder / "problems" / "manifest.json",
        "model": "results/models/arith-39k-base/manifest.json",
        "journal": tmp_path / "journal",
        "samples": tmp_path / "samples.parquet",
        "rates": tmp_path / "pass_rates.parquet",
        "manifest": tmp_path / "manifest.json",
    }
    given = [json.dumps(settings), json.dumps(paths, default=str)]
    command = [sys.executable, "-c", IMPATIENT, *given]
    with subprocess.Popen(command, cwd=study.folder, stdout=subprocess.PIPE) as process:
        while not list((tmp_path / "journal").glob("000002.parquet")):
            assert process.poll() is None, "it ended before it could be killed"
            time.sleep(0.001)
        os.kill(process.pid, signal.SIGKILL)
    parts = sorted((tmp_path / "journal").glob("*.parquet"))
    kept = sum(len(pandas.read_parquet(part)) for part in parts)
    assert 0 < kept < len(done)
    again = subprocess.run(command, cwd=study.folder, stdout=subprocess.PIPE, text=True, check=True)
    assert json.loads(again.stdout.splitlines()[-1])["generated"] == len(done) - kept
    found = pandas.read_parquet(tmp_path / "samples.parquet")
    assert found.set_index(list(KEY))["text"].equals(done.set_index(list(KEY))["text"])


@pytest.mark.long
def test_shards_measure_the_same_bytes_as_one_job(study, tmp_path):
    whole, _ = rated(study)
    config = rated_config(SAMPLES)
    config["resources"]["default"]["evaluation"] = {"shards": 2}
    shutil.copytree(study.folder, tmp_path / "study", symlinks=True)
    shared = Study(tmp_path / "study", config)
    folder, _ = rated(shared)
    shutil.rmtree(folder / "pass_rates")
    rates = "results/data/arithmetic/pass_rates/manifest.json"
    shared.run(rates)
    for name in ("samples.parquet", "pass_rates.parquet", "manifest.json"):
        made, expected = (place / "pass_rates" / name for place in (folder, whole))
        assert made.read_bytes() == expected.read_bytes(), name
    logs = shared.folder / "logs/ask_set/arithmetic"
    said = [json.loads(path.read_text().splitlines()[-1]) for path in sorted(logs.glob("*.log"))]
    assert len(said) == 2
    assert all(shard["generated"] for shard in said)
    config["resources"]["default"]["evaluation"] = {"shards": 5}
    assert Study(shared.folder, config).planned(rates) == {}


def test_again_nothing_is_asked_and_more_samples_are_added_to_those_there(study):
    assert "Nothing to be done" in study.run(TARGET)
    folder, rates = rated(study)
    file = folder / "pass_rates" / "samples.parquet"
    before = pandas.read_parquet(file).set_index(list(KEY))["text"]
    log = study.folder / "logs" / "estimate_pass_rate" / "arithmetic.log"
    study.run(TARGET, "--forcerun", "estimate_pass_rate")
    assert '"generated": 0' in log.read_text()
    assert pandas.read_parquet(file).set_index(list(KEY))["text"].equals(before)
    study.configure(rated_config(SAMPLES + 1))
    study.run(TARGET)
    assert f'"generated": {len(rates)}' in log.read_text()
    after = pandas.read_parquet(file).set_index(list(KEY))["text"]
    assert after.loc[before.index].equals(before)


def test_the_interval_is_the_exact_binomial_one():
    n = np.full(9, 8)
    correct = np.arange(9)
    low, high = binomial_interval(correct, n)
    for k in correct:
        exact = binomtest(int(k), 8).proportion_ci(0.95, method="exact")
        assert (low[k], high[k]) == pytest.approx((exact.low, exact.high))


@pytest.mark.parametrize(
    ("step", "folder"), [("list_problems", "problems"), ("estimate_pass_rate", "pass_rates")]
)
def test_what_a_step_opens_is_declared(study, step, folder):
    output = f"results/data/arithmetic/{folder}/manifest.json"
    assert undeclared_reads(study, f"{step} arithmetic", output) == []
