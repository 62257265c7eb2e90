"""Logs as people have them, one small file a kind: what comes out of each, or what is said."""

import gzip
import json
from pathlib import Path

import numpy as np
import pytest

from rlscale.core.errors import StudyError
from rlscale.curves.guess import guess_format
from rlscale.curves.ingest import Account, Intake, read_runs

ACC = "1 - acc"
CONSTANTS = {"model": "Qwen2.5-7B", "variant": "base", "benchmark": "held_out"}


def verl(steps, acc=None, tok=None) -> str:
    rows = []
    for i, step in enumerate(steps):
        data = {"acc": acc[i]} if acc else {"acc": step / 100}
        rows.append({"step": step, "data": data | ({"tok": tok[i]} if tok else {})})
    return "\n".join(map(json.dumps, rows))


def read(folder: Path, name: str, content: str | bytes, columns: dict, **more) -> Intake:
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    section = {"format": guess_format(path), "files": {str(path): {}}, "columns": columns,
               "constants": CONSTANTS}  # fmt: skip
    return read_runs(section | more, "mine")


@pytest.mark.parametrize(
    ("name", "content", "steps", "losses", "note"),
    [
        ("a.csv", "step,acc\n1,20%\n2,30%\n", [1, 2], [0.8, 0.7], "percent signs"),
        ("a.csv", "step;acc\n1;20 %\n2;30,5 %\n", [1, 2], [0.8, 0.695], "percent signs"),
        ("a.csv", "step,acc\n1,0.2\n2,NaN\n3,\n4,N/A\n6,0.4\n", [1, 6], [0.8, 0.6], ""),
        ("a.csv", b"\xef\xbb\xbfstep, acc\r\n1, 0.2\r\n2, 0.3\r\n", [1, 2], [0.8, 0.7], ""),
        ("a.csv", "step,acc\n1,0.2\n2,0.3\n3", [1, 2], [0.8, 0.7], "line 4 was cut off"),
        ("a.csv", "step,acc,acc\n1,0.2,0.9\n2,0.3,0.9\n", [1, 2], [0.8, 0.7], "stands twice"),
        ("a.csv", "step;acc\n1;0.2\n2;0.3\n", [1, 2], [0.8, 0.7], "semicolons"),
        ("a.tsv", 'step\tacc\n1\t0.2\n"1,000"\t0.3\n', [1, 1000], [0.8, 0.7], "tabs"),
        ("a.csv", "step,acc\n1,0.2\n2,0.3\n".encode("utf-16-le"), [1, 2], [0.8, 0.7], ""),
        ("a.jsonl", verl([1, 2], [0.2, 0.3]).encode("utf-16"), [1, 2], [0.8, 0.7], ""),
        ("a.json", '{"step": [1, 2], "acc": [0.2, 0.3]}', [1, 2], [0.8, 0.7], ""),
        ("a.json", '{"data": [{"step": 1, "acc": 0.2}]}', [1], [0.8], "those under 'data'"),
        ("a.json", '[{"_step": 3, "acc": 0.2, "x": null}]', [3], [0.8], ""),
        ("a.jsonl", verl([1, 2, 2, 3], [0.1, 0.2, 0.3, 0.4]), [1, 2, 3], [0.9, 0.7, 0.6], "twice"),
        ("a.csv.gz", gzip.compress(b"step,acc\n1,0.2\n", mtime=0), [1], [0.8], ""),
    ],
)  # fmt: skip
def test_it_is_read(tmp_path, name, content, steps, losses, note):
    intake = read(tmp_path, name, content, {"loss": ACC} | (
        {"step": "_step"} if b"_step" in str(content).encode() else {}))  # fmt: skip
    assert intake.table["step"].tolist() == steps
    np.testing.assert_allclose(intake.table["loss"], losses)
    assert note in "\n".join(intake.notes)


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("a.csv", "step,acc\n1,0.2\n4,40\n", "row 2, step 4: loss -39 is not between 0 and 1 (a p"),
        ("a.csv", "step,acc\n1,1.2M\n", "row 1: 'acc' is '1.2M', not a number; write it in full"),
        ("a.csv", "step,acc\n1,20%\n2,0.3\n", "row 1: 'acc' is '20%', not a number; write shares"),
        ("a.csv", "step;acc\n1;0,2\n2;0.3\n", "decimal commas and decimal points, such as 0.3"),
        ("a.csv", "iteration,acc\n1,0.2\n", "it has iteration, acc; --map step=..."),
        ("a.csv", "step,task,acc\n1,a,0.2\n1,b,0.1\n2,a,0.3\n2,b,0.1\n", "what tells them apart"),
        ("a.csv", "", "is empty"),
        ("a.csv", "step,acc\n", "holds no rows"),
        ("a.csv", b"PK\x03\x04abc", "is no text but a zip archive or a spreadsheet"),
        ("a.csv", b"\x1f\x8babc", "let its name end in .gz"),
        ("a.csv", "step,acc\n1,\xe9\n".encode("latin-1"), "line 2: is not UTF-8 (perhaps latin-1)"),
        ("p.csv", "Wall Time,a - acc\n169,0.1\n", "its first column is 'Wall Time'"),
        ("a.jsonl", '{"step": 1, "data": {"acc": Infinity}}', "loss -inf is not between 0 and 1"),
        ("a.jsonl", verl([1]) + '\n{"step": 2,\n' + verl([3]), "line 2: not valid JSON"),
    ],
)  # fmt: skip
def test_it_is_refused_with_a_remedy(tmp_path, name, content, words):
    with pytest.raises(StudyError) as error:
        read(tmp_path, name, content, {"loss": ACC})
    assert words in str(error.value)
    assert name in str(error.value)


