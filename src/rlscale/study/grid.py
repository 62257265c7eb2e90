"""A study's grid: the cells that its sweeps name, and the settings that reach each.

A cell is recipe x model x variant x tau x G x seed.
"""

import copy
import difflib
import itertools
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from rlscale.core.cell import Cell
from rlscale.core.digests import digest
from rlscale.core.errors import StudyError
from rlscale.core.recipe import Recipe
from rlscale.evaluation.benchmarks import BENCHMARKS
from rlscale.evaluation.scoring import SCORINGS, rule_of
from rlscale.jobs.batch import batch_parts
from rlscale.jobs.job import Job
from rlscale.jobs.launch import ENGINE, ENGINE_IN_RECIPES
from rlscale.jobs.launch import check as check_job
from rlscale.judging.verifiers import VERIFIERS

SWEPT = ("model", "variant", "tau", "group_size", "seed")
_CONSTANT_RATES = ("constant", "constant_with_warmup")


def expand(config: Mapping[str, Any]) -> list[Cell]:
    """All cells that the sweeps name, sorted, each once."""
    cells = set()
    for sweep in config["sweeps"]:
        axes = [sweep[name] for name in SWEPT]
        cells |= {Cell(sweep["recipe"], *values) for values in itertools.product(*axes)}
    return sorted(cells)


def find(cells: list[Cell], path: str) -> Cell:
    """The study's cell of that path.

    Raises:
        StudyError: No sweep names it; the message gives the nearest ones.
    """
    known = {cell.path: cell for cell in cells}
    if path not in known:
        near = difflib.get_close_matches(path, known, n=3, cutoff=0.6)
        hint = f"; did you mean {' or '.join(near)}?" if near else ""
        raise StudyError(f"no sweep of the configuration names the cell '{path}'{hint}")
    return known[path]


def recipe_of(config: Mapping[str, Any], cell: Cell) -> Recipe:
    """A cell's recipe: the named settings, overrides applied, and its data set's verifier."""
    recipe = copy.deepcopy(dict(config["recipes"][cell.recipe]))
    recipe["verifier"] = config["data"][recipe["data"]]["verifier"]
    overridden = set()
    for override in config["training"]["overrides"]:
        if all(asdict(cell)[key] == value for key, value in override["match"].items()):
            for key, value in override["set"].items():
                target = recipe["grpo"] if key in recipe["grpo"] or key not in recipe else recipe
                target[key] = value
                overridden.add(key)
    recipe["overridden"] = sorted(overridden)
    return Recipe.from_json(recipe)


def job_of(config: Mapping[str, Any], model: str) -> Job:
    """What jobs of a model ask for, key by key its own or the default's; never decides a result."""
    resources = config["resources"]
    return Job.from_json({**resources["default"], **resources["models"].get(model, {})})


def model_name(config: Mapping[str, Any], cell: Cell) -> str:
    """Name of the weights that a cell starts from: ``<model>-<variant>``, and ``-run<seed>`` where
    each run has made weights of its own (`pretraining.per_run`)."""
    name = f"{cell.model}-{cell.variant}"
    own = "made" in config["models"][cell.model][cell.variant]
    return f"{name}-run{cell.seed}" if own and config["pretraining"]["per_run"] else name


def split_run(name: str) -> tuple[str, int | None]:
    """``base-run3`` as ``base`` and 3; None where weights are those of all runs."""
    shared, _, run = name.partition("-run")
    return shared, int(run) if run else None


def is_trusted(config: Mapping[str, Any], model: str, variant: str) -> bool:
    """Whether the configuration lets Python files run that come with a model; no other file can."""
    return bool(config["models"][model][variant].get("trust_remote_code", False))


def protocol(config: Mapping[str, Any], cell: Cell) -> dict[str, Any]:
    """All settings that can change a cell's result, except the swept ones."""
    recipe = recipe_of(config, cell).to_json()
    recipe.pop("overridden")
    evaluation = {k: v for k, v in config["evaluation"].items() if k in PROTOCOL_OF_EVALUATION}
    own = {k: v["max_tokens"] for k, v in config["benchmarks"].items() if "max_tokens" in v}
    if own:
        evaluation["benchmarks_max_tokens"] = own
    return {"recipe": recipe, "data": config["data"][recipe["data"]], "evaluation": evaluation}


PROTOCOL_OF_EVALUATION = ("temperature", "top_p", "max_tokens", "dtype")


def protocol_digest(config: Mapping[str, Any], cell: Cell) -> str:
    """Digest of ``protocol``: cells that share it may be fitted together."""
    return digest(protocol(config, cell))


