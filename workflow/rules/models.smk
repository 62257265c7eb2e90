# Weights that cells start from: made here, fetched from a hub, or found in a local folder.


rule make_corpus:
    input:
        unseen=lambda wildcards: inputs.unseen(config),
        may_be_seen=lambda wildcards: inputs.may_be_seen(config),
    output:
        manifest="results/corpora/{corpus}/manifest.json",
        seen="results/corpora/{corpus}/seen.csv",
        pairs="results/corpora/{corpus}/pairs.parquet",
    log:
        "logs/make_corpus/{corpus}.log",
    wildcard_constraints:
        corpus=r"(pretraining|fine_tuning)(-run\d+)?",
    threads: 1
    params:
        settings=lambda wildcards: piece(settings.corpus, wildcards.corpus),
    message:
        "Draw the problems of {wildcards.corpus}"
    shell:
        "rlscale step make_corpus {wildcards.corpus} > {log} 2>&1"


def make_model_inputs(wildcards):
    """A made model reads what it learns from, a tuned one also its base; one from a folder its
    files, as far as they are here."""
    names = (wildcards.model, wildcards.variant)
    return {
        "corpus": inputs.corpora(config, *names),
        "base": inputs.base_of(config, *names),
        "files": inputs.model_files(config, *names),
    }


rule make_model:
    input:
        unpack(make_model_inputs),
    output:
        manifest="results/models/{model}-{variant}/manifest.json",
    log:
        "logs/make_model/{model}-{variant}.log",
    wildcard_constraints:
        variant=r"(base|instruct)(-run\d+)?",
    threads: 1
    resources:
        mem_mb=lambda wildcards, attempt: attempt * resources_of(wildcards.model).mem_mb,
        runtime=lambda wildcards: resources_of(wildcards.model).minutes,
    params:
        settings=lambda wildcards: piece(
            settings.model, wildcards.model, wildcards.variant
        ),
        identity=lambda wildcards: piece(settings.identity, wildcards.model),
    message:
        "Make the weights of {wildcards.model}-{wildcards.variant}"
    shell:
        "rlscale step make_model {wildcards.model} {wildcards.variant} > {log} 2>&1"


# What comes from a hub, for compute nodes that have no network: `make fetch` where there is one.
HUB_SETS = [
    name
    for name, entry in config["data"].items()
    if any("hub" in part.get("read", {}) for part in (entry, entry["held_out"]))
]
HUB_MODELS = sorted(
    {
        grid.model_name(config, cell)
        for cell in CELLS
        if "hub" in config["models"][cell.model][cell.variant]
    }
)


rule fetch:
    input:
        expand("results/models/{model}/manifest.json", model=HUB_MODELS),
        expand("results/data/{set}/problems/manifest.json", set=HUB_SETS),
    localrule: True
    message:
        "All that comes from a hub is here"
