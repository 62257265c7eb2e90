"""Evaluate all checkpoints of a cell on all benchmarks, in one warm engine.

What is missing in the cell's sample store is generated; what a changed scorer judges otherwise is
judged again without generating. The loss is 1 - correct / n over problems with a usable gold
answer: wrong, unparsed, clipped and timed-out responses all count as not correct.
"""

import hashlib
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rlscale import benchmarks
from rlscale.cells import Cell, resolve
from rlscale.engine import Engine, Request, weights_digest, without_collection
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
from rlscale.metrics import clustered_mean, metric_rows, sampling_error, suite
from rlscale.prompts import render
from rlscale.samples import KEY, SampleStore
from rlscale.verify import OUTCOMES

if TYPE_CHECKING:
    import pandas

_PROBES = 4
_PROGRESS_SECONDS = 5.0
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
    clock = _Clock()
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
        unusable = _unusable(frame)
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


class _Clock:
    """Seconds by activity."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    @contextmanager
    def __call__(self, activity: str) -> Iterator[None]:
        started = time.monotonic()
        yield
        self.add(activity, time.monotonic() - started)

    def add(self, activity: str, seconds: float) -> None:
        self.seconds[activity] = round(self.seconds.get(activity, 0.0) + seconds, 3)


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
    clock: _Clock,
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
        with clock("decode"):
            _sample(engine, checkpoint["step"], todo, settings, store, _Progress(label, todo))
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
    progress: "_Progress",
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
        progress.count(task.name, key, len(made.tokens))
        if progress.due():
            texts = engine.decode([row["text"] for row in rows])
            store.append([{**row, "text": text} for row, text in zip(rows, texts, strict=True)])
            rows = []


class _Progress:
    """Says on stderr, every few seconds: problems done per benchmark, tokens/s, time left."""

    def __init__(self, label: str, todo: Sequence[tuple[Task, int, tuple]]) -> None:
        self.label = label
        self.left: dict[str, dict[str, int]] = {}
        for task, _, key in todo:
            open_samples = self.left.setdefault(task.name, {})
            problem = key[_PROBLEM]
            open_samples[problem] = open_samples.get(problem, 0) + 1
        self.problems = {name: len(entries) for name, entries in self.left.items()}
        self.total, self.done, self.tokens = len(todo), 0, 0
        self.started = self.said = time.monotonic()

    def count(self, benchmark: str, key: tuple, tokens: int) -> None:
        """Note a finished sample."""
        open_samples = self.left[benchmark]
        problem = key[_PROBLEM]
        open_samples[problem] -= 1
        if not open_samples[problem]:
            del open_samples[problem]
        self.done += 1
        self.tokens += tokens

    def due(self) -> bool:
        """Whether it is time to save; says where things stand if so."""
        now = time.monotonic()
        if now - self.said < _PROGRESS_SECONDS and self.done < self.total:
            return False
        self.said = now
        seconds = max(now - self.started, 1e-9)
        parts = [
            f"{name} {self.problems[name] - len(entries)}/{self.problems[name]}"
            for name, entries in self.left.items()
        ]
        left = seconds * (self.total - self.done) / max(self.done, 1)
        print(
            f"{self.label}: {', '.join(parts)} problems, "
            f"{self.tokens / seconds:,.0f} tokens/s, {left:.0f} s left",
            file=sys.stderr,
            flush=True,
        )
        return True


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


def _unusable(frame: "pandas.DataFrame") -> dict[str, list[str]]:
    """Benchmark -> ids of problems whose gold answer cannot be used."""
    bad = frame[frame["outcome"].isna()]
    return {name: sorted(group["problem_id"].unique()) for name, group in bad.groupby("benchmark")}


def outcome_counts(frame: "pandas.DataFrame", cell: str) -> "pandas.DataFrame":
    """Outcomes per problem: cell, step, benchmark, problem_id, n and n_<outcome>.

    Problems whose gold answer cannot be used for any sample are left out as a whole.
    """
    usable = _usable(frame)
    keys = ["step", "benchmark", "problem_id"]
    grouped = usable.groupby(keys, sort=True)
    counts = grouped.size().rename("n").to_frame()
    for outcome in OUTCOMES:
        hits = usable["outcome"].eq(outcome).groupby([usable[key] for key in keys], sort=True)
        counts[f"n_{outcome}"] = hits.sum().astype("int64")
    table = counts.reset_index()
    table.insert(0, "cell", cell)
    return table


def _usable(frame: "pandas.DataFrame") -> "pandas.DataFrame":
    bad = frame.loc[frame["outcome"].isna(), ["benchmark", "problem_id"]].drop_duplicates()
    marks = frame.set_index(["benchmark", "problem_id"]).index
    return frame[~marks.isin(bad.set_index(["benchmark", "problem_id"]).index)]


def score_table(frame: "pandas.DataFrame") -> "pandas.DataFrame":
    """Scores per step and benchmark: counts, pass@1, loss with its standard error, lengths."""
    import pandas

    rows = [
        {"step": step, "benchmark": name, **_score(group)}
        for (step, name), group in _usable(frame).groupby(["step", "benchmark"])
    ]
    return pandas.DataFrame(rows)


def _score(group: "pandas.DataFrame") -> dict[str, Any]:
    by_problem = group.assign(correct=group["outcome"].eq("correct")).groupby("problem_id")
    means = by_problem["correct"].agg(["mean", "size", "sum"])
    rate, error = clustered_mean(means["mean"], means["size"])
    counts = {name: int(group["outcome"].eq(name).sum()) for name in OUTCOMES}
    judged = len(group) - counts["timeout"]
    return {
        "n_problems": len(means),
        "n_samples": len(group),
        **{f"n_{name}": count for name, count in counts.items()},
        "clipped_share": float(group["finish_reason"].eq("length").mean()),
        "pass_at_1": rate,
        "loss": 1 - rate,
        "loss_se": error,
        "loss_se_samples": sampling_error(means["sum"], means["size"]),
        "loss_without_timeouts": 1 - counts["correct"] / judged if judged else float("nan"),
        "response_length": float(group["tokens"].mean()),
    }


def metric_table(
    frame: "pandas.DataFrame",
    scores: "pandas.DataFrame",
    suites: Mapping[str, Mapping[str, float]],
) -> "pandas.DataFrame":
    """pass@k, worst@k and maj@k per step and benchmark; losses of weighted suites of benchmarks.

    Args:
        frame: Judged samples.
        scores: ``score_table`` of them.
        suites: Suite -> benchmark -> weight; its rows have benchmark ``suite:<name>``.
    """
    import pandas

    rows = [
        {"step": step, "benchmark": name, **row}
        for (step, name), group in _usable(frame).groupby(["step", "benchmark"])
        for row in metric_rows(group)
    ]
    for step, group in scores.groupby("step"):
        losses = {row.benchmark: (row.loss, row.loss_se) for row in group.itertuples()}
        for name, weights in suites.items():
            loss, error = suite(losses, weights)
            entry = {"step": step, "benchmark": f"suite:{name}", "metric": "loss", "k": 1}
            rows.append({**entry, "value": loss, "se": error})
    return pandas.DataFrame(rows, columns=["step", "benchmark", "metric", "k", "value", "se"])
