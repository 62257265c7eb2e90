"""Logs as people have them: read right, or refused in a sentence that says what to do."""

import gzip
import json
from pathlib import Path

import numpy as np
import pandas
import pytest

from rlscale.core.errors import StudyError
from rlscale.curves.ingest import Intake, read_runs

CONSTANTS = {
    "model": "7b", "n_params_nominal": 7e9, "family": "q", "variant": "base",
    "benchmark": "held_out", "n_problems": 500,
}  # fmt: skip


def verl(*rows: dict) -> str:
    """Lines of verl's file logger."""
    return "\n".join(
        json.dumps({"step": row["step"], "data": {k: v for k, v in row.items() if k != "step"}})
        for row in rows
    )


def take(folder: Path, form: str, name: str, content: str | bytes, loss: str, **more) -> Intake:
    """Read one file; ``more`` are further columns, or whole keys of the section."""
    data = content if isinstance(content, bytes) else content.encode()
    (folder / name).write_bytes(data)
    keys = ("benchmarks", "runs", "run_pattern", "run_columns")
    section = {key: more.pop(key) for key in keys if key in more}
    columns = {"loss": loss} if loss else {}
    return read_runs(
        {"format": form, "files": {name: {}}, "columns": columns | more, "constants": CONSTANTS}
        | section,
        "mine",
        folder,
    )


def told(intake: Intake) -> str:
    return "\n".join(intake.notes)


def test_a_history_with_two_counts_of_steps_takes_the_trainers(tmp_path):
    text = "_step,train/global_step,tok,acc\n1,5,1000,\n2,5,,0.2\n3,10,2100,\n4,10,,0.3\n"
    intake = take(tmp_path, "wandb", "h.csv", text, "1 - acc", tokens="tok")
    assert intake.table["step"].tolist() == [5, 10]
    assert intake.table["tokens"].tolist() == [1000, 2100]
    assert "steps are those of 'train/global_step', not of '_step'" in told(intake)


def test_a_percentage_is_named_with_the_expression_that_reads_it(tmp_path):
    text = "step,acc\n1,20.0\n2,30.5\n4,40\n"
    with pytest.raises(StudyError, match=r"write '1 - 0\.01 \* acc'"):
        take(tmp_path, "table", "a.csv", text, "1 - acc")
    for loss in ("1 - 0.01 * acc", "1 - acc / 100", "(100 - acc) / 100"):
        table = take(tmp_path, "table", "a.csv", text, loss).table
        np.testing.assert_allclose(table["loss"], [0.8, 0.695, 0.6])


def test_an_accuracy_that_is_taken_for_the_loss_is_refused(tmp_path):
    text = "step,acc\n1,20.0\n2,30.5\n4,40\n"
    with pytest.raises(StudyError, match=r"reads like an accuracy.*write '1 - 0\.01 \* acc'"):
        take(tmp_path, "table", "a.csv", text, "0.01 * acc")
    short = take(tmp_path, "table", "a.csv", "step,acc\n1,0.2\n2,0.3\n", "acc")
    assert "though it reads like an accuracy" in told(short)


def test_a_loss_that_rises_in_every_run_is_suspected(tmp_path):
    text = "step,value\n1,0.2\n2,0.3\n4,0.4\n"
    assert "rises with training in every run" in told(
        take(tmp_path, "table", "a.csv", text, "value")
    )
    assert not take(tmp_path, "table", "a.csv", text, "1 - value").notes


PANEL = (
    '"Step","owl-1 - acc","owl-1 - acc__MIN","owl-1 - acc__MAX","a - b - acc","a - b - acc__MIN",'
    '"a - b - acc__MAX"\n"5","0.2","0.2","0.2","","",""\n"10","0.3","0.3","0.3","0.4","0.4","0.4"\n'
    '"20","0.35","0.35","0.35","0.5","0.45","0.55"\n'
)


