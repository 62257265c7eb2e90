"""Evaluate all checkpoints of a cell on all benchmarks, in one warm engine.

What is missing in the cell's sample store is generated; what a changed scorer judges otherwise is
judged again without generating.
"""

import hashlib
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rlscale import benchmarks
from rlscale.cells import Cell, resolve
from rlscale.engine import Engine, Request, without_collection
from rlscale.errors import StudyError
from rlscale.manifests import (
    code_digest,
    digest,
    package_versions,
    read_manifest,
    verify_files,
    write_manifest,
    write_text,
)
from rlscale.outcomes import metric_table, outcome_counts, score_table, unusable_golds
from rlscale.progress import Clock, Progress
from rlscale.prompts import render
from rlscale.samples import KEY, SampleStore
from rlscale.weights import weights_digest

if TYPE_CHECKING:
    import pandas

_PROBES = 4
_PROBLEM, _SAMPLE = KEY.index("problem_id"), KEY.index("sample")
_SAMPLING = ("temperature", "top_p", "max_tokens", "seed", "dtype")


def settings_for(config: Mapping[str, Any], cell: Cell) -> dict[str, Any]:
    """All settings that decide one cell's evaluation, and nothing else.

    Args:
        config: The study's configuration, defaults filled in.
        cell: The cell.
    """
    recipe = resolve(config, cell)
    evaluation = dict(config["evaluation"])
    evaluation.pop("machine")
    extra = evaluation.pop("top_up")
    return {
        **evaluation,
        "variant": cell.variant,
        "prompt": recipe["prompt"],
        "verifier": recipe["verifier"],
        "cpu_threads": recipe["cpu_threads"],
        "benchmarks": {
            name: {
                "module": settings.get("module", name),
                "samples": settings["samples"],
                "max_tokens": settings.get("max_tokens", evaluation["max_tokens"]),
            }
            for name, settings in config["benchmarks"].items()
        },
        "top_up": [_top_up(entry) for entry in extra if _concerns(entry["match"], cell)],
    }


def _concerns(match: Mapping[str, Any], cell: Cell) -> bool:
    fields = asdict(cell)
    return all(str(fields[key]) == str(value) for key, value in match.items() if key in fields)


def _top_up(entry: Mapping[str, Any]) -> dict[str, Any]:
    """A top-up without what only says which cells are meant; numbers may come as text."""
    match = {}
    if "step" in entry["match"]:
        match["step"] = int(entry["match"]["step"])
    if "benchmark" in entry["match"]:
        match["benchmark"] = entry["match"]["benchmark"]
    return {"match": match, "samples": int(entry["samples"])}


@dataclass(frozen=True)
class Task:
    """One benchmark as a cell is asked it.

    Attributes:
        name: Its name in the configuration.
        benchmark: The module's definition.
        problems: Problem table.
        prompts: Token ids of each problem's prompt.
        prompt_digests: Digest of each prompt's text.
        max_tokens: Longest response.
        sampling: The sampling parameters as the store's key spells them.
        scorer: Digest of all that judges its responses.
    """

    name: str
    benchmark: benchmarks.Benchmark
    problems: "pandas.DataFrame"
    prompts: list[list[int]]
    prompt_digests: list[str]
    max_tokens: int
    sampling: str
    scorer: str


def evaluate_cell(
    *,
    train_manifest: Path,
    problems: Mapping[str, Path],
    settings: Mapping[str, Any],
    machine: Mapping[str, Any],
    journal: Path,
    outputs: Mapping[str, Path],
) -> dict[str, Any]:
    """Evaluate a cell.

    Args:
        train_manifest: The cell's train.json.
        problems: Manifest that holds each benchmark's problems: of a benchmark, or of the data
            set for its held-out ones.
        settings: ``settings_for`` of the cell.
        machine: Speed keys of the engine (``rlscale.engine.Engine``); they decide no result.
        journal: Folder of the sample store's parts.
        outputs: Paths ``samples``, ``outcomes``, ``scores``, ``metrics`` and ``manifest``.

    Returns:
        What differs between equal runs: samples ``generated`` and ``judged_again``, and
        ``seconds`` by activity.

    Raises:
        StudyError: Bad input, weights other than the manifest's, or a failed probe.
    """
    started = time.time()
    clock = Clock()
    train = read_manifest(train_manifest, "train")
    checkpoints = train["checkpoints"]
    with clock("imports"), without_collection():
        import pandas  # noqa: F401
        import transformers.models.auto.tokenization_auto  # noqa: F401
    with clock("prompts"):
        tasks = _tasks(problems, settings, checkpoints[0]["path"])
        store = SampleStore(outputs["samples"], journal)
        missing = _missing(tasks, checkpoints, settings, store)
    if any(missing.values()):
        _generate(tasks, checkpoints, missing, settings, machine, store, clock)
    with clock("judge"):
        frame, judged_again = _judge(store, tasks, checkpoints, settings)
    with clock("tables"):
        counts = outcome_counts(frame, train["name"])
        unusable = unusable_golds(frame)
        scores = score_table(frame)
        metrics = metric_table(frame, scores, settings["suites"])
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
        code="rlscale.evaluate",
        status=train["status"],
        unusable_golds=unusable,
    )
    return {
        "generated": sum(map(len, missing.values())),
        "judged_again": judged_again,
        "seconds": clock.seconds | {"total": round(time.time() - started, 3)},
    }


