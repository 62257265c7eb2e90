import json

import numpy as np
import pandas
import pytest
from curve_tables import fit_document

from rlscale.core.errors import StudyError
from rlscale.curves.ingest import ingest_curves

RUN = {"model": "qwen-7b", "n_params_nominal": 7e9, "seed": 1}
CONSTANTS = {"family": "qwen", "variant": "base", "benchmark": "held_out"}
ACCURACY = "val-core/math/acc/mean@1"


def ingest(folder, form, name, text=None, columns=None, constants=CONSTANTS, run=RUN):
    if text is not None:
        (folder / name).write_text(text)
    settings = {
        "format": form,
        "files": {name: run},
        "columns": columns or {"loss": f"1 - {ACCURACY}"},
        "constants": constants,
    }
    return ingest_curves(settings, "mine", folder)


def verl_lines(steps=range(11)):
    """verl's file logger: training metrics every step, validation every fifth."""
    lines = []
    for step in steps:
        data = {"training/global_step": step, "perf/total_num_tokens": 1000 + step}
        if step > 0:
            data |= {"response_length/mean": 800.0 + step, "actor/entropy": 0.3}
        if step % 5 == 0:
            data |= {ACCURACY: 0.2 + 0.01 * step, "val-aux/math/reward/std@1": 0.1}
        lines.append(json.dumps({"step": step, "data": data}))
    return "\n".join(lines) + "\n"


def test_verl_file_logger(tmp_path):
    columns = {
        "loss": f"1 - {ACCURACY}",
        "response_length": "response_length/mean",
        "tokens": "cumulative perf/total_num_tokens",
        "data_samples": "512 * step",
    }
    table = ingest(tmp_path, "verl", "run.jsonl", verl_lines(), columns)
    assert table["step"].tolist() == [0, 5, 10]
    np.testing.assert_allclose(table["loss"], [0.8, 0.75, 0.7])
    assert table["data_samples"].tolist() == [0, 2560, 5120]
    assert table["tokens"].tolist() == [1000, 6015, 11055]
    assert table["compute_flops"].tolist() == [6 * 7e9 * t for t in (1000, 6015, 11055)]
    assert table["cell"].unique().tolist() == ["qwen/qwen-7b/base/1"]


@pytest.mark.parametrize(
    ("run", "status"), [(RUN, "ok"), (RUN | {"status": "diverged"}, "diverged")]
)
def test_a_run_made_elsewhere_is_ok_unless_said_otherwise(tmp_path, run, status):
    table = ingest(tmp_path, "verl", "run.jsonl", verl_lines(), run=run)
    assert set(table["status"]) == {status}


def test_a_status_that_no_cell_can_have_is_refused(tmp_path):
    with pytest.raises(StudyError, match="status 'broken' is none of ok, diverged, refused"):
        ingest(tmp_path, "verl", "run.jsonl", verl_lines(), run=RUN | {"status": "broken"})


def test_wandb_panel_of_one_run(tmp_path):
    name = f"7b-seed1 - {ACCURACY}"
    text = f'"Step","{name}","{name}__MIN","{name}__MAX"\n5,0.25,0.25,0.25\n10,0.30,0.30,0.30\n'
    table = ingest(tmp_path, "wandb", "panel.csv", text)
    assert table["step"].tolist() == [5, 10]
    np.testing.assert_allclose(table["loss"], [0.75, 0.7])


def test_wandb_history_as_csv_and_as_json_lines(tmp_path):
    values = ((1, 0.2), (2, None), (3, 0.3))
    rows = [{"_step": s, "_runtime": 9.5 * s, ACCURACY: a} for s, a in values]
    csv = ingest(tmp_path, "wandb", "run.csv", pandas.DataFrame(rows).to_csv(index=False))
    lines = ingest(tmp_path, "wandb", "run.jsonl", "\n".join(map(json.dumps, rows)))
    pandas.testing.assert_frame_equal(csv.drop(columns="source"), lines.drop(columns="source"))
    assert csv["step"].tolist() == [1, 3]


