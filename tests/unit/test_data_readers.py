"""Malformed input: a clear error or a quarantine row; never a traceback, never a silent loss."""

import gzip
import json
from pathlib import Path

import pyarrow
import pyarrow.parquet
import pytest

from rlscale.core.errors import StudyError
from rlscale.data.problems import tabulate
from rlscale.data.readers import read_rows

GOOD = {"problem": "1+2+3=", "answer": "6", "rate": 0.5}
SETTINGS = {"layout": "plain", "columns": {"pass_rate": ["rate"]}, "wrapper": ""}


def read(path: Path, **settings):
    """Read one file."""
    return read_rows({**SETTINGS, "files": [str(path)], **settings})


def lines(path: Path, *rows: object) -> Path:
    """Write JSON lines; text and bytes go in as they are."""
    raw = [
        r if isinstance(r, bytes) else (r if isinstance(r, str) else json.dumps(r)).encode()
        for r in rows
    ]
    path.write_bytes(b"\n".join(raw))
    return path


QUARANTINED = {
    "no answer": ({**GOOD, "answer": None}, "no gold answer"),
    "blank answer": ({**GOOD, "answer": "  "}, "no gold answer"),
    "answer is an empty list": ({**GOOD, "answer": []}, "no gold answer"),
    "answer is a list of lists": ({**GOOD, "answer": [["6"]]}, "gold answer is of type list"),
    "answer is true": ({**GOOD, "answer": True}, "gold answer is of type bool"),
    "answer with NUL": ({**GOOD, "answer": "6\0"}, "broken encoding in the gold answer"),
    "answer no number": ({**GOOD, "answer": "six"}, "gold answer unusable"),
    "no problem": ({**GOOD, "problem": None}, "no problem"),
    "empty problem": ({**GOOD, "problem": " \n"}, "empty problem"),
    "problem is a number": ({**GOOD, "problem": 7}, "problem is of type int"),
    "problem is a mapping": ({**GOOD, "problem": {"a": 1}}, "problem is of type dict"),
    "only punctuation": ({**GOOD, "problem": "?!..."}, "problem without content"),
    "1 MB problem": ({**GOOD, "problem": "1+" * 500_000}, "problem longer than"),
    "NUL bytes": ({**GOOD, "problem": "1+\x002="}, "broken encoding"),
    "lost characters": ({**GOOD, "problem": "1\ufffd2="}, "broken encoding"),
    "half a surrogate": ('{"problem": "1\\ud800", "answer": "6"}', "broken encoding"),
    "not UTF-8": (b'{"problem": "1\xff2", "answer": "6"}', "broken encoding"),
    "half a line": ('{"problem": "1+2=', "not valid JSON"),
    "no object": ("[1, 2]", "not a JSON object"),
    "key twice": ('{"problem": "1", "problem": "2", "answer": "6"}', "stands twice"),
    "pass rate is text": ({**GOOD, "rate": "often"}, "pass rate is no number"),
    "pass rate of no tries": ({**GOOD, "rate": "0/0"}, "pass rate is no number"),
    "pass rate is true": ({**GOOD, "rate": True}, "pass rate is of type bool"),
    "pass rate not finite": ({**GOOD, "rate": "inf"}, "pass rate is not finite"),
    "pass rate above 1": ({**GOOD, "rate": 1.5}, "outside [0, 1]"),
    "nested too deep": ("[" * 100_000, "nested too deep"),
}  # fmt: skip


@pytest.mark.parametrize("name", QUARANTINED)
def test_a_bad_row_goes_to_quarantine_and_the_good_ones_stay(name: str, tmp_path: Path) -> None:
    row, reason = QUARANTINED[name]
    rows = read(lines(tmp_path / "set.jsonl", GOOD, row, GOOD))
    table, lost = tabulate(rows, verifier="number", max_characters=8000)
    assert len(rows) == len(table) + len(lost) == 3
    assert lost["source"].tolist() == ["set.jsonl#1"]
    assert reason in lost["reason"].item()
    assert lost["problem"].str.len().max() <= 200


def test_mangled_escapes_stay_only_where_the_set_is_used_as_published(tmp_path: Path) -> None:
    bad = {**GOOD, "problem": "1 + \frac{4}{2} ="}  # a form feed: "\\f" of "\\frac"
    rows = read(lines(tmp_path / "set.jsonl", GOOD, bad, {**GOOD, "problem": "1+\x002="}))
    kept, lost = tabulate(rows, verifier="number", max_characters=100, keep_mangled=True)
    assert kept["problem"].tolist() == [GOOD["problem"], bad["problem"]]
    assert len(lost) == 1
    assert len(tabulate(rows, verifier="number", max_characters=100)[1]) == 2


NESTED = {
    "broken string": ("[{'content': '1+2=", "prompt holds a broken nested string"),
    "no list": ({"content": "1+2="}, "prompt is no list"),
    "no mapping": (["1+2="], "a message of prompt is no mapping"),
    "empty list": ([], "no problem"),
}


