"""What a study will cost, before anything is submitted: GPU-hours, tokens, disk, jobs per cell.

Everything follows from the configuration and the rates stated under ``resources.plan``; no weights
and no data are read.
"""

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from rlscale.accounting.ledger import EVALUATION, Cost, Tokens, passes
from rlscale.core.errors import StudyError
from rlscale.core.files import write_text
from rlscale.study.grid import expand, job_of, recipe_of

if TYPE_CHECKING:
    import pandas

_BYTES = {"float32": 4, "bfloat16": 2, "float16": 2}
_STATE_BYTES = 12  # Per parameter: float32 weights and Adam's two moments.
_HOUR, _GIB = 3600.0, 2**30


def plan_study(config: Mapping[str, Any]) -> "pandas.DataFrame":
    """One row per cell of a study.

    Args:
        config: The study's configuration, defaults filled in.

    Returns:
        cell, model, gpus, n_params, tokens (training), evaluation_tokens, compute_flops (6 N T),
        flops (all phases and evaluation), gpu_hours (device-hours where there is no GPU),
        wall_hours, jobs (of the configured length), checkpoints_gib and state_gib.

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
    recipe = recipe_of(config, cell)
    rates = config["resources"]["plan"]
    n = config["models"][cell.model].get("n_params_nominal")
    if n is None:
        raise StudyError(f"models.{cell.model}: a plan needs its size: state n_params_nominal")
    job = job_of(config, cell.model)
    responses = recipe.problems * cell.group_size
    # Of a model that is only named, the head and the layers' shape are not known.
    cost = Cost(
        n_params=round(n),
        n_params_total=round(n),
        head=0,
        attention=0,
        phases=passes(updates_per_step=recipe.updates_per_step, beta=recipe.grpo.get("beta", 0)),
    )
    lengths = (round(rates["prompt_tokens"]), round(rates["completion_tokens"]))
    tokens = Tokens.equal(responses, *lengths)
    samples = sum(benchmark["samples"] for benchmark in config["benchmarks"].values())
    asked = len(recipe.checkpoints) * samples * rates["problems_per_benchmark"]
    evaluated = Tokens.equal(asked, *lengths)
    rows = [cost.row(0, phase, tokens) for phase in cost.phases]
    flops = {row["phase"]: row["flops"] for row in rows}
    decoding = flops.pop("generation") + cost.flops(EVALUATION, evaluated)
    training = sum(flops.values())
    speed = rates["device_flops"]
    hours = (
        training / (speed * rates["training_utilisation"])
        + decoding / (speed * rates["generation_utilisation"])
    ) / _HOUR
    wall = hours / max(job.gpus, 1)
    saved = len(recipe.trained_checkpoints)
    on_disk = min(saved, config["training"]["checkpoints_on_disk"] or saved)
    return {
        "cell": cell.path,
        "model": cell.model,
        "gpus": job.gpus,
        "n_params": n,
        "tokens": tokens.total,
        "evaluation_tokens": evaluated.total,
        "compute_flops": float(sum(row["compute_flops"] for row in rows)),
        "flops": float(training + decoding),
        "gpu_hours": hours,
        "wall_hours": wall,
        "jobs": math.ceil(60 * wall / job.minutes),
        "checkpoints_gib": on_disk * n * _BYTES[recipe.checkpoint_dtype] / _GIB,
        "state_gib": n * _STATE_BYTES / _GIB,
    }


def plan_page(table: "pandas.DataFrame", config: Mapping[str, Any]) -> str:
    """The plan in words and per model, with totals and the rates that it rests on.

    Args:
        table: ``plan_study`` of the configuration.
        config: The same configuration.
    """
    rates = config["resources"]["plan"]
    lines = [
        f"# What the study {config['study']} will cost",
        "",
        f"{len(table)} cells (results/plan.csv). Device-hours are GPU-hours where a cell has GPUs.",
        "",
        "| model | cells | GPUs | tokens | FLOPs | device-hours | longest cell, h | jobs per cell |"
        " checkpoints, GiB |",
        "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    for model, part in table.sort_values("n_params", kind="stable").groupby("model", sort=False):
        lines.append(
            f"| {model} | {len(part)} | {part['gpus'].max()} | {part['tokens'].sum():.3g} | "
            f"{part['flops'].sum():.3g} | {part['gpu_hours'].sum():,.3g} | "
            f"{part['wall_hours'].max():,.3g} | {part['jobs'].max()} | "
            f"{part['checkpoints_gib'].sum():,.3g} |"
        )
    total = table.sum(numeric_only=True)
    lines += [
        f"| all | {len(table)} | | {total['tokens']:.3g} | {total['flops']:.3g} | "
        f"{total['gpu_hours']:,.3g} | | | {total['checkpoints_gib']:,.3g} |",
        "",
        f"Disk at most: {total['checkpoints_gib']:,.3g} GiB of checkpoints, and resumable state of",
        f"{total['state_gib']:,.3g} GiB if all cells run at once "
        f"({table['state_gib'].max():,.3g} GiB for the largest).",
        "",
        "Rates (`resources.plan`), none of them measured by this project:",
        "",
        *(f"- {key}: {value:g}" for key, value in rates.items()),
        "",
        "Parameters are `n_params_nominal`; the output head and attention's own products are left",
        "out, the start of jobs and queues as well.",
    ]
    return "\n".join(lines) + "\n"
