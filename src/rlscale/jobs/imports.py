"""Heavy libraries by the kind of step that wants them, and what they read while imported."""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Imports:
    """What a kind of step imports before it does anything.

    Attributes:
        modules: They are imported in this order.
        environment: Variables that the libraries read while they are imported.
    """

    modules: tuple[str, ...]
    environment: dict[str, str] = field(default_factory=dict)


TRAINING = Imports(
    ("torch", "datasets", "peft", "transformers", "trl.trainer.grpo_trainer"),
    {"HF_HUB_OFFLINE": "1"},
)
ENGINE = Imports(
    ("torch._dynamo", "vllm.entrypoints.llm"),
    {
        "VLLM_ENABLE_V1_MULTIPROCESSING": "0",
        "VLLM_CPU_OMP_THREADS_BIND": "nobind",
        "VLLM_NO_USAGE_STATS": "1",
    },
)
TABLES = Imports(("pandas", "pyarrow.parquet", "scipy.optimize", "scipy.stats", "seaborn"))

# By the first word of a command of `rlscale`.
OF_COMMANDS = {"train": TRAINING, "evaluate": ENGINE, "step": TABLES}
