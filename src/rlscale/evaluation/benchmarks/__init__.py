"""Benchmarks, one module each: where the problems come from, the prompt, how answers are judged.

A benchmark is added by adding a module that defines ``BENCHMARK``. Its docstring names source and
licence and shows an example problem. ``version`` is raised when the same response to the same
problem would be asked for or judged differently: samples of other versions are generated anew.
"""

import difflib
import importlib
import pkgutil
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rlscale.core.digests import digest
from rlscale.core.errors import StudyError
from rlscale.core.manifests import write_manifest
from rlscale.judging import verify

if TYPE_CHECKING:
    import pandas

PROBLEM_COLUMNS = (
    "problem_id", "problem", "answer", "level", "pass_rate", "cluster_id", "source",
)  # fmt: skip
# Keys of a benchmark's settings that decide its problems (the others decide its samples).
LOADING = ("path", "task", "problems", "seed")


@dataclass(frozen=True)
class Benchmark:
    """What a benchmark's module defines.

    Attributes:
        version: Raised when scores of the same responses would change.
        load: From the benchmark's settings to its problem table (``problem_table``).
        prompt: Text with ``{problem}``; None: the recipe's own prompt.
        kind: How answers are judged (``rlscale.judging.verify``); None: as the data set says.
        judge: Replaces ``rlscale.judging.verify.judge`` where an answer is not one expression:
            (texts, golds, workers) -> outcomes.
        extract: The judged part of a response, where ``judge`` is given.
    """

    version: int
    load: Callable[[Mapping[str, Any]], "pandas.DataFrame"]
    prompt: str | None = None
    kind: str | None = None
    judge: Callable[[Sequence[str], Sequence[str], int], list[verify.Outcome | None]] | None = None
    extract: Callable[[str], str | None] | None = None

    def outcomes(
        self, texts: Sequence[str], golds: Sequence[str], *, kind: str, workers: int
    ) -> list[verify.Outcome | None]:
        """Judge responses; ``kind`` is the data set's, used where the benchmark names none."""
        if self.judge is not None:
            return self.judge(texts, golds, workers)
        return verify.judge(self.kind or kind, texts, golds, workers=workers)

    def answers(self, texts: Sequence[str], *, kind: str) -> list[str | None]:
        """The judged part of each response."""
        extract = self.extract or (lambda text: verify.extract(self.kind or kind, text))
        return [extract(text) for text in texts]


def names() -> list[str]:
    """Names of all benchmark modules."""
    return sorted(module.name for module in pkgutil.iter_modules(__path__))


def get(module: str) -> Benchmark:
    """The benchmark that a module of this package defines.

    Raises:
        StudyError: There is no such module; the message names near ones.
    """
    known = names()
    if module not in known:
        near = difflib.get_close_matches(module, known, n=3) or known
        raise StudyError(f"benchmarks: no module '{module}'; did you mean {' or '.join(near)}?")
    return importlib.import_module(f"{__name__}.{module}").BENCHMARK


def problem_table(
    problems: Sequence[str],
    answers: Sequence[str],
    *,
    source: str,
    levels: Sequence[str] | None = None,
) -> "pandas.DataFrame":
    """The problem table of a benchmark: one row per problem, ids from the text.

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
    benchmark = get(settings["module"])
    table = benchmark.load(settings)
    problems.parent.mkdir(parents=True, exist_ok=True)
    table.to_parquet(problems, index=False)
    write_manifest(
        manifest,
        kind="benchmark",
        name=name,
        settings={**settings, "version": benchmark.version},
        inputs={"source": Path(settings["path"])} if "path" in settings else {},
        files=[problems],
        seed=settings.get("seed"),
        started=started,
        code=f"{__name__}.{settings['module']}",
        rows=len(table),
    )


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


def published(source: str, prompt: str, **judging: Any) -> Benchmark:
    """A benchmark whose file (key ``path``) holds ``prompt`` around every problem.

    Args:
        source: Its name in the problem table.
        prompt: Text with ``{problem}``, as it stands in the file.
        **judging: ``kind``, or ``judge`` and ``extract``.
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

    return Benchmark(version=1, load=load, prompt=prompt, **judging)


def file_of(settings: Mapping[str, Any], source: str) -> Path:
    """The file that a published benchmark's settings name."""
    if "path" not in settings:
        raise StudyError(f"benchmark {source}: key 'path' is missing; name its local file")
    return Path(settings["path"])
