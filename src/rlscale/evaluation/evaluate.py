"""Evaluate all checkpoints of a cell on all benchmarks, in one warm engine.

What is missing in the cell's sample store is generated; what was judged by another scorer, or by
another gold answer, is judged again without generating.
"""

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rlscale.core.files import write_text
from rlscale.core.manifests import Provenance, check_owned, read_manifest, write_manifest
from rlscale.evaluation.asking import Asked, Questions
from rlscale.evaluation.engine import Machine, without_collection
from rlscale.evaluation.outcomes import metric_table, outcome_counts, score_table, unusable_golds
from rlscale.evaluation.progress import Clock
from rlscale.evaluation.samples import KEY, SampleStore
from rlscale.evaluation.settings import modules_used
from rlscale.evaluation.shards import WHOLE, Shard
from rlscale.evaluation.tasks import Task, wanted_keys
from rlscale.evaluation.votes import with_votes
from rlscale.judging import verifiers
from rlscale.models.checkpoints import Checkpoint, read_checkpoints

if TYPE_CHECKING:
    import numpy as np
    import pandas


def evaluate_cell(
    questions: Questions,
    machine: Machine,
    *,
    train_manifest: Path,
    outputs: Mapping[str, Path],
    shards: int = 1,
) -> dict[str, Any]:
    """Evaluate a cell; what jobs of its shards have asked before is not asked again.

    Args:
        questions: What its checkpoints are asked.
        machine: Speed keys of the engine (``rlscale.evaluation.engine.Engine``); they decide no
            result.
        train_manifest: The cell's train.json.
        outputs: Paths ``outcomes``, ``scores``, ``metrics`` and ``manifest``.
        shards: In how many shards it was asked, for the run record.

    Returns:
        What differs between equal runs: samples ``generated`` and ``judged_again``, and
        ``seconds`` by activity.

    Raises:
        StudyError: Bad input, weights other than the manifest's, or a failed probe.
    """
    settings = questions.settings
    provenance = Provenance(
        "rlscale.evaluation.evaluate",
        settings,
        {"train": train_manifest, **questions.problems},
        used=modules_used(settings),
        seed=settings["seed"],
    )
    clock = Clock()
    train, asked = _read(train_manifest, questions, clock)
    with clock("judge"):
        proved = asked.prove(machine)
    generated = asked.generate(machine, clock)
    with clock("judge"):
        frame, judged_again = judge_stored(asked.store, asked.tasks, asked.checkpoints, settings)
    with clock("tables"):
        _write_tables(frame, asked.tasks, settings, train["name"], outputs)
    asked.store.replace(frame)
    write_manifest(
        outputs["manifest"],
        provenance,
        kind="eval",
        name=train["name"],
        files=[questions.samples, *(outputs[name] for name in ("outcomes", "scores", "metrics"))],
        status=train["status"],
        unusable_golds=unusable_golds(frame),
        noted={"shards": shards},
        **({"judging": proved} if proved else {}),
    )
    return {
        "generated": generated,
        "judged_again": judged_again,
        "seconds": clock.seconds | {"total": round(time.time() - provenance.started, 3)},
    }


def _write_tables(
    frame: "pandas.DataFrame",
    tasks: Sequence[Task],
    settings: Mapping[str, Any],
    cell: str,
    outputs: Mapping[str, Path],
) -> None:
    """Write outcomes, scores and metrics of a cell's judged samples."""
    scores = score_table(frame, scorings(tasks))
    kinds = {task.name: task.verifier for task in tasks}
    metrics = metric_table(
        with_votes(frame, kinds, settings["cpu_threads"]), scores, settings["suites"]
    )
    outcome_counts(frame, cell).to_parquet(outputs["outcomes"], index=False)
    write_text(outputs["scores"], scores.to_csv(index=False, float_format="%.10g"))
    write_text(outputs["metrics"], metrics.to_csv(index=False, float_format="%.10g"))


