# Weights that cells start from: made here, fetched from a hub, or found in a local folder.


def weights_source(wildcards):
    """Where the weights of a model's variant come from, as the configuration says."""
    return config["models"][wildcards.model][wildcards.variant]


def make_model_settings(wildcards):
    """All that decides the weights, and nothing else."""
    source = weights_source(wildcards)
    settings = {
        "variant": wildcards.variant,
        "source": source,
        "code": code("rlscale.models.sources"),
    }
    if "made" in source:
        settings["pretraining"] = config["pretraining"]
        if wildcards.variant == "instruct":
            settings["fine_tuning"] = config["fine_tuning"]
    return settings


def unseen_of(name):
    """Manifest of the problems of a set that a made model must not see: the held-out ones, or all
    where a model of the study measures the pass rates, before there is a split.
    """
    before = "pass_rate" in config["data"][name]
    return f"results/data/{name}/{'problems/' if before else ''}manifest.json"


def make_model_inputs(wildcards):
    """A made model reads the problems that it must not see; a tuned one also its base."""
    source = weights_source(wildcards)
    if "made" not in source:
        return {}
    inputs = {
        "unseen": [unseen_of(name) for name in config["data"]]
        + [f"results/benchmarks/{name}/manifest.json" for name in MADE_BENCHMARKS]
    }
    if wildcards.variant == "instruct":
        inputs["base"] = f"results/models/{wildcards.model}-base/manifest.json"
    return inputs


rule make_model:
    input:
        unpack(make_model_inputs),
    output:
        manifest="results/models/{model}-{variant}/manifest.json",
    log:
        "logs/make_model/{model}-{variant}.log",
    benchmark:
        "logs/make_model/{model}-{variant}.tsv"
    threads: 1
    resources:
        mem_mb=lambda wildcards, attempt: attempt * resources_of(wildcards.model).mem_mb,
        runtime=lambda wildcards: resources_of(wildcards.model).minutes,
    params:
        settings=lambda wildcards: json.dumps(make_model_settings(wildcards)),
        identity=lambda wildcards: json.dumps(
            {
                "model": wildcards.model,
                "family": config["models"][wildcards.model]["family"],
                "n_params_nominal": config["models"][wildcards.model].get(
                    "n_params_nominal"
                ),
            }
        ),
        weights="checkpoints/models/{model}-{variant}",
        inputs=lambda wildcards, input: " ".join(
            [f"--exclude {path}" for path in input.get("unseen", [])]
            + ([f"--base {input.base}"] if input.get("base") else [])
        ),
    message:
        "Make the weights of {wildcards.model}-{wildcards.variant}"
    shell:
        "python $SCRIPTS/make_model.py --settings {params.settings:q}"
        " --identity {params.identity:q} {params.inputs} --weights {params.weights}"
        " --manifest {output.manifest} > {log} 2>&1"


# What comes from a hub, for compute nodes that have no network: `make fetch` where there is one.
HUB_SETS = [
    name
    for name, entry in config["data"].items()
    if any("hub" in part.get("read", {}) for part in (entry, entry["held_out"]))
]
HUB_MODELS = sorted(
    {cell.model_name for cell in CELLS if "hub" in weights_source(cell)}
)


rule fetch:
    input:
        expand("results/models/{model}/manifest.json", model=HUB_MODELS),
        expand("results/data/{set}/problems/manifest.json", set=HUB_SETS),
    localrule: True
    message:
        "All that comes from a hub is here"
