"""Attempts at a long step: what counts against the budget, and what does not."""

import os

import pytest

from rlscale.core.errors import StudyError
from rlscale.core.files import write_json
from rlscale.jobs import attempts
from rlscale.jobs.signals import AsPlanned


@pytest.fixture
def record(tmp_path, monkeypatch):
    monkeypatch.setenv(attempts.RUN, "run-1")
    return tmp_path / "attempts.jsonl", tmp_path / "state"


def advance(state, updates):
    write_json(state / f"checkpoint-{updates}" / "record.json", {})


def attempt(record, updates=None):
    with attempts.counted(*record, budget=3):
        if updates:
            advance(record[1], updates)
        raise KeyboardInterrupt


def interrupted(record, updates=None):
    with pytest.raises(KeyboardInterrupt):
        attempt(record, updates)


def attempt_that_loses_the_other(record):
    with attempts.counted(*record, budget=3):
        attempts.note_kill()
        raise ConnectionError("closed by peer")


def killed(record):
    """An attempt whose process is gone before it can write its end."""
    child = os.fork()
    if child == 0:
        with attempts.counted(*record, budget=3):
            os._exit(9)
    os.waitpid(child, 0)


def test_twenty_interrupted_attempts_that_advance_are_free(record):
    for number in range(1, 21):
        interrupted(record, updates=4 * number)
    assert attempts.without_progress(*record) == []


def test_the_fourth_attempt_without_progress_is_refused_and_names_the_last_end(record):
    advance(record[1], 8)
    for _ in range(3):
        interrupted(record)
    with pytest.raises(StudyError, match=r"3 attempts without progress .* 'KeyboardInterrupt"):
        attempt(record)


def test_a_pause_that_waits_for_its_evaluation_is_no_failure(record):
    """However often the evaluation between two turns of training is stopped."""
    advance(record[1], 8)
    for _ in range(9):
        with pytest.raises(AsPlanned), attempts.counted(*record, budget=3):
            raise AsPlanned
    assert attempts.without_progress(*record) == []
    for _ in range(3):
        interrupted(record)
    with pytest.raises(StudyError, match="3 attempts without progress"):
        attempt(record)


def test_progress_renews_the_budget(record):
    for updates in (None, None, 4, None, None, 8):
        interrupted(record, updates)


def test_a_kill_is_told_from_an_end_by_the_missing_line(record):
    interrupted(record)
    killed(record)
    assert attempts.killed(*record) == 1
    advance(record[1], 4)
    assert attempts.killed(*record) == 0


def test_another_process_of_the_launch_was_killed_whatever_the_first_says_of_it(
    record, monkeypatch
):
    """Out of memory on a second process, on this node or on another one."""
    attempts.note_kill()  # nobody said where: nothing is written
    monkeypatch.setenv(attempts.RECORD, str(record[0]))
    interrupted(record)
    assert attempts.killed(*record) == 0
    attempts.note_kill()
    assert attempts.killed(*record) == 1
    with pytest.raises(ConnectionError):
        attempt_that_loses_the_other(record)
    assert attempts.killed(*record) == 2


def test_bad_input_is_not_tried_again_in_the_same_run(record, monkeypatch):
    with pytest.raises(StudyError), attempts.counted(*record, budget=3):
        raise StudyError("model.safetensors: truncated")
    with pytest.raises(StudyError, match=r"model\.safetensors: truncated"):
        attempt(record)
    monkeypatch.setenv(attempts.RUN, "run-2")
    interrupted(record)  # a new run tries again


def test_a_line_that_a_kill_cut_off_is_passed_over(record):
    interrupted(record)
    with record[0].open("a") as file:
        file.write('{"run": "run-1", "job')
    assert len(attempts.read(record[0])) == 1
