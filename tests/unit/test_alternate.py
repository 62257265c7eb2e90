"""Training and evaluation in turn, with stand-ins for both; the real ones: tests/workflow."""

import shutil
import signal
import sys
import threading
from pathlib import Path

import pytest

from rlscale.core.errors import StudyError
from rlscale.core.files import read_json, write_json
from rlscale.core.recipe import Recipe
from rlscale.models.checkpoints import Model
from rlscale.training.alternate import is_evaluated_so_far, remove_weights, train_and_evaluate
from rlscale.training.pauses import PAUSE, pause_steps, saved_checkpoints, write_pause

RECIPE = Recipe(
    version=1, data="d", steps=16, prompts_per_step=2, updates_per_step=1,
    checkpoints=(0, 1, 2, 4, 8, 16), template="{problem}", grpo={}, lora=None,
    checkpoint_dtype="float32", cpu_threads=1, zero_reward_steps=9, verifier="number",
)  # fmt: skip


@pytest.mark.parametrize(
    ("most", "steps"),
    [(0, set()), (1, {1, 2, 4, 8, 16}), (2, {2, 8, 16}), (3, {4, 16}), (9, {16})],
)
def test_pauses_come_at_so_many_checkpoints_and_at_the_end(most, steps):
    assert pause_steps(RECIPE, most) == steps


def model_in(folder: Path) -> Model:
    return Model(str(folder / "model"), "family", 1, 1, None)


@pytest.fixture
def paused(tmp_path) -> Path:
    """A state at the pause after step 2, with checkpoints of any bytes."""
    for name in ("model", "step1", "step2"):
        folder = tmp_path / name
        folder.mkdir()
        (folder / "config.json").write_text("{}")
        (folder / "model.safetensors").write_bytes(name.encode())
    state = tmp_path / "state" / "checkpoint-8"
    write_json(state / "record.json", {"paused": True})
    write_pause(state, "cell", saved_checkpoints(model_in(tmp_path), tmp_path, RECIPE))
    return state


def test_removed_weights_keep_their_digests(paused, tmp_path):
    before = read_json(paused / PAUSE)["checkpoints"]
    remove_weights(paused / PAUSE, tmp_path, last_step=16)
    assert not list(tmp_path.glob("step*/*"))
    after = saved_checkpoints(model_in(tmp_path), tmp_path, RECIPE)
    assert [entry.digest for entry in after] == [entry["digest"] for entry in before]
    assert [entry.to_json().get("weights") for entry in after] == [
        None,
        *["removed after evaluation"] * 2,
    ]


def test_the_last_steps_weights_stay(paused, tmp_path):
    remove_weights(paused / PAUSE, tmp_path, last_step=2)
    assert {path.name for path in tmp_path.glob("step*")} == {"step1.json", "step2"}


def test_a_pause_that_names_another_folder_removes_nothing(paused, tmp_path):
    listed = read_json(paused / PAUSE)
    other = tmp_path / "others" / "step1"
    other.mkdir(parents=True)
    (other / "thesis.tex").write_text("precious")
    listed["checkpoints"][1]["path"] = str(other)
    write_json(paused / PAUSE, listed)
    with pytest.raises(StudyError, match=r"pause\.json: names .*others/step1.*nothing is removed"):
        remove_weights(paused / PAUSE, tmp_path, last_step=16)
    assert (other / "thesis.tex").exists()


def test_a_checkpoint_that_is_a_link_is_not_followed(paused, tmp_path):
    others = tmp_path / "others"
    others.mkdir()
    (others / "thesis.tex").write_text("precious")
    shutil.rmtree(tmp_path / "step1")
    (tmp_path / "step1").symlink_to(others)
    with pytest.raises(StudyError, match="nothing is removed"):
        remove_weights(paused / PAUSE, tmp_path, last_step=2)
    assert sorted(path.name for path in tmp_path.glob("step*")) == ["step1", "step2"]
    assert (others / "thesis.tex").exists()


def test_a_removal_that_was_cut_off_goes_on(paused, tmp_path):
    before = read_json(paused / PAUSE)["checkpoints"]
    write_json(tmp_path / "step1.json", {**before[1], "weights": "removed after evaluation"})
    (tmp_path / "step1" / "model.safetensors").unlink()
    write_pause(paused, "cell", saved_checkpoints(model_in(tmp_path), tmp_path, RECIPE))
    remove_weights(paused / PAUSE, tmp_path, last_step=16)
    assert {path.name for path in tmp_path.glob("step*")} == {"step1.json", "step2.json"}
    assert saved_checkpoints(model_in(tmp_path), tmp_path, RECIPE)[1].digest == before[1]["digest"]


def test_a_first_evaluation_has_nothing_to_ask_where_weights_were_removed(paused, tmp_path):
    train, evaluation = tmp_path / "train.json", tmp_path / "eval.json"
    assert not is_evaluated_so_far(train, evaluation)
    write_json(train, read_json(paused / PAUSE))
    assert not is_evaluated_so_far(train, evaluation)
    remove_weights(paused / PAUSE, tmp_path, last_step=16)
    saved = saved_checkpoints(model_in(tmp_path), tmp_path, RECIPE)
    write_json(train, {"checkpoints": [c.to_json() for c in saved]})
    assert is_evaluated_so_far(train, evaluation)
    write_json(evaluation, {})
    assert not is_evaluated_so_far(train, evaluation)


def python(code: str) -> list[str]:
    return [sys.executable, "-c", code]


def test_a_failed_evaluation_ends_the_job_and_leaves_the_weights(paused, tmp_path):
    status = train_and_evaluate(
        python(""), python("exit(3)"), paused.parent, tmp_path, last_step=16
    )
    assert status == 3
    assert (tmp_path / "step1" / "model.safetensors").exists()
    assert not read_json(paused / PAUSE)["evaluated"]


def test_a_failed_training_is_not_evaluated(paused, tmp_path):
    evaluate = python(f"open({str(tmp_path / 'asked')!r}, 'w')")
    assert (
        train_and_evaluate(python("exit(1)"), evaluate, paused.parent, tmp_path, last_step=16) == 1
    )
    assert not (tmp_path / "asked").exists()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGURG])
def test_a_signal_ends_the_evaluation_and_the_job_says_that_it_was_interrupted(
    paused, tmp_path, number
):
    """Also a signal that Python ignores by default."""
    asked = tmp_path / "asked"
    evaluate = python(f"import time; open({str(asked)!r}, 'w'); time.sleep(600)")

    def send() -> None:
        while not asked.exists():
            pass
        signal.pthread_kill(threading.main_thread().ident, number)

    threading.Thread(target=send).start()
    assert train_and_evaluate(python(""), evaluate, paused.parent, tmp_path, last_step=16) == 85
    assert (tmp_path / "step1" / "model.safetensors").exists()


def test_a_signal_that_ends_training_before_it_listens_is_an_interruption(paused, tmp_path):
    asked = tmp_path / "asked"
    train = python(f"import time; open({str(asked)!r}, 'w'); time.sleep(600)")

    def send() -> None:
        while not asked.exists():
            pass
        signal.pthread_kill(threading.main_thread().ident, signal.SIGTERM)

    threading.Thread(target=send).start()
    assert train_and_evaluate(train, python(""), paused.parent, tmp_path, last_step=16) == 85