def _tasks(problems: Mapping[str, Path], settings: Mapping[str, Any], folder: str) -> list[Task]:
    import pandas
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(folder)
    tasks = []
    for name, own in settings["benchmarks"].items():
        benchmark = benchmarks.get(own["module"])
        table = pandas.read_parquet(_problem_file(problems[name]))
        prompt = settings["prompt"]
        if benchmark.prompt is not None:
            prompt = {"template": benchmark.prompt}
        texts = [render(tokenizer, text, settings["variant"], prompt) for text in table["problem"]]
        sampling = {**settings, "max_tokens": own["max_tokens"]}
        tasks.append(
            Task(
                name=name,
                benchmark=benchmark,
                problems=table,
                prompts=tokenizer(texts)["input_ids"],
                prompt_digests=[_sha(text) for text in texts],
                max_tokens=own["max_tokens"],
                sampling=",".join(f"{key}={sampling[key]}" for key in _SAMPLING),
                scorer=_scorer(own["module"], settings["verifier"]),
            )
        )
    return tasks


def _problem_file(path: Path) -> Path:
    manifest = read_manifest(path)
    verify_files(manifest)
    return path.parent / ("held_out.parquet" if manifest["kind"] == "data" else "problems.parquet")


def _scorer(module: str, verifier: str) -> str:
    return digest(
        [
            code_digest(f"rlscale.benchmarks.{module}"),
            verifier,
            package_versions().get("math-verify", ""),
        ]
    )


def _sha(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def samples_wanted(settings: Mapping[str, Any], benchmark: str, step: int) -> int:
    """Samples per problem of a benchmark at a step: its own number, or more by a top-up."""
    wanted = settings["benchmarks"][benchmark]["samples"]
    for entry in settings["top_up"]:
        match = entry["match"]
        if match.get("benchmark", benchmark) == benchmark and match.get("step", step) == step:
            wanted = max(wanted, entry["samples"])
    return wanted


def _wanted_keys(
    task: Task, checkpoint: Mapping[str, Any], settings: Mapping[str, Any]
) -> list[tuple[int, tuple]]:
    """(row of the problem table, key in the store) of every sample of a task at a checkpoint."""
    count = samples_wanted(settings, task.name, checkpoint["step"])
    version = task.benchmark.version
    return [
        (row, (checkpoint["digest"], task.name, version, problem, sample, prompt, task.sampling))
        for row, (problem, prompt) in enumerate(
            zip(task.problems["problem_id"], task.prompt_digests, strict=True)
        )
        for sample in range(count)
    ]


def _missing(
    tasks: Sequence[Task],
    checkpoints: Sequence[Mapping[str, Any]],
    settings: Mapping[str, Any],
    store: SampleStore,
) -> dict[int, list[tuple[Task, int, tuple]]]:
    """What is to be generated, by step; a sample that two steps share belongs to the first."""
    planned = set()
    missing: dict[int, list[tuple[Task, int, tuple]]] = {}
    for checkpoint in checkpoints:
        todo = missing[checkpoint["step"]] = []
        for task in tasks:
            for row, key in _wanted_keys(task, checkpoint, settings):
                if key not in store and key not in planned:
                    planned.add(key)
                    todo.append((task, row, key))
    return missing


def sample_seed(seed: int, problem_id: str, sample: int) -> int:
    """Seed of one request, from the evaluation's seed, the problem and the sample's number."""
    text = f"{seed}/{problem_id}/{sample}"
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "big")


