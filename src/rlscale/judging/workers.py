"""Worker processes that parse model text for a verifier and are killed at their limits.

A worker arms a kernel timer on its own CPU time before each answer and dies of it: CPU time, so
that a loaded machine judges as an idle one does; a kernel timer, because code in C cannot be
interrupted otherwise. Its memory is limited. Run as a script, this module is the worker.
"""

import atexit
import json
import os
import select
import signal
import subprocess
import sys
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import astuple

from rlscale.core.errors import StudyError
from rlscale.judging.verdicts import Verdict

Pair = tuple[str | None, str]  # answer, gold

_MEMORY_BYTES = 3 << 30
_START_SECONDS = 120
_BATCH = 64
_GOLD_READ = b"gold read\n"
# ASSUME: a worker that dies of one of these died of the answer, by time, memory or stack.
_DEATHS = (-signal.SIGPROF, -signal.SIGSEGV, -signal.SIGABRT)
_GOLD_FAILS = "the gold answer cannot be used: the limits of time or memory ended first"
_ANSWER_FAILS = "the limits of time or memory ended first"


def compare_in_workers(
    kind: str, pairs: Sequence[Pair], deadline: float, workers: int
) -> list[Verdict]:
    """Judge extracted answers, ``workers`` at a time.

    Args:
        kind: Name of the verifier.
        pairs: Answers with their gold answers, shape (n,).
        deadline: CPU seconds for one gold, and for one answer.
        workers: Processes; the verdicts do not depend on it.

    Returns:
        A verdict per pair, shape (n,).

    Raises:
        StudyError: A worker cannot run.
    """
    lanes = max(1, min(workers, len(pairs)))
    with ThreadPoolExecutor(lanes) as threads:
        shares = [pairs[lane::lanes] for lane in range(lanes)]
        judged = list(threads.map(lambda share: _judge_share(kind, share, deadline), shares))
    verdicts: list[Verdict] = [Verdict(None, None)] * len(pairs)
    for lane, share in enumerate(judged):
        verdicts[lane::lanes] = share
    return verdicts


# --- the parent's side ------------------------------------------------------------------------

_idle: dict[str, list["_Worker"]] = {}
_lock = threading.Lock()


class _Worker:
    """A worker process of one verifier."""

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self._rest = b""
        self.process = subprocess.Popen(
            [sys.executable, "-P", "-m", "rlscale.judging.workers", kind],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            bufsize=0,
        )
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self._requests, self._replies = self.process.stdin, self.process.stdout
        if self._line(_START_SECONDS) != b"ready\n":
            raise self._broken()

    def judge(self, pairs: Sequence[Pair], deadline: float) -> list[Verdict]:
        """Verdicts on the pairs, in order, up to and with the one that this worker dies of."""
        request = json.dumps({"pairs": pairs, "deadline": deadline}) + "\n"
        try:
            self._requests.write(request.encode())
        except BrokenPipeError:
            raise self._broken() from None
        verdicts: list[Verdict] = []
        for answer, _ in pairs:
            # The kernel's CPU timer decides; the wall clock only catches a stopped worker.
            line = self._line(60 + 100 * deadline)
            gold_was_read = line == _GOLD_READ
            if gold_was_read:
                line = self._line(60 + 100 * deadline)
            if line:
                verdicts.append(Verdict(*json.loads(line)))
                continue
            if self.process.wait() not in _DEATHS:
                raise self._broken()
            verdicts.append(
                Verdict("timeout", answer, _ANSWER_FAILS)
                if gold_was_read
                else Verdict(None, answer, _GOLD_FAILS)
            )
            break
        return verdicts

    def end(self) -> None:
        """Kill the process."""
        self.process.kill()
        self.process.communicate()

    def _line(self, seconds: float) -> bytes:
        """The next line that the worker writes; empty where it has ended."""
        while b"\n" not in self._rest:
            if not select.select([self._replies], [], [], seconds)[0]:
                self.end()
                raise StudyError(
                    f"the '{self.kind}' verifier's worker gave no sign for {seconds:.0f} s; "
                    "is it stopped?"
                )
            piece = self._replies.read(1 << 16)
            if not piece:
                return b""
            self._rest += piece
        line, newline, self._rest = self._rest.partition(b"\n")
        return line + newline

    def _broken(self) -> StudyError:
        status = self.process.wait()
        return StudyError(
            f"the '{self.kind}' verifier's worker ended with status {status} (its message is "
            "above); is what it needs installed, and memory left?"
        )


def _judge_share(kind: str, pairs: Sequence[Pair], deadline: float) -> list[Verdict]:
    verdicts: list[Verdict] = []
    with _lock:
        waiting = _idle.setdefault(kind, [])
        worker = waiting.pop() if waiting else None
    while len(verdicts) < len(pairs):
        if worker is None or worker.process.poll() is not None:
            worker = _Worker(kind)
        verdicts += worker.judge(pairs[len(verdicts) : len(verdicts) + _BATCH], deadline)
    if worker is not None:
        with _lock:
            waiting.append(worker)
    return verdicts


@atexit.register
def close() -> None:
    """End the idle workers."""
    with _lock:
        for waiting in _idle.values():
            while waiting:
                waiting.pop().end()


# --- the worker's side ------------------------------------------------------------------------


def _serve(kind: str) -> None:
    """Answer requests on stdin, one JSON object per line, until it closes."""
    import functools
    import logging
    import resource

    from rlscale.judging.verifiers import VERIFIERS, decide

    verifier = VERIFIERS.get(kind)
    usable = functools.lru_cache(maxsize=4096)(verifier.usable)
    logging.disable(logging.ERROR)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY_BYTES, _MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    print("ready", flush=True)
    for line in sys.stdin:
        request = json.loads(line)
        for answer, gold in request["pairs"]:
            signal.setitimer(signal.ITIMER_PROF, request["deadline"])
            try:
                readable = usable(gold)
                sys.stdout.write(_GOLD_READ.decode())
                sys.stdout.flush()
                signal.setitimer(signal.ITIMER_PROF, request["deadline"])
                verdict = decide(verifier, answer, gold, usable=readable)
            except MemoryError:
                os.abort()
            signal.setitimer(signal.ITIMER_PROF, 0)
            print(json.dumps(astuple(verdict)), flush=True)


if __name__ == "__main__":
    _serve(sys.argv[1])
