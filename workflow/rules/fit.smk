# Laws: fits, forecasts, the recommendation.


wildcard_constraints:
    law="|".join({*config["fit"]["laws"], *config["forecast"]["laws"]}),
    x="|".join({*config["fit"]["x"], config["forecast"]["x"]}),
    metric="|".join(config["fit"]["metrics"]),
    protocol="|".join(config["forecast"]["protocols"]),


FITS = expand(
    "results/fits/{law}-{x}-{metric}.json",
    law=config["fit"]["laws"],
    x=config["fit"]["x"],
    metric=config["fit"]["metrics"],
)


def fit_settings(module="rlscale.results"):
    """The fit section without what only says which fits to make."""
    lists = ("laws", "x", "metrics", "margin")
    settings = {key: value for key, value in config["fit"].items() if key not in lists}
    return json.dumps({"fit": settings, "code": code(module)})


def cell_manifests():
    """Cell -> train.json, so that a fit can list missing and diverged cells."""
    return json.dumps(
        {cell.path: f"results/cells/{cell.path}/train.json" for cell in CELLS}
    )


rule fit_law:
    input:
        curves="results/curves.csv",
        outcomes="results/outcomes.parquet" if CELLS else [],
    output:
        fit="results/fits/{law}-{x}-{metric}.json",
    log:
        "logs/fit_law/{law}-{x}-{metric}.log",
    threads: 1
    params:
        settings=fit_settings(),
        cells=cell_manifests(),
        outcomes="--outcomes results/outcomes.parquet" if CELLS else "",
    message:
        "Fit {wildcards.law} to {wildcards.metric} against {wildcards.x}"
    shell:
        "OMP_NUM_THREADS=1 python $SCRIPTS/fit_law.py --settings {params.settings:q}"
        " --cells {params.cells:q} --law {wildcards.law} --x {wildcards.x}"
        " --metric {wildcards.metric} --curves {input.curves} {params.outcomes}"
        " --output {output.fit} > {log} 2>&1"
