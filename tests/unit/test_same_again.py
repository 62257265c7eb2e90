"""A step that is made again and comes out the same has the same manifest, so it forces nothing."""

from pathlib import Path

import pandas
import pytest

from rlscale.core.manifests import read_manifest, read_record
from rlscale.data.prepare import make_variant, prepare_set
from rlscale.evaluation.making import make_benchmark
from rlscale.models.corpus import make_corpus

SUMS = {"skill": "sum", "terms": 4, "largest": 9}
SHORT_SUMS = {"skill": "sum", "terms": 3, "largest": 9}
LARGEST = {"skill": "largest", "terms": 5, "largest": 9}
SET = {
    "verifier": "number",
    "generate": {"seed": 5, "levels": {"four": {**SUMS, "problems": 120}}},
    "held_out": {"problems": 20, "seed": 6},
    "max_characters": 100,
    "cleaning": "strict",
    "conflicts": "drop",
    "near": {"threshold": 0.7, "within_train": "keep"},
    "semantic_twins": {"cosine": 0.3, "alignment": 0.75, "seed": 0},
    "strata": {"easy": 0.3, "hard": 0},
    "order": {"by": ["level"], "seed": 1},
}
CORPUS = {
    "mixture": [{**SHORT_SUMS, "weight": 1}],
    "wrong_answers": 0.2,
    "careless": {"share": 0.5, "wrong_answers": 0.6, "mark": "~"},
    "seed": 3,
    "steps": 10,
    "batch_size": 50,
}


class Data:
    """The data stage of a study in the current folder, as its rules run it."""

    def benchmark(self, name: str, task: dict, seed: int) -> Path:
        folder = Path("results/benchmarks") / name
        own = {"module": "arithmetic", "task": task, "problems": 20, "seed": seed}
        manifest = folder / "manifest.json"
        make_benchmark(name, own, problems=folder / "problems.parquet", manifest=manifest)
        return manifest

    def make(self, *benchmarks: Path, count: tuple[Path, ...] = ()) -> dict[str, bytes]:
        """Make set, variant and corpus, which may have problems of ``count``; manifests' bytes."""
        data, variant, corpus = (Path("results") / name for name in ("set", "variant", "corpus"))
        prepare_set(
            name="sums", settings=SET, benchmarks=[*benchmarks, *count], pass_rates=None,
            folder=data, manifest=data / "manifest.json",
        )  # fmt: skip
        reuse = {"subsets": "nested", "layout": "per_epoch", "seed": 1}
        make_variant(
            name="sums/main-tau1",
            settings={"prompts_per_step": 8, "steps": 2, "tau": 1, "taus": [1], "reuse": reuse},
            data=data / "manifest.json",
            output=variant / "train.parquet",
            manifest=variant / "manifest.json",
        )
        make_corpus(
            name="pretraining",
            settings=CORPUS,
            exclude=[data / "manifest.json", *benchmarks],
            count=count,
            seen=corpus / "seen.csv",
            pairs=corpus / "pairs.parquet",
            manifest=corpus / "manifest.json",
        )
        return {
            step.name: (step / "manifest.json").read_bytes() for step in (data, variant, corpus)
        }


@pytest.fixture
def study(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return Data()


def test_a_new_benchmark_that_touches_no_problem_changes_no_manifest(study):
    one = study.benchmark("one", LARGEST, 22)
    before = study.make(one)
    assert study.make(one, study.benchmark("two", LARGEST, 23)) == before
    assert {"one", "two"} <= read_record(Path("results/set/manifest.json"))["inputs"].keys()


def test_a_benchmark_that_touches_what_is_learnt_changes_it(study):
    one = study.benchmark("one", LARGEST, 22)
    before = study.make(one)
    learnt = pandas.read_parquet("results/corpus/pairs.parquet")["problem"]
    two = Path("results/benchmarks/two/manifest.json")
    study.benchmark("two", SHORT_SUMS, 23)
    table = pandas.read_parquet(two.parent / "problems.parquet")
    assert set(table["problem"]) & set(learnt), "it must share a problem for this test"
    assert study.make(one, two)["corpus"] != before["corpus"]
    again = pandas.read_parquet("results/corpus/pairs.parquet")["problem"]
    assert not set(table["problem"]) & set(again)


def test_a_benchmark_that_may_have_been_learnt_changes_nothing_and_is_counted(study):
    one = study.benchmark("one", LARGEST, 22)
    before = study.make(one)
    assert study.make(one, count=(study.benchmark("two", SHORT_SUMS, 23),)) == before
    seen = pandas.read_csv("results/corpus/seen.csv").set_index("name")["seen"]
    learnt = pandas.read_parquet("results/corpus/pairs.parquet")["problem"]
    problems = pandas.read_parquet("results/benchmarks/two/problems.parquet")["problem"]
    assert seen.to_dict() == {"sums": 0, "one": 0, "two": problems.isin(learnt).sum()}
    assert seen["two"] > 0


def test_a_corrected_gold_of_a_benchmark_changes_no_training_data(study):
    one = study.benchmark("one", LARGEST, 22)
    before = study.make(one)
    fingerprint = read_manifest(one)["fingerprint"]
    table = pandas.read_parquet(one.parent / "problems.parquet")
    table.loc[0, "answer"] = "0"
    correct(one, table)
    assert read_manifest(one)["fingerprint"] != fingerprint
    assert study.make(one) == before


def correct(manifest: Path, table: pandas.DataFrame) -> None:
    """Write a benchmark's table anew, and its manifest."""
    from rlscale.core.manifests import Provenance, write_manifest

    problems = manifest.parent / "problems.parquet"
    table.to_parquet(problems, index=False)
    write_manifest(
        manifest,
        Provenance("rlscale.evaluation.making", {}, {}, started=0.0),
        kind="benchmark",
        name=manifest.parent.name,
        files=[problems],
        rows=len(table),
    )
