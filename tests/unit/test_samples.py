"""The sample store: keys once, parts whole, a kill loses only what was not yet flushed."""

import os
import signal
import subprocess
import sys
import time

import pandas
import pytest

from rlscale.core.errors import StudyError
from rlscale.evaluation.samples import KEY, SampleStore


def row(sample, **changes):
    return {
        "checkpoint": "c", "benchmark": "b", "version": 1, "problem_id": "p", "sample": sample,
        "prompt": "x", "sampling": "t=0.7", "step": 0, "text": f"text {sample}", "tokens": 3,
        "prompt_tokens": 2, "finish_reason": "stop", **changes,
    }  # fmt: skip


def key(sample):
    return tuple(row(sample)[name] for name in KEY)


@pytest.fixture
def paths(tmp_path):
    return tmp_path / "samples.parquet", tmp_path / "journal"


def test_samples_come_back_once(paths):
    store = SampleStore(*paths)
    store.append([row(0), row(1)])
    store.flush()
    store.append([row(2)])
    assert key(1) in store
    assert key(3) not in store
    with pytest.raises(ValueError, match="already in the store"):
        store.append([row(0)])
    again = SampleStore(*paths)
    assert len(again) == 2, "the third was not flushed"
    assert list(again.frame()["text"]) == ["text 0", "text 1"]
    assert again.frame()["outcome"].isna().all()


def test_folding_makes_one_file_that_the_next_run_extends(paths):
    store = SampleStore(*paths)
    store.append([row(0), row(1)])
    frame = store.frame().assign(outcome="wrong", answer=None, scorer="s")
    store.replace(frame)
    assert not paths[1].exists()
    again = SampleStore(*paths)
    again.append([row(2)])
    assert list(again.frame()["outcome"].fillna("-")) == ["wrong", "wrong", "-"]


def test_a_kill_between_folding_and_clearing_leaves_nothing_twice(paths):
    store = SampleStore(*paths)
    store.append([row(0)])
    store.flush()
    part = (paths[1] / "000000.parquet").read_bytes()
    store.replace(store.frame())
    paths[1].mkdir()
    (paths[1] / "000000.parquet").write_bytes(part)
    (paths[1] / ".000001.parquet.part").write_bytes(part[:100])
    again = SampleStore(*paths)
    assert len(again) == len(again.frame()) == 1


def test_equal_samples_give_equal_bytes(tmp_path):
    files = []
    for name in ("one", "two"):
        store = SampleStore(tmp_path / name, tmp_path / f"{name}.journal")
        for sample in range(3):
            store.append([row(sample)])
            if name == "one":
                store.flush()
        store.replace(store.frame())
        files.append((tmp_path / name).read_bytes())
    assert files[0] == files[1]


def test_broken_files_are_named(paths):
    paths[0].write_bytes(b"PAR1 not really")
    with pytest.raises(StudyError, match=r"samples\.parquet: not a readable parquet"):
        SampleStore(*paths)
    pandas.DataFrame({"a": [1]}).to_parquet(paths[0])
    with pytest.raises(StudyError, match="not a sample store"):
        SampleStore(*paths)


def test_a_store_of_an_earlier_version_is_read_and_extended(paths):
    """Before there was a column ``gold``; in the journal, too."""
    store = SampleStore(*paths)
    store.append([row(0)])
    store.replace(store.frame().assign(outcome="wrong", answer="4", scorer="s"))
    pandas.read_parquet(paths[0]).drop(columns="gold").to_parquet(paths[0], index=False)
    store = SampleStore(*paths)
    store.append([row(1)])
    store.flush()
    part = paths[1] / "000000.parquet"
    pandas.read_parquet(part).drop(columns="gold").to_parquet(part, index=False)
    frame = SampleStore(*paths).frame()
    assert list(frame["text"]) == ["text 0", "text 1"]
    assert frame["gold"].isna().all()


WRITER = """
import sys, itertools, time
sys.path.insert(0, {folder!r})
from test_samples import row
from rlscale.evaluation import samples
samples.FLUSH_SECONDS = 0.01
store = samples.SampleStore({path!r}, {journal!r})
start = len(store)
for sample in itertools.count(start):
    store.append([row(sample)])
    time.sleep(0.002)
    if sample % 5 == 0:
        store.flush()
        print(len(store), flush=True)
"""


def test_sigkill_at_random_moments_loses_nothing_that_was_flushed(paths):
    script = WRITER.format(
        folder=os.path.dirname(__file__), path=str(paths[0]), journal=str(paths[1])
    )
    flushed = 0
    for attempt in range(4):
        process = subprocess.Popen(
            [sys.executable, "-c", script], stdout=subprocess.PIPE, text=True
        )
        for _ in range(3):
            flushed = int(process.stdout.readline())
        time.sleep(0.011 * attempt)
        os.kill(process.pid, signal.SIGKILL)
        said = process.communicate()[0].split()
        flushed = int(said[-1]) if said else flushed
        store = SampleStore(*paths)
        frame = store.frame()
        assert len(frame) >= flushed
        assert list(frame["sample"]) == list(range(len(frame)))
