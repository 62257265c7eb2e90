# Curves that were made elsewhere take the place of training.
from rlscale.curves.readers import CURVE_READERS


rule ingest_curves:
    input:
        files=list(config["ingest"]["files"]),
    output:
        curves="results/curves.csv",
    log:
        "logs/ingest_curves.log",
    threads: 1
    params:
        settings=lambda wildcards: json.dumps(config["ingest"]),
        study=config["study"],
        code=code(
            "rlscale.curves.ingest",
            or_refuse(CURVE_READERS.module, config["ingest"]["format"]),
        ),
    message:
        "Read curves made elsewhere"
    shell:
        "python $SCRIPTS/ingest_curves.py --settings {params.settings:q} --study {params.study}"
        " --output {output.curves} > {log} 2>&1"
