"""Trackers' stores and figures of strangers: programs, links, pipes and nonsense in them."""

import argparse
import json
import os
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pandas
import pytest
import yaml

from rlscale.answers.api import read_curves
from rlscale.cli import forecast, ingest
from rlscale.core.errors import StudyError
from rlscale.core.labels import as_cell
from rlscale.curves.formats.evaluations import read_lighteval, read_lm_eval
from rlscale.curves.formats.mlflow import read_mlflow
from rlscale.curves.formats.trackio import read_trackio
from rlscale.curves.formats.wandb_folder import _records
from rlscale.curves.ingest import read_runs
from rlscale.curves.readers import CURVE_READERS
from rlscale.data.prepare import _write_csv
from rlscale.study import lineage, redraw

METRICS = "create table metrics (run_name text, step integer, metrics text)"
ROW = "insert into metrics values ('r', 1, '{\"loss\": 0.5}')"
ENDLESS = (
    "create view v as with recursive r(x) as (select 1 union all select x + 1 from r) "
    "select x as rowid, 'r' as run_name, x as step, '{}' as metrics from r"
)
TRACKIO = {
    "an endless view": ([ENDLESS.replace("view v", "view metrics")], "no table 'metrics'"),
    "a virtual table of an endless view": (
        [ENDLESS, "create virtual table metrics using fts5(run_name, step, content='v')"],
        "no table 'metrics'",
    ),
    "a computed column": (
        [METRICS.replace(")", ", big generated always as (printf('%.*c', 1000000, 'x')))"),
         "insert into metrics (run_name, step, metrics) values ('r', 1, '{}')"],
        "computed",
    ),
    "a default of 30 MB for every row": (
        [METRICS, ROW, f"alter table metrics add column big default '{'x' * 30_000_000}'"],
        "cannot be read as SQLite",
    ),
    "other columns": (["create table metrics (a)"], "lacks 'run_name'"),
    "no JSON": ([METRICS, ROW.replace("{", "{{")], "where trackio writes a JSON object"),
    "a list": ([METRICS, ROW.replace("{", "[").replace("}", "]").replace(": ", ", ")], "an object"),
    "nothing": ([METRICS, ROW.replace("'{\"loss\": 0.5}'", "null")], "None where trackio"),
    "a configuration that is a list": (
        [METRICS, ROW, "create table configs (run_name, config)",
         "insert into configs values ('r', '[1]')"],
        "'\\[1\\]' where trackio",
    ),
}  # fmt: skip


def store(path: Path, statements: list[str]) -> Path:
    with sqlite3.connect(path) as made:
        for statement in statements:
            made.execute(statement)
    return path


@pytest.mark.parametrize("case", TRACKIO)
def test_a_store_that_is_no_trackers_ends_in_a_sentence(case, tmp_path):
    statements, said = TRACKIO[case]
    with pytest.raises(StudyError, match=said.replace("an object", "a JSON object")):
        read_trackio(store(tmp_path / "p.db", statements))


def test_a_store_that_is_one_is_read(tmp_path):
    table = read_trackio(store(tmp_path / "p.db", [METRICS, ROW, ROW.replace("1", "2", 1)]))
    assert table["loss"].tolist() == [0.5, 0.5]


def test_default_values_of_many_rows_count_as_often_as_they_stand(tmp_path, monkeypatch):
    """100 kB that stand once in the file are 100 kB in every row that is read."""
    monkeypatch.setattr("rlscale.core.swelling._SMALL", 1 << 20)
    grown = f"alter table metrics add column big default '{'x' * 100_000}'"
    few = store(tmp_path / "few.db", [METRICS, *[ROW] * 10, grown])
    assert len(read_trackio(few)) == 10
    many = store(tmp_path / "many.db", [METRICS, *[ROW] * 900, grown])
    monkeypatch.setattr("rlscale.core.swelling._SWELLS", 10)
    with pytest.raises(StudyError, match="opens to more than"):
        read_trackio(many)


