"""Benchmarks, one module each: where the problems come from, the prompt, how answers are judged.

A benchmark is a ``Benchmark`` in a module whose docstring names source and licence and shows an
example problem; its name stands in ``BENCHMARKS``, or another package adds it by an entry point of
the group ``rlscale.benchmarks``. ``version`` is raised when a problem would be asked differently:
samples of other versions are generated anew.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rlscale.core.digests import digest
from rlscale.core.errors import StudyError
from rlscale.core.manifests import write_manifest
from rlscale.core.registry import Registry

if TYPE_CHECKING:
    import pandas

PROBLEM_COLUMNS = (
    "problem_id", "problem", "answer", "level", "pass_rate", "cluster_id", "source",
)  # fmt: skip
# Keys of a benchmark's settings that decide its problems (the others decide its samples).
LOADING = ("path", "examples", "task", "problems", "seed")
_EXAMPLES = 16  # kept of a file of solved examples


@dataclass(frozen=True)
class Benchmark:
    """What a benchmark's module defines.

    Attributes:
        version: Raised when its problems would be asked differently.
        load: From the benchmark's settings to its problem table (``problem_table``).
        prompt: Text with ``{problem}``; None: the recipe's own prompt.
        verifier: Name of the verifier of its answers (``rlscale.judging.verifiers``); None: the
            data set's.
        reads_file: Whether it needs a local file (key ``path``).
    """

    version: int
    load: Callable[[Mapping[str, Any]], "pandas.DataFrame"]
    prompt: str | None = None
    verifier: str | None = None
    reads_file: bool = False


BENCHMARKS: Registry[Benchmark] = Registry(
    "benchmark",
    "rlscale.benchmarks",
    {
        "aime_2024": "rlscale.evaluation.benchmarks.aime_2024:BENCHMARK",
        "aime_2025": "rlscale.evaluation.benchmarks.aime_2025:BENCHMARK",
        "amc_2023": "rlscale.evaluation.benchmarks.amc_2023:BENCHMARK",
        "arithmetic": "rlscale.evaluation.benchmarks.arithmetic:BENCHMARK",
        "bbeh": "rlscale.evaluation.benchmarks.bbeh:BENCHMARK",
        "gpqa": "rlscale.evaluation.benchmarks.gpqa:BENCHMARK",
        "gsm8k": "rlscale.evaluation.benchmarks.gsm8k:BENCHMARK",
        "held_out": "rlscale.evaluation.benchmarks.held_out:BENCHMARK",
        "humaneval": "rlscale.evaluation.benchmarks.humaneval:BENCHMARK",
        "ifeval": "rlscale.evaluation.benchmarks.ifeval:BENCHMARK",
        "live_code_bench": "rlscale.evaluation.benchmarks.live_code_bench:BENCHMARK",
        "math_500": "rlscale.evaluation.benchmarks.math_500:BENCHMARK",
        "olympiad_bench": "rlscale.evaluation.benchmarks.olympiad_bench:BENCHMARK",
        "supergpqa": "rlscale.evaluation.benchmarks.supergpqa:BENCHMARK",
        "zebra": "rlscale.evaluation.benchmarks.zebra:BENCHMARK",
    },
)


def problem_table(
    problems: Sequence[str],
    answers: Sequence[str],
    *,
    source: str,
    levels: Sequence[str] | None = None,
) -> "pandas.DataFrame":
    """The problem table of a benchmark: one row per problem, ids from the text.

    Args:
        problems: Texts, shape (n,).
        answers: Their gold answers, shape (n,).
        source: Where they are from, for the column of that name.
        levels: Their levels of difficulty, shape (n,), where there are some.

    Raises:
        StudyError: No problems, or two with the same text.
    """
    import pandas

    if not problems:
        raise StudyError(f"benchmark {source}: no problems")
    ids = [digest([problem]) for problem in problems]
    table = pandas.DataFrame(
        {
            "problem_id": ids,
            "problem": list(problems),
            "answer": list(answers),
            "level": list(levels) if levels is not None else "",
            "pass_rate": float("nan"),
            "cluster_id": ids,
            "source": source,
        }
    )[list(PROBLEM_COLUMNS)]
    repeated = table["problem_id"].duplicated()
    if repeated.any():
        raise StudyError(
            f"benchmark {source}: problem {table.index[repeated][0]} repeats an earlier one"
        )
    return table


def make_benchmark(
    name: str, settings: Mapping[str, Any], *, problems: Path, manifest: Path
) -> None:
    """Write a benchmark's problem table and its manifest.

    Args:
        name: Its name in the configuration.
        settings: ``module`` and, of its entry there, the keys in ``LOADING``.
        problems: Where the table goes.
        manifest: Where the manifest goes.
    """
    started = time.time()
    benchmark = BENCHMARKS.get(settings["module"])
    table = benchmark.load(settings)
    sources = {key: Path(settings[key]) for key in ("path", "examples") if key in settings}
    facts: dict[str, Any] = {"examples": _solved(settings)} if "examples" in settings else {}
    problems.parent.mkdir(parents=True, exist_ok=True)
    table.to_parquet(problems, index=False)
    write_manifest(
        manifest,
        kind="benchmark",
        name=name,
        settings={**settings, "version": benchmark.version},
        inputs={"source" if key == "path" else key: path for key, path in sources.items()},
        files=[problems],
        seed=settings.get("seed"),
        started=started,
        code=__name__,
        used=[BENCHMARKS.module(settings["module"])],
        rows=len(table),
        **facts,
    )


def _solved(settings: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Questions and answers at the beginning of the file of solved examples."""
    wanted = ("question", "answer")
    rows = table_rows({"path": settings["examples"]}, settings["module"], wanted)[:_EXAMPLES]
    return [(str(row["question"]), str(row["answer"])) for row in rows]


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
        table = pyarrow.parquet.read_table(path, columns=["prompt", "reward_model"])
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

    return Benchmark(version=1, load=load, prompt=prompt, verifier=verifier, reads_file=True)


def file_of(settings: Mapping[str, Any], source: str) -> Path:
    """The file that a published benchmark's settings name.

    Raises:
        StudyError: They name none.
    """
    if "path" not in settings:
        raise StudyError(f"benchmark {source}: key 'path' is missing; name its local file")
    return Path(settings["path"])


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
