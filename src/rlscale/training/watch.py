"""What shows how a run is doing: a progress bar, and trackers under TRL's name, `report_to`."""

import os
import time
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from rlscale.core.errors import StudyError
from rlscale.core.recipe import Recipe

# Where each writes, and that none asks for a network; the user's own environment comes first.
_ENVIRONMENT = {
    "tensorboard": {"TENSORBOARD_LOGGING_DIR": "{folder}"},
    "trackio": {"TRACKIO_DIR": "{folder}"},
    "wandb": {"WANDB_DIR": "{folder}", "WANDB_MODE": "offline"},
}


def prepare_trackers(names: Sequence[str], folder: Path) -> None:
    """Have trackers write into ``<folder>/<name>``, before TRL loads them.

    Raises:
        StudyError: The package of one is not installed.
    """
    for name in names:
        if find_spec(name) is None:
            raise StudyError(
                f"training.report_to: the package '{name}' is not installed here; install it "
                f"(uv pip install {name}) or take it out of the key"
            )
        place = (folder / name).absolute()
        place.mkdir(parents=True, exist_ok=True)
        for key, value in _ENVIRONMENT[name].items():
            os.environ.setdefault(key, value.format(folder=place))


def progress_bar(recipe: Recipe, *, shown: bool) -> Any:
    """A callback that shows steps, loss, reward, tokens per second and the time left.

    Args:
        recipe: The cell's.
        shown: Whether this process is the one that shows it.
    """
    from transformers import TrainerCallback

    class ProgressBar(TrainerCallback):
        """Advances by rollout batches; time left counts from this start of the run."""

        def on_train_begin(self, args: Any, run: Any, control: Any, **_: Any) -> None:
            done = run.global_step // recipe.updates_per_step
            self.bar = _open_bar(recipe.steps, done, shown)
            self.tokens = run.num_input_tokens_seen
            self.at = time.monotonic()

        def on_log(self, args: Any, run: Any, control: Any, logs: Any, **_: Any) -> None:
            if "reward" not in logs:
                return  # the summary at a run's end
            now = time.monotonic()
            rate = (logs["num_tokens"] - self.tokens) / (now - self.at)
            self.tokens, self.at = logs["num_tokens"], now
            self.bar.set_postfix(_in_words(logs["loss"], logs["reward"], rate), refresh=False)

        def on_step_end(self, args: Any, run: Any, control: Any, **_: Any) -> None:
            if run.global_step % recipe.updates_per_step == 0:
                self.bar.update(1)

        def on_train_end(self, args: Any, run: Any, control: Any, **_: Any) -> None:
            self.bar.close()

    return ProgressBar()


def _open_bar(steps: int, done: int, shown: bool) -> Any:
    from tqdm import tqdm

    return tqdm(
        total=steps, initial=done, desc="steps", unit="step", mininterval=5, disable=not shown
    )


def _in_words(loss: float, reward: float, tokens_per_second: float) -> dict[str, str]:
    return {
        "loss": f"{loss:.3f}",
        "reward": f"{reward:.3f}",
        "tokens/s": f"{tokens_per_second:,.0f}",
    }
