"""Evaluate all checkpoints of a cell on all benchmarks, in one warm engine.

What is missing in the cell's sample store is generated; what was judged by another scorer, or by
another gold answer, is judged again without generating.
"""

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from rlscale.core.errors import StudyError
from rlscale.core.files import write_text
from rlscale.core.manifests import check_owned, read_manifest, write_manifest
from rlscale.evaluation.engine import Engine, Machine, Request, without_collection
from rlscale.evaluation.outcomes import metric_table, outcome_counts, score_table, unusable_golds
from rlscale.evaluation.progress import Clock, Progress
from rlscale.evaluation.samples import KEY, Key, SampleStore
from rlscale.evaluation.tasks import (
    Task,
    missing_samples,
    model_length,
    modules_used,
    open_store,
    read_tasks,
    sample_seed,
    wanted_keys,
)
from rlscale.evaluation.votes import with_votes
from rlscale.judging import verifiers
from rlscale.models.checkpoints import Checkpoint, read_checkpoints
from rlscale.models.weights import weights_digest

if TYPE_CHECKING:
    import pandas

_PROBES = 4
_PROBLEM: Final = 3  # places in a Key
_SAMPLE: Final = 4


def evaluate_cell(
    *,
    train_manifest: Path,
    problems: Mapping[str, Path],
    settings: Mapping[str, Any],
    machine: Machine,
    journal: Path,
    outputs: Mapping[str, Path],
    trusted: bool = False,
) -> dict[str, Any]:
    """Evaluate a cell.

    Args:
        train_manifest: The cell's train.json.
        problems: Manifest that holds each benchmark's problems: of a benchmark, or of the data
            set for its held-out ones.
        settings: ``rlscale.study.settings.evaluation`` of the cell.
        machine: Speed keys of the engine (``rlscale.evaluation.engine.Engine``); they decide no
            result.
        journal: Folder of the sample store's parts.
        outputs: Paths ``samples``, ``outcomes``, ``scores``, ``metrics`` and ``manifest``.
        trusted: Whether the configuration lets Python files that come with the model run.

    Returns:
        What differs between equal runs: samples ``generated`` and ``judged_again``, and
        ``seconds`` by activity.

    Raises:
        StudyError: Bad input, weights other than the manifest's, or a failed probe.
    """
    started = time.time()
    clock = Clock()
    train = read_manifest(train_manifest, "train")
    checkpoints = read_checkpoints(train, train_manifest)
    with clock("imports"), without_collection():
        import pandas  # noqa: F401
        import transformers.models.auto.tokenization_auto  # noqa: F401
    with clock("prompts"):
        tasks = read_tasks(problems, settings, checkpoints[0].path, trusted)
        store = open_store(outputs["samples"], journal, tasks)
        missing = missing_samples(tasks, checkpoints, settings, store)
    for checkpoint in checkpoints:
        lies_there = checkpoint.step and not checkpoint.removed
        if missing[checkpoint.step] and train["files"] and lies_there:
            check_owned(train, checkpoint.path)
    with clock("judge"):
        proved = verifiers.prove({task.verifier for task in tasks}, machine.isolation)
    if any(missing.values()):
        generate(tasks, checkpoints, missing, settings, machine, trusted, store, clock)
    with clock("judge"):
        frame, judged_again = judge_stored(store, tasks, checkpoints, settings)
    with clock("tables"):
        counts = outcome_counts(frame, train["name"])
        unusable = unusable_golds(frame)
        scores = score_table(frame, scorings(tasks))
        kinds = {task.name: task.verifier for task in tasks}
        voting = with_votes(frame, kinds, settings["cpu_threads"])
        metrics = metric_table(voting, scores, settings["suites"])
        counts.to_parquet(outputs["outcomes"], index=False)
        write_text(outputs["scores"], scores.to_csv(index=False, float_format="%.10g"))
        write_text(outputs["metrics"], metrics.to_csv(index=False, float_format="%.10g"))
    store.replace(frame)
    write_manifest(
        outputs["manifest"],
        kind="eval",
        name=train["name"],
        settings=settings,
        inputs={"train": train_manifest, **problems},
        files=[outputs[name] for name in ("samples", "outcomes", "scores", "metrics")],
        seed=settings["seed"],
        started=started,
        code="rlscale.evaluation.evaluate",
        used=modules_used(settings),
        status=train["status"],
        unusable_golds=unusable,
        **({"judging": proved} if proved else {}),
    )
    return {
        "generated": sum(map(len, missing.values())),
        "judged_again": judged_again,
        "seconds": clock.seconds | {"total": round(time.time() - started, 3)},
    }


def scorings(tasks: Sequence[Task]) -> dict[str, tuple[str, str]]:
    """Benchmark -> name of its scoring and digest of the rule, as they stand in curves.csv."""
    return {task.name: (task.scoring, task.rule.digest(task.scorer)) for task in tasks}


