"""Sizes of models that are known by name, for curves made elsewhere.

``known_models.csv`` holds parameters without and with embeddings, counted on models built from the
published architectures, and the number on the box. Dense language models only: what counts as N of
a mixture of experts is for its user to say.
"""

import csv
import re
from functools import cache
from importlib.resources import files

# What names of one architecture differ in: the owner, and how it was trained on.
_OWNER = re.compile(r"^.*/")
_TRAINED = re.compile(r"(-(base|instruct|it|pt|chat|hf))+$")


def known_sizes(model: str) -> dict[str, float]:
    """``n_params``, ``n_params_total`` and ``n_params_nominal`` of a model; empty if unknown.

    >>> known_sizes("Qwen/Qwen2.5-7B-Instruct")["n_params"]
    6525621760.0
    >>> known_sizes("my-7b")
    {}
    """
    return _table().get(_plain(model), {})


def _plain(model: str) -> str:
    return _TRAINED.sub("", _OWNER.sub("", model).lower())


@cache
def _table() -> dict[str, dict[str, float]]:
    text = files(__package__).joinpath("known_models.csv").read_text(encoding="utf-8")
    rows = list(csv.DictReader(text.splitlines()))
    return {_plain(row.pop("model")): {key: float(row[key]) for key in row} for row in rows}