def test_a_panel_of_several_runs_is_read_by_their_names(tmp_path):
    runs = {"owl-1": {"seed": 1}, "a - b": {"model": "32b", "seed": 2}}
    intake = take(tmp_path, "wandb", "p.csv", PANEL, "1 - acc", runs=runs)
    assert intake.table.groupby("cell").size().to_dict() == {
        "q/7b/base/1/owl-1": 3,
        "q/32b/base/2/a - b": 2,
    }
    assert "'a - b - acc' was down-sampled by W&B" in told(intake)
    with pytest.raises(StudyError, match=r"does not have the run 'a - b', only owl-1"):
        take(tmp_path, "wandb", "p.csv", PANEL, "1 - acc", runs={"owl-1": {}})


def test_a_pattern_takes_model_and_seed_from_the_runs_names(tmp_path):
    text = "Step,7b_s1 - acc,32b_s2 - acc\n1,0.2,0.3\n2,0.3,0.4\n"
    pattern = r"(?P<model>\w+)_s(?P<seed>\d+)"
    table = take(tmp_path, "wandb", "p.csv", text, "1 - acc", run_pattern=pattern).table
    assert table.groupby("model")["seed"].first().to_dict() == {"7b": 1, "32b": 2}
    with pytest.raises(StudyError, match="does not fit '7b_s1'"):
        take(tmp_path, "wandb", "p.csv", text, "1 - acc", run_pattern=r"run-(?P<seed>\d+)")


def test_a_panel_over_time_is_read_by_its_steps_or_named_for_what_it_is(tmp_path):
    text = "Relative Time (Process),owl - acc,owl - _step\n96.6,0.2,0\n425.7,0.3,5\n"
    assert take(tmp_path, "wandb", "p.csv", text, "1 - acc").table["step"].tolist() == [0, 5]
    with pytest.raises(StudyError, match=r"'Relative Time \(Process\)'.*x axis to Step"):
        take(tmp_path, "wandb", "p.csv", "Relative Time (Process),owl - acc\n9,0.2\n", "1 - acc")


def test_a_wide_table_holds_a_run_per_column(tmp_path):
    text = "Step,0.5b,7b,32b\n0,0.05,0.3,0.5\n4,0.06,,0.55\n8,0.07,0.4,0.6\n"
    names = ["0.5b", "7b", "32b"]
    runs = {name: {"model": name} for name in names}
    table = take(tmp_path, "table", "w.csv", text, "1 - value", step="Step",
                 run_columns=names, runs=runs).table  # fmt: skip
    assert table.groupby("model").size().to_dict() == {"0.5b": 3, "32b": 3, "7b": 2}
    with pytest.raises(StudyError, match="no column '8b'"):
        take(tmp_path, "table", "w.csv", text, "1 - value", step="Step", run_columns=["8b"])


def test_a_running_total_follows_the_steps_not_the_lines(tmp_path):
    rows = [{"step": s, "acc": s / 10, "tok": 1000 * s} for s in (4, 1, 2)]
    intake = take(tmp_path, "verl", "u.jsonl", verl(*rows), "1 - acc", tokens="cumulative tok")
    assert intake.table.set_index("step")["tokens"].to_dict() == {1: 1000, 2: 3000, 4: 7000}
    assert "out of order and are sorted" in told(intake)


def test_steps_that_a_resume_repeats_are_counted_once(tmp_path):
    rows = [{"step": s, "tok": 1000} for s in (1, 2, 3, 2, 3, 4)]
    rows[1]["acc"], rows[5]["acc"] = 0.3, 0.4
    intake = take(tmp_path, "verl", "r.jsonl", verl(*rows), "1 - acc", tokens="cumulative tok")
    assert intake.table.set_index("step")["tokens"].to_dict() == {2: 2000, 4: 4000}
    assert "resumed at step 2: 2 values of steps 2 to 3 logged before are superseded" in told(
        intake
    )


