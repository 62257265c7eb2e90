"""What decides each step's result, as pieces of the configuration, and nothing else.

A rule gives its piece to Snakemake as its parameter ``settings``, so that a change of the
configuration makes exactly the steps again whose piece it changes; the step itself asks here too.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from functools import cache
from typing import Any

from rlscale.core.cell import Cell
from rlscale.core.code import code_digest
from rlscale.core.digests import digest
from rlscale.evaluation.benchmarks import BENCHMARKS, LOADING
from rlscale.evaluation.settings import PASS_RATE, modules_used
from rlscale.judging.verifiers import VERIFIERS
from rlscale.laws.registry import LAWS
from rlscale.study import grid

Config = Mapping[str, Any]
Settings = dict[str, Any]

# Keys of a set's entry that decide which of its rows can be used.
_READING = ("verifier", "generate", "read", "max_characters", "cleaning", "held_out")
# Keys of a set's pass_rate that an evaluation's settings have too.
_ASKING = (
    "variant", "max_tokens", "seed", "temperature", "top_p", "dtype", "prompt", "cpu_threads",
)  # fmt: skip
# Keys of `pretraining` that decide how a made model learns, beside the corpus.
_LEARNING = (
    "seed", "steps", "batch_size", "learning_rate", "reference_width", "parametrization",
    "weight_decay",
)  # fmt: skip
_TUNING = ("seed", "steps", "batch_size", "learning_rate")  # the same of `fine_tuning`
# Keys of `fit` that only say which fits to make, or what to say of them.
_NOT_OF_A_FIT = ("laws", "x", "metrics", "margin")

_digest_of = cache(code_digest)


def code(config: Config, module: str, *used: str) -> str:
    """Digest of the code that decides a step, where the study makes it again on a change."""
    return _digest_of(module, *used) if config["rerun_on_code"] else ""


def benchmark(config: Config, name: str) -> Settings:
    """What decides a benchmark's problems, apart from code."""
    entry = {"module": name, **config["benchmarks"][name]}
    return {key: entry[key] for key in ("module", *LOADING) if key in entry}


def benchmark_code(config: Config, name: str) -> str:
    """Digest of the code that makes a benchmark's problems."""
    module = BENCHMARKS.module(benchmark(config, name)["module"])
    return code(config, "rlscale.evaluation.making", module)


def data_set(config: Config, name: str) -> Settings:
    """What decides a set's problems."""
    entry = config["data"][name]
    return {**entry, "code": _code_of_set(config, name)}


def problem_list(config: Config, name: str) -> Settings:
    """What decides which rows of a set can be used."""
    entry = config["data"][name]
    used = {key: entry[key] for key in _READING if key in entry}
    return {**used, "code": _code_of_set(config, name)}


def pass_rates(config: Config, name: str) -> Settings:
    """What decides the responses to a set's problems, in the form of an evaluation's settings."""
    entry = config["data"][name]
    own = entry["pass_rate"]
    asked = {key: own[key] for key in ("samples", "max_tokens")}
    asked |= {"module": "held_out", "scoring": "ours"}
    settings = {
        **{key: own[key] for key in _ASKING},
        "verifier": entry["verifier"],
        "benchmarks": {PASS_RATE: asked},
        "top_up": [],
    }
    used = modules_used(settings)
    return {**settings, "code": code(config, "rlscale.evaluation.pass_rates", *used)}


def variant(config: Config, name: str, recipe: str, tau: int) -> Settings:
    """What decides the problems of a recipe's training runs with one tau."""
    own = config["recipes"][recipe]
    swept = {cell.tau for cell in grid.expand(config) if cell.recipe == recipe}
    return {
        "prompts_per_step": own["prompts_per_step"],
        "steps": own["steps"],
        "tau": tau,
        "taus": sorted(swept | {tau}),
        "reuse": config["data"][name]["reuse"],
        "code": _code_of_set(config, name),
    }


def model(config: Config, name: str, variant: str) -> Settings:
    """What decides the weights of a model's variant (``base``, or ``base-run3`` for one run's)."""
    shared, run = grid.split_run(variant)
    source = config["models"][name][shared]
    settings = {
        "variant": shared,
        "source": source,
        "code": code(config, "rlscale.models.sources"),
    }
    if "made" in source:
        # What it learns from is decided by the corpus.
        settings["pretraining"] = _of_run(config["pretraining"], _LEARNING, run)
        if shared == "instruct":
            settings["fine_tuning"] = _of_run(config["fine_tuning"], _TUNING, run)
    return settings


def _of_run(section: Config, keys: Sequence[str], run: int | None) -> Settings:
    """These keys of a section, where it has them; its seed and the run's number add up."""
    own = {key: section[key] for key in keys if key in section}
    return {**own, "seed": section["seed"] + (run or 0)}


def corpus(config: Config, name: str) -> Settings:
    """What decides which problems and answers models made here learn from."""
    section, run = grid.split_run(name)
    keys = ("wrong_answers", "careless", "seed", "steps", "batch_size")
    return {
        "mixture": config["pretraining"]["mixture"],
        **_of_run(config[section], keys, run),
        "code": code(config, "rlscale.models.corpus"),
    }


def identity(config: Config, name: str) -> Settings:
    """What a model is called and said to be; it stands in its manifest."""
    own = config["models"][name]
    return {
        "model": name,
        "family": own["family"],
        "n_params_nominal": own.get("n_params_nominal"),
    }


def training(config: Config, cell: Cell) -> Settings:
    """What decides a cell's training."""
    recipe = grid.recipe_of(config, cell)
    used = VERIFIERS.module(recipe.verifier)
    return {"recipe": recipe.to_json(), "code": code(config, "rlscale.training.train", used)}