def check(config: Mapping[str, Any]) -> None:
    """Refuse studies that cannot run, before anything does.

    Raises:
        StudyError: Names the key and says what to change.
    """
    for sweep in config["sweeps"]:
        where = f"sweeps: {sweep['name']}"
        _known(where, "recipe", sweep["recipe"], config["recipes"])
        for model in sweep["model"]:
            _known(where, "model", model, config["models"])
            for variant in sweep["variant"]:
                if variant not in config["models"][model]:
                    raise StudyError(f"{where}: models.{model} has no '{variant}' variant")
    for name, settings in config["benchmarks"].items():
        module = settings.get("module", name)
        BENCHMARKS.check(module, f"benchmarks.{name}")
        if "verifier" in settings:
            VERIFIERS.check(settings["verifier"], f"benchmarks.{name}.verifier")
        where = f"benchmarks.{name}.scoring"
        SCORINGS.check(settings["scoring"], where)
        if rule_of(settings["scoring"], module, where).shots and "examples" not in settings:
            raise StudyError(
                f"{where}: {settings['scoring']} puts solved examples before "
                "each problem; name a local file with the columns question and answer (key "
                "'examples')"
            )
    for name, entry in config["data"].items():
        VERIFIERS.check(entry["verifier"], f"data.{name}.verifier")
        if "pass_rate" in entry:
            _check_pass_rate(f"data.{name}.pass_rate", entry, config)
    for name, recipe in config["recipes"].items():
        _check_recipe(name, recipe, config)
    for override in config["training"]["overrides"]:
        for key, value in override["match"].items():
            if key == "model":
                _known("training.overrides", "model", value, config["models"])
            if key == "recipe":
                _known("training.overrides", "recipe", value, config["recipes"])
    for cell in expand(config):
        recipe = recipe_of(config, cell)
        _check_cell(cell, recipe)
        job = job_of(config, cell.model)
        check_job(cell.model, job)
        try:
            batch_parts(recipe, cell.group_size, job.processes, job.micro_batch)
        except StudyError as error:
            raise StudyError(f"cell {cell.path}: {error}") from None
        if config["training"]["checkpoints_on_disk"] and job.of_evaluation().shards > 1:
            raise StudyError(
                f"resources.models.{cell.model}.evaluation.shards: with "
                "training.checkpoints_on_disk the training's own job asks, checkpoint by "
                "checkpoint; leave shards out, or evaluate afterwards (checkpoints_on_disk: 0)"
            )
        asked = job.of_evaluation().gpus
        if config["training"]["checkpoints_on_disk"] and asked > job.gpus_per_node:
            raise StudyError(
                f"training.checkpoints_on_disk: the training of model '{cell.model}' has "
                f"{job.gpus_per_node} GPUs on a node, its evaluation needs {asked}; change its "
                "resources, or evaluate afterwards (0)"
            )


def _check_pass_rate(where: str, entry: Mapping[str, Any], config: Mapping[str, Any]) -> None:
    own, models = entry["pass_rate"], config["models"]
    _known(where, "model", own["model"], models)
    if own["variant"] not in models[own["model"]]:
        raise StudyError(f"{where}: models.{own['model']} has no '{own['variant']}' variant")
    if "pass_rate" in entry.get("read", {}).get("columns", {}):
        raise StudyError(f"{where}: the files have a column of pass rates too; remove one of them")
    if "made" in models[own["model"]][own["variant"]] and config["pretraining"]["per_run"]:
        raise StudyError(
            f"{where}: with pretraining.per_run the model {own['model']} is another one in each "
            "run, and pass rates are of one; set per_run to false, or give the set a column of them"
        )


def _known(where: str, kind: str, name: str, known: Mapping[str, Any]) -> None:
    if name in known:
        return
    near = difflib.get_close_matches(name, known, n=3)
    hint = f"did you mean {' or '.join(near)}?" if near else f"known: {', '.join(known)}"
    raise StudyError(f"{where}: unknown {kind} '{name}'; {hint}")


def _check_recipe(name: str, recipe: Mapping[str, Any], config: Mapping[str, Any]) -> None:
    where = f"recipes.{name}"
    _known(where, "data set", recipe["data"], config["data"])
    late = [step for step in recipe["checkpoints"] if step > recipe["steps"]]
    if late:
        raise StudyError(
            f"{where}.checkpoints: step {late[0]} lies beyond the last step {recipe['steps']}"
        )
    for required in (0, recipe["steps"]):
        if required not in recipe["checkpoints"]:
            raise StudyError(f"{where}.checkpoints: step {required} must be among them")


def _check_cell(cell: Cell, recipe: Recipe) -> None:
    where = f"cell {cell.path}"
    prompts, updates = recipe.prompts_per_step, recipe.updates_per_step
    total = recipe.problems
    if cell.group_size < 2:
        raise StudyError(f"{where}: G must be at least 2; advantages compare a group's responses")
    if total % cell.tau:
        raise StudyError(
            f"{where}: tau {cell.tau} does not divide D_total = {prompts} prompts per step x "
            f"{recipe.steps} steps = {total}"
        )
    if recipe.steps % cell.tau:
        raise StudyError(
            f"{where}: tau {cell.tau} does not divide the {recipe.steps} steps, so an epoch "
            "would end inside a step"
        )
    responses = prompts * cell.group_size
    if responses % updates or (responses // updates) % cell.group_size:
        raise StudyError(
            f"{where}: a step's {responses} responses ({prompts} prompts x G {cell.group_size}) "
            f"cannot be cut into updates_per_step = {updates} batches of whole groups"
        )
    for key, value in recipe.grpo.items():
        if key in ENGINE and key not in ENGINE_IN_RECIPES:
            raise StudyError(
                f"{where}: grpo.{key}: belongs to resources.models.{cell.model}.engine"
            )
        if isinstance(value, str) and _is_number(value):
            raise StudyError(
                f"{where}: grpo.{key}: '{value}' is text, not a number; YAML reads 1.0e-6 as a "
                "number, but 1e-6 and '1.0e-6' as text"
            )
    schedule = recipe.grpo.get("lr_scheduler_type", "constant")
    if schedule not in _CONSTANT_RATES:
        raise StudyError(
            f"{where}: lr_scheduler_type '{schedule}' decays the learning rate, so checkpoints "
            f"are not points of one curve; use one of {', '.join(_CONSTANT_RATES)}"
        )


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
