# GRPO training of one cell.


rule train_cell:
    input:
        model=lambda wildcards: inputs.model_of(config, cell_of(wildcards)),
        data=lambda wildcards: inputs.data_of(config, cell_of(wildcards)),
    output:
        manifest="results/cells/{cell}/train.json",
        metrics="results/cells/{cell}/metrics.csv",
        ledger="results/cells/{cell}/ledger.csv",
        timings="results/cells/{cell}/timings.csv",
        consumed="results/cells/{cell}/consumed.parquet",
    log:
        "logs/train_cell/{cell}.log",
    retries: RETRIES
    threads: lambda wildcards: grid.recipe_of(config, cell_of(wildcards)).cpu_threads
    resources:
        gpu=lambda wildcards: gpus_for_training(cell_of(wildcards)),
        mem_mb=lambda wildcards: memory_for_training(cell_of(wildcards)),
        runtime=lambda wildcards: resources_of(cell_of(wildcards).model).minutes,
        nodes=lambda wildcards: resources_of(cell_of(wildcards).model).nodes,
    params:
        settings=lambda wildcards: piece(settings.training, cell_of(wildcards)),
    message:
        "Train {wildcards.cell}"
    shell:
        "rlscale train {wildcards.cell} > {log} 2>&1"
