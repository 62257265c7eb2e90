"""What a run says: stages, cells, failures in the program's own words; few lines."""

import pytest

from rlscale.study import console
from rlscale.study.console import Story

CELL = "main/small-base/tau1-g8/seed1"


@pytest.fixture
def told(tmp_path, monkeypatch):
    """A story in an empty study, the lines that it said, and its clock."""
    monkeypatch.chdir(tmp_path)
    lines, now = [], [0.0]
    return Story(lines.append, lambda: now[0]), lines, now


def log(text: str) -> str:
    with open("step.log", "w", encoding="utf-8") as handle:
        handle.write(text)
    return "step.log"


def write_curve(tmp_path) -> None:
    folder = tmp_path / "results/cells" / CELL
    folder.mkdir(parents=True)
    rows = ["held_out,0,0.65", "other,0,0.9", "held_out,8,0.41"]
    (folder / "curve.csv").write_text("\n".join(["benchmark,step,loss", *rows]) + "\n")


def test_a_cell_and_its_stage_have_a_line_each(told, tmp_path):
    story, lines, now = told
    write_curve(tmp_path)
    story.planned({"train_cell": 1, "evaluate_cell": 1, "make_curve": 1, "cells": 1, "total": 4})
    for jobid, rule in enumerate(("train_cell", "evaluate_cell", "make_curve", "cells")):
        story.started(jobid, rule, {"cell": CELL}, [])
        now[0] += 40
        story.finished(jobid)
    story.ended()
    assert lines == [
        "study: 3 steps to do: cells 3",
        f"  cell {CELL}: loss 0.650 -> 0.410, trained in 40 s",
        "cells: 3 of 3 done, 2 min",
        "study: 3 of 3 steps done, 3 min",
    ]


def test_a_large_study_is_told_in_few_lines(told, tmp_path):
    story, lines, _ = told
    write_curve(tmp_path)
    plan = {"make_model": 8, "train_cell": 24, "evaluate_cell": 24, "fit_law": 14, "plot_x": 30}
    story.planned(plan | {"total": sum(plan.values())})
    for rule, count in plan.items():
        for jobid in range(count):
            story.started(jobid, rule, {"cell": CELL}, [])
            story.finished(jobid)
    story.ended()
    assert len(lines) < 10  # and one for each cell


def test_the_line_of_what_is_done_counts_steps_and_time_left(told):
    story, _, now = told
    assert story.status() == "study: reading the rules"
    story.planned({"train_cell": 3, "total": 3})
    story.started(1, "train_cell", {"cell": "a"}, [])
    now[0] = 60
    story.finished(1)
    story.started(
        2,
        "train_cell",
        {"cell": "b"},
        [log("steps:  10%| | 6/64 [\rsteps:  19%|█| 12/64 [00:28<]")],
    )
    assert story.status() == "1/3, 2 min left: train_cell b (12 of 64)"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "loading\nerror: gold.csv: row 3 has no answer; add one\n",
            "gold.csv: row 3 has no answer",
        ),
        (
            "Traceback (most recent call last):\n  x\nKeyError: 'flops'\n",
            "KeyError: 'flops' (not exp",
        ),
        (  # as an H100's run left it
            "[rank0]: ValueError: No available memory for the cache blocks.\n"
            "[rank0]:[W1126 ProcessGroupNCCL.cpp:1624] Warning: destroy_process_group()\n",
            "error: ValueError: No available memory for the cache blocks. (not exp",
        ),
        ("ValueError: caught\nKilled\n", "error: Killed (not exp"),
        ("", "killed from outside, or out of memory"),
    ],
)
def test_a_failure_says_what_the_program_said_and_how_to_go_on(told, text, said):
    story, lines, _ = told
    story.planned({"train_cell": 2, "total": 2})
    story.started(1, "train_cell", {"cell": CELL}, [log(text)])
    story.failed(1)
    story.failed(1)  # a group's error names its jobs again
    story.ended()
    assert len(lines) == 3
    step, why, where = lines[1].splitlines()
    assert step == f"failed: train_cell {CELL}"
    assert said in why
    assert where.strip() == "log: step.log"
    assert f"failed: train_cell {CELL}" in lines[-1]
    assert "run the same command again" in lines[-1]


def test_nothing_to_do_and_a_refusal_are_told_apart(told):
    story, lines, _ = told
    story.ended()
    assert "nothing to do" in lines.pop()
    story.refused("No rule to produce nonsense")
    story.ended()
    assert lines == ["No rule to produce nonsense"]


def test_the_status_of_a_run_elsewhere(told, capsys):
    story, _, _ = told
    console.show_status()
    assert "no run goes on here" in capsys.readouterr().out
    story.planned({"train_cell": 2, "make_model": 1, "total": 3})
    story.started(1, "make_model", {"model": "small"}, [])
    story.finished(1)
    story.started(2, "train_cell", {"cell": CELL}, [log("steps: 5%| | 3/64 [")])
    console.show_status()
    said = capsys.readouterr().out.splitlines()
    assert said[:3] == [
        "models: 1 of 1 done",
        "cells: 0 of 2 done",
        f"  train_cell {CELL} (3 of 64)",
    ]


def test_failed_steps_are_found_in_snakemakes_own_log(told):
    name = log("error: no room left on the disk\n")
    text = (
        f"[now]\nError in rule evaluate_cell:\n    jobid: 3\n    log: {name} (check log files "
        f"for details)\n    shell:\n        python x\n[now]\nError in rule evaluate_cell:\n"
        f"    log: {name} (check)\n"
    )
    assert console.failures(text) == [
        "failed: evaluate_cell\n  error: no room left on the disk\n  log: step.log"
    ]
