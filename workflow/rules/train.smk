# GRPO training of one cell.
from shlex import quote

from rlscale.judging.verifiers import VERIFIERS


def model_of(cell):
    """Manifest of the weights that a cell starts from."""
    return f"results/models/{cell.model_name}/manifest.json"


def data_of(cell):
    """Manifest of the problems that a cell trains on."""
    data = config["recipes"][cell.recipe]["data"]
    return f"results/data/{data}/variants/{cell.recipe}-tau{cell.tau}/manifest.json"


def train_settings(wildcards):
    """All that decides a cell's result, and nothing else: only this cell runs when it changes."""
    cell = cell_of(wildcards)
    recipe = grid.recipe_of(config, cell)
    return {
        "recipe": recipe.to_json(),
        "code": code("rlscale.training.train", VERIFIERS.module(recipe.verifier)),
    }


def launch_of(wildcards):
    """How its processes are started; alone where the attempts are spent and it can only say so."""
    job = resources_of(cell_of(wildcards).model)
    if gpus_for_training(wildcards) < job.gpus:
        return "python"
    start = command(job, "$SCRIPTS/../../config/accelerate")
    most = config["training"]["checkpoints_on_disk"]
    if not most:
        return start
    last = grid.recipe_of(config, cell_of(wildcards)).steps
    return (
        f"python $SCRIPTS/train_and_evaluate_cell.py --checkpoints-on-disk {most}"
        f" --last-step {last} --state .state/{wildcards.cell}"
        f" --evaluation {quote(evaluation_options(wildcards))} {start}"
    )


def trackers_of(wildcards):
    """Options that have trackers follow a cell's training, beside its log."""
    names = " ".join(config["training"]["report_to"])
    folder = f"logs/train_cell/{wildcards.cell}"
    return f"--report-to {names} --tracked {folder}" if names else ""


rule train_cell:
    input:
        model=lambda wildcards: model_of(cell_of(wildcards)),
        data=lambda wildcards: data_of(cell_of(wildcards)),
    output:
        manifest="results/cells/{cell}/train.json",
        metrics="results/cells/{cell}/metrics.csv",
        ledger="results/cells/{cell}/ledger.csv",
        timings="results/cells/{cell}/timings.csv",
        consumed="results/cells/{cell}/consumed.parquet",
    log:
        "logs/train_cell/{cell}.log",
    benchmark:
        "logs/train_cell/{cell}.tsv"
    retries: RETRIES
    threads: lambda wildcards: grid.recipe_of(config, cell_of(wildcards)).cpu_threads
    resources:
        gpu=gpus_for_training,
        mem_mb=memory_for_training,
        runtime=lambda wildcards: resources_of(cell_of(wildcards).model).minutes,
        nodes=lambda wildcards: resources_of(cell_of(wildcards).model).nodes,
        launch=launch_of,
        job=lambda wildcards: json.dumps(
            resources_of(cell_of(wildcards).model).to_json()
        ),
        save_state_minutes=str(config["training"]["save_state_minutes"]),
        faults=str(config["training"]["faults"]),
        wait=WAIT_FOR_OWNER,
        trackers=trackers_of,
    params:
        settings=lambda wildcards: json.dumps(train_settings(wildcards)),
        checkpoints="checkpoints/{cell}",
        state=".state/{cell}",
        owner=".state/owners/{cell}",
        attempts=lambda wildcards: attempts_of(wildcards)[0],
    message:
        "Train {wildcards.cell}"
    shell:
        "{resources.launch} $SCRIPTS/train_cell.py --settings {params.settings:q}"
        " --job {resources.job:q} --cell {wildcards.cell}"
        " --model {input.model} --data {input.data} --checkpoints {params.checkpoints}"
        " --state {params.state} --save-state-minutes {resources.save_state_minutes}"
        " --owner {params.owner} {resources.wait} {resources.trackers} --attempts {params.attempts} --faults {resources.faults}"
        " --manifest {output.manifest} --metrics {output.metrics} --ledger {output.ledger}"
        " --timings {output.timings} --consumed {output.consumed} > {log} 2>&1"
