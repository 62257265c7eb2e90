"""Is an answer right? Four outcomes, judged by exact match or by math-verify in killable workers.

The same judge serves as training reward and as evaluation score. math-verify's own time-outs are
SIGALRM handlers, which fail silently off the main thread and cannot interrupt C code; here they
are off. Each answer is judged in a worker process that arms a kernel timer on its own CPU time and
dies of it: CPU time, so that a loaded machine judges as an idle one does.
"""

import atexit
import functools
import json
import re
import select
import signal
import subprocess
import sys
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from typing import Literal

from rlscale.core.errors import StudyError

Outcome = Literal["correct", "wrong", "unparsed", "timeout"]
OUTCOMES: tuple[Outcome, ...] = ("correct", "wrong", "unparsed", "timeout")
KINDS = ("exact", "number", "math")

_MEMORY_BYTES = 3 << 30
_START_SECONDS = 120
_GOLD_READ = "gold read"
# ASSUME: a worker that dies of one of these died of the answer, by time, memory or stack.
_DEATHS = (-signal.SIGPROF, -signal.SIGSEGV, -signal.SIGABRT)


def judge(
    kind: str,
    texts: Sequence[str],
    golds: Sequence[str],
    *,
    deadline: float = 5.0,
    workers: int = 1,
) -> list[Outcome | None]:
    r"""Judge responses against gold answers.

    Args:
        kind: ``exact``: the response without surrounding space equals the gold answer; a response
            that is empty, or no number where the gold is one, is unparsed. ``number``: the last
            number in the response equals the gold number (what GSM8K's scorers call flexible
            extraction); a response without a number is unparsed. ``math``: the last
            complete, non-empty ``\boxed{}`` equals the gold answer as math-verify sees it; a
            response without one, or whose box holds no mathematics where the gold does, is
            unparsed.
        texts: Responses, shape (n,).
        golds: Gold answers, shape (n,).
        deadline: CPU seconds that math-verify may spend on one answer; beyond it: ``timeout``.
        workers: Worker processes for ``math``; the outcomes do not depend on it.

    Returns:
        An outcome per response, shape (n,); None where the gold answer itself cannot be used
        (``math`` calls a gold usable when, boxed, it is judged equal to itself and its comparison
            with 0 ends in time).

    Raises:
        StudyError: Unknown kind, or the workers cannot run.
    """
    pairs = list(zip(texts, golds, strict=True))
    if kind == "exact":
        return [_judge_exact(text, gold) for text, gold in pairs]
    if kind == "number":
        return [_judge_number(text, gold) for text, gold in pairs]
    if kind != "math":
        raise StudyError(f"answer kind '{kind}' is unknown; use one of {', '.join(KINDS)}")
    asked = [(boxed(text), gold.strip()) for text, gold in pairs]
    distinct = sorted({(answer or "", gold) for answer, gold in asked})
    lanes = max(1, min(workers, len(distinct)))
    with ThreadPoolExecutor(lanes) as threads:
        shares = [distinct[lane::lanes] for lane in range(lanes)]
        judged = list(threads.map(lambda share: _judge_share(share, deadline), shares))
    verdicts = {
        pair: outcome
        for share, outcomes in zip(shares, judged, strict=True)
        for pair, outcome in zip(share, outcomes, strict=True)
    }
    return [verdicts[answer or "", gold] for answer, gold in asked]


def extract(kind: str, text: str) -> str | None:
    """The part of a response that is judged; None where there is none."""
    if kind == "number":
        return last_number(text)
    return (text.strip() or None) if kind == "exact" else boxed(text)


def last_number(text: str) -> str | None:
    """The last integer or decimal number of a text, or None."""
    found = [match.group() for match in re.finditer(r"[+-]?\d+(?:\.\d+)?", text)]
    return found[-1] if found else None


def boxed(text: str) -> str | None:
    r"""Content of the last complete, non-empty ``\boxed{...}`` of a text, or None."""
    for start in reversed([match.end() for match in re.finditer(r"\\f?boxed\s*\{", text)]):
        depth = 1
        for brace in re.finditer(r"(?<!\\)(?:\\\\)*([{}])", text[start:]):
            depth += 1 if brace.group(1) == "{" else -1
            if depth == 0:
                content = text[start : start + brace.end() - 1].strip()
                if content:
                    return content
                break
    return None


_NUMBER = re.compile(r"[+-]?\d+(\.\d+)?")


def _judge_exact(text: str, gold: str) -> Outcome | None:
    answer, gold = text.strip(), gold.strip()
    if not gold:
        return None
    if answer == gold:
        return "correct"
    if not answer or (_NUMBER.fullmatch(gold) and not _NUMBER.fullmatch(answer)):
        return "unparsed"
    return "wrong"


def _judge_number(text: str, gold: str) -> Outcome | None:
    if not _NUMBER.fullmatch(gold.strip()):
        return None
    answer = last_number(text)
    if answer is None:
        return "unparsed"
    return "correct" if Decimal(answer) == Decimal(gold.strip()) else "wrong"


