# What all rules share: the study's cells, settings per cell, resources, code digests.
import json
import os
import uuid
from functools import cache
from pathlib import Path

from snakemake.exceptions import WorkflowError

from rlscale.jobs import attempts
from rlscale.study import grid
from rlscale.study.cluster import cancel_orphans
from rlscale.core.errors import StudyError
from rlscale.jobs.launch import command
from rlscale.core.code import code_digest
from rlscale.core.digests import digest
from rlscale.study.folder import check_folder, claim_folder

# Entry points are named by this variable, not by a path in a rule: a path differs between clones
# and Snakemake would take that for a changed rule.
os.environ["SCRIPTS"] = str(Path(workflow.current_basedir).parent / "scripts")


def or_refuse(function, *arguments):
    """Call a function of the package; what it refuses ends the workflow with one sentence."""
    try:
        return function(*arguments)
    except StudyError as error:
        raise WorkflowError(str(error)) from None


or_refuse(check_folder, config["study"], Path("results"))
# A study of curves made elsewhere trains nothing.
CELLS = []
if "ingest" not in config:
    CELLS = grid.expand(config)


wildcard_constraints:
    cell=r"[^/]+/[^/]+/tau\d+-g\d+/seed\d+",
    model=r"[A-Za-z0-9][A-Za-z0-9._-]*",
    variant="base|instruct",
    set="|".join(config.get("data", [])),
    recipe="|".join(config.get("recipes", [])),
    tau=r"\d+",


@cache
def cell_at(path):
    """The cell of that path; an unknown one is refused with its near matches."""
    return or_refuse(grid.find, CELLS, path)


def cell_of(wildcards):
    """The cell that a rule's wildcard names."""
    return cell_at(wildcards.cell)


# On a cluster (jobs are counted, not cores) interrupted steps go on in new jobs. Only this process
# starts them: a job's own Snakemake, which reads the same rules, would multiply the attempts.
if workflow.is_main_process:
    os.environ[attempts.RUN] = str(uuid.uuid4())
ON_CLUSTER = workflow.is_main_process and workflow.resource_settings.cores is None
RETRIES = config["training"]["retries"] if ON_CLUSTER else 0


def resources_of(model):
    """What jobs of a model ask for; never part of what decides a result."""
    return grid.job_of(config, model)


def evaluation_job_of(model):
    """What jobs ask for that ask a model for responses; never part of what decides a result."""
    return resources_of(model).of_evaluation()


def engine_of(model):
    """How an engine computes responses: all GPUs of its job share the model."""
    gpus = evaluation_job_of(model).gpus
    return json.dumps(config["evaluation"]["machine"] | {"gpus": gpus})


# For a cell that another process is at: an option of the entry points, by no means a setting.
WAIT_FOR_OWNER = "--wait" if config["training"]["wait_for_owner"] else ""


def attempts_of(wildcards):
    """The record of the attempts at training a cell, and the folder of its resumable state."""
    cell = wildcards.cell
    return Path(f".state/attempts/{cell}.jsonl"), Path(f".state/{cell}")


def memory_for_training(wildcards):
    """Half as much again for each attempt that was killed without a word."""
    killed = attempts.killed(*attempts_of(wildcards))
    return int(resources_of(cell_of(wildcards).model).mem_mb * 1.5**killed)


def gpus_for_training(wildcards):
    """None once the attempts are spent: a job could only say so."""
    spent = attempts.spent(*attempts_of(wildcards), config["training"]["faults"])
    return 0 if spent else resources_of(cell_of(wildcards).model).gpus


@cache
def code(module, *used):
    """Digest of the code that decides a step, where the study makes it again on a change."""
    return code_digest(module, *used) if config["rerun_on_code"] else ""