def test_what_was_logged_later_counts_in_every_format(tmp_path):
    rows = [(1, 0.2), (2, 0.3), (3, 0.31), (2, 0.32), (3, 0.35)]
    expected = {1: 0.8, 2: 0.68, 3: 0.65}
    logged = [{"step": s, "acc": a} for s, a in rows]
    state = {"log_history": logged}
    texts = {
        "verl": ("r.jsonl", verl(*logged)),
        "trl": ("trainer_state.json", json.dumps(state)),
        "table": ("r.csv", pandas.DataFrame(logged).to_csv(index=False)),
        "wandb": ("h.csv", "\n".join(["_step,acc", *(f"{s},{a}" for s, a in rows)])),
    }
    for form, (name, text) in texts.items():
        intake = take(tmp_path, form, name, text, "1 - acc")
        assert intake.table.set_index("step")["loss"].to_dict() == pytest.approx(expected), form
        assert "resumed at step 2" in told(intake), form
    once = {
        "log_history": [
            {"step": 10, "acc": 0.3},
            {"step": 10, "acc": 0.5},
            {"step": 20, "acc": 0.6},
        ]
    }
    intake = take(tmp_path, "trl", "trainer_state.json", json.dumps(once), "1 - acc")
    assert intake.table["loss"].tolist() == [0.5, 0.4]
    assert "'acc' was logged twice at step 10: the later counts" in told(intake)


def test_steps_beyond_a_resume_that_ended_earlier_are_left_out(tmp_path):
    rows = [{"step": s, "acc": 0.1 * i} for i, s in enumerate((1, 2, 3, 4, 2, 3))]
    intake = take(tmp_path, "verl", "r.jsonl", verl(*rows), "1 - acc")
    assert intake.table["step"].tolist() == [1, 2, 3]
    assert "step 4 left out" in told(intake)


def test_tokens_of_other_rows_are_carried_to_the_evaluation(tmp_path):
    lines = [{"_step": 2 * i + 1, "tok": 1000 * (i + 1)} for i in range(3)]
    lines += [{"_step": 2 * i + 2, "acc": 0.2 + 0.1 * i} for i in range(3)]
    text = "\n".join(map(json.dumps, sorted(lines, key=lambda line: line["_step"])))
    intake = take(tmp_path, "wandb", "h.jsonl", text, "1 - acc", tokens="tok")
    assert intake.table["tokens"].tolist() == [1000, 2000, 3000]
    assert "tokens was not logged at 3 evaluated steps" in told(intake)


@pytest.mark.parametrize(
    ("tokens", "words"),
    [
        ([100, 200, 50], "tokens falls from 200 to 50 at step 3, which a running count cannot"),
        ([100, 0, 200], "tokens is 0 at step 2"),
        ([100, float("inf"), 200], "tokens is inf at step 2"),
        ([100, -5, 200], "tokens is -5 at step 2"),
    ],
)
def test_tokens_that_no_running_count_can_have_are_refused(tmp_path, tokens, words):
    rows = [{"step": s, "acc": 0.1 * s, "tok": t} for s, t in enumerate(tokens, 1)]
    with pytest.raises(StudyError) as error:
        take(tmp_path, "verl", "r.jsonl", verl(*rows), "1 - acc", tokens="tok")
    assert words in str(error.value)


def test_two_benchmarks_of_one_log(tmp_path):
    rows = [{"step": s, "math": 0.1 * s, "aime": 0.01 * s} for s in (1, 2)]
    benchmarks = {"held_out": {"loss": "1 - math"}, "aime": {"loss": "1 - aime", "n_problems": 30}}
    table = take(tmp_path, "verl", "b.jsonl", verl(*rows), "", benchmarks=benchmarks).table
    assert table.groupby("benchmark")["n_problems"].first().to_dict() == {
        "aime": 30,
        "held_out": 500,
    }
    assert len(table) == 4


def test_the_console_of_verl(tmp_path):
    text = (
        "(TaskRunner pid=7) step:5 - critic/score/mean:0.2 - val/math-500/acc:np.float64(0.2)\n"
        "noise\nstep:10 - val/math-500/acc:0.3\n"
    )
    table = take(tmp_path, "verl", "con.log", text, "1 - val/math-500/acc").table
    assert table.set_index("step")["loss"].to_dict() == {5: 0.8, 10: 0.7}
    with pytest.raises(StudyError, match=r"trainer\.logger=\[console,file\]"):
        take(tmp_path, "verl", "con.log", "nothing of the kind\n", "1 - acc")


ROWS = [{"step": 1, "acc": 0.2}, {"step": 2, "acc": 0.3}]
CSV = pandas.DataFrame(ROWS).to_csv(index=False)


