# Laws: what differs between cells, fits, forecasts, the recommendation.
from rlscale.laws.protocols import write_differences
from rlscale.laws.registry import LAWS


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


def fit_settings(module, *laws):
    """What decides numbers of the fit section, and the code: of these laws, or of all."""
    lists = ("laws", "x", "metrics", "margin")
    settings = {key: value for key, value in config["fit"].items() if key not in lists}
    used = [LAWS.module(law) for law in laws]
    return json.dumps({"fit": settings, "code": code(module, *used)})


rule list_protocols:
    output:
        table="results/protocols.csv",
    log:
        "logs/list_protocols.log",
    localrule: True
    params:
        digests=[grid.protocol_digest(config, cell) for cell in CELLS],
    message:
        "List the settings in which cells differ"
    run:
        write_differences(
            {cell.path: grid.protocol(config, cell) for cell in CELLS}, output.table
        )


rule fit_law:
    input:
        curves="results/curves.csv",
        cells="results/cells.txt",
        outcomes="results/outcomes.parquet" if CELLS else [],
        protocols="results/protocols.csv" if CELLS else [],
    output:
        fit="results/fits/{law}-{x}-{metric}.json",
    log:
        "logs/fit_law/{law}-{x}-{metric}.log",
    localrule: True
    threads: 1
    params:
        settings=lambda wildcards: fit_settings("rlscale.laws.study", wildcards.law),
        optional=lambda wildcards, input: " ".join(
            f"--{name} {input[name]}"
            for name in ("outcomes", "protocols")
            if input[name]
        ),
    message:
        "Fit {wildcards.law} to {wildcards.metric} against {wildcards.x}"
    shell:
        "OMP_NUM_THREADS=1 python $SCRIPTS/fit_law.py --settings {params.settings:q}"
        " --cells {input.cells} --law {wildcards.law} --x {wildcards.x}"
        " --metric {wildcards.metric} --curves {input.curves} {params.optional}"
        " --output {output.fit} > {log} 2>&1"


def forecast_settings(wildcards):
    """What decides one protocol's split and forecasts."""
    settings = json.loads(
        fit_settings("rlscale.answers.forecast", *config["forecast"]["laws"])
    )
    keys = {key: config["forecast"][key] for key in ("x", "metric")}
    protocol = config["forecast"]["protocols"][wildcards.protocol]
    return json.dumps(settings | keys | {"protocol": protocol})


rule split_curves:
    input:
        curves="results/curves.csv",
    output:
        train="results/forecasts/{protocol}/train.csv",
        targets="results/forecasts/{protocol}/targets.json",
    log:
        "logs/split_curves/{protocol}.log",
    localrule: True
    threads: 1
    params:
        settings=forecast_settings,
    message:
        "Set the target rows of {wildcards.protocol} aside"
    shell:
        "python $SCRIPTS/split_curves.py --settings {params.settings:q} --curves {input.curves}"
        " --train {output.train} --targets {output.targets} > {log} 2>&1"


# No edge leads from the full curves to this rule: the target rows are not there to be seen.
rule forecast_laws:
    input:
        train="results/forecasts/{protocol}/train.csv",
        targets="results/forecasts/{protocol}/targets.json",
    output:
        forecasts=expand(
            "results/forecasts/{{protocol}}/{law}.json", law=config["forecast"]["laws"]
        ),
    log:
        "logs/forecast_laws/{protocol}.log",
    localrule: True
    threads: 1
    params:
        settings=forecast_settings,
        laws=config["forecast"]["laws"],
    message:
        "Forecast with every law under {wildcards.protocol}"
    shell:
        "OMP_NUM_THREADS=1 python $SCRIPTS/forecast_laws.py --settings {params.settings:q}"
        " --laws {params.laws} --train {input.train} --targets {input.targets}"
        " --outputs {output.forecasts} > {log} 2>&1"


rule score_forecasts:
    input:
        curves="results/curves.csv",
        forecasts=rules.forecast_laws.output.forecasts,
    output:
        table="results/forecasts/{protocol}.csv",
    log:
        "logs/score_forecasts/{protocol}.log",
    localrule: True
    threads: 1
    params:
        settings=lambda wildcards: fit_settings("rlscale.answers.ranking"),
    message:
        "Score the forecasts of {wildcards.protocol}"
    shell:
        "python $SCRIPTS/score_forecasts.py --settings {params.settings:q}"
        " --protocol {wildcards.protocol} --curves {input.curves} --forecasts {input.forecasts}"
        " --output {output.table} > {log} 2>&1"


FORECASTS = expand(
    "results/forecasts/{protocol}.csv", protocol=config["forecast"]["protocols"]
)


rule compare_table6:
    input:
        curves="results/curves.csv",
        table6="resources/published/table6.csv",
    output:
        page="results/published.md",
    log:
        "logs/compare_table6.log",
    localrule: True
    threads: 1
    params:
        settings=lambda wildcards: fit_settings("rlscale.answers.published"),
    message:
        "Set K_max and N0 beside the paper's Table 6"
    shell:
        "OMP_NUM_THREADS=1 python $SCRIPTS/compare_table6.py --settings {params.settings:q}"
        " --curves {input.curves} --table6 {input.table6} --output {output.page} > {log} 2>&1"


rule recommend:
    input:
        curves="results/curves.csv",
        outcomes="results/outcomes.parquet" if CELLS else [],
    output:
        page="results/recommendation.md",
    log:
        "logs/recommend.log",
    localrule: True
    threads: 1
    params:
        settings=lambda wildcards: json.dumps(
            json.loads(fit_settings("rlscale.answers.recommend"))
            | {"recommend": config["recommend"] | {"margin": config["fit"]["margin"]}}
        ),
        outcomes="--outcomes results/outcomes.parquet" if CELLS else "",
    message:
        "Recommend size, steps, tau and the next cell"
    shell:
        "OMP_NUM_THREADS=1 python $SCRIPTS/recommend.py --settings {params.settings:q}"
        " --curves {input.curves} {params.outcomes} --output {output.page} > {log} 2>&1"