@pytest.mark.parametrize(
    ("tok", "expression", "expected"),
    [
        ([100, 200, 100, 200], "continued tok", [100, 200, 300, 400]),
        ([100, 200, 200, 300], "tok", [100, 200, 200, 300]),
        ([10, 10, 10, 10], "cumulative tok", [10, 20, 30, 40]),
        ([100, None, 50, 70], "continued tok", [100, 100, 150, 170]),
    ],
)
def test_running_counts(tmp_path, tok, expression, expected):
    columns = {"loss": ACC, "tokens": expression}
    table = read(tmp_path, "a.jsonl", verl([1, 2, 3, 4], tok=tok), columns).table
    assert table["tokens"].tolist() == expected


def test_a_count_per_step_is_not_taken_for_a_running_one(tmp_path):
    columns = {"loss": ACC, "tokens": "tok"}
    with pytest.raises(StudyError, match=r"tokens is 9 at every step from 1 to 3.*'cumulative"):
        read(tmp_path, "a.jsonl", verl([1, 2, 3], tok=[9, 9, 9]), columns)
    with pytest.raises(StudyError, match=r"falls from 9 to 5 at step 2.*'continued"):
        read(tmp_path, "a.jsonl", verl([1, 2, 3], tok=[9, 5, 9]), columns)
    slow = read(tmp_path, "a.jsonl", verl([1, 10, 90], tok=[900, 950, 990]), columns)
    assert "tokens grows 1.1 times while steps grow 90 times" in slow.notes[0]
    steady = read(tmp_path, "a.jsonl", verl([1, 10, 90], tok=[9, 95, 990]), columns)
    assert steady.notes[1:] == []  # all that is said is the model's known size
    columns["tokens"] = "cumulative tok"
    sparse = read(tmp_path, "a.jsonl", verl([10, 20], tok=[9, 9]), columns)
    assert "'tok' is summed over 2 logged steps of 20" in sparse.notes[0]


def test_a_panel_thinned_out_is_suspected(tmp_path):
    steps = np.cumsum(np.random.default_rng(0).integers(1, 9, 300))
    text = "Step,a - acc\n" + "".join(f"{s},0.2\n" for s in steps)
    assert "300 steps of" in read(tmp_path, "p.csv", text, {"loss": ACC}).notes[0]
    even = "Step,a - acc\n" + "".join(f"{10 * s},0.2\n" for s in range(300))
    assert "tracker" not in "".join(read(tmp_path, "p.csv", even, {"loss": ACC}).notes)


def test_a_column_that_is_mapped_and_set_is_refused(tmp_path):
    with pytest.raises(StudyError, match="'benchmark' is mapped to 'task' and set to 'held_out'"):
        read(tmp_path, "a.csv", "step,task,acc\n1,m,0.2\n", {"loss": ACC, "benchmark": "task"})


@pytest.mark.parametrize("name", ["n_problems", "n_params"])
@pytest.mark.parametrize("value", ["0", "-5", "inf"])
def test_sizes_that_cannot_be_are_refused_by_row(tmp_path, name, value):
    text = f"step,acc,n\n1,0.2,7\n2,0.3,{value}\n"
    with pytest.raises(StudyError, match=rf"a\.csv: row 2: {name} is {value}; give a number above"):
        read(tmp_path, "a.csv", text, {"loss": ACC, name: "n"})


def test_a_folder_of_two_runs_of_trl_gives_both(tmp_path):
    for run, level in (("a", 0.1), ("b", 0.3)):
        for number in (5, 10):
            folder = tmp_path / "out" / run / f"checkpoint-{number}"
            folder.mkdir(parents=True)
            rows = [{"step": s, "acc": level + s / 100} for s in range(5, number + 1, 5)]
            (folder / "trainer_state.json").write_text(json.dumps({"log_history": rows}))
    section = {"format": "trl", "files": {str(tmp_path / "out"): {}}, "columns": {"loss": ACC},
               "constants": CONSTANTS}  # fmt: skip
    table = read_runs(section, "mine").table
    assert table.groupby("cell")["loss"].last().tolist() == pytest.approx([0.8, 0.6])
    assert len(table) == 4


def test_every_row_that_was_read_is_accounted_for(tmp_path):
    rows = [{"step": s, "data": {"tok": 5}} for s in (1, 2, 3, 4)]  # no loss
    rows += [{"step": s, "data": {"acc": s / 10}} for s in (1, 2, 3, 4, 2, 3)]  # resumed at 2
    rows += [{"data": {"x": 1}, "step": None}]
    text = "\n".join(map(json.dumps, rows))
    (account,) = read(tmp_path, "a.jsonl", text, {"loss": ACC}).accounts.values()
    assert account == Account(rows=11, used=3, without_loss=5, superseded=3)