@pytest.mark.parametrize(
    ("form", "name", "content"),
    [
        ("verl", "z.jsonl.gz", gzip.compress(verl(*ROWS).encode(), mtime=0)),
        ("verl", "bom.jsonl", b"\xef\xbb\xbf" + verl(*ROWS).encode()),
        ("verl", "ls.jsonl", verl({**ROWS[0], "said": "a\u2028b"}, ROWS[1])),
        ("table", "utf16.csv", CSV.encode("utf-16")),
        ("table", "semicolon.csv", CSV.replace(",", ";").replace(".", ",")),
        ("table", "tab.tsv", CSV.replace(",", "\t")),
        ("table", "list.json", json.dumps(ROWS)),
        ("table", "packed.csv.gz", gzip.compress(CSV.encode(), mtime=0)),
    ],
)
def test_packed_encoded_and_separated_files_are_read(tmp_path, form, name, content):
    assert take(tmp_path, form, name, content, "1 - acc").table["loss"].tolist() == [0.8, 0.7]


def test_parquet_is_a_table(tmp_path):
    pandas.DataFrame(ROWS).to_parquet(tmp_path / "a.parquet")
    content = (tmp_path / "a.parquet").read_bytes()
    assert take(tmp_path, "table", "a.parquet", content, "1 - acc").table["step"].tolist() == [1, 2]


def test_a_last_line_that_was_cut_off_is_left_out_and_said(tmp_path):
    intake = take(tmp_path, "verl", "cut.jsonl", verl(*ROWS) + '\n{"step": 3, "da', "1 - acc")
    assert intake.table["step"].tolist() == [1, 2]
    assert "line 3 was cut off in writing" in told(intake)


def test_numbers_with_thousands_set_apart(tmp_path):
    text = 'step,acc,tok\n1,0.2,"1,000"\n2,0.3,"12,345,678"\n'
    table = take(tmp_path, "table", "a.csv", text, "1 - acc", tokens="tok").table
    assert table["tokens"].tolist() == [1000, 12345678]


@pytest.mark.parametrize(
    ("form", "name", "content", "words"),
    [
        ("verl", "l.jsonl", b'{"step": 1, "data": {"who": "\xe9"}}', "line 1: is not UTF-8"),
        ("table", "o.json", '{"results": {"gsm8k": {"em": 0.3}}}', "--format lm_eval or lighteval"),
        ("table", "o.json", '{"a": 1}', "its JSON is an object, not a list of rows"),
        ("table", "a.csv", "step;acc\n1;many\n", "row 1: 'acc' is 'many'"),
        ("verl", "z.jsonl.gz", b"\x1f\x8b no gzip", "cannot be read"),
    ],
)
def test_what_cannot_be_read_is_one_sentence(tmp_path, form, name, content, words):
    with pytest.raises(StudyError) as error:
        take(tmp_path, form, name, content, "1 - acc")
    assert words in str(error.value)


def test_a_folder_of_checkpoints_is_read_by_its_last_state(tmp_path):
    for step in (10, 9):
        (tmp_path / f"run/checkpoint-{step}").mkdir(parents=True)
        history = [{"step": s, "eval_reward": s / 20} for s in range(step - 1, step + 1)]
        (tmp_path / f"run/checkpoint-{step}/trainer_state.json").write_text(
            json.dumps({"log_history": history})
        )
    section = {"format": "trl", "files": {"run": {}}, "columns": {"loss": "1 - eval_reward"},
               "constants": CONSTANTS}  # fmt: skip
    assert read_runs(section, "mine", tmp_path).table["step"].tolist() == [9, 10]


def take_two(folder: Path, first: list[dict], second: list[dict], **more) -> Intake:
    """Read two files of which nothing different is said."""
    for name, rows in (("a.jsonl", first), ("b.jsonl", second)):
        (folder / name).write_text(verl(*rows))
    columns = {"loss": "1 - acc", "tokens": "cumulative tok", "data_samples": "64 * step"}
    section = {"format": "verl", "files": {"a.jsonl": {}, "b.jsonl": {}}, "columns": columns,
               "constants": CONSTANTS}  # fmt: skip
    return read_runs(section | more, "mine", folder)