def _generate(
    tasks: Sequence[Task],
    checkpoints: Sequence[Mapping[str, Any]],
    missing: Mapping[int, list[tuple[Task, int, tuple]]],
    settings: Mapping[str, Any],
    machine: Mapping[str, Any],
    store: SampleStore,
    clock: Clock,
) -> None:
    needed = [checkpoint for checkpoint in checkpoints if missing[checkpoint["step"]]]
    with clock("digests"):
        for checkpoint in needed:
            _check_weights(checkpoint)
    engine = Engine(
        needed[0]["path"],
        dtype=settings["dtype"],
        max_model_len=_model_length(tasks, needed[0]["path"]),
        cpu_threads=settings["cpu_threads"],
        machine=machine,
    )
    clock.add("imports", engine.import_seconds)
    clock.add("start", engine.start_seconds)
    probes = [prompt for task in tasks for prompt in task.prompts[:_PROBES] if len(prompt) > 1]
    for position, checkpoint in enumerate(needed):
        if position == 0:
            engine.prove(checkpoint["path"], probes)
        else:
            engine.swap(checkpoint["path"], probes)
        todo = missing[checkpoint["step"]]
        label = f"step {checkpoint['step']} ({position + 1} of {len(needed)} checkpoints)"
        progress = Progress(label, [(task.name, key[_PROBLEM]) for task, _, key in todo])
        with clock("decode"):
            _sample(engine, checkpoint["step"], todo, settings, store, progress)
    store.flush()
    clock.add("swap", engine.swap_seconds)
    clock.add("probe", engine.probe_seconds)
    engine.close()


def _check_weights(checkpoint: Mapping[str, Any]) -> None:
    found = weights_digest(checkpoint["path"])
    if found != checkpoint["digest"]:
        raise StudyError(
            f"{checkpoint['path']}: the weights are not those that train.json names (digest "
            f"{found}, expected {checkpoint['digest']}): truncated, or of another cell; "
            "train the cell again"
        )


def _model_length(tasks: Sequence[Task], folder: str) -> int:
    """Tokens that the longest prompt plus its response take; refused where the model has fewer."""
    from transformers import AutoConfig

    needed, task = max(
        ((max(map(len, task.prompts)) + task.max_tokens, task) for task in tasks),
        key=lambda pair: pair[0],
    )
    available = AutoConfig.from_pretrained(folder).max_position_embeddings
    if needed > available:
        raise StudyError(
            f"benchmark {task.name}: its longest prompt and max_tokens {task.max_tokens} need "
            f"{needed} positions, the model {folder} has {available}; lower max_tokens"
        )
    return needed


def _sample(
    engine: Engine,
    step: int,
    todo: Sequence[tuple[Task, int, tuple]],
    settings: Mapping[str, Any],
    store: SampleStore,
    progress: Progress,
) -> None:
    requests = [
        Request(
            prompt=task.prompts[row],
            seed=sample_seed(settings["seed"], key[_PROBLEM], key[_SAMPLE]),
            max_tokens=task.max_tokens,
        )
        for task, row, key in todo
    ]
    rows = []
    finished = engine.generate(
        requests, temperature=settings["temperature"], top_p=settings["top_p"]
    )
    for index, made in finished:
        task, _, key = todo[index]
        rows.append(
            {
                **dict(zip(KEY, key, strict=True)),
                "step": step,
                "text": made.tokens,
                "tokens": len(made.tokens),
                "prompt_tokens": len(requests[index].prompt),
                "finish_reason": made.finish_reason,
            }
        )
        progress.count(task.name, key[_PROBLEM], len(made.tokens))
        if progress.due():
            texts = engine.decode([row["text"] for row in rows])
            store.append([{**row, "text": text} for row, text in zip(rows, texts, strict=True)])
            rows = []


def _judge(
    store: SampleStore,
    tasks: Sequence[Task],
    checkpoints: Sequence[Mapping[str, Any]],
    settings: Mapping[str, Any],
) -> tuple["pandas.DataFrame", int]:
    """The samples that the settings ask for, in order, each judged by the current scorer.

    Returns:
        The store's columns; and how many samples had another scorer's verdict.
    """
    import pandas

    stored = store.frame()
    place = {
        key: row for row, key in enumerate(stored[list(KEY)].itertuples(index=False, name=None))
    }
    pieces, judged_again = [], 0
    for checkpoint in checkpoints:
        for task in tasks:
            wanted = _wanted_keys(task, checkpoint, settings)
            piece = stored.iloc[[place[key] for _, key in wanted]].reset_index(drop=True)
            stale = (piece["scorer"] != task.scorer).to_numpy()
            judged_again += int((stale & piece["scorer"].notna().to_numpy()).sum())
            if stale.any():
                golds = task.problems["answer"].iloc[[row for row, _ in wanted]].to_numpy()
                texts = list(piece.loc[stale, "text"])
                kind = settings["verifier"]
                piece.loc[stale, "answer"] = task.benchmark.answers(texts, kind=kind)
                piece.loc[stale, "outcome"] = task.benchmark.outcomes(
                    texts, list(golds[stale]), kind=kind, workers=settings["cpu_threads"]
                )
                piece.loc[stale, "scorer"] = task.scorer
            piece["step"] = checkpoint["step"]
            pieces.append(piece)
    return pandas.concat(pieces, ignore_index=True), judged_again
