# The table of contents: configuration, rules, and the targets that have names.
# Science is in src/rlscale, one step per rule in src/rlscale/study/steps.
from snakemake.exceptions import WorkflowError
from snakemake.utils import min_version, validate

from rlscale.core.errors import StudyError
from rlscale.study import doctor
from rlscale.study.check import refuse
from rlscale.study.console import show_failures

min_version("9.0")

# Snakemake would merge --configfile into this one; a study is one file, complete in itself.
if "study" not in config:

    configfile: "config/config.yaml"


# All mistakes at once, a sentence each; Snakemake's own check fills in the defaults.
if workflow.is_main_process:
    try:
        refuse(config, workflow.configfiles)
    except StudyError as mistakes:
        raise WorkflowError(str(mistakes)) from None
validate(config, "workflow/schemas/config.schema.yaml")


include: "workflow/rules/common.smk"


if "ingest" in config:

    include: "workflow/rules/ingest.smk"

else:

    include: "workflow/rules/data.smk"
    include: "workflow/rules/models.smk"
    include: "workflow/rules/train.smk"
    include: "workflow/rules/evaluate.smk"
    include: "workflow/rules/curves.smk"
    include: "workflow/rules/plan.smk"


include: "workflow/rules/fit.smk"
include: "workflow/rules/figures.smk"
include: "workflow/rules/phases.smk"


onstart:
    if not ON_CLUSTER:
        or_refuse(doctor.refuse, doctor.checks(Path.cwd(), study=bool(CELLS)))
    claim_folder(config["study"], Path("results"))
    or_refuse(cancel_orphans, Path.cwd(), workflow.executor_plugin.name)


onerror:
    show_failures(log, "rlscale" in workflow.output_settings.log_handler_settings)


rule all:
    default_target: True
    input:
        rules.figures.input,
        rules.fits.input,
