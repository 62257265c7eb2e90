# Data sets: read or generated, cleaned, split, and laid out for training.


def present(files, made):
    """Raw files, as far as they are here: a study is planned without its data, and the job that
    reads a missing file names it. Once a step is made, its files must be there.
    """
    return [file for file in files if made.exists() or file.exists()]


def set_files(wildcards):
    """Raw files that a set reads."""
    files = or_refuse(inputs.raw_files, config, wildcards.set)
    return present(files, layout.data_set(wildcards.set))


def job_of_asked(wildcards):
    """What the job asks for that puts a set's problems to a model."""
    return evaluation_job_of(config["data"][wildcards.set]["pass_rate"]["model"])


def shards_of_set(wildcards):
    """What the shards of a set's pass rates leave; none where one job asks all."""
    return or_refuse(inputs.shards_of_set, config, wildcards.set)


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
        settings=lambda wildcards: piece(settings.problem_list, wildcards.set),
    message:
        "List the problems of {wildcards.set} that can be used"
    shell:
        "rlscale step list_problems {wildcards.set} > {log} 2>&1"


rule ask_set:
    input:
        problems="results/data/{set}/problems/manifest.json",
        model=lambda wildcards: inputs.asked_model(config, wildcards.set),
    output:
        asked=temp(".state/pass_rate_shards/{set}/{shard}.json"),
    log:
        "logs/ask_set/{set}/{shard}.log",
    threads: lambda wildcards: config["data"][wildcards.set]["pass_rate"]["cpu_threads"]
    resources:
        gpu=lambda wildcards: job_of_asked(wildcards).gpus,
        mem_mb=lambda wildcards, attempt: attempt * job_of_asked(wildcards).mem_mb,
        runtime=lambda wildcards: job_of_asked(wildcards).minutes,
    params:
        settings=lambda wildcards: piece(settings.pass_rates, wildcards.set),
    message:
        "Ask for the pass rates of {wildcards.set}, shard {wildcards.shard}"
    shell:
        "rlscale step ask_set {wildcards.set} {wildcards.shard:q} > {log} 2>&1"


rule estimate_pass_rate:
    input:
        problems="results/data/{set}/problems/manifest.json",
        model=lambda wildcards: inputs.asked_model(config, wildcards.set),
        shards=shards_of_set,
    output:
        manifest="results/data/{set}/pass_rates/manifest.json",
        rates="results/data/{set}/pass_rates/pass_rates.parquet",
        samples=update("results/data/{set}/pass_rates/samples.parquet"),
    log:
        "logs/estimate_pass_rate/{set}.log",
    threads: lambda wildcards: config["data"][wildcards.set]["pass_rate"]["cpu_threads"]
    resources:
        gpu=lambda wildcards: (
            0 if shards_of_set(wildcards) else job_of_asked(wildcards).gpus
        ),
        mem_mb=lambda wildcards, attempt: attempt * job_of_asked(wildcards).mem_mb,
        runtime=lambda wildcards: job_of_asked(wildcards).minutes,
    params:
        settings=lambda wildcards: piece(settings.pass_rates, wildcards.set),
    message:
        "Measure the pass rates of {wildcards.set}"
    shell:
        "rlscale step estimate_pass_rate {wildcards.set} > {log} 2>&1"


rule prepare_set:
    input:
        benchmarks=inputs.of_benchmarks(config),
        files=set_files,
        rates=lambda wildcards: inputs.of_pass_rates(config, wildcards.set),
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
        twins=report(
            "results/data/{set}/semantic_twins.csv",
            caption="../report/semantic_twins.rst",
            category="Data",
            labels={"figure": "Semantic twins: {set}", "file": "CSV"},
        ),
    log:
        "logs/prepare_set/{set}.log",
    threads: 1
    params:
        settings=lambda wildcards: piece(settings.data_set, wildcards.set),
    message:
        "Clean and split the data set {wildcards.set}"
    shell:
        "rlscale step prepare_set {wildcards.set} > {log} 2>&1"


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
        settings=lambda wildcards: piece(
            settings.variant, wildcards.set, wildcards.recipe, int(wildcards.tau)
        ),
    message:
        "Lay {wildcards.set} out for {wildcards.recipe}, each problem {wildcards.tau} times"
    shell:
        "rlscale step make_variant {wildcards.set} {wildcards.recipe} {wildcards.tau} > {log} 2>&1"
