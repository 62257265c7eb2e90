# The plan: what the configured study will cost, from the configuration alone.


rule plan:
    output:
        page="results/plan.md",
        table="results/plan.csv",
    log:
        "logs/plan.log",
    localrule: True
    params:
        digest=digest(config),
        code=code("rlscale.plan"),
    message:
        "Plan the study"
    run:
        from rlscale.plan import plan_page, plan_study

        table = or_refuse(plan_study, config)
        table.to_csv(output.table, index=False, float_format="%.6g")
        Path(output.page).write_text(plan_page(table, config))
        print(plan_page(table, config))
