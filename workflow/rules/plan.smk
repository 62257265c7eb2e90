# The plan: what the configured study will cost, from the configuration alone.
from rlscale.study.plan import write_plan


rule plan:
    output:
        page="results/plan.md",
        table="results/plan.csv",
    log:
        "logs/plan.log",
    localrule: True
    params:
        digest=digest(config),
        code=settings.code(config, "rlscale.study.plan"),
    message:
        "Plan the study"
    run:
        or_refuse(write_plan, config, output.table, output.page)