@pytest.mark.parametrize("name", NESTED)
def test_broken_nesting_of_guru_goes_to_quarantine(name: str, tmp_path: Path) -> None:
    prompt, reason = NESTED[name]
    good = {"prompt": [{"content": "1+2="}], "reward_model": '{"ground_truth": "3"}'}
    file = lines(tmp_path / "g.jsonl", good, {**good, "prompt": prompt})
    rows = read(file, layout="guru", columns={})
    table, lost = tabulate(rows, verifier="number", max_characters=100)
    assert table["answer"].tolist() == ["3"]
    assert reason in lost["reason"].item()


def test_a_missing_wrapper_goes_to_quarantine(tmp_path: Path) -> None:
    wrapped = [{**GOOD, "problem": "Solve 1+2= now"}, GOOD]
    rows = read(lines(tmp_path / "w.jsonl", *wrapped), wrapper="Solve {problem} now")
    table, lost = tabulate(rows, verifier="number", max_characters=100)
    assert table["problem"].tolist() == ["1+2="]
    assert "wrapper" in lost["reason"].item()


def test_a_csv_row_of_another_width_goes_to_quarantine(tmp_path: Path) -> None:
    path = tmp_path / "set.csv"
    path.write_text("problem,answer,rate\n1+2=,3,0.5\n1,2,3,4\n")
    table, lost = tabulate(read(path), verifier="exact", max_characters=100)
    assert (len(table), lost["reason"].tolist()) == (1, ["4 fields where the header has 3"])


def parquet(path: Path) -> bytes:
    """The bytes of a good Parquet file."""
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist([GOOD] * 50), path)
    return path.read_bytes()


def twice(path: Path) -> bytes:
    """A Parquet file with a column that stands twice."""
    table = pyarrow.Table.from_arrays([["1"], ["2"], ["3"]], names=["problem", "problem", "answer"])
    pyarrow.parquet.write_table(table, path)
    return path.read_bytes()


