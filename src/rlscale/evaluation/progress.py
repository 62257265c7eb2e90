"""What a long evaluation says while it runs, and how it spent its time."""

import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

EVERY_SECONDS = 5.0


class Progress:
    """Says on stderr, every few seconds: problems done per benchmark, tokens/s, time left.

    Args:
        label: What is in progress.
        todo: Benchmark and problem of every sample to come.
    """

    def __init__(self, label: str, todo: Sequence[tuple[str, str]]) -> None:
        self.label = label
        self.left: dict[str, dict[str, int]] = {}
        for benchmark, problem in todo:
            open_samples = self.left.setdefault(benchmark, {})
            open_samples[problem] = open_samples.get(problem, 0) + 1
        self.problems = {name: len(entries) for name, entries in self.left.items()}
        self.total, self.done, self.tokens = len(todo), 0, 0
        self.started = self.said = time.monotonic()

    def count(self, benchmark: str, problem: str, tokens: int) -> None:
        """Note a finished sample."""
        open_samples = self.left[benchmark]
        open_samples[problem] -= 1
        if not open_samples[problem]:
            del open_samples[problem]
        self.done += 1
        self.tokens += tokens

    def due(self) -> bool:
        """Whether it is time to save; says where things stand if so."""
        now = time.monotonic()
        if now - self.said < EVERY_SECONDS and self.done < self.total:
            return False
        self.said = now
        seconds = max(now - self.started, 1e-9)
        parts = [
            f"{name} {self.problems[name] - len(entries)}/{self.problems[name]}"
            for name, entries in self.left.items()
        ]
        left = seconds * (self.total - self.done) / max(self.done, 1)
        print(
            f"{self.label}: {', '.join(parts)} problems, "
            f"{self.tokens / seconds:,.0f} tokens/s, {left:.0f} s left",
            file=sys.stderr,
            flush=True,
        )
        return True


class Clock:
    """Seconds by activity."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    @contextmanager
    def __call__(self, activity: str) -> Iterator[None]:
        started = time.monotonic()
        yield
        self.add(activity, time.monotonic() - started)

    def add(self, activity: str, seconds: float) -> None:
        """Note that an activity took so long, beside what it took before."""
        self.seconds[activity] = round(self.seconds.get(activity, 0.0) + seconds, 3)
