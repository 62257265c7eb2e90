"""Lint of the workflow: `snakemake --lint`, and what the jobs of a study say of their files.

Of Snakemake's own advice, what this workflow departs from on purpose is left out. Beyond it:

* a path that stands in a job's parameters or command must be an input, an output or its log: a
  file that is only named there can change, or be absent, without anybody noticing;
* resources size a job; texts in them would be parameters that Snakemake does not compare.
"""

import contextlib
import io
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from snakemake.api import SnakemakeApi
from snakemake.jobs import Job
from snakemake.settings.types import ConfigSettings, DAGSettings, OutputSettings, ResourceSettings

ROOT = Path(__file__).parents[2]
ACCEPTED = {
    "Specify a conda environment or container": "one locked environment serves all rules",
    "Mixed rules and functions": "a function that one rules file uses stands beside its rules",
}
STUDIES = ("config/config.yaml", "config/published.yaml")
_PATH = re.compile(r"(?<![\w./-])(?:results|checkpoints|resources|\.state)/[\w./+-]*\w")
_OWN_TEXTS = {"tmpdir", "mem", "disk"}  # resources that Snakemake makes itself


def advice() -> list[str]:
    """What `snakemake --lint` says, less what is accepted."""
    done = subprocess.run(
        [sys.executable, "-m", "snakemake", "--lint"], capture_output=True, text=True, cwd=ROOT
    )
    said = done.stdout + done.stderr
    if "Lints for" not in said and done.returncode:
        return [said]
    found = []
    for block in re.split(r"(?m)^(?=Lints for )", said)[1:]:
        where, *lints = re.split(r"(?m)^ {4}\* ", block)
        found += [
            f"{where.strip()} {lint.strip()}"
            for lint in lints
            if not lint.startswith(tuple(ACCEPTED))
        ]
    return found


def of_jobs(snakefile: Path, configfile: Path) -> list[str]:
    """What is wrong with the jobs of a study that is planned in a folder without results."""
    here = Path.cwd()
    with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stderr(io.StringIO()):
        Path(folder, "resources").symlink_to(ROOT / "resources")
        try:
            with SnakemakeApi(OutputSettings(dryrun=True)) as api:
                workflow = api.workflow(
                    resource_settings=ResourceSettings(cores=1),
                    config_settings=ConfigSettings(configfiles=[configfile]),
                    snakefile=snakefile,
                    workdir=Path(folder),
                )
                workflow.dag(DAGSettings()).execute_workflow(executor="dryrun")
                jobs = list(workflow._workflow_store.dag.jobs)  # the API shows no jobs
                return sorted({said for job in jobs for said in of_job(job)})
        finally:
            os.chdir(here)


def of_job(job: Job) -> Iterator[str]:
    """What is wrong with one job."""
    declared = {str(path) for path in (*job.input, *job.output, *job.log, *(job.benchmark or ()))}
    texts = {"params": " ".join(map(str, job.params)), "shell": job.shellcmd or ""}
    for where, text in texts.items():
        for path in sorted(set(_PATH.findall(text)) - declared):
            yield f"rule {job.rule.name}: {where} names {path}, which is no input, output or log"
    for name, value in job.resources.items():
        if isinstance(value, str) and name not in _OWN_TEXTS:
            yield f"rule {job.rule.name}: resource {name} is a text ('{value}')"


def main() -> int:
    """Print what is found; returns 1 where there is anything."""
    found = advice()
    for study in STUDIES:
        found += of_jobs(ROOT / "Snakefile", ROOT / study)
    for said in found:
        print(said)
    print(f"workflow: {len(found)} lints besides the {len(ACCEPTED)} kinds accepted")
    return min(len(found), 1)


if __name__ == "__main__":
    sys.exit(main())
