"""What a study will cost, before anything is submitted: hours, memory, disk, money per cell.

Everything follows from the configuration and the rates stated under ``resources.plan``; no weights
and no data are read.
"""

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from rlscale.accounting.ledger import EVALUATION, Cost, Tokens, passes
from rlscale.core.cell import Cell
from rlscale.core.errors import StudyError
from rlscale.core.files import write_text
from rlscale.core.recipe import Recipe
from rlscale.jobs.memory import GIB, adapters
from rlscale.study.estimates import memory, node_mb, shape_of
from rlscale.study.foreseen import notes
from rlscale.study.grid import expand, job_of, recipe_of

if TYPE_CHECKING:
    import pandas

_BYTES = {"float32": 4, "bfloat16": 2, "float16": 2}
_STATE_BYTES = 12  # Per parameter: float32 weights and Adam's two moments.
_HOUR = 3600.0
_MEMORY = ("gpu_gib", "node_gib")


def plan_study(config: Mapping[str, Any]) -> "pandas.DataFrame":
    """One row per cell of a study.

    Args:
        config: The study's configuration, defaults filled in.

    Returns:
        cell, model, gpus, n_params, tokens (training), evaluation_tokens, compute_flops (6 N T),
        flops (all phases and evaluation), gpu_hours (device-hours where there is no GPU),
        wall_hours (of the training by its GPUs), evaluation_hours (of one of the jobs that share
        an evaluation, by its GPUs), jobs (of the configured length, for the training), gpu_gib and
        node_gib (estimated memory), checkpoints_gib, state_gib and cost (nan without a price).

    Raises:
        StudyError: A model's size is not stated.
    """
    import pandas

    return pandas.DataFrame([_row(config, cell) for cell in expand(config)])


def write_plan(config: Mapping[str, Any], table: str, page: str) -> None:
    """Write a study's plan: the table of its cells as CSV, and the page, which is printed too."""
    planned = plan_study(config)
    write_text(table, planned.to_csv(index=False, float_format="%.6g"))
    text = plan_page(planned, config)
    write_text(page, text)
    print(text)


def _row(config: Mapping[str, Any], cell: Any) -> dict[str, Any]:
    recipe, job = recipe_of(config, cell), job_of(config, cell.model)
    asking = job.of_evaluation()
    rates = config["resources"]["plan"]
    cost = _cost(config, cell)
    longest = recipe.grpo.get("max_completion_length", math.inf)
    lengths = (round(rates["prompt_tokens"]), round(min(rates["completion_tokens"], longest)))
    tokens = Tokens.equal(recipe.problems * cell.group_size, *lengths)
    evaluated = _evaluated(config, recipe)
    rows = [cost.row(0, phase, tokens) for phase in cost.phases]
    flops = {row["phase"]: row["flops"] for row in rows}
    evaluation = cost.flops(EVALUATION, evaluated)
    decoding = flops.pop("generation")
    updating = sum(flops.values())
    by_update = rates["device_flops"] * rates["training_utilisation"] * _HOUR
    by_decoding = rates["device_flops"] * rates["generation_utilisation"] * _HOUR
    training_hours = updating / by_update + decoding / by_decoding
    evaluation_hours = evaluation / by_decoding
    wall = training_hours / max(job.gpus, 1)
    return {
        "cell": cell.path,
        "model": cell.model,
        "gpus": job.gpus,
        "n_params": cost.n_params,
        "tokens": tokens.total,
        "evaluation_tokens": evaluated.total,
        "compute_flops": float(sum(row["compute_flops"] for row in rows)),
        "flops": float(updating + decoding + evaluation),
        "gpu_hours": training_hours + evaluation_hours,
        "wall_hours": wall,
        "evaluation_hours": evaluation_hours / max(asking.gpus, 1) / asking.shards,
        "jobs": math.ceil(60 * wall / job.minutes),
        **_space(config, cell, cost.n_params_total),
        "cost": (training_hours + evaluation_hours) * rates.get("price", math.nan),
    }


def _evaluated(config: Mapping[str, Any], recipe: Recipe) -> Tokens:
    """Tokens of a cell's evaluation: as assumed, or less where the configuration bounds them."""
    rates, held_out = config["resources"]["plan"], config["data"][recipe.data].get("held_out", {})
    found = Tokens(0, 0, 0, 0)
    for name, entry in config["benchmarks"].items():
        own = entry.get("module", name) == "held_out"
        most = held_out.get("problems", math.inf) if own else math.inf
        problems = min(rates["problems_per_benchmark"], most)
        longest = entry.get("max_tokens", config["evaluation"]["max_tokens"])
        length = round(min(rates["completion_tokens"], longest))
        asked = len(recipe.checkpoints) * entry["samples"] * problems
        found += Tokens.equal(asked, round(rates["prompt_tokens"]), length)
    return found


def _cost(config: Mapping[str, Any], cell: Any) -> Cost:
    """What a token costs: by the model's shape, or where that is not said by the name's number."""
    recipe = recipe_of(config, cell)
    phases = passes(updates_per_step=recipe.updates_per_step, beta=recipe.grpo.get("beta", 0))
    frozen = recipe.lora is not None
    shape = shape_of(config, cell)
    if shape:
        n, total = shape.n_params, shape.n_params + shape.embeddings
        return Cost(n, total, shape.head, shape.attention, phases, frozen)
    n = config["models"][cell.model].get("n_params_nominal")
    if n is None:
        raise StudyError(
            f"models.{cell.model}: a plan needs its size: state architecture or n_params_nominal"
        )
    return Cost(round(n), round(n), 0, 0, phases, frozen)


