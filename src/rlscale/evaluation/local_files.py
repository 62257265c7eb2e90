"""Problems of public benchmarks in local files: in verl's layout, or in columns of any format."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rlscale.core.errors import StudyError
from rlscale.evaluation.benchmarks import Benchmark, problem_table

if TYPE_CHECKING:
    import pandas


VERL = ("prompt", "reward_model")
"""Columns of a file in verl's layout."""


def published(source: str, prompt: str, verifier: str) -> Benchmark:
    """A benchmark whose file (key ``path``) holds ``prompt`` around every problem.

    Args:
        source: Its name in the problem table.
        prompt: Text with ``{problem}``, as it stands in the file.
        verifier: Name of the verifier of its answers.
    """

    def load(settings: Mapping[str, Any]) -> "pandas.DataFrame":
        path = file_of(settings, source)
        start, end = prompt.split("{problem}")
        problems, answers = [], []
        for number, (text, answer) in enumerate(read_rows(path)):
            if not (text.startswith(start) and text.endswith(end)):
                raise StudyError(f"{path}: row {number} does not have the prompt of {source}")
            problems.append(text[len(start) : len(text) - len(end)])
            answers.append(answer)
        return problem_table(problems, answers, source=source)

    return Benchmark(version=1, load=load, prompt=prompt, verifier=verifier, columns=VERL)


def read_rows(path: Path | str) -> list[tuple[str, Any]]:
    """Prompt text and gold answer of each row of a file in verl's layout.

    Args:
        path: A parquet file with columns ``prompt`` (one message per row) and ``reward_model``
            (with ``ground_truth``).

    Raises:
        StudyError: The file or a column is missing, or a row has another shape.
    """
    import pyarrow
    import pyarrow.parquet

    if not Path(path).exists():
        raise StudyError(f"{path}: the benchmark's file does not exist; correct its 'path' key")
    try:
        table = pyarrow.parquet.read_table(path, columns=list(VERL))
    except (pyarrow.ArrowInvalid, KeyError) as error:
        raise StudyError(f"{path}: not a parquet file with these columns ({error})") from None
    if table.num_columns < 2:
        raise StudyError(f"{path}: column prompt or reward_model is missing")
    rows = []
    for number, row in enumerate(table.to_pylist()):
        if len(row["prompt"]) != 1:
            raise StudyError(f"{path}: row {number} has {len(row['prompt'])} messages, expected 1")
        rows.append((row["prompt"][0]["content"], row["reward_model"]["ground_truth"]))
    return rows


def table_rows(
    settings: Mapping[str, Any], source: str, columns: Sequence[str]
) -> list[Mapping[str, Any]]:
    """Rows of a public set's local file (key ``path``), of any format that data files may have.

    Raises:
        StudyError: The file, a column or a row cannot be read.
    """
    from rlscale.data.formats import file_rows

    path = file_of(settings, source)
    rows = []
    for number, row in enumerate(file_rows(path, list(columns))):
        if isinstance(row, str):
            raise StudyError(f"{path}: row {number}: {row}")
        rows.append(row)
    return rows


def file_of(settings: Mapping[str, Any], source: str) -> Path:
    """The file that a published benchmark's settings name.

    Raises:
        StudyError: They name none.
    """
    if "path" not in settings:
        raise StudyError(f"benchmark {source}: key 'path' is missing; name its local file")
    return Path(settings["path"])
