"""Columns that a configuration names and its files do not have are refused before anything runs."""

import copy
import gzip
import io
import json
from pathlib import Path

import pandas
import pytest

from rlscale.core.yaml_files import load
from rlscale.curves import mapping
from rlscale.data import heads
from rlscale.data.formats import file_rows
from rlscale.data.heads import LOOKED_AT, columns_of
from rlscale.study.check import findings
from rlscale.study.schema import SCHEMA

EMBEDDED = load(Path(__file__).parents[2] / "config/config.yaml")
ROWS = [{"question": f"{i} + 1 =", "gold": str(i + 1), "rate": 0.5} for i in range(3)]
PLAIN = {"problem": ["question"], "answer": ["gold"]}


def written(name: str) -> str:
    """A file of ``ROWS`` in the format of its name, in the current folder."""
    table = pandas.DataFrame(ROWS)
    kind = name.removesuffix(".gz").rpartition(".")[2]
    data = {
        "csv": lambda: table.to_csv(index=False).encode(),
        "tsv": lambda: ("\ufeff" + table.to_csv(index=False, sep="\t")).encode(),
        "jsonl": lambda: "\n".join(map(json.dumps, ROWS)).encode(),
        "json": lambda: json.dumps(ROWS, indent=1).encode(),
        "parquet": lambda: bytes(table.to_parquet(index=False)),
        "arrow": lambda: (
            table.to_feather(path := io.BytesIO(), compression="uncompressed") or path.getvalue()
        ),
    }[kind]()
    Path(name).write_bytes(gzip.compress(data) if name.endswith(".gz") else data)
    return name


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def study(read: dict, benchmarks: dict | None = None) -> dict:
    config = copy.deepcopy(EMBEDDED)
    config["data"]["arithmetic"] = {
        "verifier": "number", "read": read, "held_out": {"problems": 1, "seed": 1}
    }  # fmt: skip
    config["benchmarks"] |= benchmarks or {}
    return config


def said(config: dict) -> list[str]:
    return findings(config, load(SCHEMA))


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        ({"columns": {"problem": "question", "answer": "gold"}, "verifier": "exact"}, []),
        ({"columns": {"problem": "question", "answer": "glod"}},
         ["benchmarks.mine.columns.answer: a.jsonl has no column 'glod'; it has question, gold, "
          "rate; did you mean gold?"]),
        ({}, ["benchmarks.mine.path: a.jsonl has no column 'problem'; it has question, gold, rate",
              "benchmarks.mine.path: a.jsonl has no column 'answer'; it has question, gold, rate"]),
        ({"module": "gsm8k", "columns": {"answer": "gold"}},
         ["benchmarks.mine.columns: the columns of gsm8k are its own; only module own_file takes "
          "others"]),
        ({"columns": PLAIN | {"answer": "gold", "problem": "question"}, "verifier": "exakt"},
         ["benchmarks.mine.verifier: unknown verifier 'exakt'; did you mean exact?"]),
    ],
)  # fmt: skip
def test_a_benchmark_of_one_s_own_file_is_checked_at_plan_time(entry, words):
    own = {"module": "own_file", "samples": 2, "path": written("a.jsonl")} | entry
    found = said(study({"layout": "plain", "columns": PLAIN, "files": ["a.jsonl"]}, {"mine": own}))
    about = [finding for finding in found if "benchmarks.mine" in finding]
    if "module" in entry:
        about = [finding for finding in about if "columns of" in finding]
    assert about == words, found


FORMATS = ["a.csv", "a.tsv", "a.csv.gz", "a.jsonl", "a.jsonl.gz", "a.json", "a.parquet", "a.arrow"]


@pytest.mark.parametrize("name", FORMATS)
def test_a_column_that_a_file_does_not_have_is_one_sentence(name):
    read = {"layout": "plain", "files": [written(name)], "columns": PLAIN}
    assert said(study(read)) == []
    wrong = read | {"columns": PLAIN | {"problem": ["questin"], "pass_rate": ["rates"]}}
    assert said(study(wrong)) == [
        f"data.arithmetic.read.columns.problem: {name} has no column 'questin'; it has question, "
        "gold, rate; did you mean question?",
        f"data.arithmetic.read.columns.pass_rate: {name} has no column 'rates'; it has question, "
        "gold, rate; did you mean rate?",
    ]