def _space(config: Mapping[str, Any], cell: Any, n_params: int) -> dict[str, float]:
    """Memory of a GPU and of a node (nan where the shape is not known), and disk [GiB]."""
    recipe = recipe_of(config, cell)
    shape, needed = shape_of(config, cell), memory(config, cell)
    stored = shape.stored if shape else n_params
    trained = adapters(shape, recipe) if shape and recipe.lora else stored
    saved = len(recipe.trained_checkpoints)
    on_disk = min(saved, config["training"]["checkpoints_on_disk"] or saved)
    on_gpu = job_of(config, cell.model).gpus > 0
    return {
        "gpu_gib": needed.peak / GIB if needed and on_gpu else math.nan,
        "node_gib": needed.host / GIB if needed else math.nan,
        "checkpoints_gib": on_disk * stored * _BYTES[recipe.checkpoint_dtype] / GIB,
        "state_gib": trained * _STATE_BYTES / GIB,
    }


def plan_page(table: "pandas.DataFrame", config: Mapping[str, Any]) -> str:
    """The plan in words and per model, with totals and the rates that it rests on.

    Args:
        table: ``plan_study`` of the configuration.
        config: The same configuration.
    """
    rates = config["resources"]["plan"]
    total = table.sum(numeric_only=True)
    money = "price" in rates
    lines = [
        f"# What the study {config['study']} will cost",
        "",
        f"{len(table)} cells (results/plan.csv). Device-hours are GPU-hours where a cell has GPUs.",
        "",
        "| model | cells | GPUs | tokens | FLOPs | device-hours | longest training, h |"
        " longest evaluation job, h | jobs per cell | GiB of a GPU | GiB of a node |"
        " checkpoints, GiB |" + " cost |" * money,
        "| --- |" + " ---: |" * (11 + money),
        *(
            _line(str(model), part, money)
            for model, part in table.sort_values("n_params", kind="stable").groupby(
                "model", sort=False
            )
        ),
        f"| all | {len(table)} | | {total['tokens']:.3g} | {total['flops']:.3g} | "
        f"{total['gpu_hours']:,.3g} | | | | | | {total['checkpoints_gib']:,.3g} |"
        + f" {total['cost']:,.3g} |"
        * money,
        "",
        f"Disk at most: {total['checkpoints_gib']:,.3g} GiB of checkpoints, and resumable state of",
        f"{total['state_gib']:,.3g} GiB if all cells run at once "
        f"({table['state_gib'].max():,.3g} GiB for the largest).",
        "",
        "Rates (`resources.plan`), none of them measured by this project:",
        "",
        *(f"- {key}: {value:g}" for key, value in rates.items()),
        "",
        "Responses are no longer than `max_completion_length` (training) and `max_tokens`",
        "(evaluation) allow, held-out problems no more than `held_out.problems`.",
        "Where a model's `architecture` is said (or it is made here), N and the output head are",
        "exact and memory is estimated (docs/training.md says how); else N is `n_params_nominal`,",
        "and head and attention's products are left out. The start of jobs is in no hour.",
        *_short_of_memory(table, config),
        *_short_of_time(table, config),
        *_foreseen(config),
    ]
    return "\n".join(lines) + "\n"


def _line(model: str, part: "pandas.DataFrame", money: bool) -> str:
    """A model's row of the page."""
    most = part.max(numeric_only=True)
    gpu, node = ("" if math.isnan(most[key]) else f"{most[key]:,.3g}" for key in _MEMORY)
    return (
        f"| {model} | {len(part)} | {part['gpus'].max()} | {part['tokens'].sum():.3g} | "
        f"{part['flops'].sum():.3g} | {part['gpu_hours'].sum():,.3g} | "
        f"{most['wall_hours']:,.3g} | {most['evaluation_hours']:,.3g} | {part['jobs'].max()} | "
        f"{gpu} | {node} | {part['checkpoints_gib'].sum():,.3g} |"
        + f" {part['cost'].sum():,.3g} |"
        * money
    )


def _short_of_memory(table: "pandas.DataFrame", config: Mapping[str, Any]) -> list[str]:
    """Models whose jobs ask for less memory of a node than is estimated."""
    lines = []
    for model, part in table.groupby("model", sort=False):
        needed = part["node_gib"].max() * GIB / 1e6
        asked = max(node_mb(config, Cell.from_path(cell)) for cell in part["cell"])
        if needed > asked:
            where = f"resources.models.{model}.mem_mb"
            lines.append(f"- {where}: {asked} is less than the estimated {needed:,.0f}")
    return ["", "**Memory of nodes:**", "", *lines] if lines else []


def _short_of_time(table: "pandas.DataFrame", config: Mapping[str, Any]) -> list[str]:
    """Models whose evaluation is estimated to take longer than its jobs may, and what would help.

    An evaluation's job is tried twice, and goes on where the first was stopped.
    """
    lines = []
    for model, part in table.groupby("model", sort=False):
        job = job_of(config, str(model)).of_evaluation()
        hours, allowed = part["evaluation_hours"].max(), job.minutes / 60
        if hours > allowed and not config["training"]["checkpoints_on_disk"]:
            lines.append(
                f"- resources.models.{model}.evaluation: a job takes {hours:,.3g} h of the "
                f"{allowed:,.3g} h that it has; shards: {math.ceil(hours * job.shards / allowed)}"
            )
    return ["", "**Time of evaluations:**", "", *lines] if lines else []


def _foreseen(config: Mapping[str, Any]) -> list[str]:
    """What is not judged here, and what no fit will give."""
    lines = [f"- {said}" for said in notes(config)]
    return ["", "**Before it runs:**", "", *lines] if lines else []