# --- the parent's side of the workers ---------------------------------------------------------

_idle: list[subprocess.Popen] = []
_lock = threading.Lock()


def _judge_share(share: list[tuple[str, str]], deadline: float) -> list[Outcome | None]:
    outcomes: list[Outcome | None] = []
    with _lock:
        worker = _idle.pop() if _idle else None
    for answer, gold in share:
        worker = worker if worker is not None and worker.poll() is None else _start()
        outcomes.append(_ask(worker, answer, gold, deadline))
    if worker is not None:
        with _lock:
            _idle.append(worker)
    return outcomes


def _ask(worker: subprocess.Popen, answer: str, gold: str, deadline: float) -> Outcome | None:
    request = json.dumps({"answer": answer, "gold": gold, "deadline": deadline}) + "\n"
    try:
        worker.stdin.write(request.encode())
        worker.stdin.flush()
    except BrokenPipeError:
        raise _dead(worker) from None
    # The kernel's CPU timer decides; the wall clock only catches a worker that is stopped.
    line = _read(worker, 60 + 100 * deadline)
    gold_was_read = line == _GOLD_READ
    if gold_was_read:
        line = _read(worker, 60 + 100 * deadline)
    if line is not None:
        return json.loads(line)
    if worker.wait() not in _DEATHS:
        raise _dead(worker)
    return "timeout" if gold_was_read else None


def _read(worker: subprocess.Popen, seconds: float) -> str | None:
    ready, _, _ = select.select([worker.stdout], [], [], seconds)
    if not ready:
        worker.kill()
        worker.wait()
        raise StudyError(f"math-verify's worker gave no sign for {seconds:.0f} s; is it stopped?")
    line = worker.stdout.readline()
    return line.decode().rstrip("\n") if line else None


def _start() -> subprocess.Popen:
    worker = subprocess.Popen(
        [sys.executable, "-m", "rlscale.judging.verify"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        bufsize=0,
    )
    if _read(worker, _START_SECONDS) != "ready":
        worker.wait()
        raise _dead(worker)
    return worker


def _dead(worker: subprocess.Popen) -> StudyError:
    return StudyError(
        f"math-verify's worker ended with status {worker.poll()} (its message is above); "
        "is math-verify installed, and memory left?"
    )


@atexit.register
def close() -> None:
    """End the idle workers."""
    with _lock:
        while _idle:
            worker = _idle.pop()
            worker.kill()
            worker.communicate()


# --- the worker's side ------------------------------------------------------------------------


def _serve() -> None:
    """Answer requests on stdin, one JSON object per line, until it closes."""
    import logging
    import resource

    import math_verify  # noqa: F401  (before "ready": its import is slow and may fail)

    logging.disable(logging.ERROR)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY_BYTES, _MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    print("ready", flush=True)
    for line in sys.stdin:
        request = json.loads(line)
        signal.setitimer(signal.ITIMER_PROF, request["deadline"])
        gold = _parsed_gold(request["gold"])
        print(_GOLD_READ, flush=True)
        signal.setitimer(signal.ITIMER_PROF, request["deadline"])
        outcome = None if gold is None else _judge_math(request["answer"], gold)
        signal.setitimer(signal.ITIMER_PROF, 0)
        print(json.dumps(outcome), flush=True)


# What math-verify does not read: a full stop at the end, \degree, units outside \text.
_UNIT = re.compile(
    r"(\\?\$?[-+]?[\d,]*\.?\d+)\s+(?!(?:hundred|thousand|million|billion|dozen|half)\b)"
    r"[A-Za-z][A-Za-z ]{2,}"
)


def _plain(answer: str) -> str:
    answer = answer.strip().removesuffix(".").replace(r"\degree", r"^\circ")
    unit = _UNIT.fullmatch(answer)
    return unit.group(1) if unit else answer


def _parse(answer: str) -> list:
    from math_verify import ExprExtractionConfig, LatexExtractionConfig, parse

    forms = [LatexExtractionConfig(boxed_match_priority=0), ExprExtractionConfig()]
    return parse(rf"\boxed{{{_plain(answer)}}}", forms, parsing_timeout=None)


def _same(gold: list, answer: list) -> bool:
    from math_verify import verify

    return bool(verify(gold, answer, timeout_seconds=None))


def _is_mathematics(parsed: list) -> bool:
    return any(not isinstance(form, str) for form in parsed)


@functools.lru_cache(maxsize=4096)
def _parsed_gold(gold: str) -> list | None:
    parsed = _parse(gold) if gold else []
    if not parsed or not _same(parsed, parsed):
        return None
    _same(parsed, _parse("0"))  # a gold that cannot even be compared with 0 in time ends here
    return parsed


def _judge_math(answer: str, gold: list) -> Outcome:
    parsed = _parse(answer) if answer else []
    if parsed and _same(gold, parsed):
        return "correct"
    if not parsed or (_is_mathematics(gold) and not _is_mathematics(parsed)):
        return "unparsed"
    return "wrong"


if __name__ == "__main__":
    _serve()
