"""What a run says while it goes on: stages, finished cells, failures in the program's own words."""

import csv
import re
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from rlscale.core.files import read_json, write_json
from rlscale.study.layout import CellFiles

# The stages of a study, in order, and the rules of each; a rule of none counts as the last.
STAGES = {
    "data": (
        "list_problems", "prepare_set", "make_variant", "make_benchmark", "keep_data_report",
        "estimate_pass_rate",
    ),
    "models": ("make_corpus", "make_model"),
    "cells": ("train_cell", "evaluate_cell", "make_curve"),
    "fits": (
        "collect_curves", "collect_timings", "ingest_curves", "fit_law", "split_curves",
        "forecast_laws",
        "score_forecasts", "measure_passes", "compare_settings", "recommend", "compare_table6",
    ),
    "figures": (),
}  # fmt: skip
# What torch's libraries still say on their way out, and the rank before every line.
_AFTERWARDS = re.compile(r"(?:\[rank\d+\]:)?\[[IW]\d{4} ?")
_RANK = re.compile(r"^\[rank\d+\]:\s*")
# Rules that only name what others make.
_TARGETS = {"all", "fetch", *STAGES}
# Where the state of the run that is going on stands, for `rlscale status`.
STATE = Path(".state/progress.json")
_STEP = re.compile(r"(\d+)/(\d+) \[")
_TAIL_BYTES = 4000


@dataclass
class Job:
    """One job of a run.

    Attributes:
        rule: Its rule.
        name: What it is about: a cell's path, or the rule's other wildcards.
        log: Its log file; empty where it has none.
        started: When it started, by the story's clock [s].
    """

    rule: str
    name: str
    log: str
    started: float


