"""Layouts: where files keep problem and answer. Light to import.

The layouts of the field's sets; other packages add theirs (docs/data.md). ``auto`` stands for the
first layout that fits a file's first row.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from rlscale.core.errors import StudyError
from rlscale.core.registry import Registry
from rlscale.data import parts
from rlscale.data.chats import read_chat, text_or_chat

AUTO = "auto"
Place = Sequence[str | int]
"""A column, then keys or positions inside it."""
Row = Mapping[str, Any] | str
"""A row's columns, or a text that says why it cannot be read."""


def as_it_is(value: Any) -> Any:
    """What stands in a place is taken as it is."""
    return value


@dataclass(frozen=True)
class Layout:
    """How a problem's parts stand in a file.

    Attributes:
        places: ``problem`` and ``answer``; ``pass_rate`` where there is one, and whatever
            ``join`` needs.
        text: Makes the problem's text, or a chat, from what stands in the problem's place.
        gold: Makes the gold answer from what stands in the answer's place.
        join: Makes ``problem`` and ``answer`` of what stands in all places, before ``text`` and
            ``gold``; it raises ValueError with the reason where it cannot.
        wrapper: Text with ``{problem}`` that is taken off where it stands around a problem.
        optional: Places whose column a file need not have.
        fits: Whether a row speaks for this layout; None: it is never recognised.
        rows: Rows of a file in a format of the layout's own, given its path and the columns that
            are asked for; None where its files are of the usual formats.
    """

    places: Mapping[str, Place]
    text: Callable[[Any], Any] = as_it_is
    gold: Callable[[Any], Any] = as_it_is
    join: Callable[[dict[str, Any]], dict[str, Any]] = as_it_is
    wrapper: str = ""
    optional: tuple[str, ...] = ()
    fits: Callable[[Mapping[str, Any]], bool] | None = None
    rows: Callable[[Path, Sequence[str]], Iterable[Row]] | None = None


def _has(*columns: str) -> Callable[[Mapping[str, Any]], bool]:
    return lambda row: row.keys() >= set(columns)


_PROBLEM_ANSWER: dict[str, Place] = {"problem": ["problem"], "answer": ["answer"]}
_VERL: dict[str, Place] = {"problem": ["prompt"], "answer": ["reward_model", "ground_truth"]}

PLAIN = Layout(_PROBLEM_ANSWER, fits=_has("problem", "answer"))
DEEPSCALER = Layout(_PROBLEM_ANSWER, fits=lambda row: set(row) == {"problem", "answer", "solution"})
OPENR1_MATH = Layout(_PROBLEM_ANSWER, fits=_has("problem", "answer", "generations"))
NUMINA_MATH = Layout(_PROBLEM_ANSWER, fits=_has("problem", "answer", "problem_is_valid"))
BIG_MATH = Layout(
    {**_PROBLEM_ANSWER, "pass_rate": ["llama8b_solve_rate"]},
    fits=_has("problem", "answer", "llama8b_solve_rate"),
)
GURU = Layout(_VERL, text=read_chat, fits=_has("prompt", "reward_model"))
VERL = Layout(_VERL, text=read_chat)
DAPO = Layout(
    _VERL,
    text=text_or_chat,
    wrapper=parts.DAPO_WRAPPER,
    fits=lambda row: row.keys() >= {"prompt", "reward_model"} and parts.is_dapo(row["prompt"]),
)
GURU_CODE = Layout(
    _VERL,
    text=read_chat,
    gold=parts.functional_tests,
    fits=lambda row: row.keys() >= {"prompt", "reward_model"} and parts.is_code(row),
)
CHAT = Layout(
    {"problem": ["messages"], "answer": ["messages"]},
    text=partial(read_chat, where="messages"),
    gold=parts.box_of_assistant,
    fits=_has("messages"),
)
ORZ = Layout(
    {"problem": ["0", "value"], "answer": ["1", "ground_truth", "value"]}, fits=_has("0", "1")
)
GSM8K = Layout(
    {"problem": ["question"], "answer": ["answer"]},
    gold=parts.after_marks,
    fits=lambda row: row.keys() >= {"question", "answer"} and "####" in str(row["answer"]),
)
QUESTION_ANSWER = Layout(
    {"problem": ["question"], "answer": ["answer"]}, fits=_has("question", "answer")
)
OLYMPIAD_BENCH = Layout(
    {"problem": ["question"], "answer": ["final_answer"]}, fits=_has("question", "final_answer")
)
MATH = Layout(
    {"problem": ["problem"], "answer": ["solution"]},
    gold=parts.boxed,
    fits=_has("problem", "solution"),
)
CHOICE = Layout(
    {"problem": ["question"], "answer": ["answer"], "options": ["choices"]},
    join=parts.multiple_choice,
    fits=_has("question", "choices", "answer"),
)
ARC = Layout(
    {"problem": ["question"], "answer": ["answerKey"], "options": ["choices"]},
    join=parts.multiple_choice,
    fits=_has("question", "choices", "answerKey"),
)
SUPERGPQA = Layout(
    {"problem": ["question"], "answer": ["answer_letter"], "options": ["options"]},
    join=parts.multiple_choice,
    fits=_has("question", "options", "answer_letter"),
)
HUMANEVAL = Layout(
    {"problem": ["prompt"], "answer": ["test"], "entry": ["entry_point"]},
    join=parts.checked_function,
    fits=_has("prompt", "test", "entry_point"),
)
MBPP = Layout(
    {"problem": ["text"], "answer": ["test_list"], "setup": ["test_setup_code"]},
    join=parts.asserted_function,
    optional=("setup",),
    fits=_has("text", "test_list"),
)

# What is recognised first stands first: the special before the general.
_OWN = (
    "dapo", "guru_code", "guru", "verl", "orz", "choice", "arc", "supergpqa", "gsm8k", "humaneval",
    "mbpp", "olympiad_bench", "big_math", "openr1_math", "numina_math", "deepscaler", "plain",
    "question_answer", "math", "chat",
)  # fmt: skip
LAYOUTS: Registry[Layout] = Registry(
    "layout", "rlscale.problem_readers", {name: f"{__name__}:{name.upper()}" for name in _OWN}
)


def check_layout(name: str, where: str) -> None:
    """Refuse the name of a layout that is not there.

    Raises:
        StudyError: Names the key, and near names.
    """
    if name != AUTO:
        LAYOUTS.check(name, where)


def recognise(row: Mapping[str, Any], file: Path) -> str:
    """Name of the first layout that fits a file's first row.

    Raises:
        StudyError: None does.
    """
    for name in LAYOUTS.names():
        fits = LAYOUTS.get(name).fits
        if fits is not None and fits(row):
            return name
    raise StudyError(
        f"{file}: no known layout has its columns ({', '.join(row)}); name the layout 'plain' and, "
        "in `columns`, where problem and answer stand"
    )