REFUSED = {
    "missing": ("set.jsonl", None, "does not exist"),
    "empty": ("set.jsonl", b"", "no rows"),
    "header only": ("set.csv", b"problem,answer,rate\n", "no rows"),
    "no line is JSON": ("set.jsonl", b"one\ntwo", "no line is a JSON object"),
    "a web page": ("set.jsonl", b"<!DOCTYPE html>\n<html></html>", "a web page"),
    "an LFS pointer": ("set.parquet", b"version https://git-lfs.github.com/spec/v1\n", "lfs pull"),
    "packed, not named so": ("set.json", gzip.compress(b'[{"problem": "1"}]'), "the ending .gz"),
    "a zip archive": ("set.json", b"PK\x03\x04", "unpack it"),
    "UTF-16": ("set.csv", "problem,answer\n1,1\n".encode("utf-16"), "UTF-8"),
    "Parquet by another name": ("set.csv", b"PAR1", "the ending .parquet"),
    "semicolons": ("set.csv", b"problem;answer\n1;1\n", "separated by ';'"),
    "tabs in CSV": ("set.csv", b"problem\tanswer\n1\t1\n", "separated by '\\t'"),
    "rows below a key": ("set.json", json.dumps({"data": [GOOD, GOOD]}).encode(), "below 'data'"),
    "splits below keys": ("set.json", json.dumps({"train": [GOOD], "test": [GOOD]}).encode(),
                          "below 'train'"),
    "columns as lists": ("set.json", b'{"problem": ["1"], "answer": ["1"]}', "columns (problem"),
    "columns of pandas": ("set.json", b'{"problem": {"0": "1"}, "answer": {"0": "1"}}',
                          "columns (problem"),
    "rows by names": ("set.json", json.dumps({"a": GOOD, "b": GOOD}).encode(), "by their names"),
    "other column": ("set.jsonl", b'{"answer": "2", "rate": 1}', "'problem' is missing"),
    "csv column twice": ("set.csv", b"problem,problem,answer,rate\n", "'problem' stands twice"),
    "csv open quote": ("set.csv", b'problem,answer,rate\n"1+2=,3,1\n1,2,1\n', "line 3"),
    "csv stray quote": ("set.csv", b'problem,answer,rate\n"1"+2=,3,1\n', "line 2"),
    "csv not UTF-8": ("set.csv", b"problem,answer,rate\n\xff,1,1\n", "not UTF-8"),
    "half a Parquet": ("set.parquet", lambda p: parquet(p)[:400], "not a whole Parquet file"),
    "no Parquet": ("set.parquet", b"hello", "not a whole Parquet file"),
    "parquet column twice": ("set.parquet", twice, "stands twice"),
    "unknown format": ("set.xlsx", b"PK", "unknown format"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_a_bad_file_stops_the_run_and_is_named(name: str, tmp_path: Path) -> None:
    file, content, message = REFUSED[name]
    path = tmp_path / file
    if content is not None:
        path.write_bytes(content(tmp_path / "x.parquet") if callable(content) else content)
    with pytest.raises(StudyError) as refusal:
        read(path)
    assert message in str(refusal.value)
    assert str(path) in str(refusal.value)


REVISION = "b" * 40


@pytest.fixture
def hub(tmp_path: Path, monkeypatch) -> Path:
    """The hub's cache with one data set at one commit; nothing is reached."""
    pytest.importorskip("datasets")
    import datasets.config
    import huggingface_hub.constants as hub_constants

    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    monkeypatch.setattr(hub_constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(hub_constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "hub" / "datasets--org--sums" / "snapshots" / REVISION
    for configuration in ("main", "socratic"):
        (folder / configuration).mkdir(parents=True)
    lines(folder / "main/train.jsonl", GOOD, {**GOOD, "answer": None}, {**GOOD, "rate": None})
    lines(folder / "main/test.jsonl", {**GOOD, "problem": "4+5="})
    lines(folder / "socratic/train.jsonl", {**GOOD, "problem": "9+9="})
    (folder / "README.md").write_text(CARD)
    return folder


CARD = """---
configs:
- config_name: main
  data_files:
  - {split: train, path: main/train*}
  - {split: test, path: main/test*}
- config_name: socratic
  data_files:
  - {split: train, path: socratic/train*}
---
"""
SUMS = {"name": "org/sums", "revision": REVISION, "split": "train", "configuration": "main"}


def test_a_data_set_of_the_hub_is_read_like_a_file(hub) -> None:
    rows = read_rows({**SETTINGS, "hub": SUMS})
    kept, lost = tabulate(rows, verifier="number", max_characters=100)
    assert kept["problem"].tolist() == [GOOD["problem"]] * 2
    assert kept["pass_rate"].fillna(-1).tolist() == [0.5, -1]
    assert lost["source"].tolist() == ["org/sums/train.jsonl#1"]
    for change, problem in (({"split": "test"}, "4+5="), ({"configuration": "socratic"}, "9+9=")):
        assert [r.problem for r in read_rows({**SETTINGS, "hub": {**SUMS, **change}})] == [problem]


def test_only_the_pinned_revision_of_the_hub_is_read(hub) -> None:
    """Another commit lies in the cache, and a folder of the set's name beside the study."""
    (hub.parents[3] / "org" / "sums").mkdir(parents=True)
    lines(hub.parents[3] / "org" / "sums" / "train.jsonl", {**GOOD, "problem": "0+0="})
    with pytest.raises(StudyError, match=r"org/sums at cccc.* cannot be fetched"):
        read_rows({**SETTINGS, "hub": {**SUMS, "revision": "c" * 40}})
    assert read_rows({**SETTINGS, "hub": SUMS})[0].problem == GOOD["problem"]


def test_a_part_of_the_shards_is_refused(hub) -> None:
    (hub / "main" / "train.jsonl").rename(hub / "main" / "train-00000-of-00002.jsonl")
    with pytest.raises(StudyError, match="1 files are in the cache where their names say 2"):
        read_rows({**SETTINGS, "hub": SUMS})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"split": "held_out"}, "no split 'held_out'; it has train, test"),
        ({"configuration": "other"}, "org/sums at b+: .*'main', 'socratic'"),
        ({"configuration": None}, "org/sums at b+: .*'main', 'socratic'"),
        ({"name": "nobody/no-such-set"}, "nobody/no-such-set at b+: cannot be fetched"),
    ],
)
def test_a_data_set_that_the_hub_does_not_give_is_named(hub, change, message) -> None:
    with pytest.raises(StudyError, match=message):
        read_rows({**SETTINGS, "hub": {**SUMS, **change}})


def test_a_column_that_the_hubs_set_lacks_is_named(hub) -> None:
    with pytest.raises(StudyError, match="column 'question' is missing; it has answer, problem"):
        read_rows({**SETTINGS, "layout": "gsm8k", "hub": SUMS})


def test_the_layouts_of_gsm8k_and_math(tmp_path: Path) -> None:
    gsm = lines(tmp_path / "g.jsonl", {"question": "How many?", "answer": "2*600=1200\n#### 1,200"})
    mathematics = lines(tmp_path / "m.jsonl", {"problem": "p", "solution": r"So \boxed{\frac12}."})
    assert read(gsm, layout="gsm8k", columns={})[0].answer == "1200"
    assert read(mathematics, layout="math", columns={})[0].answer == r"\frac12"


def test_a_pass_rate_may_be_written_as_passes_of_tries(tmp_path: Path) -> None:
    rows = [{**GOOD, "rate": rate} for rate in ("3/8", "0/8", "n/a", "0.5")]
    table, lost = tabulate(read(lines(tmp_path / "p.jsonl", *rows)), verifier="number",
                           max_characters=100)  # fmt: skip
    assert not len(lost)
    assert table["pass_rate"].fillna(-1).tolist() == [0.375, 0.0, -1.0, 0.5]