class Story:
    """A run as its user is told it.

    Args:
        say: Takes one line at a time.
        clock: Seconds that only go on.
    """

    def __init__(
        self, say: Callable[[str], None], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._say = say
        self._clock = clock
        self._jobs: dict[int, Job] = {}
        self._total: Counter[str] = Counter()
        self._done: Counter[str] = Counter()
        self._failed: list[Job] = []
        self._refused = False
        self._seconds: dict[str, list[float]] = {}
        self._began = clock()
        self._trained: dict[str, float] = {}

    def planned(self, stats: Mapping[str, int]) -> None:
        """All that there is to do: rule -> jobs, and the ``total``."""
        if self._total:
            return  # Snakemake says it again at the end
        self._total.update({rule: count for rule, count in stats.items() if _is_step(rule)})
        parts = [f"{stage} {count}" for stage, count in _by_stage(self._total).items() if count]
        self._say(f"study: {sum(self._total.values())} steps to do: {', '.join(parts)}")

    def started(
        self, jobid: int, rule: str, wildcards: Mapping[str, str], log: Sequence[str]
    ) -> None:
        """A job that starts now."""
        name = wildcards.get("cell") or " ".join(wildcards.values())
        self._jobs[jobid] = Job(rule, name, log[0] if log else "", self._clock())
        self._keep()

    def finished(self, jobid: int) -> None:
        """A job's good end; a cell's last one gives the cell a line of its own."""
        job = self._jobs.pop(jobid)
        if not _is_step(job.rule):
            return
        self._done[job.rule] += 1
        took = self._clock() - job.started
        self._seconds.setdefault(job.rule, []).append(took)
        if job.rule == "train_cell":
            self._trained[job.name] = took
        if job.rule == "make_curve":
            self._say(f"  cell {job.name}{self._cell(job.name)}")
        stage = _stage(job.rule)
        done, total = _by_stage(self._done)[stage], _by_stage(self._total)[stage]
        if done == total:
            self._say(f"{stage}: {done} of {total} done, {_minutes(self._clock() - self._began)}")
        self._keep()

    def failed(self, jobid: int) -> None:
        """A job's bad end, told at once in the program's own words."""
        job = self._jobs.pop(jobid, None)
        if job is None:
            return  # told already: a group's error names its jobs again
        self._failed.append(job)
        self._say(failure(job.rule, job.name, job.log))
        self._keep()

    def refused(self, message: str) -> None:
        """Snakemake's own reason why nothing runs; jobs that failed have been told before."""
        self._refused = True
        if not self._failed:
            self._say(message.strip())

    def ended(self) -> None:
        """How it ended, and what goes on from there."""
        done, total = sum(self._done.values()), sum(self._total.values())
        if self._failed:
            names = ", ".join(sorted({f"{job.rule} {job.name}".strip() for job in self._failed}))
            self._say(
                f"study: {done} of {total} steps done; failed: {names}; mend what is said above, "
                "then run the same command again: it goes on from here"
            )
        elif total:
            self._say(
                f"study: {done} of {total} steps done, {_minutes(self._clock() - self._began)}"
            )
        elif not self._refused:
            self._say("study: nothing to do, all is there and up to date")
        STATE.unlink(missing_ok=True)

    def status(self) -> str:
        """What is being done now, on one line."""
        total, done = sum(self._total.values()), sum(self._done.values())
        if not total:
            return "study: reading the rules"
        running = [f"{job.rule} {job.name}{_steps(job.log)}".strip() for job in self._jobs.values()]
        left = self._left()
        return f"{done}/{total}{f', {_minutes(left)} left' if left else ''}: {'; '.join(running)}"

    def _left(self) -> float | None:
        """Seconds left, by this run's own rates; None before there are any.

        Rules that have not run yet count as the mean of those that have; jobs that ran side by
        side are counted as often as they did so far.
        """
        spent = sum(map(sum, self._seconds.values()))
        count = sum(map(len, self._seconds.values()))
        elapsed = self._clock() - self._began
        if not spent or not elapsed:
            return None
        beside = max(spent / elapsed, 1e-9)
        ahead = 0.0
        for rule, total in self._total.items():
            seen = self._seconds.get(rule)
            each = sum(seen) / len(seen) if seen else spent / count
            ahead += each * (total - self._done[rule])
        return ahead / beside

    def _cell(self, name: str) -> str:
        """First and last loss of a finished cell, and how long its training took."""
        with open(CellFiles.of(name).curve, newline="", encoding="utf-8") as table:
            rows = [row for row in csv.DictReader(table) if row["benchmark"] == "held_out"]
        loss = (
            f": loss {float(rows[0]['loss']):.3f} -> {float(rows[-1]['loss']):.3f}" if rows else ""
        )
        took = f", trained in {_minutes(self._trained[name])}" if name in self._trained else ""
        return f"{loss}{took}"

    def _keep(self) -> None:
        """Leave the state where `rlscale status` reads it."""
        write_json(
            STATE,
            {
                "stages": {
                    stage: [_by_stage(self._done)[stage], total]
                    for stage, total in _by_stage(self._total).items()
                    if total
                },
                "running": [
                    {"rule": job.rule, "name": job.name, "log": job.log}
                    for job in self._jobs.values()
                ],
                "failed": [failure(job.rule, job.name, job.log) for job in self._failed],
                "seconds_left": self._left(),
            },
        )


def failure(rule: str, name: str, log: str) -> str:
    """Which step failed, why in the program's own words, and where all of it stands.

    Args:
        rule: The step's rule.
        name: What it was about.
        log: Its log file; empty where it has none.
    """
    head = f"failed: {rule} {name}".strip()
    return f"{head}\n  {sentence(log)}\n  log: {log}" if log else head


def sentence(log: str) -> str:
    """The last ``error:`` that a log ends with; without one, its last line but libraries' own."""
    lines = [line.strip() for line in _tail(log).splitlines() if line.strip()]
    said = [line for line in lines if line.startswith("error: ")]
    if said:
        return said[-1]
    if not lines:
        return "error: it ended without a word (killed from outside, or out of memory?)"
    own = [line for line in lines if not _AFTERWARDS.match(line)] or lines
    return f"error: {_RANK.sub('', own[-1])} (not expected: please report it with the log)"


def failures(snakemake_log: str) -> list[str]:
    """What failed in a run, from Snakemake's own log file: ``failure`` of each, once."""
    told = {}
    for block in snakemake_log.split("Error in rule ")[1:]:
        rule = block.split(":", 1)[0]
        found = re.search(r"^ {4,}log: (\S+?),? ", block, re.MULTILINE)
        log = found[1] if found else ""
        told[rule, log] = failure(rule, "", log)
    return list(told.values())


def show_failures(snakemake_logs: Iterable[str], told_already: bool) -> None:
    """Print what failed in a run of plain Snakemake, after its own words.

    Args:
        snakemake_logs: Snakemake's own log files.
        told_already: Whether this console told it while the run went on.
    """
    if not told_already:
        for path in snakemake_logs:
            for told in failures(Path(path).read_text(encoding="utf-8")):
                print(told, file=sys.stderr)


def show_status() -> None:
    """Print what the run that is going on in this folder has done and is doing."""
    if not STATE.exists():
        print("no run goes on here (`snakemake -n` says what there is to do)")
        return
    state = read_json(STATE)
    for stage, (done, total) in state["stages"].items():
        print(f"{stage}: {done} of {total} done")
    for job in state["running"]:
        print(f"  {job['rule']} {job['name']}{_steps(job['log'])}")
    for told in state["failed"]:
        print(told)
    if state["seconds_left"]:
        print(f"about {_minutes(state['seconds_left'])} left")


def _is_step(rule: str) -> bool:
    return rule not in _TARGETS and rule != "total"


def _stage(rule: str) -> str:
    return next((stage for stage, rules in STAGES.items() if rule in rules), "figures")


def _by_stage(counts: Mapping[str, int]) -> dict[str, int]:
    sums = dict.fromkeys(STAGES, 0)
    for rule, count in counts.items():
        sums[_stage(rule)] += count
    return sums


def _tail(log: str) -> str:
    """The end of a log, a carriage return counting as a line's end."""
    path = Path(log)
    if not log or not path.exists():
        return ""
    with path.open("rb") as handle:
        handle.seek(max(0, path.stat().st_size - _TAIL_BYTES))
        return handle.read().decode("utf-8", "replace").replace("\r", "\n")


def _steps(log: str) -> str:
    """`` (12 of 64)`` from the progress bar in a running job's log."""
    found = _STEP.findall(_tail(log))
    return f" ({found[-1][0]} of {found[-1][1]})" if found else ""


def _minutes(seconds: float) -> str:
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