def evaluation(config: Config, cell: Cell) -> Settings:
    """What decides a cell's evaluation."""
    recipe = grid.recipe_of(config, cell)
    own = dict(config["evaluation"])
    own.pop("machine")
    own.pop("pass_at")  # of the samples that are there
    extra = own.pop("top_up")
    settings = {
        **own,
        "variant": cell.variant,
        "prompt": {"template": recipe.template},
        "verifier": recipe.verifier,
        "cpu_threads": recipe.cpu_threads,
        "benchmarks": {
            name: {
                "module": entry.get("module", name),
                "samples": entry["samples"],
                "max_tokens": entry.get("max_tokens", own["max_tokens"]),
                "scoring": entry["scoring"],
                **{key: entry[key] for key in ("verifier",) if key in entry},
            }
            for name, entry in config["benchmarks"].items()
        },
        "top_up": [_top_up(entry) for entry in extra if concerns(entry["match"], cell)],
    }
    used = modules_used(settings)
    return {**settings, "code": code(config, "rlscale.evaluation.evaluate", *used)}


def curve(config: Config, cell: Cell) -> Settings:
    """What decides a cell's rows of the curves table, beside its training and evaluation."""
    return {
        "study": config["study"],
        "protocol_digest": grid.protocol_digest(config, cell),
        "pass_at": config["evaluation"]["pass_at"],
        "code": code(config, "rlscale.curves.assemble"),
    }


def ingest(config: Config) -> Settings:
    """What decides the curves that are read from elsewhere."""
    from rlscale.curves.readers import CURVE_READERS

    used = CURVE_READERS.module(config["ingest"]["format"])
    return {
        "ingest": config["ingest"],
        "study": config["study"],
        "code": code(config, "rlscale.curves.ingest", used),
    }


def fit(config: Config, law: str) -> Settings:
    """What decides the fit of one law."""
    return _of_fits(config, "rlscale.laws.study", [law])


def forecast(config: Config, protocol: str) -> Settings:
    """What decides one protocol's split and the forecasts of all laws."""
    own = config["forecast"]
    return {
        **_of_fits(config, "rlscale.answers.forecast", own["laws"]),
        "x": own["x"],
        "metric": own["metric"],
        "protocol": own["protocols"][protocol],
        "laws": own["laws"],
    }


def scoring(config: Config) -> Settings:
    """What decides how forecasts are held against what happened."""
    return _of_fits(config, "rlscale.answers.ranking")


def published(config: Config) -> Settings:
    """What decides the comparison with the paper's Table 6."""
    return _of_fits(config, "rlscale.answers.published")


def recommendation(config: Config) -> Settings:
    """What decides the recommendation."""
    own = {**config["recommend"], "margin": config["fit"]["margin"]}
    return {**_of_fits(config, "rlscale.answers.recommend"), "recommend": own}


def passes(config: Config) -> Settings:
    """What decides the table of pass@k."""
    own = {key: config["fit"][key] for key in ("select", "size", "benchmark", "level")}
    return {"passes": own, "code": code(config, "rlscale.answers.passes")}


def equal_compute(config: Config) -> Settings:
    """What decides the table of settings at equal compute."""
    own = {key: config["fit"][key] for key in ("benchmark", "level")}
    law = LAWS.module("sigmoid")  # where a setting's curves end
    settings = {"fit": own, "code": code(config, "rlscale.answers.equal_compute", law)}
    data = {name: recipe["data"] for name, recipe in config.get("recipes", {}).items()}
    return settings | {"data": data} if len(set(data.values())) > 1 else settings


def checks(config: Config) -> Settings:
    """What decides the result checks."""
    return {
        "benchmark": config["fit"]["benchmark"],
        "allow_missing": config["figures"]["allow_missing"],
        "code": code(config, "rlscale.answers.checks"),
    }


def figures(config: Config) -> Settings:
    """What decides the drawing of figures, apart from code."""
    look = {key: config["figures"][key] for key in ("palette", "compute")}
    keys = ("benchmark", "select", "size", "level", "margin")
    return {**look, **{key: config["fit"][key] for key in keys}}


def whole(config: Config) -> str:
    """Digest of all that can change a result; it stands in every figure."""
    return digest({key: value for key, value in config.items() if key != "resources"})


def _of_fits(config: Config, module: str, laws: Sequence[str] = ()) -> Settings:
    """What decides numbers of the fit section, and the code: of these laws, or of all."""
    own = {key: value for key, value in config["fit"].items() if key not in _NOT_OF_A_FIT}
    used = [LAWS.module(law) for law in laws]
    return {"fit": own, "code": code(config, module, *used)}


def _code_of_set(config: Config, name: str) -> str:
    """Digest of the code that reads, cleans and lays out a set."""
    from rlscale.data import modules

    used = modules.modules_used(config["data"][name])
    return code(config, "rlscale.data.prepare", *used)


def concerns(match: Mapping[str, Any], cell: Cell) -> bool:
    """Whether a top-up's match is of a cell; step and benchmark say nothing of it."""
    fields = asdict(cell)
    return all(str(fields[key]) == str(value) for key, value in match.items() if key in fields)


def _top_up(entry: Mapping[str, Any]) -> Settings:
    """A top-up without what only says which cells are meant; numbers may come as text."""
    match = {}
    if "step" in entry["match"]:
        match["step"] = int(entry["match"]["step"])
    if "benchmark" in entry["match"]:
        match["benchmark"] = entry["match"]["benchmark"]
    return {"match": match, "samples": int(entry["samples"])}
