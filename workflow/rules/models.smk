# Weights that cells start from: made here, fetched from a hub, or found in a local folder.


# Keys of `pretraining` that decide how a made model learns, beside the corpus.
PRETRAINING = (
    "seed",
    "steps",
    "batch_size",
    "learning_rate",
    "reference_width",
    "weight_decay",
)
CLEAN = {
    "wrong_answers": 0.0,
    "careless": {"share": 0.0, "wrong_answers": 0.0, "mark": ""},
}


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
        # What it learns from is decided by the corpus.
        settings["pretraining"] = {
            key: config["pretraining"][key] for key in PRETRAINING
        }
        if wildcards.variant == "instruct":
            settings["fine_tuning"] = config["fine_tuning"]
    return settings


def unseen_of(name):
    """Manifest of the problems of a set that a made model must not see: the held-out ones, or all
    where a model of the study measures the pass rates, before there is a split.
    """
    before = "pass_rate" in config["data"][name]
    return f"results/data/{name}/{'problems/' if before else ''}manifest.json"


def unseen(wildcards):
    """Manifests of all problems that a made model must not see."""
    named = config["pretraining"].get("unseen", MADE_BENCHMARKS)
    benchmarks = [f"results/benchmarks/{name}/manifest.json" for name in named]
    return [unseen_of(name) for name in config["data"]] + benchmarks


def may_be_seen(wildcards):
    """Manifests of the other benchmarks."""
    benchmarks = [
        f"results/benchmarks/{name}/manifest.json" for name in MADE_BENCHMARKS
    ]
    return [path for path in benchmarks if path not in unseen(wildcards)]


def corpus_settings(wildcards):
    """All that decides which problems and answers made models learn from."""
    own = config[wildcards.corpus]
    errors = (
        {key: own[key] for key in ("wrong_answers", "careless")}
        if wildcards.corpus == "pretraining"
        else CLEAN
    )
    return {
        "mixture": config["pretraining"]["mixture"],
        **errors,
        **{key: own[key] for key in ("seed", "steps", "batch_size")},
        "code": code("rlscale.models.corpus"),
    }


rule make_corpus:
    input:
        unseen=unseen,
        may_be_seen=may_be_seen,
    output:
        manifest="results/corpora/{corpus}/manifest.json",
        seen="results/corpora/{corpus}/seen.csv",
        pairs="results/corpora/{corpus}/pairs.parquet",
    log:
        "logs/make_corpus/{corpus}.log",
    wildcard_constraints:
        corpus="pretraining|fine_tuning",
    threads: 1
    params:
        settings=lambda wildcards: json.dumps(corpus_settings(wildcards)),
    message:
        "Draw the problems of {wildcards.corpus}"
    shell:
        "python $SCRIPTS/make_corpus.py --name {wildcards.corpus} --settings {params.settings:q}"
        " --exclude {input.unseen} --count {input.may_be_seen} --pairs {output.pairs}"
        " --seen {output.seen} --manifest {output.manifest} > {log} 2>&1"


def corpora_of(cell):
    """Manifests of what the model of a cell learns from, where it is made here."""
    source = config["models"][cell.model][cell.variant]
    names = (
        ("pretraining", "fine_tuning")
        if cell.variant == "instruct"
        else ("pretraining",)
    )
    return {
        f"results/corpora/{name}/manifest.json" for name in names if "made" in source
    }


def seen_of_corpora():
    """Counts of the problems of benchmarks that made models have learnt."""
    manifests = sorted(set().union(*map(corpora_of, CELLS)))
    return [path.replace("manifest.json", "seen.csv") for path in manifests]


def make_model_inputs(wildcards):
    """A made model reads what it learns from; a tuned one also its base."""
    if "made" not in weights_source(wildcards):
        return {}
    if wildcards.variant == "base":
        return {"corpus": "results/corpora/pretraining/manifest.json"}
    return {
        "corpus": "results/corpora/fine_tuning/manifest.json",
        "base": f"results/models/{wildcards.model}-base/manifest.json",
    }


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
        state=".state/models/{model}-{variant}",
        inputs=lambda wildcards, input: " ".join(
            f"--{name} {path}" for name, path in input.items()
        ),
    message:
        "Make the weights of {wildcards.model}-{wildcards.variant}"
    shell:
        "python $SCRIPTS/make_model.py --settings {params.settings:q}"
        " --identity {params.identity:q} {params.inputs} --weights {params.weights}"
        " --state {params.state} --manifest {output.manifest} > {log} 2>&1"


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
