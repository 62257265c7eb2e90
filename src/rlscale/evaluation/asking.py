"""Asking checkpoints: what the store lacks is generated, every checkpoint in one warm engine."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rlscale.core.errors import StudyError
from rlscale.evaluation.engine import Engine, Machine, Request
from rlscale.evaluation.progress import Clock, Progress
from rlscale.evaluation.samples import KEY, PROBLEM, SAMPLE, Key, SampleStore
from rlscale.evaluation.shards import WHOLE, Shard
from rlscale.evaluation.tasks import (
    Task,
    missing_samples,
    model_length,
    open_store,
    read_tasks,
    sample_seed,
)
from rlscale.judging import verifiers
from rlscale.models.checkpoints import Checkpoint
from rlscale.models.weights import weights_digest

_PROBES = 4


@dataclass(frozen=True)
class Questions:
    """What checkpoints are asked and how, and where their answers are kept.

    Attributes:
        problems: Manifest that holds each benchmark's problems: of a benchmark, or of the data
            set for its held-out ones.
        settings: Of the evaluation (``rlscale.study.settings.evaluation``, or ``pass_rates``).
        samples: The sample store.
        journal: Folder of its parts.
        trusted: Whether the configuration lets Python files that come with the model run.
    """

    problems: Mapping[str, Path]
    settings: Mapping[str, Any]
    samples: Path
    journal: Path
    trusted: bool = False


@dataclass(frozen=True)
class Asked:
    """What checkpoints are asked, and what of it the store lacks.

    Attributes:
        questions: As they were put.
        tasks: The problems and their prompts.
        checkpoints: Of one architecture.
        store: Where finished samples go, from time to time.
        missing: What is to be generated, by step.
    """

    questions: Questions
    tasks: list[Task]
    checkpoints: Sequence[Checkpoint]
    store: SampleStore
    missing: Mapping[int, list[tuple[Task, int, Key]]]

    @classmethod
    def read(
        cls, questions: Questions, checkpoints: Sequence[Checkpoint], shard: Shard = WHOLE
    ) -> "Asked":
        """Read problems and store.

        Args:
            questions: What is asked.
            checkpoints: Who is asked.
            shard: What of it is to be generated here.

        Raises:
            StudyError: A manifest or a file that it names is damaged.
        """
        settings = questions.settings
        tasks = read_tasks(questions.problems, settings, checkpoints[0].path, questions.trusted)
        store = open_store(questions.samples, questions.journal, tasks, shard)
        missing = missing_samples(tasks, checkpoints, settings, store, shard)
        return cls(questions, tasks, checkpoints, store, missing)

    def prove(self, machine: Machine) -> dict[str, dict[str, str]]:
        """Make sure that the judges judge what is known as it is known (``verifiers.prove``)."""
        return verifiers.prove({task.verifier for task in self.tasks}, machine.isolation)

    def generate(self, machine: Machine, clock: Clock) -> int:
        """Generate what is missing into the store.

        Args:
            machine: Speed keys of the engine.
            clock: Notes the seconds by activity.

        Returns:
            How many samples that were.

        Raises:
            StudyError: Weights other than the manifest's, a failed probe, or a prompt too long.
        """
        needed = [checkpoint for checkpoint in self.checkpoints if self.missing[checkpoint.step]]
        if not needed:
            return 0
        _check_present(self.checkpoints, self.missing)
        with clock("digests"):
            for checkpoint in needed:
                _check_weights(checkpoint)
        settings, trusted = self.questions.settings, self.questions.trusted
        engine = Engine(
            needed[0].path,
            dtype=settings["dtype"],
            max_model_len=model_length(self.tasks, needed[0].path, trusted),
            cpu_threads=settings["cpu_threads"],
            machine=machine,
            trust_remote_code=trusted,
            requests=max(_PROBES * len(self.tasks), *map(len, self.missing.values())),
        )
        clock.add("imports", engine.import_seconds)
        clock.add("start", engine.start_seconds)
        self._ask(engine, needed, clock)
        clock.add("swap", engine.swap_seconds)
        clock.add("probe", engine.probe_seconds)
        engine.close()
        return sum(map(len, self.missing.values()))

    def _ask(self, engine: Engine, needed: Sequence[Checkpoint], clock: Clock) -> None:
        settings = self.questions.settings
        prompts = [prompt for task in self.tasks for prompt in task.prompts[:_PROBES]]
        probes = [prompt for prompt in prompts if len(prompt) > 1]
        for position, checkpoint in enumerate(needed):
            if position == 0:
                engine.prove(checkpoint.path, probes)
            else:
                engine.swap(checkpoint.path, probes)
            todo = self.missing[checkpoint.step]
            label = f"step {checkpoint.step} ({position + 1} of {len(needed)} checkpoints)"
            progress = Progress(label, [(task.name, key[PROBLEM]) for task, _, key in todo])
            with clock("decode"):
                _sample(engine, checkpoint.step, todo, settings, self.store, progress)
        self.store.flush()


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
            seed=sample_seed(settings["seed"], key[PROBLEM], key[SAMPLE]),
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
        progress.count(task.name, key[PROBLEM], len(made.tokens))
        if progress.due():
            said = zip(rows, rules, engine.decode(responses), strict=True)
            store.append([{**row, "text": rule.cut(text)} for row, rule, text in said])
            rows, responses, rules = [], [], []
