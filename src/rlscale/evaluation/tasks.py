"""What a cell's checkpoints are asked: benchmarks as tasks, samples wanted, keys in the store."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rlscale.core.code import code_digest
from rlscale.core.digests import digest
from rlscale.core.errors import StudyError
from rlscale.core.manifests import read_manifest, verify_files
from rlscale.evaluation.benchmarks import BENCHMARKS, Benchmark
from rlscale.evaluation.samples import PROBLEM, Key, SampleStore
from rlscale.evaluation.scoring import Rule, rule_of
from rlscale.evaluation.settings import samples_wanted, verifier_of
from rlscale.evaluation.shards import WHOLE, Shard
from rlscale.judging.verifiers import VERIFIERS
from rlscale.models.architecture import text_config
from rlscale.models.checkpoints import Checkpoint
from rlscale.models.prompts import in_form
from rlscale.models.weights import tokenizer_digest

if TYPE_CHECKING:
    import pandas
    from transformers import PreTrainedTokenizerBase

_SAMPLING = ("temperature", "top_p", "max_tokens", "seed", "dtype")


@dataclass(frozen=True)
class Task:
    """One benchmark as a cell is asked it.

    Attributes:
        name: Its name in the configuration.
        benchmark: Its definition.
        verifier: Name of the verifier of its answers.
        problems: Problem table.
        prompts: Token ids of each problem's prompt.
        prompt_digests: Digest of each prompt's text and of the tokenizer that reads it.
        text_digests: Of the text alone, by which versions before 0.3 knew a sample's prompt.
        gold_digests: Digest of each problem's gold answer.
        max_tokens: Longest response.
        sampling: The sampling parameters as the store's key spells them.
        scorer: Digest of all that judges its responses.
        scoring: Name of the scoring (``rlscale.evaluation.scoring``).
        rule: Its rule for this benchmark.
    """

    name: str
    benchmark: Benchmark
    verifier: str
    problems: "pandas.DataFrame"
    prompts: list[list[int]]
    prompt_digests: list[str]
    text_digests: list[str]
    gold_digests: list[str]
    max_tokens: int
    sampling: str
    scorer: str
    scoring: str
    rule: Rule


def read_tasks(
    problems: Mapping[str, Path],
    settings: Mapping[str, Any],
    folder: str,
    trust_remote_code: bool,
) -> list[Task]:
    """Every benchmark of the settings, its prompts made by the tokenizer in ``folder``.

    Args:
        problems: Manifest that holds each benchmark's problems.
        settings: ``rlscale.study.settings.evaluation`` of the cell.
        folder: A checkpoint of the cell.
        trust_remote_code: Whether the Python files in the folder may run.

    Raises:
        StudyError: A manifest or a file that it names is damaged.
    """
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(folder, trust_remote_code=trust_remote_code)
    made_by = tokenizer_digest(folder)
    return [
        _read_task(name, problems[name], settings, tokenizer, made_by)
        for name in settings["benchmarks"]
    ]


def _read_task(
    name: str,
    problems: Path,
    settings: Mapping[str, Any],
    tokenizer: "PreTrainedTokenizerBase",
    made_by: str,
) -> Task:
    """One benchmark of the settings; ``made_by`` is the digest of the tokenizer."""
    import pandas

    own = settings["benchmarks"][name]
    benchmark = BENCHMARKS.get(own["module"])
    rule = rule_of(own["scoring"], own["module"])
    verifier = verifier_of(own, settings)
    table = pandas.read_parquet(_problem_file(problems))
    template = rule.prompt or benchmark.prompt or settings["prompt"]["template"]
    shots = _shots(name, rule, template, problems)
    form = rule.form(settings["variant"])
    texts = [
        in_form(tokenizer, shots + template.replace("{problem}", text), form)
        for text in table["problem"]
    ]
    return Task(
        name=name,
        benchmark=benchmark,
        verifier=verifier,
        problems=table,
        prompts=tokenizer(texts)["input_ids"],
        prompt_digests=[_sha(f"{made_by} {text}") for text in texts],
        text_digests=[_sha(text) for text in texts],
        gold_digests=[_sha(answer) for answer in table["answer"]],
        max_tokens=own["max_tokens"],
        sampling=_sampling({**settings, "max_tokens": own["max_tokens"]}, rule),
        scorer=_scorer(verifier),
        scoring=own["scoring"],
        rule=rule,
    )


def _problem_file(path: Path) -> Path:
    manifest = read_manifest(path)
    verify_files(manifest)
    return path.parent / ("held_out.parquet" if manifest["kind"] == "data" else "problems.parquet")


def _shots(name: str, rule: Rule, template: str, manifest: Path) -> str:
    """The solved examples that a rule puts before a problem."""
    if not rule.shots:
        return ""
    examples = read_manifest(manifest).get("examples", [])
    if len(examples) < rule.shots:
        raise StudyError(
            f"benchmarks.{name}: its rule of scoring puts {rule.shots} solved examples before each "
            f"problem, and there are {len(examples)}; name a file of them, with the columns "
            "question and answer (key 'examples')"
        )
    solved = [
        template.replace("{problem}", question) + f" {answer}"
        for question, answer in examples[: rule.shots]
    ]
    return "\n\n".join([*solved, ""])


def _sampling(settings: Mapping[str, Any], rule: Rule) -> str:
    parameters = {key: settings[key] for key in _SAMPLING}
    if rule.stop:
        parameters["stop"] = digest(rule.stop)
    return ",".join(f"{key}={value}" for key, value in parameters.items())


def _scorer(verifier: str) -> str:
    """Digest of all that judges responses apart from the gold answers."""
    return digest(
        [
            verifier,
            code_digest("rlscale.judging.verifiers", VERIFIERS.module(verifier)),
            {name: version(name) for name in VERIFIERS.get(verifier).packages},
        ]
    )


def _sha(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def open_store(
    path: Path, journal: Path, tasks: Sequence[Task], shard: Shard = WHOLE
) -> SampleStore:
    """The store of a cell's samples; those of an earlier version count for the same prompts.

    Args:
        path: ``samples.parquet``.
        journal: Folder of the parts.
        tasks: What is asked.
        shard: Who writes; each shard has a folder of its own in the journal, and reads all.
    """
    store = SampleStore(path, journal, "" if shard == WHOLE else str(shard))
    renewed = {
        text: prompt
        for task in tasks
        for text, prompt in zip(task.text_digests, task.prompt_digests, strict=True)
    }
    store.renew_prompts(renewed)
    return store


def wanted_keys(
    task: Task, checkpoint: Checkpoint, settings: Mapping[str, Any]
) -> list[tuple[int, Key]]:
    """(row of the problem table, key in the store) of every sample of a task at a checkpoint."""
    count = samples_wanted(settings, task.name, checkpoint.step)
    version = task.benchmark.version
    return [
        (row, (checkpoint.digest, task.name, version, problem, sample, prompt, task.sampling))
        for row, (problem, prompt) in enumerate(
            zip(task.problems["problem_id"], task.prompt_digests, strict=True)
        )
        for sample in range(count)
    ]


def missing_samples(
    tasks: Sequence[Task],
    checkpoints: Sequence[Checkpoint],
    settings: Mapping[str, Any],
    store: SampleStore,
    shard: Shard = WHOLE,
) -> dict[int, list[tuple[Task, int, Key]]]:
    """What a shard is to generate; a sample that two steps share belongs to the first.

    Args:
        tasks: What is asked.
        checkpoints: Who is asked.
        settings: ``rlscale.study.settings.evaluation`` of the cell.
        store: What is there already.
        shard: Which part of the rest.

    Returns:
        By step: task, row of its problem table and key in the store of each sample.
    """
    planned = set()
    missing: dict[int, list[tuple[Task, int, Key]]] = {}
    for place, checkpoint in enumerate(checkpoints):
        todo = missing[checkpoint.step] = []
        for task in tasks:
            for row, key in wanted_keys(task, checkpoint, settings):
                if key not in store and key not in planned:
                    planned.add(key)
                    if shard.holds(place, len(checkpoints), key[PROBLEM]):
                        todo.append((task, row, key))
    return missing


def sample_seed(seed: int, problem_id: str, sample: int) -> int:
    """Seed of one request, from the evaluation's seed, the problem and the sample's number."""
    text = f"{seed}/{problem_id}/{sample}"
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "big")


def model_length(tasks: Sequence[Task], folder: str, trust_remote_code: bool) -> int:
    """Tokens that the longest prompt plus its response take; refused where the model has fewer."""
    needed, task = max(
        ((max(map(len, task.prompts)) + task.max_tokens, task) for task in tasks),
        key=lambda pair: pair[0],
    )
    available = text_config(folder, trust_remote_code).max_position_embeddings
    if needed > available:
        raise StudyError(
            f"benchmark {task.name}: its longest prompt and max_tokens {task.max_tokens} need "
            f"{needed} positions, the model {folder} has {available}; lower max_tokens"
        )
    return needed