def test_trainer_state_of_trl(tmp_path):
    state = {
        "best_metric": None, "epoch": 0.2, "global_step": 8, "max_steps": 8,
        "log_history": [
            {"epoch": 0.1, "step": 4, "reward": 0.3, "completions/mean_length": 210.0},
            {"epoch": 0.1, "step": 4, "eval_loss": 0.0, "eval_reward": 0.35, "eval_runtime": 3.1},
            {"epoch": 0.2, "step": 8, "reward": 0.4, "completions/mean_length": 230.0},
            {"epoch": 0.2, "step": 8, "eval_loss": 0.0, "eval_reward": 0.45, "eval_runtime": 3.0},
            {"step": 8, "train_runtime": 60.0, "total_flos": 0.0, "train_loss": 0.015},
        ],
    }  # fmt: skip
    columns = {
        "loss": "1 - eval_reward",
        "step": "0.25 * step",  # Four optimiser updates are one step.
        "response_length": "completions/mean_length",
    }
    table = ingest(tmp_path, "trl", "trainer_state.json", json.dumps(state), columns)
    assert table["step"].tolist() == [1, 2]
    np.testing.assert_allclose(table["loss"], [0.65, 0.55])
    assert table["response_length"].tolist() == [210.0, 230.0]


def write_events(folder):
    writer = pytest.importorskip("tensorboard.summary.writer.event_file_writer")
    from tensorboard.compat.proto.event_pb2 import Event
    from tensorboard.compat.proto.summary_pb2 import Summary

    events = writer.EventFileWriter(str(folder))
    for step, reward in ((10, 0.25), (20, 0.5)):
        value = Summary.Value(tag="eval/reward", simple_value=reward)
        events.add_event(Event(step=step, summary=Summary(value=[value])))
    events.close()


def test_tensorboard_folder(tmp_path):
    write_events(tmp_path / "runs")
    table = ingest(tmp_path, "tensorboard", "runs", columns={"loss": "1 - eval/reward"})
    assert table["step"].tolist() == [10, 20]
    assert table["loss"].tolist() == [0.75, 0.5]


def test_tidy_table_with_a_column_mapping(tmp_path):
    text = "size,it,run,err\n0.5,1,a,0.9\n0.5,2,a,0.8\n7,1,a,0.6\n"
    columns = {
        "model": "qwen-{size}b", "n_params_nominal": "1e9 * size", "step": "it", "loss": "err",
        "cell": "{size}/{run}",
    }  # fmt: skip
    table = ingest(tmp_path, "table", "t.csv", text, columns, run={})
    assert table["model"].tolist() == ["qwen-0.5b", "qwen-0.5b", "qwen-7b"]
    assert table["cell"].tolist() == ["0.5/a", "0.5/a", "7/a"]
    assert table["n_params_nominal"].tolist() == [0.5e9, 0.5e9, 7e9]


def test_what_was_ingested_can_be_fitted(tmp_path):
    files, steps = {}, [1, 2, 4, 8, 16]
    for size, k in ((1, 0.02), (7, 0.05), (70, 0.1)):
        lines = [json.dumps({"step": s, "data": {ACCURACY: 1 - 0.9 * s**-k}}) for s in steps]
        (tmp_path / f"{size}.jsonl").write_text("\n".join(lines))
        files[f"{size}.jsonl"] = {"model": f"{size}b", "n_params_nominal": size * 1e9}
    settings = {
        "format": "verl", "files": files, "columns": {"loss": f"1 - {ACCURACY}"},
        "constants": CONSTANTS,
    }  # fmt: skip
    table = ingest_curves(settings, "mine", tmp_path)
    settings = {"size": "n_params_nominal", "weighting": "equal", "bootstrap": {"replicates": 200}}
    document = fit_document(table, law="free_slopes", x="steps", metric="loss", settings=settings)
    found = [size["k"]["estimate"] for size in document["groups"][0]["sizes"]]
    np.testing.assert_allclose(found, [0.02, 0.05, 0.1], rtol=1e-9)


