# Data sets: read or generated, cleaned, split, and laid out for training.

from rlscale.data import layouts
from rlscale.data.files import files_of
from rlscale.evaluation.tasks import modules_used
from rlscale.study.settings import asking_settings

# The keys that decide which rows of a set can be used.
READING = ("verifier", "generate", "read", "max_characters", "cleaning", "held_out")


def set_files(wildcards):
    """Raw files that a set reads. Before the set is made, a missing one does not stop a dry run:
    a study is planned without its data, and the job that reads a missing file names it.
    """
    entry = config["data"][wildcards.set]
    parts = [entry, entry["held_out"]]
    names = [name for part in parts for name in part.get("read", {}).get("files", [])]
    made = Path(f"results/data/{wildcards.set}/manifest.json").exists()
    files = [file for name in names for file in or_refuse(files_of, name)]
    return [str(file) for file in files if made or file.exists()]


def benchmark_manifests(wildcards):
    """Manifests of the benchmarks whose problems may not stand in a set."""
    return [f"results/benchmarks/{name}/manifest.json" for name in MADE_BENCHMARKS]


def measured_rates(wildcards):
    """Manifest of the pass rates of a set that has them measured."""
    measured = "pass_rate" in config["data"][wildcards.set]
    return ["results/data/{set}/pass_rates/manifest.json"] if measured else []


def set_code(entry):
    """Digest of the code that reads and cleans a set."""
    return code("rlscale.data.prepare", *or_refuse(layouts.modules_used, entry))


def list_settings(wildcards):
    """What decides which rows of a set can be used."""
    entry = config["data"][wildcards.set]
    return {key: entry[key] for key in READING if key in entry} | {
        "code": set_code(entry)
    }


def asked_model(wildcards):
    """Manifest of the model that a set's problems are asked."""
    own = config["data"][wildcards.set]["pass_rate"]
    return f"results/models/{own['model']}-{own['variant']}/manifest.json"


def job_of_asked(wildcards):
    """What a job asks for that puts them to it."""
    return evaluation_job_of(config["data"][wildcards.set]["pass_rate"]["model"])


def pass_rate_settings(wildcards):
    """What decides the responses of that model, and how they are judged."""
    settings = asking_settings(config["data"][wildcards.set])
    return settings | {
        "code": code(
            "rlscale.evaluation.pass_rates", *or_refuse(modules_used, settings)
        )
    }


def set_settings(wildcards):
    """What decides a set's problems."""
    entry = config["data"][wildcards.set]
    return entry | {"code": set_code(entry)}


def variant_settings(wildcards):
    """What decides the problems of a recipe's training runs with one tau."""
    recipe = config["recipes"][wildcards.recipe]
    swept = {cell.tau for cell in CELLS if cell.recipe == wildcards.recipe}
    return {
        "prompts_per_step": recipe["prompts_per_step"],
        "steps": recipe["steps"],
        "tau": int(wildcards.tau),
        "taus": sorted(swept | {int(wildcards.tau)}),
        "reuse": config["data"][wildcards.set]["reuse"],
        "code": set_code(config["data"][wildcards.set]),
    }


rule list_problems:
    input:
        files=set_files,
    output:
        manifest="results/data/{set}/problems/manifest.json",
        problems="results/data/{set}/problems/problems.parquet",
    log:
        "logs/list_problems/{set}.log",
    threads: 1
    params:
        settings=lambda wildcards: json.dumps(list_settings(wildcards)),
    message:
        "List the problems of {wildcards.set} that can be used"
    shell:
        "OMP_NUM_THREADS=1 python $SCRIPTS/list_problems.py --name {wildcards.set}"
        " --settings {params.settings:q} --problems {output.problems}"
        " --manifest {output.manifest} > {log} 2>&1"


rule estimate_pass_rate:
    input:
        problems="results/data/{set}/problems/manifest.json",
        model=asked_model,
    output:
        manifest="results/data/{set}/pass_rates/manifest.json",
        rates="results/data/{set}/pass_rates/pass_rates.parquet",
        samples=update("results/data/{set}/pass_rates/samples.parquet"),
    log:
        "logs/estimate_pass_rate/{set}.log",
    benchmark:
        "logs/estimate_pass_rate/{set}.tsv"
    threads: lambda wildcards: config["data"][wildcards.set]["pass_rate"]["cpu_threads"]
    resources:
        gpu=lambda wildcards: job_of_asked(wildcards).gpus,
        mem_mb=lambda wildcards, attempt: attempt * job_of_asked(wildcards).mem_mb,
        runtime=lambda wildcards: job_of_asked(wildcards).minutes,
        machine=lambda wildcards: engine_of(
            config["data"][wildcards.set]["pass_rate"]["model"]
        ),
        wait=WAIT_FOR_OWNER,
    params:
        settings=lambda wildcards: json.dumps(pass_rate_settings(wildcards)),
        journal=".state/pass_rates/{set}",
        owner=".state/owners/pass_rates/{set}",
    message:
        "Measure the pass rates of {wildcards.set}"
    shell:
        "python $SCRIPTS/estimate_pass_rate.py --name {wildcards.set}"
        " --settings {params.settings:q} --machine {resources.machine:q}"
        " --problems {input.problems} --model {input.model} --owner {params.owner}"
        " {resources.wait} --journal {params.journal}"
        " --samples {output.samples} --rates {output.rates} --manifest {output.manifest}"
        " > {log} 2>&1"


rule prepare_set:
    input:
        benchmarks=benchmark_manifests,
        files=set_files,
        rates=measured_rates,
    output:
        manifest="results/data/{set}/manifest.json",
        report="results/data/{set}/report.json",
        train="results/data/{set}/train.parquet",
        held_out="results/data/{set}/held_out.parquet",
        dropped=report(
            "results/data/{set}/dropped.csv",
            caption="../report/dropped.rst",
            category="Data",
            labels={"figure": "Dropped rows: {set}", "file": "CSV"},
        ),
        conflicts="results/data/{set}/conflicts.csv",
        hits="results/data/{set}/hits.csv",
    log:
        "logs/prepare_set/{set}.log",
    benchmark:
        "logs/prepare_set/{set}.tsv"
    threads: 1
    params:
        settings=lambda wildcards: json.dumps(set_settings(wildcards)),
        folder="results/data/{set}",
        rates=lambda wildcards, input: [f"--pass-rates {path}" for path in input.rates],
    message:
        "Clean and split the data set {wildcards.set}"
    shell:
        "OMP_NUM_THREADS=1 python $SCRIPTS/prepare_set.py --name {wildcards.set}"
        " --settings {params.settings:q} --benchmark {input.benchmarks}"
        " {params.rates} --folder {params.folder} --manifest {output.manifest} > {log} 2>&1"


rule make_variant:
    input:
        data="results/data/{set}/manifest.json",
    output:
        manifest="results/data/{set}/variants/{recipe}-tau{tau}/manifest.json",
        train="results/data/{set}/variants/{recipe}-tau{tau}/train.parquet",
    log:
        "logs/make_variant/{set}/{recipe}-tau{tau}.log",
    threads: 1
    params:
        settings=lambda wildcards: json.dumps(variant_settings(wildcards)),
        name="{set}/{recipe}-tau{tau}",
    message:
        "Lay {wildcards.set} out for {wildcards.recipe}, each problem {wildcards.tau} times"
    shell:
        "python $SCRIPTS/make_variant.py --name {params.name} --settings {params.settings:q}"
        " --data {input.data} --output {output.train} --manifest {output.manifest} > {log} 2>&1"
