# Curves that were made elsewhere take the place of training.


rule ingest_curves:
    input:
        files=list(config["ingest"]["files"]),
    output:
        curves="results/curves.csv",
    log:
        "logs/ingest_curves.log",
    threads: 1
    params:
        settings=lambda wildcards: piece(settings.ingest),
    message:
        "Read curves made elsewhere"
    shell:
        "rlscale step ingest_curves > {log} 2>&1"
