# Laws: fits, forecasts, the recommendation.


wildcard_constraints:
    law="|".join(config["fit"]["laws"]),
    x="|".join(config["fit"]["x"]),
    metric="|".join(config["fit"]["metrics"]),


FITS = expand(
    "results/fits/{law}-{x}-{metric}.json",
    law=config["fit"]["laws"],
    x=config["fit"]["x"],
    metric=config["fit"]["metrics"],
)


def fit_settings():
    """The fit section without the lists that only say which fits to make."""
    lists = ("laws", "x", "metrics")
    return json.dumps({k: v for k, v in config["fit"].items() if k not in lists})


def train_manifests():
    """Cell -> train.json, so that a fit can list missing and diverged cells."""
    return json.dumps({cell.path: f"results/cells/{cell.path}/train.json" for cell in CELLS})


rule fit_law:
    input:
        curves="results/curves.csv",
        outcomes="results/outcomes.parquet" if CELLS else [],
    output:
        fit="results/fits/{law}-{x}-{metric}.json",
    log:
        "logs/fit_law/{law}-{x}-{metric}.log",
    params:
        script="workflow/scripts/fit_law.py",
        settings=fit_settings(),
        cells=train_manifests(),
        outcomes=lambda wildcards, input: (
            f"--outcomes {input.outcomes}" if input.outcomes else ""
        ),
    threads: 1
    message:
        "Fit {wildcards.law} to {wildcards.metric} against {wildcards.x}"
    shell:
        "python {params.script} --settings {params.settings:q} --cells {params.cells:q}"
        " --law {wildcards.law} --x {wildcards.x} --metric {wildcards.metric}"
        " --curves {input.curves} {params.outcomes} --output {output.fit} > {log} 2>&1"
