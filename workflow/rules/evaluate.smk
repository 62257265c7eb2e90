# Benchmarks and the evaluation of cells: one engine per cell, every sample kept.
from shlex import join

from rlscale.training.alternate import is_evaluated_so_far
from rlscale.evaluation.benchmarks import BENCHMARKS, LOADING
from rlscale.evaluation.tasks import modules_used
from rlscale.study.settings import evaluation_settings

MADE_BENCHMARKS = [
    name
    for name, settings in config["benchmarks"].items()
    if settings.get("module", name) != "held_out"
]


wildcard_constraints:
    benchmark="|".join(MADE_BENCHMARKS) or "none",


def problems_of(wildcards):
    """Manifest that holds each benchmark's problems; held_out is the data set's own."""
    data = config["recipes"][cell_of(wildcards).recipe]["data"]
    return {
        name: (
            f"results/benchmarks/{name}/manifest.json"
            if name in MADE_BENCHMARKS
            else f"results/data/{data}/manifest.json"
        )
        for name in config["benchmarks"]
    }


def benchmark_settings(wildcards):
    """What decides a benchmark's problems."""
    settings = {
        "module": wildcards.benchmark,
        **config["benchmarks"][wildcards.benchmark],
    }
    return {key: settings[key] for key in ("module", *LOADING) if key in settings}


def evaluate_settings(wildcards):
    """All that decides a cell's evaluation, and nothing else."""
    settings = or_refuse(evaluation_settings, config, cell_of(wildcards))
    used = or_refuse(modules_used, settings)
    return {**settings, "code": code("rlscale.evaluation.evaluate", *used)}


def named_problems(wildcards):
    """The same as the entry point takes them."""
    return [f"{name}={path}" for name, path in problems_of(wildcards).items()]


def evaluation_options(wildcards):
    """How the training's job evaluates a cell's checkpoints, into the store of its samples."""
    cell = wildcards.cell
    options = {
        "settings": [json.dumps(evaluate_settings(wildcards))],
        "machine": [engine_of(cell_of(wildcards).model)],
        "problems": named_problems(wildcards),
        "owner": [f".state/owners/{cell}"],
        "journal": [f".state/{cell}/samples"],
        "samples": [f"results/cells/{cell}/samples.parquet"],
    }
    words = [
        word for name, values in options.items() for word in (f"--{name}", *values)
    ]
    return join([*words, *WAIT_FOR_OWNER.split()])


def gpus_for_evaluation(wildcards):
    """None where training has asked all, and what is left is to make the tables."""
    folder = Path(f"results/cells/{wildcards.cell}")
    if is_evaluated_so_far(folder / "train.json", folder / "eval.json"):
        return 0
    return evaluation_job_of(cell_of(wildcards).model).gpus


rule make_benchmark:
    output:
        manifest="results/benchmarks/{benchmark}/manifest.json",
        problems="results/benchmarks/{benchmark}/problems.parquet",
    log:
        "logs/make_benchmark/{benchmark}.log",
    threads: 1
    params:
        settings=lambda wildcards: json.dumps(benchmark_settings(wildcards)),
        code=lambda wildcards: code(
            "rlscale.evaluation.benchmarks",
            or_refuse(BENCHMARKS.module, benchmark_settings(wildcards)["module"]),
        ),
    message:
        "Make the problems of benchmark {wildcards.benchmark}"
    shell:
        "python $SCRIPTS/make_benchmark.py --name {wildcards.benchmark}"
        " --settings {params.settings:q} --problems {output.problems}"
        " --manifest {output.manifest} > {log} 2>&1"


rule evaluate_cell:
    input:
        train="results/cells/{cell}/train.json",
        problems=lambda wildcards: sorted(set(problems_of(wildcards).values())),
    output:
        manifest="results/cells/{cell}/eval.json",
        samples=update("results/cells/{cell}/samples.parquet"),
        outcomes="results/cells/{cell}/outcomes.parquet",
        scores="results/cells/{cell}/scores.csv",
        metrics="results/cells/{cell}/eval_metrics.csv",
    log:
        "logs/evaluate_cell/{cell}.log",
    benchmark:
        "logs/evaluate_cell/{cell}.tsv"
    threads: lambda wildcards: grid.recipe_of(config, cell_of(wildcards)).cpu_threads
    resources:
        gpu=gpus_for_evaluation,
        mem_mb=lambda wildcards, attempt: attempt
        * evaluation_job_of(cell_of(wildcards).model).mem_mb,
        runtime=lambda wildcards: evaluation_job_of(cell_of(wildcards).model).minutes,
        machine=lambda wildcards: engine_of(cell_of(wildcards).model),
        wait=WAIT_FOR_OWNER,
    params:
        settings=lambda wildcards: json.dumps(evaluate_settings(wildcards)),
        problems=named_problems,
        journal=".state/{cell}/samples",
        owner=".state/owners/{cell}",
    message:
        "Evaluate {wildcards.cell}"
    shell:
        "python $SCRIPTS/evaluate_cell.py --settings {params.settings:q}"
        " --machine {resources.machine:q} --train {input.train} --problems {params.problems:q}"
        " --owner {params.owner} {resources.wait} --journal {params.journal} --samples {output.samples} --outcomes {output.outcomes}"
        " --scores {output.scores} --metrics {output.metrics} --manifest {output.manifest}"
        " > {log} 2>&1"
