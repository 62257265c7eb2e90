"""Sizes of models that are known by name, for curves made elsewhere.

``known_models.csv`` holds parameters without and with embeddings, counted on models built from the
config.json of the source (a repository of the Hugging Face hub), and the number on the box. Of a
mixture of experts those count that a token passes, as everywhere here.
"""

import csv
import re
from functools import cache
from importlib.resources import files

# What names of one architecture differ in: the owner, and how it was trained on.
_OWNER = re.compile(r"^.*/")
_TRAINED = re.compile(r"(?:-(?:base|instruct|it|pt|chat|hf)){1,9}$")


def known_sizes(model: str) -> dict[str, float]:
    """``n_params``, ``n_params_total`` and ``n_params_nominal`` of a model; empty if unknown.

    >>> known_sizes("Qwen/Qwen2.5-7B-Instruct")["n_params"]
    6525621760.0
    >>> known_sizes("my-7b")
    {}
    """
    row = _table().get(_plain(model), {})
    return {key: float(value) for key, value in row.items() if key.startswith("n_params")}


def known_source(model: str) -> str:
    """The repository whose config.json a known model's sizes are counted from."""
    return _table()[_plain(model)]["source"]


def _plain(model: str) -> str:
    return _TRAINED.sub("", _OWNER.sub("", model).lower())


@cache
def _table() -> dict[str, dict[str, str]]:
    text = files(__package__).joinpath("known_models.csv").read_text(encoding="utf-8")
    return {_plain(row["model"]): row for row in csv.DictReader(text.splitlines())}