def test_two_files_of_one_run_are_joined_by_the_rule_of_a_resume(tmp_path):
    rows = [{"step": s, "acc": s / 100, "tok": 10} for s in range(1, 8)]
    intake = take_two(tmp_path, rows[:4], rows[2:])
    assert intake.table["step"].tolist() == list(range(1, 8))
    assert intake.table["tokens"].tolist() == [10 * s for s in range(1, 8)]
    assert "a.jsonl + " in told(intake)
    assert "resumed at step 3" in told(intake)


def test_two_runs_that_nothing_tells_apart_are_refused(tmp_path):
    rows = [{"step": s, "acc": s / 100, "tok": 10} for s in range(1, 8)]
    other = [{**row, "acc": row["acc"] / 2} for row in rows]
    with pytest.raises(StudyError, match=r"steps begin again at 1.*or the seed of each file"):
        take_two(tmp_path, rows, other)
    files = {"a.jsonl": {"seed": 1}, "b.jsonl": {"seed": 2}}
    assert take_two(tmp_path, rows, other, files=files).table["cell"].nunique() == 2
    files = {"a.jsonl": {"source": "x"}, "b.jsonl": {"source": "y"}}
    with pytest.raises(StudyError, match=r"b\.jsonl and .*a\.jsonl are the same run, 'q/7b/base'"):
        take_two(tmp_path, rows, other, files=files)


def test_training_and_evaluation_of_a_step_in_rows_of_their_own_out_of_order(tmp_path):
    rows = [{"step": s, "tok": 10} for s in (1, 2, 3)] + [
        {"step": s, "acc": 0.1} for s in (1, 2, 3)
    ]
    intake = take(tmp_path, "verl", "r.jsonl", verl(*rows), "1 - acc", data_samples="64 * step",
                  tokens="cumulative tok")  # fmt: skip
    assert intake.table["data_samples"].tolist() == [64, 128, 192]
    assert intake.table["tokens"].tolist() == [10, 20, 30]


def test_evaluations_logged_without_a_step_are_refused_or_carried(tmp_path):
    text = "_step,train/global_step,acc\n1,5,\n2,,0.2\n3,10,\n4,,0.3\n"
    with pytest.raises(StudyError, match=r"row 2: step nan.*'carried step'"):
        take(tmp_path, "wandb", "h.csv", text, "1 - acc")
    intake = take(tmp_path, "wandb", "h.csv", text, "1 - acc", step="carried step")
    assert intake.table["step"].tolist() == [5, 10]


def test_a_name_that_says_percent_is_no_share(tmp_path):
    text = "step,acc_pct\n1,0.2\n2,0.9\n"  # below 1 %: the range does not tell
    with pytest.raises(StudyError, match=r"'acc_pct' reads like a percentage.*'0\.01 \* acc_pct'"):
        take(tmp_path, "table", "a.csv", text, "1 - acc_pct")
    table = take(tmp_path, "table", "a.csv", text, "1 - 0.01 * acc_pct").table
    np.testing.assert_allclose(table["loss"], [0.998, 0.991])


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("1 - val-core/acc", [0.8, 0.7]),
        ("(100 - 100 * val-core/acc) / 100", [0.8, 0.7]),
        ("1 - `val-core/acc`", [0.8, 0.7]),
        ("-val-core/acc + 1", [0.8, 0.7]),
        ("1 - a - b", [0.5, 0.4]),
        ("1 - 2 * val-core/acc", [0.6, 0.4]),
    ],
)
def test_expressions(tmp_path, expression, expected):
    table = pandas.DataFrame({"step": [1, 2], "val-core/acc": [0.2, 0.3], "a": [0.3, 0.3],
                              "b": [0.2, 0.3]})  # fmt: skip
    intake = take(tmp_path, "table", "e.csv", table.to_csv(index=False), expression)
    np.testing.assert_allclose(intake.table["loss"], expected)


@pytest.mark.parametrize("expression", ["1 -", "1 - (acc", "1 acc", "* acc"])
def test_what_is_no_expression_is_shown(tmp_path, expression):
    with pytest.raises(StudyError, match="cannot be read at"):
        take(tmp_path, "table", "e.csv", CSV, expression)