@pytest.mark.parametrize(
    ("read", "sentences"),
    [
        ({"layout": "plain"}, ["read.layout: a.csv has no column 'problem'; it has question, gold",
                               "read.layout: a.csv has no column 'answer'; it has question, gold"]),
        ({"layout": "plain", "columns": {"problem": ["question"]}}, ["no column 'answer'; it has"]),
        ({"layout": "question_answer", "columns": {"answer": ["gold"]}}, []),
        ({"layout": "auto", "columns": {"answer": ["golden"]}}, ["columns.answer: a.csv has no"]),
        ({"layout": "auto", "columns": PLAIN}, []),
        ({"layout": "mbpp", "columns": {"problem": ["question"], "answer": ["gold"]}}, []),
    ],
)  # fmt: skip
def test_columns_of_a_named_layout_are_looked_for_too(read, sentences):
    found = said(study({"files": [written("a.csv")], **read}))
    assert len(found) == len(sentences)
    assert all(part in own for part, own in zip(sentences, found, strict=True))


def test_each_file_and_each_section_is_looked_at():
    written("a.csv")
    Path("b.csv").write_text("question,answer\n1 + 1 =,2\n")
    config = study({"layout": "plain", "files": ["*.csv"], "columns": PLAIN})
    held_out = {"layout": "plain", "files": ["a.csv"], "columns": {"problem": ["question"]}}
    config["data"]["arithmetic"]["held_out"] = {"read": held_out}
    assert [own.partition("; it has")[0] for own in said(config)] == [
        "data.arithmetic.read.columns.answer: b.csv has no column 'gold'",
        "data.arithmetic.held_out.read.layout: a.csv has no column 'answer'",
    ]


def test_a_file_that_is_not_here_or_cannot_say_it_refuses_nothing():
    Path("long.csv").write_text("x" * (LOOKED_AT + 9))
    read = {"layout": "plain", "columns": PLAIN}
    assert said(study(read | {"files": ["none.csv", "*.jsonl"]})) == []
    assert said(study(read | {"files": ["long.csv"]})) == []


def test_a_file_that_is_not_of_its_format_is_refused():
    Path("a.parquet").write_text("<html>")
    (only,) = said(study({"layout": "plain", "files": ["a.parquet"], "columns": PLAIN}))
    assert only.startswith("data.arithmetic.read: a.parquet: not a whole Parquet file")


@pytest.mark.parametrize(
    "text",
    [
        '[{"a": 1}, {"b": 2}]',
        '{"a": 1}\n{"b": 2}\n',
        '{\n "a": 1\n}\n{"b": 2}',
        '[{"a": 1}, {"b": 2}]\n[{"a": 1}, {"b": 2}]\n',
    ],
)
def test_columns_are_those_that_the_reader_finds(text):
    Path("a.json").write_text(text)
    rows = [row for row in file_rows(Path("a.json"), None) if not isinstance(row, str)]
    assert sorted(columns_of(Path("a.json"))) == sorted({name for row in rows for name in row})


@pytest.mark.parametrize("name", ["a.csv", "a.jsonl", "a.json", "a.csv.gz"])
def test_of_a_long_file_only_the_beginning_is_read(name, monkeypatch):
    rows = ROWS * 40_000
    text = pandas.DataFrame(rows).to_csv(index=False) if "csv" in name else json.dumps(rows)
    text = "\n".join(map(json.dumps, rows)) if name == "a.jsonl" else text
    Path(name).write_bytes(gzip.compress(text.encode()) if "gz" in name else text.encode())
    asked: list[int] = []

    class Counted(io.BytesIO):
        def read(self, size=-1):
            asked.append(size)
            return super().read(size)

    monkeypatch.setattr(heads, "open_file", lambda _: Counted(text.encode()))
    assert columns_of(Path(name)) == ["question", "gold", "rate"]
    assert asked == [LOOKED_AT]


def test_of_parquet_only_the_schema_is_read(monkeypatch):
    written("a.parquet")
    monkeypatch.setattr("pyarrow.parquet.ParquetFile.iter_batches", None)
    monkeypatch.setattr("pyarrow.parquet.ParquetFile.read", None)
    monkeypatch.setattr("pyarrow.parquet.read_table", None)
    assert columns_of(Path("a.parquet")) == ["question", "gold", "rate"]


