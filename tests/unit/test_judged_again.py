"""A stored verdict holds for its scorer and its gold answer; no engine and no model is needed."""

import dataclasses

import pandas
import pytest

from rlscale.evaluation.benchmarks import BENCHMARKS, problem_table
from rlscale.evaluation.evaluate import judge_stored
from rlscale.evaluation.samples import KEY, SampleStore
from rlscale.evaluation.scoring import Rule
from rlscale.evaluation.tasks import Task, missing_samples, open_store, wanted_keys
from rlscale.models.checkpoints import Checkpoint

SETTINGS = {"benchmarks": {"sums": {"samples": 2}}, "top_up": [], "cpu_threads": 1}
CHECKPOINTS = [Checkpoint(0, "weights", "digest")]


def task(*golds: str, scorer: str = "scorer") -> Task:
    """Three sums with these gold answers."""
    return Task(
        name="sums",
        benchmark=BENCHMARKS.get("held_out"),
        verifier="number",
        problems=problem_table(["2+2=", "3+3=", "4+4="], golds, source="sums"),
        prompts=[[1]] * 3,
        prompt_digests=["p", "q", "r"],
        text_digests=["older p", "older q", "older r"],
        gold_digests=[f"digest of {gold}" for gold in golds],
        max_tokens=8,
        sampling="s",
        scorer=scorer,
        scoring="ours",
        rule=Rule(),
    )


class Store:
    """A store with two responses to each problem: the right one, and 5."""

    def __init__(self, folder):
        self.paths = folder / "samples.parquet", folder / "journal"
        common = {"step": 0, "tokens": 1, "prompt_tokens": 1, "finish_reason": "stop"}
        keys = [key for _, key in wanted_keys(task("4", "6", "8"), CHECKPOINTS[0], SETTINGS)]
        store = SampleStore(*self.paths)
        texts = ("4", "5", "6", "5", "8", "5")
        store.append(
            [
                {**dict(zip(KEY, key, strict=True)), **common, "text": text}
                for key, text in zip(keys, texts, strict=True)
            ]
        )
        store.flush()

    def judge(self, asked: Task) -> tuple[list[str], int]:
        """Outcomes in order, and how many samples were judged again; kept in the store."""
        store = SampleStore(*self.paths)
        frame, again = judge_stored(store, [asked], CHECKPOINTS, SETTINGS)
        store.replace(frame)
        return frame["outcome"].tolist(), again


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path)


def test_a_corrected_gold_is_judged_by_and_the_other_problems_keep_their_verdicts(store):
    assert store.judge(task("4", "5", "8")) == (
        ["correct", "wrong", "wrong", "correct", "correct", "wrong"],
        0,
    )
    assert store.judge(task("4", "6", "8")) == (["correct", "wrong"] * 3, 2)
    assert store.judge(task("4", "6", "8")) == (["correct", "wrong"] * 3, 0)


def test_another_scorer_judges_all_again(store):
    asked = task("4", "6", "8")
    store.judge(asked)
    assert store.judge(dataclasses.replace(asked, scorer="another"))[1] == 6


def test_samples_of_an_earlier_version_are_kept_and_judged_again(store):
    """Its verdicts named the scorer alone: one of them is on a gold that was corrected since."""
    store.judge(task("4", "5", "8"))
    path, _ = store.paths
    pandas.read_parquet(path).drop(columns="gold").to_parquet(path, index=False)
    assert store.judge(task("4", "6", "8")) == (["correct", "wrong"] * 3, 6)
    assert pandas.read_parquet(path)["text"].tolist() == ["4", "5", "6", "5", "8", "5"]


def test_responses_of_an_earlier_version_are_not_asked_again(store):
    asked = task("4", "6", "8")
    older = dataclasses.replace(asked, prompt_digests=asked.text_digests)
    kept = SampleStore(*store.paths)
    renamed = dict(zip(asked.prompt_digests, older.prompt_digests, strict=True))
    kept.replace(kept.frame().replace({"prompt": renamed}))
    assert missing_samples([asked], CHECKPOINTS, SETTINGS, SampleStore(*store.paths))[0]
    found = open_store(*store.paths, [asked])
    assert not missing_samples([asked], CHECKPOINTS, SETTINGS, found)[0]
    assert set(found.frame()["prompt"]) == set(asked.prompt_digests)
    assert found.frame()["text"].tolist() == ["4", "5", "6", "5", "8", "5"]


def test_another_tokenizer_asks_again(store):
    other = dataclasses.replace(task("4", "6", "8"), prompt_digests=["p2", "q2", "r2"])
    assert missing_samples([other], CHECKPOINTS, SETTINGS, open_store(*store.paths, [other]))[0]