def ask_cell(
    questions: Questions, machine: Machine, *, train_manifest: Path, shard: Shard
) -> dict[str, Any]:
    """Generate one shard of a cell's evaluation into the journal of its sample store.

    Args:
        questions, machine, train_manifest: As for ``evaluate_cell``; the store is only read.
        shard: What is asked here.

    Returns:
        Samples ``generated``, and ``seconds`` by activity.

    Raises:
        StudyError: As ``evaluate_cell``.
    """
    clock = Clock()
    _, asked = _read(train_manifest, questions, clock, shard)
    asked.prove(machine)
    return {"generated": asked.generate(machine, clock), "seconds": clock.seconds}


def _read(
    train_manifest: Path, questions: Questions, clock: Clock, shard: Shard = WHOLE
) -> tuple[dict[str, Any], Asked]:
    """A cell's train.json, and what its checkpoints are asked; those with something to answer are
    checked to be the cell's own.
    """
    train = read_manifest(train_manifest, "train")
    checkpoints = read_checkpoints(train, train_manifest)
    with clock("imports"), without_collection():
        import pandas  # noqa: F401
        import transformers.models.auto.tokenization_auto  # noqa: F401
    with clock("prompts"):
        asked = Asked.read(questions, checkpoints, shard)
    for checkpoint in checkpoints:
        lies_there = checkpoint.step and not checkpoint.removed
        if asked.missing[checkpoint.step] and train["files"] and lies_there:
            check_owned(train, checkpoint.path)
    return train, asked


def scorings(tasks: Sequence[Task]) -> dict[str, tuple[str, str]]:
    """Benchmark -> name of its scoring and digest of the rule, as they stand in curves.csv."""
    return {task.name: (task.scoring, task.rule.digest(task.scorer)) for task in tasks}


def judge_stored(
    store: SampleStore,
    tasks: Sequence[Task],
    checkpoints: Sequence[Checkpoint],
    settings: Mapping[str, Any],
) -> tuple["pandas.DataFrame", int]:
    """The samples that the settings ask for, in order, each judged as it is judged today.

    A verdict holds as long as its scorer and the problem's gold answer are the same.

    Args:
        store: Has every sample that is asked for.
        tasks: What was asked.
        checkpoints: Who was asked.
        settings: ``rlscale.study.settings.evaluation`` of the cell.

    Returns:
        The store's columns; and how many samples had a verdict that no longer holds.
    """
    import numpy as np
    import pandas

    stored = store.frame()
    place = {
        key: row for row, key in enumerate(stored[list(KEY)].itertuples(index=False, name=None))
    }
    pieces, judged_again = [], 0
    for checkpoint in checkpoints:
        for task in tasks:
            wanted = wanted_keys(task, checkpoint, settings)
            piece = stored.iloc[[place[key] for _, key in wanted]].reset_index(drop=True)
            rows = np.array([row for row, _ in wanted])
            judged_again += _judge_again(piece, task, rows, settings["cpu_threads"])
            piece["step"] = checkpoint.step
            pieces.append(piece)
    return pandas.concat(pieces, ignore_index=True), judged_again


def _judge_again(piece: "pandas.DataFrame", task: Task, rows: "np.ndarray", workers: int) -> int:
    """Judge samples of a task, in place, whose verdict does not hold; how many had one.

    Args:
        piece: Samples with the store's columns, n rows.
        task: What they answer.
        rows: Row of each sample's problem in the task's table, shape (n,).
        workers: Processes that judge at the same time.
    """
    import numpy as np

    golds = np.array(task.gold_digests, dtype=object)[rows]
    stale = ~(piece["scorer"].eq(task.scorer) & piece["gold"].eq(golds)).to_numpy()
    had_one = int((stale & piece["scorer"].notna().to_numpy()).sum())
    if stale.any():
        verdicts = verifiers.judge(
            list(piece.loc[stale, "text"]),
            list(task.problems["answer"].iloc[rows[stale]]),
            task.verifier,
            workers=workers,
        )
        piece.loc[stale, "answer"] = [verdict.answer for verdict in verdicts]
        piece.loc[stale, "outcome"] = [verdict.outcome for verdict in verdicts]
        credit = [verdict.credit for verdict in verdicts]
        piece.loc[stale, "credit"] = np.array(credit, dtype="float64")
        piece.loc[stale, "scorer"] = task.scorer
        piece.loc[stale, "gold"] = golds[stale]
    return had_one