def test_a_benchmarks_file_has_the_columns_that_it_reads():
    written("a.csv")
    Path("bbeh.jsonl").write_text('{"input": "?", "targets": "!"}\n')
    asked = {"samples": 1, "max_tokens": 8}
    read = {"layout": "plain", "files": ["a.csv"], "columns": PLAIN}
    benchmarks = {
        "bbeh": asked | {"path": "bbeh.jsonl"},
        "gsm8k": asked | {"path": written("g.parquet"), "examples": "a.csv"},
    }
    assert said(study(read, benchmarks)) == [
        "benchmarks.bbeh.path: bbeh.jsonl has no column 'target'; it has input, targets; did you "
        "mean targets?",
        "benchmarks.gsm8k.path: g.parquet has no column 'prompt'; it has question, gold, rate",
        "benchmarks.gsm8k.path: g.parquet has no column 'reward_model'; it has question, gold, "
        "rate",
        "benchmarks.gsm8k.examples: a.csv has no column 'answer'; it has question, gold, rate",
    ]
    Path("bbeh.jsonl").write_text('{"input": "?", "target": "!"}\n')
    assert said(study(read, {"bbeh": benchmarks["bbeh"]})) == []


CONSTANTS = {"model": "7b", "variant": "base", "benchmark": "held_out", "n_params_nominal": 7e9}
LOG = "step,acc,tok\n" + "".join(f"{s},0.{s},{9 * s}\n" for s in range(1, 9))


def taken(columns: dict, name: str = "a.csv", **section) -> list[str]:
    own = {"format": "table", "files": {name: {}}, "columns": columns, "constants": CONSTANTS}
    return said({"study": "mine", "ingest": own | section})


@pytest.mark.parametrize("rows", [1, 30_000])
def test_a_mapping_reads_what_its_file_has(rows):
    Path("a.csv").write_text(LOG + "9,0.9,81\n" * rows * 5)
    right = {"loss": "1 - acc", "tokens": "cumulative tok"}
    assert taken(right) == []
    assert taken(right | {"loss": "1 - acc / tok", "seed": "zzz", "step": "stp"}) == [
        "ingest.columns.step: a.csv: no 'stp', which step is made from; did you mean step? it has "
        "step, acc, tok; --map step=... says which",
        "ingest.columns.seed: a.csv: no 'zzz', which seed is made from; it has step, acc, tok; "
        "--map seed=... says which",
    ]
    (only,) = taken(right | {"model": "tok"})
    assert only == "ingest: 'model' is mapped to 'tok' and set to '7b': say one of the two"
    own = {"x": {"loss": "1 - ac", "n_problems": 9}, "y": {"loss": "1 - acc"}}
    (only,) = taken({"step": "step"}, benchmarks=own)
    assert only.startswith("ingest.benchmarks.x.loss: a.csv: no 'ac', which loss is made from")


def test_what_may_stand_later_in_a_long_log_refuses_nothing(monkeypatch):
    monkeypatch.setattr(mapping, "LOOKED_AT", 60)
    lines = [{"step": s, "data": {"acc": 0.1}} for s in range(9)]
    Path("a.jsonl").write_text("\n".join(map(json.dumps, lines)))
    assert taken({"loss": "1 - later"}, "a.jsonl", format="verl") == []
    Path("a.csv").write_text("step,metric,value\n" + "".join(f"{s},a,1\n" for s in range(99)))
    assert taken({"loss": "1 - later"}) == []
    Path("a.csv").write_text("step,acc\n" + "".join(f"{s},0.1\n" for s in range(99)))
    assert len(taken({"loss": "1 - later"})) == 1


@pytest.mark.parametrize(
    ("loss", "sentences"),
    [("1 - eval/acc", 0), ("1 - eval/ac", 1)],
)
def test_a_panel_is_asked_for_its_metrics(loss, sentences):
    Path("a.csv").write_text('"Step","a - eval/acc","b - eval/acc"\n"1","0.1","0.2"\n')
    assert len(taken({"loss": loss}, format="wandb")) == sentences


def test_a_wide_table_is_asked_for_its_runs():
    Path("a.csv").write_text("step,a,b\n1,0.1,0.2\n")
    assert taken({"loss": "1 - value"}, run_columns=["a", "b"]) == []
    assert "no column 'c'" in taken({"loss": "1 - value"}, run_columns=["a", "c"])[0]


def test_a_small_file_that_cannot_be_read_is_refused():
    Path("a.csv").write_text("")
    assert taken({"loss": "1 - acc"}) == ["ingest.files: a.csv: is empty"]
