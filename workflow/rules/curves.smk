# From evaluated cells to the tables that fits and figures read.


rule make_curve:
    input:
        train="results/cells/{cell}/train.json",
        ledger="results/cells/{cell}/ledger.csv",
        timings="results/cells/{cell}/timings.csv",
        evaluation="results/cells/{cell}/eval.json",
        scores="results/cells/{cell}/scores.csv",
        outcomes="results/cells/{cell}/outcomes.parquet",
        samples="results/cells/{cell}/samples.parquet",
    output:
        curve="results/cells/{cell}/curve.csv",
        costs="results/cells/{cell}/costs.csv",
    log:
        "logs/make_curve/{cell}.log",
    localrule: True
    threads: 1
    params:
        settings=lambda wildcards: piece(settings.curve, cell_of(wildcards)),
    message:
        "Join scores and ledger of {wildcards.cell}"
    shell:
        "rlscale step make_curve {wildcards.cell} > {log} 2>&1"


def tables_to_collect(wildcards):
    """Tables of all cells; with figures.allow_missing, of those that are evaluated by now."""
    found = [CellFiles.of(cell.path) for cell in inputs.collected(config)]
    names = ("curve", "costs", "evaluation", "outcomes")
    return {name: [getattr(files, name) for files in found] for name in names}


rule collect_curves:
    input:
        unpack(tables_to_collect),
    output:
        curves="results/curves.csv",
        outcomes="results/outcomes.parquet",
        ledger="results/ledger.csv",
    log:
        "logs/collect_curves.log",
    localrule: True
    threads: 1
    params:
        code=settings.code(config, "rlscale.curves.assemble"),
    message:
        "Collect the tables of all cells"
    shell:
        "rlscale step collect_curves > {log} 2>&1"


# On its own, because it is measured: a training that was made again and came out the same has
# other timings, and fits again for no reason if they came with the curves.
rule collect_timings:
    input:
        lambda wildcards: [
            CellFiles.of(cell.path).timings for cell in inputs.collected(config)
        ],
    output:
        timings="results/timings.csv",
    log:
        "logs/collect_timings.log",
    localrule: True
    threads: 1
    params:
        code=settings.code(config, "rlscale.curves.assemble"),
    message:
        "Collect what all cells took"
    shell:
        "rlscale step collect_timings > {log} 2>&1"
