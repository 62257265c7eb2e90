# From evaluated cells to the tables that fits and figures read.


rule make_curve:
    input:
        train="results/cells/{cell}/train.json",
        ledger="results/cells/{cell}/ledger.csv",
        timings="results/cells/{cell}/timings.csv",
        evaluation="results/cells/{cell}/eval.json",
        scores="results/cells/{cell}/scores.csv",
        samples="results/cells/{cell}/samples.parquet",
    output:
        curve="results/cells/{cell}/curve.csv",
        costs="results/cells/{cell}/costs.csv",
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
        " --train {input.train} --evaluation {input.evaluation} --curve {output.curve}"
        " --costs {output.costs} > {log} 2>&1"


def tables_to_collect(wildcards):
    """Tables of all cells; with figures.allow_missing, of those that are evaluated by now."""
    folders = [Path("results/cells") / cell.path for cell in CELLS]
    there = [folder for folder in folders if (folder / "curve.csv").exists()]
    if there and config["figures"]["allow_missing"]:
        folders = there
    names = {
        "curves": "curve.csv",
        "costs": "costs.csv",
        "timings": "timings.csv",
        "evaluations": "eval.json",
        "outcomes": "outcomes.parquet",
    }
    return {key: [folder / name for folder in folders] for key, name in names.items()}


rule collect_curves:
    input:
        unpack(tables_to_collect),
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