def generate(
    tasks: Sequence[Task],
    checkpoints: Sequence[Checkpoint],
    missing: Mapping[int, list[tuple[Task, int, Key]]],
    settings: Mapping[str, Any],
    machine: Machine,
    trust_remote_code: bool,
    store: SampleStore,
    clock: Clock,
) -> None:
    """Generate what is missing into the store, every checkpoint in the same warm engine.

    Args:
        tasks: The problems and their prompts.
        checkpoints: Of one architecture.
        missing: ``missing_samples``; not empty.
        settings: ``seed``, ``temperature``, ``top_p``, ``dtype`` and ``cpu_threads``.
        machine: Speed keys of the engine.
        trust_remote_code: Whether the Python files in the checkpoints' folders may run.
        store: Where finished samples go, from time to time.
        clock: Notes the seconds by activity.

    Raises:
        StudyError: Weights other than the manifest's, a failed probe, or a prompt too long.
    """
    needed = [checkpoint for checkpoint in checkpoints if missing[checkpoint.step]]
    _check_present(checkpoints, missing)
    with clock("digests"):
        for checkpoint in needed:
            _check_weights(checkpoint)
    engine = Engine(
        needed[0].path,
        dtype=settings["dtype"],
        max_model_len=model_length(tasks, needed[0].path, trust_remote_code),
        cpu_threads=settings["cpu_threads"],
        machine=machine,
        trust_remote_code=trust_remote_code,
    )
    clock.add("imports", engine.import_seconds)
    clock.add("start", engine.start_seconds)
    probes = [prompt for task in tasks for prompt in task.prompts[:_PROBES] if len(prompt) > 1]
    for position, checkpoint in enumerate(needed):
        if position == 0:
            engine.prove(checkpoint.path, probes)
        else:
            engine.swap(checkpoint.path, probes)
        todo = missing[checkpoint.step]
        label = f"step {checkpoint.step} ({position + 1} of {len(needed)} checkpoints)"
        progress = Progress(label, [(task.name, key[_PROBLEM]) for task, _, key in todo])
        with clock("decode"):
            _sample(engine, checkpoint.step, todo, settings, store, progress)
    store.flush()
    clock.add("swap", engine.swap_seconds)
    clock.add("probe", engine.probe_seconds)
    engine.close()


def _check_present(checkpoints: Sequence[Checkpoint], missing: Mapping[int, Sequence[Any]]) -> None:
    gone = [entry for entry in checkpoints if entry.removed and missing[entry.step]]
    if gone:
        steps = ", ".join(str(entry.step) for entry in gone)
        left = ", ".join(str(entry.step) for entry in checkpoints if not entry.removed)
        raise StudyError(
            f"{gone[0].path}: {len(missing[gone[0].step])} samples are missing, and its "
            "weights were removed after evaluation (training.checkpoints_on_disk), as at steps "
            f"{steps}; steps {left} can still be asked. Take back what changed in benchmarks or "
            "evaluation (evaluation.top_up asks more of single steps), or train the cell again: "
            "remove its train.json and its folder in .state/"
        )


def _check_weights(checkpoint: Checkpoint) -> None:
    found = weights_digest(checkpoint.path)
    if found != checkpoint.digest:
        raise StudyError(
            f"{checkpoint.path}: the weights are not those that train.json names (digest "
            f"{found}, expected {checkpoint.digest}): truncated, or of another cell; "
            "train the cell again"
        )


def _sample(
    engine: Engine,
    step: int,
    todo: Sequence[tuple[Task, int, Key]],
    settings: Mapping[str, Any],
    store: SampleStore,
    progress: Progress,
) -> None:
    requests = [
        Request(
            prompt=task.prompts[row],
            seed=sample_seed(settings["seed"], key[_PROBLEM], key[_SAMPLE]),
            max_tokens=task.max_tokens,
            stop=task.rule.stop,
        )
        for task, row, key in todo
    ]
    rows, responses, rules = [], [], []
    finished = engine.generate(
        requests, temperature=settings["temperature"], top_p=settings["top_p"]
    )
    for index, made in finished:
        task, _, key = todo[index]
        rows.append(
            {
                **dict(zip(KEY, key, strict=True)),
                "step": step,
                "tokens": len(made.tokens),
                "prompt_tokens": len(requests[index].prompt),
                "finish_reason": made.finish_reason,
            }
        )
        responses.append(made.tokens)
        rules.append(task.rule)
        progress.count(task.name, key[_PROBLEM], len(made.tokens))
        if progress.due():
            said = zip(rows, rules, engine.decode(responses), strict=True)
            store.append([{**row, "text": rule.cut(text)} for row, rule, text in said])
            rows, responses, rules = [], [], []


def judge_stored(
    store: SampleStore,
    tasks: Sequence[Task],
    checkpoints: Sequence[Checkpoint],
    settings: Mapping[str, Any],
) -> tuple["pandas.DataFrame", int]:
    """The samples that the settings ask for, in order, each judged as it is judged today.

    A verdict holds as long as its scorer and the problem's gold answer are the same.

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
            golds = np.array(task.gold_digests, dtype=object)[rows]
            holds = piece["scorer"].eq(task.scorer) & piece["gold"].eq(golds)
            stale = ~holds.to_numpy()
            judged_again += int((stale & piece["scorer"].notna().to_numpy()).sum())
            if stale.any():
                verdicts = verifiers.judge(
                    list(piece.loc[stale, "text"]),
                    list(task.problems["answer"].iloc[rows[stale]]),
                    task.verifier,
                    workers=settings["cpu_threads"],
                )
                piece.loc[stale, "answer"] = [verdict.answer for verdict in verdicts]
                piece.loc[stale, "outcome"] = [verdict.outcome for verdict in verdicts]
                piece.loc[stale, "credit"] = np.array(
                    [verdict.credit for verdict in verdicts], dtype="float64"
                )
                piece.loc[stale, "scorer"] = task.scorer
                piece.loc[stale, "gold"] = golds[stale]
            piece["step"] = checkpoint.step
            pieces.append(piece)
    return pandas.concat(pieces, ignore_index=True), judged_again