GOOD = "step,acc\n1,0.2\n2,0.3\n"
LOSS = {"loss": "1 - acc"}


@pytest.mark.parametrize(
    ("form", "name", "text", "columns", "message"),
    [
        ("table", "t.csv", "", LOSS, "is empty"),
        ("table", "t.csv", "step,acc\n", LOSS, "holds no rows"),
        ("table", "t.csv", 'step,acc\n1,"0.2\n', LOSS, "cannot be read as CSV"),
        ("table", "t.csv", "step,acc\n1,many\n", LOSS, "row 1: 'acc' is 'many', not a number"),
        ("table", "t.csv", "step,acc\n1.5,0.2\n", LOSS, "step 1.5 is no whole number"),
        ("table", "t.csv", "step,acc\n,0.2\n", LOSS, "row 1: step nan"),
        ("table", "t.csv", "step,acc\n1,35\n", {"loss": "acc"}, "a percentage"),
        ("table", "t.csv", "step,acc\n1,35\n", {"loss": "100 - acc"}, "'0.01 * (100 - acc)' if it"),
        ("table", "t.csv", "step,acc\n1,0.2\n2,0.3\n1,0.1\n", LOSS, "row 3: steps begin again"),
        ("table", "t.csv", "step,acc\n1,0.2\n1,0.3\n2,0.3\n2,0.4\n", LOSS, "several values at"),
        ("table", "t.csv", "step,acc\n1,\n2,\n", LOSS, "empty in every row"),
        ("table", "t.csv", GOOD, {"loss": "1 - accuracy"}, "did you mean acc"),
        ("table", "t.csv", GOOD, {"step": "step"}, "does not say where the loss comes from"),
        ("table", "t.csv", GOOD, {"los": "acc"}, "not a column of curves.csv; did you mean loss"),
        ("verl", "t.jsonl", '{"step": 1, "data": {"acc"', LOSS, "line 1: not valid JSON"),
        ("verl", "t.jsonl", '{"step": 1, "acc": 0.2}', LOSS, "line 1: no {\"step\""),
        ("verl", "t.jsonl", "[1, 2]", LOSS, "line 1: not an object"),
        ("wandb", "t.csv", "epoch,acc\n1,0.2\n", LOSS, "not a W&B export"),
        ("wandb", "t.csv", "Relative Time (Process),a - acc\n9.6,0.2\n", LOSS, "x axis to Step"),
        ("trl", "trainer_state.json", '{"global_step": 8}', LOSS, "not a trainer_state.json"),
        ("trl", "trainer_state.json", '{"log_history": []}', LOSS, "logged nothing"),
        ("trl", "trainer_state.json", '{"log_history": [', LOSS, "not valid JSON"),
        ("parquet", "t.csv", GOOD, LOSS, "unknown format 'parquet'; known: table, verl, wandb"),
    ],
)  # fmt: skip
def test_malformed_files_are_refused_with_the_place(tmp_path, form, name, text, columns, message):
    with pytest.raises(StudyError) as caught:
        ingest(tmp_path, form, name, text, columns)
    assert message in str(caught.value)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(StudyError, match=r"gone\.csv: there is no such file"):
        ingest(tmp_path, "table", "gone.csv", columns=LOSS)


def test_a_folder_without_events_is_refused(tmp_path):
    (tmp_path / "runs").mkdir()
    with pytest.raises(StudyError, match="no TensorBoard event files"):
        ingest(tmp_path, "tensorboard", "runs", columns=LOSS)


def test_an_event_file_cut_short_is_refused(tmp_path):
    write_events(tmp_path / "runs")
    (event_file,) = (tmp_path / "runs").iterdir()
    event_file.write_bytes(event_file.read_bytes()[:40])
    with pytest.raises(StudyError, match="no scalars"):
        ingest(tmp_path, "tensorboard", "runs", columns=LOSS)


def test_a_run_without_a_model_is_refused(tmp_path):
    with pytest.raises(StudyError, match="no model; give it under"):
        ingest(tmp_path, "table", "t.csv", GOOD, LOSS, run={})
