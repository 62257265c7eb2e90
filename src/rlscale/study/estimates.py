"""What a cell needs, estimated from the configuration alone, and what cannot fit the given card."""

import itertools
import math
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from rlscale.accounting.shape import Shape
from rlscale.core.cell import Cell
from rlscale.core.errors import StudyError
from rlscale.core.recipe import Recipe
from rlscale.jobs.job import Job
from rlscale.jobs.memory import GIB, Memory, memory_of, remedies
from rlscale.study.grid import expand, job_of, recipe_of

_MADE_VOCABULARY = 104  # of the character tokenizer (rlscale.models.tiny)


def shape_of(config: Mapping[str, Any], cell: Cell) -> Shape | None:
    """The shape of a cell's model; None where the configuration does not say it."""
    model = config["models"][cell.model]
    made = model.get(cell.variant, {}).get("made") or model.get("base", {}).get("made")
    architecture = model.get("architecture") or made
    return Shape.of(architecture, _MADE_VOCABULARY) if architecture else None


def memory(config: Mapping[str, Any], cell: Cell) -> Memory | None:
    """Memory of a process of a cell's training; None where its model's shape is not known."""
    shape = shape_of(config, cell)
    rates = config["resources"]["plan"]
    job = job_of(config, cell.model)
    device = rates["device_gib"] * GIB if "device_gib" in rates else None
    if shape is None:
        return None
    recipe = recipe_of(config, cell)
    return memory_of(shape, recipe, cell.group_size, job, rates["prompt_tokens"], device)


def node_mb(config: Mapping[str, Any], cell: Cell) -> int:
    """Memory of a node that a cell's training asks for [MB]: as `resources` say, else as estimated.

    Where neither is known, and at least, what jobs have by default.
    """
    resources, job = config["resources"], job_of(config, cell.model)
    said = "mem_mb" in {**resources["default"], **resources["models"].get(cell.model, {})}
    needed = None if said else memory(config, cell)
    return max(job.mem_mb, math.ceil(needed.host / 1e6)) if needed else job.mem_mb


def evaluation_bytes(shape: Shape, job: Job, length: float) -> float:
    """Memory of one of the GPUs that share a model in an evaluation: weights and one response."""
    together = max(1, job.of_evaluation().gpus)
    return (2 * shape.stored + 4 * shape.layers * shape.keys * length) / together


def unfit(config: Mapping[str, Any]) -> Iterator[str]:
    """Sentences about jobs that cannot fit ``resources.plan.device_gib``, and what would help."""
    device = config["resources"]["plan"].get("device_gib")
    said = set()
    for cell in expand(config) if device else []:
        shape, job = shape_of(config, cell), job_of(config, cell.model)
        where = (cell.model, cell.recipe, cell.group_size)
        if shape is None or not job.gpus or where in said:
            continue
        said.add(where)
        yield from _training_unfit(config, cell, shape, job, device * GIB)
        length = config["resources"]["plan"]["prompt_tokens"] + config["evaluation"]["max_tokens"]
        asked = evaluation_bytes(shape, job, length)
        if asked > device * GIB:
            yield (
                f"resources.models.{cell.model}.evaluation.gpus: {job.of_evaluation().gpus}: "
                f"weights and one response take {asked / GIB:,.0f} GiB of each GPU, which has "
                f"{device:g} (resources.plan.device_gib); give it more"
            )


def _fits(
    shape: Shape, recipe: Recipe, group_size: int, job: Job, prompt: float, device: float
) -> bool:
    try:
        return memory_of(shape, recipe, group_size, job, prompt, device).peak <= device
    except StudyError:  # a batch that so many processes cannot divide among them
        return False


def _smaller_share(
    shape: Shape, recipe: Recipe, group_size: int, job: Job, prompt: float, device: float
) -> Iterator[str]:
    """The largest share of vLLM's that fits and holds its weights and a longest response."""
    key = "vllm_gpu_memory_utilization"
    for percent in range(90, 0, -5) if job.engine.get("use_vllm") else ():
        less = replace(job, engine={**job.engine, key: percent / 100})
        needed = memory_of(shape, recipe, group_size, less, prompt, device)
        holds = needed.engine + needed.cache <= percent / 100 * device * (1 + 1e-9)
        if holds and needed.peak <= device:
            yield f"engine.{key}: {percent / 100:g}"
            return


def _training_unfit(
    config: Mapping[str, Any], cell: Cell, shape: Shape, job: Job, device: float
) -> Iterator[str]:
    recipe = recipe_of(config, cell)
    rest = (config["resources"]["plan"]["prompt_tokens"], device)
    needed = memory_of(shape, recipe, cell.group_size, job, *rest)
    if needed.peak <= device:
        return
    smaller = (
        said
        for said, other, change in remedies(recipe, job)
        if _fits(shape, other, cell.group_size, change, *rest)
    )
    share = _smaller_share(shape, recipe, cell.group_size, job, *rest)
    helps = next(itertools.chain(share, smaller), "another card, or another model")
    yield (
        f"resources.models.{cell.model}: the training of {cell.path} needs about "
        f"{needed.peak / GIB:,.0f} GiB on each GPU ({needed.kept / GIB:,.0f} of them for what an "
        f"update keeps), which has {device / GIB:g} (resources.plan.device_gib); "
        f"what would help: {helps}"
    )
