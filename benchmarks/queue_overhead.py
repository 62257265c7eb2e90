"""What the queue costs a cell: the same four cells to one figure, by three ways, on a real Slurm.

    every rule a job       the rules as they would be without `localrule`
    as shipped             seconds-long rules run beside Snakemake
    checkpoints_on_disk    and a cell is evaluated in the job that trains it

Run from the repository, as root, with Slurm installed: python benchmarks/queue_overhead.py
It starts the test cluster (tests/slurm/cluster.py) and prints a row per way: Slurm jobs; seconds to
the figure; and, as sums over the jobs divided by the cells, seconds of waiting (submission to
start) and of the jobs' own start and end (a job's time less that of its rule's command). Every way
runs with the shipped profile, but asks Slurm every second.
"""

import re
import shutil
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "tests" / "slurm")]

from cluster import Cluster, missing  # noqa: E402
from slurm_study import SlurmStudy  # noqa: E402
from test_whole_study import FIGURE, two_sizes  # noqa: E402

SEEDS = [1, 2]  # of two sizes
CELLS = 4
_PYTHON = """#!/bin/bash
[ -n "$RLSCALE_TIMED" ] && exec {python} "$@"  # started by a command that is timed already
export RLSCALE_TIMED=1
began=$(date +%s.%N)
{python} "$@"
status=$?
echo "$SLURM_JOB_ID $began $(date +%s.%N)" >> {record}
exit $status
"""


class TimedStudy(SlurmStudy):
    """A study that notes how long the rules' own commands took, by a `python` before PATH's."""

    def __init__(self, folder: Path, config: dict, snakefile: Path):
        super().__init__(folder, config)
        self.snakefile = snakefile
        self.record = folder / "commands.txt"
        python = folder / "bin" / "python"
        python.parent.mkdir()
        python.write_text(_PYTHON.format(python=sys.executable, record=self.record))
        python.chmod(0o755)

    def command(self, *arguments: str) -> dict:
        """Arguments of `subprocess` for one run."""
        command = super().command(*arguments)
        place = command["args"].index("--snakefile") + 1
        command["args"][place] = str(self.snakefile)
        command["env"]["PATH"] = f"{self.folder / 'bin'}:{command['env']['PATH']}"
        return command

    def command_seconds(self) -> dict[str, float]:
        """Seconds of the commands of every job, by its id."""
        seconds: dict[str, float] = {}
        for line in self.record.read_text().splitlines():
            if len(fields := line.split()) == 3:  # two: a rule beside Snakemake, without a job
                job, began, ended = fields
                seconds[job] = seconds.get(job, 0) + float(ended) - float(began)
        return seconds


def all_jobs(folder: Path) -> Path:
    """A copy of the workflow whose rules are all jobs; returns its Snakefile."""
    shutil.copytree(ROOT / "workflow", folder / "workflow")
    shutil.copy(ROOT / "Snakefile", folder)
    for rules in (folder / "workflow" / "rules").glob("*.smk"):
        rules.write_text(re.sub(r"\n +localrule: True\n", "\n", rules.read_text()))
    return folder / "Snakefile"


@contextmanager
def watched(cluster: Cluster) -> Iterator[dict[str, dict[str, str]]]:
    """What `scontrol` says of every job, by its id: it forgets them after a while."""
    jobs: dict[str, dict[str, str]] = {}
    done = threading.Event()

    def look() -> None:
        for line in cluster.command("scontrol show jobs --oneliner").splitlines():
            fields = dict(item.partition("=")[::2] for item in line.split())
            if "JobId" in fields:
                jobs[fields["JobId"]] = fields

    def watch() -> None:
        while not done.wait(10):
            look()

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield jobs
    finally:
        done.set()
        watcher.join()
        look()


def measure(way: str, cluster: Cluster, study: TimedStudy) -> None:
    """Run the study to the figure and print the way's row."""
    began = time.monotonic()
    with watched(cluster) as jobs:
        done = study.start(FIGURE)
    wall = time.monotonic() - began
    if done.returncode:
        sys.exit(done.stdout[-3000:] + study.failed_logs())
    own = study.command_seconds()
    mine = {number: job for number, job in jobs.items() if job["WorkDir"] == str(study.folder)}
    waiting = sum(_seconds(job, "SubmitTime", "StartTime") for job in mine.values())
    around = sum(
        _seconds(job, "StartTime", "EndTime") - own.get(number, 0) for number, job in mine.items()
    )
    print(
        f"{way:>20} {len(mine):>4} jobs {wall:6.0f} s to the figure; per cell "
        f"{waiting / CELLS:5.1f} s waiting, {around / CELLS:5.1f} s of start and end",
        flush=True,
    )


def _seconds(job: dict[str, str], start: str, end: str) -> float:
    moments = [datetime.fromisoformat(job[name]) for name in (start, end)]
    return (moments[1] - moments[0]).total_seconds()


def main() -> None:
    """Start the cluster and run the three ways, one after the other."""
    if why := missing():
        sys.exit(why)
    on_disk = two_sizes(SEEDS)
    on_disk["training"] = on_disk.get("training", {}) | {"checkpoints_on_disk": 2}
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        names = ("slurm", "copy", "jobs", "shipped", "on_disk")
        slurm, copied, *studies = [root / name for name in names]
        for path in (slurm, copied, *studies):
            path.mkdir()
        ways = [
            ("every rule a job", two_sizes(SEEDS), all_jobs(copied)),
            ("as shipped", two_sizes(SEEDS), ROOT / "Snakefile"),
            ("checkpoints_on_disk", on_disk, ROOT / "Snakefile"),
        ]
        cluster = Cluster(slurm)
        try:
            cluster.start()
            for (way, config, snakefile), path in zip(ways, studies, strict=True):
                measure(way, cluster, TimedStudy(path, config, snakefile))
        finally:
            cluster.stop()


if __name__ == "__main__":
    main()
