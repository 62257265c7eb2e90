"""Panels of W&B whose runs or metrics hold " - ": what is read decides, or it is refused."""

from pathlib import Path

import pytest

from rlscale.core.errors import StudyError
from rlscale.curves.guess import loss_candidates
from rlscale.curves.ingest import Intake, read_runs
from rlscale.curves.readers import read_wandb

CONSTANTS = {"model": "7b", "variant": "base", "benchmark": "b", "n_params_nominal": 7e9}


def panel(folder: Path, columns: dict[str, list], axis: str = "Step") -> Path:
    """A panel as W&B exports it: with __MIN and __MAX, all in quotation marks."""
    names = [f"{name}{copy}" for name in columns for copy in ("", "__MIN", "__MAX")]
    lines = [",".join(f'"{name}"' for name in (axis, *names))]
    for i, step in enumerate((10, 20, 30)):
        cells = [str(own[i]) for own in columns.values() for _ in range(3)]
        lines.append(",".join(f'"{cell}"' for cell in (step, *cells)))
    (folder / "p.csv").write_text("\n".join(lines))
    return folder / "p.csv"


def taken(folder: Path, columns: dict[str, list], loss: str, **section) -> Intake:
    path = panel(folder, columns)
    more = {"tokens": section.pop("tokens")} if "tokens" in section else {}
    given = {"format": "wandb", "files": {str(path): {}}, "columns": {"loss": loss, **more},
             "constants": CONSTANTS}  # fmt: skip
    return read_runs(given | section, "mine")


def runs(intake: Intake) -> dict[str, list[float]]:
    return {
        cell.rsplit("/", 1)[1]: [round(1 - loss, 6) for loss in rows["loss"]]
        for cell, rows in intake.table.groupby("cell", sort=False)
    }


LOW, HIGH = [0.1, 0.2, 0.3], [0.4, 0.5, 0.6]


def test_a_metric_with_the_sign_is_the_one_that_is_mapped(tmp_path):
    columns = {"a - eval - math": LOW, "b - eval - math": HIGH}
    intake = taken(tmp_path, columns, "1 - eval - math")
    assert runs(intake) == {"a": LOW, "b": HIGH}
    assert "'a - eval - math' is taken for 'eval - math' of the run 'a'" in intake.notes[0]


def test_a_run_with_the_sign_is_what_stands_before_the_mapped_metric(tmp_path):
    columns = {"grpo - 7b - eval - math": LOW, "ppo - 7b - eval - math": HIGH}
    for metric, names in (
        ("eval - math", {"grpo - 7b": LOW, "ppo - 7b": HIGH}),
        ("math", {"grpo - 7b - eval": LOW, "ppo - 7b - eval": HIGH}),
    ):
        assert runs(taken(tmp_path, columns, f"1 - {metric}")) == names


def test_metrics_that_end_alike_do_not_become_runs(tmp_path):
    columns = {"a - x - acc": LOW, "a - y - acc": HIGH, "b - x - acc": HIGH, "b - y - acc": LOW}
    of_x = taken(tmp_path, columns, "1 - x - acc")
    assert runs(of_x) == {"a": LOW, "b": HIGH}
    both = taken(
        tmp_path, columns, "1 - x - acc",
        benchmarks={"x": {"loss": "1 - x - acc"}, "y": {"loss": "1 - y - acc"}},
    )  # fmt: skip
    assert both.table.groupby(["cell", "benchmark"]).size().to_dict() == {
        (f"7b/base/{run}", benchmark): 3 for run in "ab" for benchmark in "xy"
    }


def test_a_run_that_begins_with_another_ones_name_is_refused_until_it_is_named(tmp_path):
    columns = {"grpo - acc": LOW, "grpo - v2 - acc": HIGH}
    with pytest.raises(StudyError) as refused:
        taken(tmp_path, columns, "1 - acc")
    assert "p.csv: 'grpo - v2 - acc' may be 'acc' of a run 'grpo - v2' or 'v2 - acc' of" in str(
        refused.value
    )
    assert "--runs, decides" in str(refused.value)
    both = {"grpo": {"seed": 1}, "grpo - v2": {"seed": 2}}
    assert runs(taken(tmp_path, columns, "1 - acc", runs=both)) == {"grpo": LOW, "grpo - v2": HIGH}
    assert runs(taken(tmp_path, columns, "1 - acc", runs={"grpo": {}})) == {"grpo": LOW}
    assert runs(taken(tmp_path, columns, "1 - v2 - acc")) == {"grpo": HIGH}


def test_what_wandb_itself_logs_names_the_run(tmp_path):
    columns = {"grpo - v2 - acc": HIGH, "grpo - v2 - _runtime": [9, 18, 27], "grpo - acc": LOW,
               "grpo - _runtime": [8, 16, 24]}  # fmt: skip
    assert runs(taken(tmp_path, columns, "1 - acc")) == {"grpo - v2": HIGH, "grpo": LOW}


def test_a_number_at_the_end_of_a_runs_name_is_not_taken_for_a_sum(tmp_path):
    columns = {"grpo - 1 - acc": LOW, "grpo - 2 - acc": HIGH}
    assert runs(taken(tmp_path, columns, "1 - acc")) == {"grpo - 1": LOW, "grpo - 2": HIGH}


def test_columns_of_one_run_that_are_read_by_different_names_stay_together(tmp_path):
    columns = {"a - eval - math": LOW, "a - tokens": [10, 20, 30], "a - lr - x": [1, 1, 1]}
    intake = taken(tmp_path, columns, "1 - eval - math", tokens="tokens")
    assert runs(intake) == {"a": LOW}
    assert intake.table["tokens"].tolist() == [10, 20, 30]


def test_a_column_that_nothing_reads_and_that_may_be_of_several_runs_is_named(tmp_path):
    columns = {"a - x - acc": LOW, "b - lr - y": [1, 1, 1]}
    intake = taken(tmp_path, columns, "1 - x - acc")
    assert runs(intake) == {"a": LOW}
    assert "'b - lr - y', which nothing reads, may be of several runs: left out" in "\n".join(
        intake.notes
    )


def test_the_question_for_the_loss_names_every_metric_that_may_be_meant(tmp_path):
    asked = loss_candidates(read_wandb(panel(tmp_path, {"a - eval - acc": LOW, "b - acc": HIGH})))
    assert "  acc: 0.1 to 0.6; --map 'loss=1 - acc'" in asked
    assert "  eval - acc: 0.1 to 0.3; --map 'loss=1 - eval - acc'" in asked
    assert "Step" not in asked


def test_an_average_over_a_group_of_runs_is_called_so(tmp_path):
    intake = taken(tmp_path, {"Group: qwen - acc": LOW}, "1 - acc")
    assert "'Group: qwen - acc' is W&B's average over a group of runs" in "\n".join(intake.notes)
    assert "down-sampled" not in "\n".join(intake.notes)
