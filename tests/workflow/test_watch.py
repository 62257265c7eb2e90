"""What shows how a run is doing: the progress bar, and trackers where they are configured."""

import re

import pandas
import pytest
from training_run import RECIPE, STEPS, Run

from rlscale.core.errors import StudyError
from rlscale.training import watch


@pytest.fixture(scope="session")
def followed(built_once, training_inputs):
    """A run that TensorBoard follows, and what it printed."""

    def build(folder):
        run = Run(folder / "run", training_inputs)
        run.options = ["--report-to", "tensorboard", "--tracked", str(folder / "tracked")]
        (folder / "said").write_text(run.finish())

    folder = built_once("followed", build)
    return Run(folder / "run", training_inputs), (folder / "said").read_text(), folder / "tracked"


def test_the_bar_shows_steps_loss_reward_speed_and_time_left(followed):
    _, said, _ = followed
    last = re.split(r"[\r\n]", said.strip())
    (line,) = [text for text in last if f"{STEPS}/{STEPS}" in text][-1:]
    assert re.search(rf"steps: +100%.*{STEPS}/{STEPS} \[\d\d:\d\d<00:00", line), line
    for shown in (r"loss=-?\d+\.\d{3}", r"reward=\d\.\d{3}", r"tokens/s=[\d,]+"):
        assert re.search(shown, line), line
    speed = int(re.search(r"tokens/s=([\d,]+)", line)[1].replace(",", ""))
    assert speed > 0


def test_tensorboard_holds_what_the_metrics_table_holds(followed):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    run, _, tracked = followed
    events = EventAccumulator(str(tracked / "tensorboard")).Reload()
    metrics = pandas.read_csv(run.outputs / "metrics.csv")
    for name in ("loss", "reward", "num_tokens"):
        scalars = events.Scalars(f"train/{name}")
        updates = [RECIPE["updates_per_step"] * step for step in range(1, STEPS + 1)]
        assert [scalar.step for scalar in scalars] == updates
        assert [scalar.value for scalar in scalars] == pytest.approx(metrics[name], rel=1e-6)


def test_a_tracker_that_is_not_installed_is_named_with_its_key(tmp_path, monkeypatch):
    monkeypatch.setattr(watch, "find_spec", lambda name: None)
    with pytest.raises(StudyError, match=r"training\.report_to: the package 'wandb' is not inst"):
        watch.prepare_trackers(["wandb"], tmp_path)
    assert not list(tmp_path.iterdir())


def test_trackers_write_beside_the_log_and_send_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr(watch, "find_spec", lambda name: name)
    monkeypatch.delenv("WANDB_MODE", raising=False)
    monkeypatch.setenv("TRACKIO_DIR", "chosen by the user")
    environment = dict(watch.os.environ)
    monkeypatch.setattr(watch.os, "environ", environment)
    watch.prepare_trackers(["wandb", "trackio"], tmp_path)
    assert environment["WANDB_MODE"] == "offline"
    assert environment["WANDB_DIR"] == str(tmp_path / "wandb")
    assert environment["TRACKIO_DIR"] == "chosen by the user"
