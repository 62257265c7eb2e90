"""The keys that TRL's GRPOConfig knows, and their types, without importing it."""

import ast
from functools import cache
from importlib.util import find_spec
from pathlib import Path

# Where the class and those that it inherits from stand.
_CLASSES = {
    "trl/trainer/grpo_config.py": "GRPOConfig",
    "trl/trainer/base_config.py": "_BaseConfig",
    "transformers/training_args.py": "TrainingArguments",
}

# Those that follow from the design or from other keys of a recipe, which may not name them.
FIXED = (
    "output_dir", "num_generations", "per_device_train_batch_size", "steps_per_generation",
    "gradient_accumulation_steps", "max_steps", "shuffle_dataset", "seed", "use_cpu",
    "trust_remote_code", "save_strategy", "logging_steps", "logging_nan_inf_filter", "report_to",
    "disable_tqdm",
)  # fmt: skip


# What ``loss_type`` may be, which TRL asks first when a model has been loaded.
LOSSES = ("grpo", "dr_grpo", "dapo", "bnpo", "cispo", "sapo", "luspo", "vespo")


def grpo_keys() -> frozenset[str]:
    """Names of all settings; empty where TRL is not installed."""
    return frozenset(grpo_types())


@cache
def grpo_types() -> dict[str, frozenset[str]]:
    """Names of the types of every setting (``float``, ``None``); none where TRL is absent."""
    types: dict[str, frozenset[str]] = {}
    for file, name in _CLASSES.items():
        package, _, rest = file.partition("/")
        spec = find_spec(package)
        if spec is None or not spec.submodule_search_locations:
            return {}
        source = Path(spec.submodule_search_locations[0]) / rest
        tree = ast.parse(source.read_text(encoding="utf-8"))
        own = next(n for n in tree.body if isinstance(n, ast.ClassDef) and n.name == name)
        types |= {
            node.target.id: _names(node.annotation)
            for node in own.body
            if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name)
        }
    return types


def _names(annotation: ast.expr) -> frozenset[str]:
    """Names of the types that an annotation is made of."""
    nodes = ast.walk(annotation)
    return frozenset(
        "None" if isinstance(node, ast.Constant) and node.value is None else ast.unparse(node)
        for node in nodes
        if isinstance(node, (ast.Name, ast.Constant))
    )
