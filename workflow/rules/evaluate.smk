# Benchmarks and the evaluation of cells: one engine per cell, every sample kept.
from rlscale.training.alternate import is_evaluated_so_far

MADE_BENCHMARKS = inputs.made_benchmarks(config)


wildcard_constraints:
    benchmark="|".join(MADE_BENCHMARKS) or "none",


def shards_of(cell):
    """What the shards of a cell's evaluation leave; none where one job asks all."""
    return or_refuse(inputs.shards_of_cell, config, cell)


def gpus_for_evaluation(cell):
    """None where training or shards have asked all, and what is left is to make the tables."""
    files = CellFiles.of(cell.path)
    if is_evaluated_so_far(files.train, files.evaluation) or shards_of(cell):
        return 0
    return evaluation_job_of(cell.model).gpus


rule make_benchmark:
    input:
        files=lambda wildcards: present(
            inputs.benchmark_files(config, wildcards.benchmark),
            layout.benchmark(wildcards.benchmark),
        ),
    output:
        manifest="results/benchmarks/{benchmark}/manifest.json",
        problems="results/benchmarks/{benchmark}/problems.parquet",
    log:
        "logs/make_benchmark/{benchmark}.log",
    threads: 1
    params:
        settings=lambda wildcards: piece(settings.benchmark, wildcards.benchmark),
        code=lambda wildcards: or_refuse(
            settings.benchmark_code, config, wildcards.benchmark
        ),
    message:
        "Make the problems of benchmark {wildcards.benchmark}"
    shell:
        "rlscale step make_benchmark {wildcards.benchmark} > {log} 2>&1"


# Samples go to the cell's store in .state, and what is in it is not asked again: a shard that was
# killed goes on, and any number of shards, changed at any time, ends in the same samples.
rule ask_cell:
    input:
        model=lambda wildcards: inputs.model_of(config, cell_of(wildcards)),
        train="results/cells/{cell}/train.json",
        problems=lambda wildcards: sorted(
            set(inputs.problems_of(config, cell_of(wildcards)).values())
        ),
    output:
        asked=temp(".state/{cell}/shards/{shard}.json"),
    log:
        "logs/ask_cell/{cell}/{shard}.log",
    threads: lambda wildcards: grid.recipe_of(config, cell_of(wildcards)).cpu_threads
    resources:
        gpu=lambda wildcards: evaluation_job_of(cell_of(wildcards).model).gpus,
        mem_mb=lambda wildcards, attempt: attempt
        * evaluation_job_of(cell_of(wildcards).model).mem_mb,
        runtime=lambda wildcards: evaluation_job_of(cell_of(wildcards).model).minutes,
    params:
        settings=lambda wildcards: piece(settings.evaluation, cell_of(wildcards)),
    message:
        "Ask {wildcards.cell}, shard {wildcards.shard}"
    shell:
        "rlscale step ask_cell {wildcards.cell} {wildcards.shard:q} > {log} 2>&1"


rule evaluate_cell:
    input:
        model=lambda wildcards: inputs.model_of(config, cell_of(wildcards)),
        train="results/cells/{cell}/train.json",
        problems=lambda wildcards: sorted(
            set(inputs.problems_of(config, cell_of(wildcards)).values())
        ),
        shards=lambda wildcards: shards_of(cell_of(wildcards)),
    output:
        manifest="results/cells/{cell}/eval.json",
        samples=update("results/cells/{cell}/samples.parquet"),
        outcomes="results/cells/{cell}/outcomes.parquet",
        scores="results/cells/{cell}/scores.csv",
        metrics="results/cells/{cell}/eval_metrics.csv",
    log:
        "logs/evaluate_cell/{cell}.log",
    threads: lambda wildcards: grid.recipe_of(config, cell_of(wildcards)).cpu_threads
    resources:
        gpu=lambda wildcards: gpus_for_evaluation(cell_of(wildcards)),
        mem_mb=lambda wildcards, attempt: attempt
        * evaluation_job_of(cell_of(wildcards).model).mem_mb,
        runtime=lambda wildcards: evaluation_job_of(cell_of(wildcards).model).minutes,
    params:
        settings=lambda wildcards: piece(settings.evaluation, cell_of(wildcards)),
    message:
        "Evaluate {wildcards.cell}"
    shell:
        "rlscale evaluate {wildcards.cell} > {log} 2>&1"
