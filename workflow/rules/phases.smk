# Phases of a study, as dvc.yaml names them: data, models, cells, fits (and figures, figures.smk).


rule data:
    input:
        sorted({inputs.data_of(config, cell) for cell in CELLS}),
        expand(
            "results/benchmarks/{name}/manifest.json",
            name=MADE_BENCHMARKS if CELLS else [],
        ),
        inputs.corpora_of_cells(config) if CELLS else [],
    message:
        "All problems are prepared"


rule models:
    input:
        sorted({inputs.model_of(config, cell) for cell in CELLS}),
    message:
        "All models are there"


rule cells:
    input:
        expand("results/cells/{cell}/curve.csv", cell=[cell.path for cell in CELLS]),
    message:
        "All cells are trained and evaluated"


rule fits:
    input:
        FITS,
        FORECASTS,
        "results/recommendation.md",
        "results/equal_compute.csv",
        "results/protocols.csv" if CELLS else [],
        "results/timings.csv" if CELLS else [],
        "results/pass_at_k.csv" if CELLS else [],
    message:
        "All laws are fitted"