@pytest.mark.parametrize("content", [b"", b"x", b"SQLite format 3\0" + bytes(range(256)) * 30])
def test_bytes_that_are_no_store_end_in_a_sentence(content, tmp_path):
    path = tmp_path / "m.db"
    path.write_bytes(content)
    with pytest.raises(StudyError, match=r"m\.db: (cannot be read as SQLite|no table)"):
        read_mlflow(path)


def mlruns(folder: Path) -> Path:
    run = folder / "mlruns/0/r"
    (run / "metrics").mkdir(parents=True)
    (run / "params").mkdir()
    (run / "meta.yaml").write_text("run_name: r\nlifecycle_stage: active\n")
    (run / "metrics/loss").write_text("1 0.5 1\n")
    return run


def _link(path: Path) -> None:
    secret = path.parents[5] / "secret"
    secret.write_text("SECRET")
    path.unlink(missing_ok=True)
    path.symlink_to(secret)


def _pipe(path: Path) -> None:
    path.unlink(missing_ok=True)
    os.mkfifo(path)


MLRUNS: dict[str, tuple[str, Callable[[Path], object], str]] = {
    "a link among its parameters": ("params/p", _link, "is a link"),
    "a link among its metrics": ("metrics/q", _link, "is a link"),
    "a link in the place of its description": ("meta.yaml", _link, "is a link"),
    "a pipe": ("meta.yaml", _pipe, "no regular file"),
    "a pipe among its metrics": ("metrics/q", _pipe, "no regular file"),
    "a list": ("meta.yaml", lambda path: path.write_text("- a\n"), "no section of keys"),
    "no YAML": ("meta.yaml", lambda path: path.write_text(": : ["), "not YAML"),
    "an object of Python's": (
        "meta.yaml", lambda path: path.write_text("!!python/object/apply:os.system [x]"), "YAML",
    ),
    "other bytes": ("metrics/q", lambda path: path.write_bytes(b"\xff\xfe1"), "UTF|not MLflow"),
    "a line of signs": (
        "metrics/q", lambda path: path.write_text("\x1b[31m" * 99), r"'\\x1b.*not MLflow's",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", MLRUNS)
def test_a_folder_that_is_no_trackers_ends_in_a_sentence(case, tmp_path):
    name, harm, said = MLRUNS[case]
    run = mlruns(tmp_path / "a" / "b")
    harm(run / name)
    with pytest.raises(StudyError, match=said) as refused:
        read_mlflow(tmp_path / "a/b/mlruns")
    assert "SECRET" not in str(refused.value)


def test_a_folder_that_is_one_is_read(tmp_path):
    mlruns(tmp_path)
    assert read_mlflow(tmp_path / "mlruns")["loss"].tolist() == [0.5]


@pytest.mark.parametrize("read", [read_lm_eval, read_lighteval])
@pytest.mark.parametrize(
    "document",
    [
        [], {"results": []}, {"results": {"a": 5}}, {"results": {"a": {}}, "config": 5},
        {"results": {"a": {}}, "config_general": 5, "config": {"model_args": 5}},
        {"results": {}, "n-samples": [1], "model_name": "checkpoint-1",
         "config_general": {"model_name": "checkpoint-1"}},
        {"results": {}, "model_name": "checkpoint-" + "9" * 5000,
         "config_general": {"model_name": "checkpoint-" + "9" * 5000}},
    ],
)  # fmt: skip
def test_results_of_no_harness_end_in_a_sentence(read, document, tmp_path):
    (tmp_path / "results_1.json").write_text(json.dumps(document))
    with pytest.raises(StudyError):
        read(tmp_path)


@pytest.mark.parametrize("form", ["openrlhf", "prime_rl", "nemo_rl"])
def test_a_step_of_many_digits_is_no_step(form, tmp_path):
    many = "9" * 5000
    lines = [f"Global step {many}: {{'a': 1}}", f"Step {many} | a: 1", f"=== Step {many} ==="]
    (tmp_path / "l.log").write_text("\n".join(lines) + "\n")
    with pytest.raises(StudyError):
        CURVE_READERS.get(form)(tmp_path / "l.log")


def test_pieces_of_a_wandb_record_are_put_together(tmp_path):
    def piece(data: bytes, kind: int) -> bytes:
        return b"\0\0\0\0" + len(data).to_bytes(2, "little") + bytes([kind]) + data

    log = b":W&B\0\0\0" + piece(b"whole", 1) + piece(b"be", 2) + piece(b"gin", 4)
    assert list(_records(log, tmp_path)) == [b"whole", b"begin"]


PROVENANCE = {"configuration": "c", "code": {"module": "rlscale.core.inside", "digest": "d"}}


def pdf(path: Path, said: object) -> Path:
    text = said if isinstance(said, str) else json.dumps(said)
    plain = text.replace("\\", "\\\\").replace("(", "\\(").replace(")", "\\)")
    path.write_bytes(b"%PDF /Keywords (" + plain.encode() + b") ")
    return path


@pytest.mark.parametrize(
    "said",
    ["", "{", "[1]", "null", "9" * 5000, "[" * 9999, {}, {"configuration": 1}, {**PROVENANCE},
     {**PROVENANCE, "inputs": [1]}, {**PROVENANCE, "inputs": {"a": 1}}, {"code": []}],
)  # fmt: skip
def test_a_figure_that_is_none_of_ours_says_so(said, tmp_path):
    with pytest.raises(StudyError, match="carries no provenance"):
        lineage.read_provenance(pdf(tmp_path / "f.pdf", said))


@pytest.mark.parametrize("content", [b"", b"x", b"\x89PNG\r\n\x1a\n" + bytes(99)])
def test_a_picture_that_is_none_says_so(content, tmp_path):
    (tmp_path / "f.png").write_bytes(content)
    with pytest.raises(StudyError, match="carries no provenance"):
        lineage.read_provenance(tmp_path / "f.png")


@pytest.mark.parametrize("name", ["/etc/hostname", "../outside", "/dev/zero", "a\0b", "", "loop"])
def test_a_figure_has_nothing_looked_at_outside_the_study(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("loop").symlink_to("loop")
    Path("inside").write_text("x")
    figure = pdf(Path("f.pdf"), {**PROVENANCE, "inputs": {name: "0", "inside": "0"}})
    found = {what.split(" ")[0]: status for _, what, status in lineage.trace(figure)}
    assert found["inside"] == lineage.CHANGED
    assert found[name] == lineage.OUTSIDE


@pytest.mark.parametrize("planted", ["link", "folder", "pipe"])
def test_a_study_with_links_is_not_drawn_again(planted, tmp_path):
    (tmp_path / "secret").mkdir()
    (tmp_path / "secret/key").write_text("SECRET")
    study = tmp_path / "study"
    study.mkdir()
    if planted == "pipe":
        os.mkfifo(study / "x")
    else:
        (study / "x").symlink_to(tmp_path / "secret" / ("key" if planted == "link" else ""))
    with pytest.raises(StudyError, match="x: is a link, pipe or device"):
        redraw._check_plain(study)


@pytest.mark.parametrize("said", [[], 5, {}, {"figures": {"published": 5}}, {"study": "a/../b"}])
def test_a_study_without_a_configuration_is_not_drawn_again(said, tmp_path):
    (tmp_path / "configuration.json").write_text(json.dumps(said))
    with pytest.raises(StudyError, match=r"configuration\.json: "):
        redraw.redraw(tmp_path, ["fig_k_of_N"], tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("text", "cell"),
    [
        ('=HYPERLINK("http://x","y")', "'=HYPERLINK(\"http://x\",\"y\")"),
        ("+cmd|' /C calc'!A0", "'+cmd|' /C calc'!A0"),
        ("@SUM(1)", "'@SUM(1)"),
        (" \t=1+1", "' \t=1+1"),
        ("-1+cmd", "'-1+cmd"),
        ("-5", "-5"), ("+1,234.5", "+1,234.5"), ("3 = x", "3 = x"), ("", ""), (None, None), (5, 5),
        ("a\x1b[31mb\u202ec", "a\\x1b[31mb\\u202ec"),
        ("two\nlines\tof é\u3000", "two\nlines\tof é\u3000"),
    ],
)  # fmt: skip
def test_a_strangers_text_is_no_formula_in_a_report(text, cell, tmp_path):
    assert as_cell(text) == cell
    table = pandas.DataFrame({"problem": [text, "x"], "n": [1, 2]})
    read = pandas.read_csv(_write_csv(table, tmp_path / "t.csv"), dtype=str, keep_default_na=False)
    assert read["problem"][0] == ("" if cell is None else str(cell))


MAPPING = {
    "format": "table",
    "files": {"t.csv": {"seed": 1}},
    "columns": {"loss": "loss", "step": "step"},
    "constants": {"model": "m", "variant": "base", "benchmark": "b", "n_params": 1_000_000},
}
NO_SECTION: dict[str, list[object]] = {
    "format": [5, None, [1], {}],
    "files": [5, None, "t.csv", ["t.csv"], {1: {}}, {"t.csv": None}, {"t.csv": {"seed": [1]}}],
    "columns": [5, None, "x", [], {"loss": 5}, {"loss": None}, {None: "x"}],
    "constants": [5, None, [], {1: 2}, {"model": {}}],
    "benchmarks": [5, None, [], {"b": 5}, {"b": {"loss": []}}],
    "runs": [5, None, [], {"r": 5}],
    "run_pattern": [5, None, ["a"], {}],
    "run_columns": [5, "abc", [1], {}],
    "other": [5, None, {}],
}


def taken(tmp_path: Path, mapping: object) -> int:
    """Rows that `rlscale ingest --mapping` reads."""
    (tmp_path / "t.csv").write_text("step,loss\n1,0.5\n2,0.4\n")
    (tmp_path / "m.yaml").write_text(yaml.safe_dump(mapping))
    parser = argparse.ArgumentParser()
    ingest.add_arguments(parser)
    arguments = parser.parse_args(["--mapping", str(tmp_path / "m.yaml")])
    settings, root = ingest._settings(arguments)
    return len(read_runs(settings, "study", root).table)


@pytest.mark.parametrize(("key", "values"), NO_SECTION.items())
def test_a_mapping_of_another_form_names_its_key(key, values, tmp_path):
    for value in values:
        with pytest.raises(StudyError, match=rf"m\.yaml: '?{key}"):
            taken(tmp_path, {**MAPPING, key: value})


@pytest.mark.parametrize("mapping", [None, 5, "x", [], ["files"], [MAPPING]])
def test_a_mapping_that_is_no_section_says_so(mapping, tmp_path):
    with pytest.raises(StudyError, match=r"m\.yaml: is no `ingest` section"):
        taken(tmp_path, mapping)


def test_a_mapping_is_read(tmp_path):
    assert taken(tmp_path, MAPPING) == 2


@pytest.mark.parametrize("lacking", ["format", "files"])
def test_a_configuration_whose_section_lacks_a_key_names_it(lacking, tmp_path):
    section = {key: value for key, value in MAPPING.items() if key != lacking}
    (tmp_path / "c.yaml").write_text(yaml.safe_dump({"study": "s", "ingest": section}))
    with pytest.raises(StudyError, match=f"the key {lacking} is missing"):
        read_curves(tmp_path / "c.yaml")


@pytest.mark.parametrize("said", ["", "{}", "[]", "null", '{"settings": 1}', "9" * 5000])
def test_a_fit_that_is_none_says_so(said, tmp_path):
    (tmp_path / "f.json").write_text(said)
    with pytest.raises(StudyError, match=r"f\.json: (is no fit|not valid JSON)"):
        forecast._fit_again(tmp_path / "f.json")
