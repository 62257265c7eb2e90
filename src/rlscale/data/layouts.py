"""Problem readers: where files keep problem and answer, in the layouts in use. Light to import.

GURU/verl, plain, GSM8K's and MATH's own; other packages add theirs (docs/data.md).
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rlscale.core.registry import Registry
from rlscale.judging.verifiers import VERIFIERS

Place = Sequence[str | int]
"""A column, then keys or positions inside it."""
Row = Mapping[str, Any] | str
"""A row's columns, or a text that says why it cannot be read."""


def as_it_is(answer: Any) -> Any:
    """The gold answer is what stands in its place."""
    return answer


def after_marks(answer: Any) -> Any:
    """GSM8K's gold answer stands behind ####; None where there is none."""
    if not isinstance(answer, str):
        return answer
    return answer.rpartition("####")[2].strip().replace(",", "") if "####" in answer else None


def boxed(answer: Any) -> Any:
    r"""MATH's gold answer is the last \boxed{} of the solution."""
    from rlscale.judging.boxes import boxed

    return boxed(answer) if isinstance(answer, str) else answer


@dataclass(frozen=True)
class Layout:
    """How a problem's parts stand in a file.

    Attributes:
        places: ``problem`` and ``answer``, where there are any also ``pass_rate``.
        gold: Makes the gold answer from what stands in the answer's place.
        rows: Rows of a file in a format of the layout's own, given its path and the columns that
            are asked for; None where its files are Parquet, JSON Lines or CSV.
    """

    places: Mapping[str, Place]
    gold: Callable[[Any], Any] = as_it_is
    rows: Callable[[Path, Sequence[str]], Iterable[Row]] | None = None


PLAIN = Layout({"problem": ["problem"], "answer": ["answer"]})
GURU = Layout(
    {"problem": ["prompt", 0, "content"], "answer": ["reward_model", "ground_truth"]},
)
GSM8K = Layout({"problem": ["question"], "answer": ["answer"]}, gold=after_marks)
MATH = Layout({"problem": ["problem"], "answer": ["solution"]}, gold=boxed)

LAYOUTS: Registry[Layout] = Registry(
    "layout",
    "rlscale.problem_readers",
    {name: f"{__name__}:{name.upper()}" for name in ("plain", "guru", "gsm8k", "math")},
)


def modules_used(settings: Mapping[str, Any]) -> list[str]:
    """Modules that a set loads by name, for digests of code: its layouts and its verifier.

    Args:
        settings: The set's entry of the configuration's ``data`` section.
    """
    read = [part["read"] for part in (settings, settings["held_out"]) if "read" in part]
    layouts = {LAYOUTS.module(part["layout"]) for part in read}
    return sorted({VERIFIERS.module(settings["verifier"]), *layouts})
