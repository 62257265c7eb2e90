"""What a cell needs, estimated from the configuration alone, and what cannot fit the given card."""

import math
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

from rlscale.accounting.shape import Shape
from rlscale.core.cell import Cell
from rlscale.core.errors import StudyError
from rlscale.core.recipe import Recipe
from rlscale.jobs.job import Job
from rlscale.jobs.memory import (
    GIB,
    Memory,
    drawn_at_once,
    fewer_prompts,
    memory_of,
    remedies,
    shorter_responses,
)
from rlscale.study.grid import expand, job_of, recipe_of

_MADE_VOCABULARY = 104  # of the character tokenizer (rlscale.models.tiny)
_SHARE, _SLEEP = "vllm_gpu_memory_utilization", "vllm_enable_sleep_mode"


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


@dataclass(frozen=True)
class _Asked:
    """What a training's memory is asked of, whatever its recipe and job; sizes in bytes."""

    shape: Shape
    group_size: int
    prompt: float
    device: float

    def needed(self, recipe: Recipe, job: Job) -> Memory:
        return memory_of(self.shape, recipe, self.group_size, job, self.prompt, self.device)

    def fits(self, recipe: Recipe, job: Job) -> bool:
        try:
            return self.needed(recipe, job).peak <= self.device
        except StudyError:  # a batch that so many processes cannot divide among them
            return False


def _share(asked: _Asked, recipe: Recipe, job: Job) -> float | None:
    """The largest share of vLLM's that fits and holds its weights and a longest response."""
    for percent in range(90, 0, -5):
        share = percent / 100
        less = replace(job, engine={**job.engine, _SHARE: share})
        needed = asked.needed(recipe, less)
        holds = needed.engine + needed.cache <= share * asked.device * (1 + 1e-9)
        if holds and needed.peak <= asked.device:
            return share
    return None


def _generations(asked: _Asked, recipe: Recipe, job: Job) -> str:
    """What would let a generation without vLLM fit, the largest value of each key; else empty."""
    kinds = [fewer_prompts(recipe), shorter_responses(recipe)]
    fitting = (
        next((said for said, other in kind if asked.fits(other, job)), None) for kind in kinds
    )
    options = [f"the recipe's {said}" for said in fitting if said]
    vllm = {**job.engine, "use_vllm": True, _SLEEP: True}
    share = _share(asked, recipe, replace(job, engine=vllm))
    if share is not None:
        options.append(f"engine: {{use_vllm: true, {_SLEEP}: true, {_SHARE}: {share:g}}}")
    return ", or ".join(options)


def _helps(asked: _Asked, recipe: Recipe, job: Job) -> Iterator[str]:
    """What would help, the cheapest first; each alone is enough."""
    vllm, needed = job.engine.get("use_vllm"), asked.needed(recipe, job)
    if needed.awake and asked.fits(recipe, replace(job, engine={**job.engine, _SLEEP: True})):
        yield f"engine.{_SLEEP}: true"
    if vllm and (share := _share(asked, recipe, job)) is not None:
        yield f"engine.{_SHARE}: {share:g}"
    if not vllm and needed.cache > needed.updating and (said := _generations(asked, recipe, job)):
        yield said
    changes = list(remedies(recipe, job))
    yield from (said for said, other, change in changes if asked.fits(other, change))
    for first, other, change in [] if vllm else changes:
        with suppress(StudyError):
            if said := _generations(asked, other, change):
                yield f"{first}; and with it {said}"


def _training_unfit(
    config: Mapping[str, Any], cell: Cell, shape: Shape, job: Job, device: float
) -> Iterator[str]:
    recipe = recipe_of(config, cell)
    asked = _Asked(shape, cell.group_size, config["resources"]["plan"]["prompt_tokens"], device)
    needed = asked.needed(recipe, job)
    if needed.peak <= device:
        return
    most = ""
    if not job.engine.get("use_vllm") and needed.cache > needed.updating:
        drawn = drawn_at_once(recipe, cell.group_size, job)
        most = (
            f", {needed.cache / GIB:,.0f} for keys and values of the {drawn:,} responses that are "
            "generated at once"
        )
    helps = next(_helps(asked, recipe, job), "another card, or another model")
    yield (
        f"resources.models.{cell.model}: the training of {cell.path} needs about "
        f"{needed.peak / GIB:,.0f} GiB on each GPU ({needed.kept / GIB:,.0f} of them for what an "
        f"update keeps{most}), which has {device / GIB:g} (resources.plan.device_gib); "
        f"what would help: {helps}"
    )
