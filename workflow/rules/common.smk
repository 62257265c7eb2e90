# What all rules share: the study's cells, its configuration for the jobs, resources.
import json
import os
import re
import uuid
from functools import cache
from pathlib import Path

from snakemake.exceptions import WorkflowError

from rlscale.core.digests import digest
from rlscale.core.errors import StudyError
from rlscale.jobs import attempts
from rlscale.study import configuration, estimates, grid, inputs, layout, settings
from rlscale.study.cluster import cancel_orphans
from rlscale.study.folder import check_folder, claim_folder
from rlscale.study.layout import CellFiles


def or_refuse(function, *arguments):
    """Call a function of the package; what it refuses ends the workflow with one sentence."""
    try:
        return function(*arguments)
    except StudyError as error:
        raise WorkflowError(str(error)) from None


or_refuse(check_folder, config["study"], Path("results"))
# Jobs take the configuration from here. Those on a cluster, whose own Snakemake reads config.yaml
# again, keep that of the process that planned them.
if workflow.is_main_process or configuration.VARIABLE not in os.environ:
    configuration.use(config)
# A study of curves made elsewhere trains nothing.
CELLS = []
if "ingest" not in config:
    CELLS = grid.expand(config)


wildcard_constraints:
    cell=r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*/tau\d+-g\d+/seed\d+",
    model=r"[A-Za-z0-9][A-Za-z0-9._-]*",
    variant="base|instruct",
    set="|".join(config.get("data", [])),
    recipe="|".join(config.get("recipes", [])),
    tau=r"\d+",
    shard=r"\d+of\d+",


@cache
def cell_at(path):
    """The cell of that path; an unknown one is refused with its near matches."""
    return or_refuse(grid.find, CELLS, path)


def cell_of(wildcards):
    """The cell that a rule's wildcard names."""
    return cell_at(wildcards.cell)


def piece(function, *names):
    """What decides a step, from rlscale.study.settings: a rule's parameter `settings`.

    It is on no command line: Snakemake compares it, and the step asks for the same.
    """
    return json.dumps(or_refuse(function, config, *names))


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


def attempts_of(cell):
    """The record of the attempts at training a cell, and the folder of its resumable state."""
    files = CellFiles.of(cell.path)
    return files.attempts, files.state


def memory_for_training(cell):
    """Half as much again for each attempt that was killed without a word."""
    killed = attempts.killed(*attempts_of(cell))
    return int(estimates.node_mb(config, cell) * 1.5**killed)


def gpus_for_training(cell):
    """None once the attempts are spent: a job could only say so."""
    spent = attempts.spent(*attempts_of(cell), config["training"]["faults"])
    return 0 if spent else resources_of(cell.model).gpus
