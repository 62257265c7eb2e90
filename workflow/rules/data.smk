# Data sets: read or generated, cleaned, split, and laid out for training.


def set_files(wildcards):
    """Raw files that a set reads. Before the set is made, a missing one does not stop a dry run:
    a study is planned without its data, and the job that reads a missing file names it.
    """
    entry = config["data"][wildcards.set]
    parts = [entry, entry["held_out"]]
    files = [file for part in parts for file in part.get("read", {}).get("files", [])]
    made = Path(f"results/data/{wildcards.set}/manifest.json").exists()
    return [file for file in files if made or Path(file).exists()]


def benchmark_manifests(wildcards):
    """Manifests of the benchmarks whose problems may not stand in a set."""
    return [f"results/benchmarks/{name}/manifest.json" for name in MADE_BENCHMARKS]


def set_settings(wildcards):
    """What decides a set's problems."""
    return config["data"][wildcards.set] | {"code": code("rlscale.prepare")}


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
        "code": code("rlscale.prepare"),
    }


rule prepare_set:
    input:
        benchmarks=benchmark_manifests,
        files=set_files,
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
    message:
        "Clean and split the data set {wildcards.set}"
    shell:
        "OMP_NUM_THREADS=1 python $SCRIPTS/prepare_set.py --name {wildcards.set}"
        " --settings {params.settings:q} --benchmark {input.benchmarks} --file {input.files:q}"
        " --folder {params.folder} --manifest {output.manifest} > {log} 2>&1"


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
