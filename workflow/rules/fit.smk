# Laws: what differs between cells, fits, forecasts, the recommendation.
from rlscale.laws.protocols import write_differences


wildcard_constraints:
    law="|".join({*config["fit"]["laws"], *config["forecast"]["laws"]}),
    x="|".join({*config["fit"]["x"], config["forecast"]["x"]}),
    metric="|".join(map(re.escape, config["fit"]["metrics"])),
    protocol="|".join(config["forecast"]["protocols"]),


FITS = inputs.fits(config)


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
        outcomes=inputs.of_cells(config, layout.OUTCOMES),
        protocols=inputs.of_cells(config, layout.PROTOCOLS),
    output:
        fit="results/fits/{law}-{x}-{metric}.json",
    log:
        "logs/fit_law/{law}-{x}-{metric}.log",
    localrule: True
    threads: 1
    params:
        settings=lambda wildcards: piece(settings.fit, wildcards.law),
    message:
        "Fit {wildcards.law} to {wildcards.metric} against {wildcards.x}"
    shell:
        "rlscale step fit_law {wildcards.law:q} {wildcards.x} {wildcards.metric:q} > {log:q} 2>&1"


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
        settings=lambda wildcards: piece(settings.forecast, wildcards.protocol),
    message:
        "Set the target rows of {wildcards.protocol} aside"
    shell:
        "rlscale step split_curves {wildcards.protocol} > {log} 2>&1"


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
        settings=lambda wildcards: piece(settings.forecast, wildcards.protocol),
    message:
        "Forecast with every law under {wildcards.protocol}"
    shell:
        "rlscale step forecast_laws {wildcards.protocol} > {log} 2>&1"


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
        settings=lambda wildcards: piece(settings.scoring),
    message:
        "Score the forecasts of {wildcards.protocol}"
    shell:
        "rlscale step score_forecasts {wildcards.protocol} > {log} 2>&1"


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
        settings=lambda wildcards: piece(settings.published),
    message:
        "Set K_max and N0 beside the paper's Table 6"
    shell:
        "rlscale step compare_table6 > {log} 2>&1"


# Figures are drawn again where the outcomes of single problems are not.
rule measure_passes:
    input:
        curves="results/curves.csv",
        outcomes="results/outcomes.parquet",
    output:
        table="results/pass_at_k.csv",
    log:
        "logs/measure_passes.log",
    localrule: True
    threads: 1
    params:
        settings=lambda wildcards: piece(settings.passes),
    message:
        "Measure what training does to pass@k"
    shell:
        "rlscale step measure_passes > {log} 2>&1"


rule compare_settings:
    input:
        curves="results/curves.csv",
    output:
        table="results/equal_compute.csv",
    log:
        "logs/compare_settings.log",
    localrule: True
    threads: 1
    params:
        settings=lambda wildcards: piece(settings.equal_compute),
    message:
        "Compare recipes, variants, tau and group sizes at equal compute"
    shell:
        "rlscale step compare_settings > {log} 2>&1"


rule recommend:
    input:
        curves="results/curves.csv",
        outcomes=inputs.of_cells(config, layout.OUTCOMES),
    output:
        page="results/recommendation.md",
    log:
        "logs/recommend.log",
    localrule: True
    threads: 1
    params:
        settings=lambda wildcards: piece(settings.recommendation),
    message:
        "Recommend size, steps, tau and the next cell"
    shell:
        "rlscale step recommend > {log} 2>&1"
