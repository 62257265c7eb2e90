"""Scores of each source, kept by the digest of all that they come from."""

import os
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING

from rlscale.bank.forecasts import answers
from rlscale.bank.scores import curve_scores
from rlscale.bank.source import Source
from rlscale.bank.tasks import Task, tasks_of
from rlscale.core.code import code_digest
from rlscale.core.digests import digest
from rlscale.core.errors import StudyError
from rlscale.jobs.threads import use_threads
from rlscale.laws.registry import LAWS

if TYPE_CHECKING:
    import pandas


def scores_of(
    source: Source, laws: Sequence[str], folder: Path, jobs: int = 1
) -> "tuple[pandas.DataFrame, bool]":
    """Scores of every law on every curve of a source, and whether they had to be computed.

    Args:
        source: The source.
        laws: Names of laws.
        folder: Where scores are kept, a file per source and digest: of its card and curves, of the
            laws' code and of the code that asks and scores.
        jobs: Processes to compute with.

    Raises:
        StudyError: No law answers a single task.
    """
    import pandas

    code = code_digest("rlscale.bank.store", *(LAWS.module(name) for name in laws))
    key = digest([source.files, list(laws), code])
    kept = folder / f"{source.name}-{key}.parquet"
    if kept.exists():
        return pandas.read_parquet(kept), False
    found = _all_answers(list(tasks_of(source)), laws, jobs)
    if found.empty:
        raise StudyError(
            f"{source.name}: none of {', '.join(laws)} can be fitted to a part of its curves; "
            "name other laws (--laws), or leave this source out of the bank that you name (--bank)"
        )
    table = curve_scores(found)
    table.insert(0, "source", source.name)
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob(f"{source.name}-*.parquet"):
        old.unlink()
    part = kept.with_suffix(".part")
    table.to_parquet(part)
    os.replace(part, kept)
    return table, True


def _all_answers(tasks: Sequence[Task], laws: Sequence[str], jobs: int) -> "pandas.DataFrame":
    import pandas

    if jobs == 1:
        return answers(tasks, laws)
    use_threads(1)
    with ProcessPoolExecutor(jobs, mp_context=get_context("spawn")) as pool:
        parts = pool.map(partial(_one, laws=laws), tasks)
        return pandas.concat([pandas.DataFrame(), *parts], ignore_index=True)


def _one(task: Task, laws: Sequence[str]) -> "pandas.DataFrame":
    return answers([task], laws)
