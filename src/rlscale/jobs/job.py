"""A job: what computes a step, and how. It sizes work and never decides what is computed."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Job:
    """What the training jobs of a model ask for (``resources.models.<name>``).

    Attributes:
        gpus: GPUs in all; 0 stays off any GPU.
        mem_mb: Memory of a node.
        minutes: Time limit.
        nodes: Machines, with ``gpus / nodes`` GPUs on each.
        launch: ``plain``, or a file of config/accelerate.
        micro_batch: Responses per process and forward pass; None = all of an update's.
        engine: How TRL computes a step, under its own names (``rlscale.jobs.launch.ENGINE``).
        shards: Jobs that share what a model is asked in an evaluation, each of them such a job.
        evaluation: What differs in the jobs that ask the model for responses.
    """

    gpus: int = 0
    mem_mb: int = 4000
    minutes: int = 60
    nodes: int = 1
    launch: str = "plain"
    micro_batch: int | None = None
    engine: Mapping[str, Any] = field(default_factory=dict)
    shards: int = 1
    evaluation: Mapping[str, int] = field(default_factory=dict)

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> "Job":
        """Read a job; what is absent has its default. The inverse of ``to_json``."""
        return cls(**document)

    def to_json(self) -> dict[str, Any]:
        """The keys whose values are not the defaults."""
        least = Job()
        return {key: value for key, value in vars(self).items() if value != getattr(least, key)}

    @property
    def processes(self) -> int:
        """Processes that train together, one per GPU."""
        return 1 if self.launch == "plain" else self.gpus

    @property
    def gpus_per_node(self) -> int:
        """GPUs on each machine."""
        return self.gpus // self.nodes

    def of_evaluation(self) -> "Job":
        """The job whose engine asks the model for responses.

        As the training, but by one GPU where that has any; key by key its own ``evaluation``.
        """
        as_training: dict[str, Any] = {
            "gpus": min(self.gpus, 1),
            "mem_mb": self.mem_mb,
            "minutes": self.minutes,
        }
        return Job(**{**as_training, **self.evaluation})
