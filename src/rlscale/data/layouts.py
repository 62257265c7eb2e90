"""Layouts: where files keep problem and answer. Light to import.

The layouts of the field's sets; other packages add theirs (docs/data.md). ``auto`` stands for the
layout that fits most of a file's first rows.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from rlscale.core.errors import StudyError
from rlscale.core.registry import Registry
from rlscale.data import choices, code_tests, parts
from rlscale.data.chats import read_chat, text_or_chat

AUTO = "auto"
# Columns that hold a part of the problem where a layout does not say so.
_BELONGS = frozenset({"body", "context", "passage", "options", "choices", "image", "images", "a"})
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
GURU = Layout(_VERL, text=text_or_chat, fits=_has("prompt", "reward_model"))
VERL = Layout(_VERL, text=text_or_chat)
DAPO = Layout(
    _VERL,
    text=text_or_chat,
    wrapper=parts.DAPO_WRAPPER,
    fits=lambda row: row.keys() >= {"prompt", "reward_model"} and parts.is_dapo(row),
)
GURU_CODE = Layout(
    _VERL,
    text=read_chat,
    gold=code_tests.tests_of_guru,
    fits=lambda row: row.keys() >= {"prompt", "reward_model"} and parts.is_code(row),
)
CHAT = Layout(
    {"problem": ["messages"], "answer": ["messages"]},
    text=partial(read_chat, where="messages"),
    gold=parts.box_of_assistant,
    fits=_has("messages"),
)
SHAREGPT = Layout(
    {"problem": ["conversations"], "answer": ["conversations"]},
    text=partial(read_chat, where="conversations"),
    gold=parts.box_of_assistant,
    fits=_has("conversations"),
)
ORZ = Layout(
    {"problem": ["0", "value"], "answer": ["1", "ground_truth", "value"]},
    fits=lambda row: row.keys() >= {"0", "1"} and "ground_truth" in str(row["1"]),
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
    {"problem": ["question"], "answer": ["final_answer"], "context": ["context"],
     "several": ["is_multiple_answer"]},
    join=parts.olympiad,
    optional=("context", "several"),
    fits=_has("question", "final_answer"),
)  # fmt: skip
OPEN_MATH = Layout(
    {"problem": ["problem"], "answer": ["expected_answer"]}, fits=_has("problem", "expected_answer")
)
SYNTHETIC = Layout(
    {"problem": ["prompt"], "answer": ["verification_info", "ground_truth"]},
    text=text_or_chat,
    fits=_has("prompt", "verification_info"),
)
PROMPT_ANSWER = Layout(
    {"problem": ["prompt"], "answer": ["answer"]}, text=text_or_chat, fits=_has("prompt", "answer")
)
PROMPT_TRUTH = Layout(
    {"problem": ["prompt"], "answer": ["ground_truth"]},
    text=text_or_chat,
    fits=_has("prompt", "ground_truth"),
)
CMATH = Layout({"problem": ["question"], "answer": ["golden"]}, fits=_has("question", "golden"))
MATH23K = Layout(
    {"problem": ["original_text"], "answer": ["ans"]},
    gold=parts.mixed_number,
    fits=_has("original_text", "ans"),
)
MATH = Layout(
    {"problem": ["problem"], "answer": ["solution"]},
    gold=parts.boxed,
    fits=_has("problem", "solution"),
)
CHOICE = Layout(
    {"problem": ["question"], "answer": ["answer"], "options": ["choices"]},
    join=choices.multiple_choice,
    fits=_has("question", "choices", "answer"),
)
ARC = Layout(
    {"problem": ["question"], "answer": ["answerKey"], "options": ["choices"]},
    join=choices.multiple_choice,
    fits=_has("question", "choices", "answerKey"),
)
SUPERGPQA = Layout(
    {"problem": ["question"], "answer": ["answer_letter"], "options": ["options"]},
    join=choices.multiple_choice,
    fits=_has("question", "options", "answer_letter"),
)
MMLU_PRO = Layout(
    {"problem": ["question"], "answer": ["answer"], "options": ["options"]},
    join=choices.multiple_choice,
    fits=_has("question", "options", "answer"),
)
AQUA = Layout(
    {"problem": ["question"], "answer": ["correct"], "options": ["options"]},
    join=choices.labelled_options,
    fits=_has("question", "options", "correct"),
)
C_EVAL = Layout(
    {"problem": ["question"], "answer": ["answer"], **{letter: [letter] for letter in "ABCDE"}},
    join=choices.options_in_columns,
    optional=("E",),
    fits=_has("question", "A", "B", "C", "D", "answer"),
)
_GPQA = {"problem": "Question", "answer": "Correct Answer",
         **{f"wrong_{i}": f"Incorrect Answer {i}" for i in (1, 2, 3)}}  # fmt: skip
GPQA = Layout(
    {part: [column] for part, column in _GPQA.items()},
    join=choices.right_among_wrong,
    fits=_has(*_GPQA.values()),
)
_SCIQ = {"problem": "question", "answer": "correct_answer",
         **{f"wrong_{i}": f"distractor{i}" for i in (1, 2, 3)}}  # fmt: skip
SCIQ = Layout(
    {part: [column] for part, column in _SCIQ.items()},
    join=choices.right_among_wrong,
    fits=_has(*_SCIQ.values()),
)
HUMANEVAL = Layout(
    {"problem": ["prompt"], "answer": ["test"], "entry": ["entry_point"]},
    join=code_tests.checked_function,
    fits=_has("prompt", "test", "entry_point"),
)
MBPP = Layout(
    {"problem": ["text"], "answer": ["test_list"], "setup": ["test_setup_code"]},
    join=code_tests.asserted_function,
    optional=("setup",),
    fits=_has("text", "test_list"),
)
MBPP_SANITIZED = Layout(
    {"problem": ["prompt"], "answer": ["test_list"], "setup": ["test_imports"]},
    join=code_tests.asserted_function,
    optional=("setup",),
    fits=_has("prompt", "test_list"),
)
KODCODE = Layout(
    {"problem": ["question"], "answer": ["test"]},
    gold=code_tests.pytest_functions,
    fits=_has("question", "test", "test_info"),
)
APPS = Layout(
    {"problem": ["question"], "answer": ["input_output"], "setup": ["starter_code"]},
    join=code_tests.tests_of_apps,
    optional=("setup",),
    fits=_has("question", "input_output"),
)

# What is recognised first stands first: the special before the general.
_OWN = (
    "dapo", "guru_code", "guru", "verl", "synthetic", "orz", "choice", "arc", "supergpqa",
    "mmlu_pro", "aqua", "c_eval", "gpqa", "sciq", "kodcode", "apps", "gsm8k", "humaneval", "mbpp",
    "mbpp_sanitized", "olympiad_bench", "big_math", "openr1_math", "numina_math", "deepscaler",
    "plain", "open_math", "question_answer", "cmath", "math23k", "prompt_answer", "prompt_truth",
    "math", "chat", "sharegpt",
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


def recognise(rows: Sequence[Mapping[str, Any]], file: Path) -> tuple[str, dict[str, str]]:
    """The layout that speaks for most of a file's first rows.

    Args:
        rows: The rows, one at least.
        file: The file, for messages.

    Returns:
        Its name, and the file's own names of columns that it writes with capitals (``Problem``).

    Raises:
        StudyError: None fits; or one does and leaves out a column that problems may need.
    """
    ways: tuple[Callable[[Mapping[str, Any]], dict[str, str]], ...] = (lambda row: {}, _small)
    for names in ways:
        seen = [{names(row).get(column, column): value for column, value in row.items()}
                for row in rows]  # fmt: skip
        found = Counter(name for row in seen if (name := _first_that_fits(row)))
        if found:
            name = found.most_common(1)[0][0]
            _check_nothing_left(name, seen, file)
            return name, {small: column for column, small in names(rows[0]).items()}
    raise StudyError(
        f"{file}: no known layout has its columns ({', '.join(rows[0])}); name the layout 'plain' "
        "and where problem and answer stand: in a configuration `layout: plain, columns: {problem: "
        "[COLUMN], answer: [COLUMN]}`, by flags --layout plain --column problem=COLUMN --column "
        "answer=COLUMN"
    )


def _small(row: Mapping[str, Any]) -> dict[str, str]:
    """Columns in small letters, but those of one letter, which name options."""
    small = {column: column.casefold() for column in row if len(column) > 1}
    return small if len({*small.values()}) == len(small) else {}


def _first_that_fits(row: Mapping[str, Any]) -> str | None:
    for name in LAYOUTS.names():
        fits = LAYOUTS.get(name).fits
        if fits is not None and fits(row):
            return name
    return None


def _check_nothing_left(name: str, rows: Sequence[Mapping[str, Any]], file: Path) -> None:
    """Refuse to guess where beside a plain problem there is a column that belongs to problems."""
    layout = LAYOUTS.get(name)
    taken = {str(place[0]) for place in layout.places.values()}
    if layout.text is not as_it_is:
        return
    for column in {*rows[0]} - taken:
        if column.casefold() in _BELONGS and any(row.get(column) for row in rows):
            raise StudyError(
                f"{file}: in layout {name} the problem is '{layout.places['problem'][0]}' alone, "
                f"and column '{column}' may be a part of it; name that layout to leave it out, or "
                "write both into one column"
            )
