# From evaluated cells to the tables that fits and figures read.


rule make_curve:
    input:
        train="results/cells/{cell}/train.json",
        evaluation="results/cells/{cell}/eval.json",
    output:
        curve="results/cells/{cell}/curve.csv",
    log:
        "logs/make_curve/{cell}.log",
    localrule: True
    threads: 1
    params:
        study=config["study"],
        protocol=lambda wildcards: grid.protocol_digest(config, cell_of(wildcards)),
        code=code("rlscale.curves.assemble"),
    message:
        "Join scores and ledger of {wildcards.cell}"
    shell:
        "python $SCRIPTS/make_curve.py --study {params.study} --protocol-digest {params.protocol}"
        " --train {input.train} --evaluation {input.evaluation} --output {output.curve} > {log} 2>&1"


def curves_to_collect(wildcards):
    """Curves of all cells; with figures.allow_missing, of those that are evaluated by now."""
    paths = [f"results/cells/{cell.path}/curve.csv" for cell in CELLS]
    there = [path for path in paths if Path(path).exists()]
    return there if there and config["figures"]["allow_missing"] else paths


rule collect_curves:
    input:
        curves=curves_to_collect,
    output:
        curves="results/curves.csv",
        outcomes="results/outcomes.parquet",
        ledger="results/ledger.csv",
        timings="results/timings.csv",
    log:
        "logs/collect_curves.log",
    localrule: True
    threads: 1
    params:
        code=code("rlscale.curves.assemble"),
    message:
        "Collect the tables of all cells"
    shell:
        "python $SCRIPTS/collect_curves.py --curve {input.curves} --curves {output.curves}"
        " --outcomes {output.outcomes} --ledger {output.ledger} --timings {output.timings}"
        " > {log} 2>&1"
