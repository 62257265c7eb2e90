"""Entry points in processes that fork from one that has imported torch and TRL.

Imports are most of the time of a tiny training. A start that a test kills, stops or asks for its
exit status is a process of its own; one that is only to come to its end is forked here.
"""

import multiprocessing
import os
import runpy
import sys
from collections.abc import Mapping
from multiprocessing import forkserver
from pathlib import Path
from unittest import mock

IMPORTED = ("torch", "datasets", "peft", "transformers", "trl.trainer.grpo_trainer")

_server = multiprocessing.get_context("forkserver")
_server.set_forkserver_preload(list(IMPORTED))


def run_script(
    script: Path, arguments: list[str], environment: Mapping[str, str], log: Path
) -> int:
    """Run a script to its end, as ``python script arguments``.

    Args:
        script: A Python file.
        arguments: What follows it on its command line.
        environment: All of its environment.
        log: File that takes what it prints.

    Returns:
        Its exit status; negative where a signal ended it.
    """
    with mock.patch.dict(os.environ, OMP_NUM_THREADS="1"):  # a pool of threads survives no fork
        forkserver.ensure_running()
    process = _server.Process(target=_run, args=(script, arguments, dict(environment), log))
    process.start()
    process.join(600)
    if process.exitcode is None:
        process.kill()
        raise TimeoutError(f"{script}: no end within 10 minutes")
    return process.exitcode


def _run(script: Path, arguments: list[str], environment: dict[str, str], log: Path) -> None:
    said = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
    os.dup2(said, 1)
    os.dup2(said, 2)
    os.environ.clear()
    os.environ.update(environment)
    sys.argv = [str(script), *arguments]
    runpy.run_path(str(script), run_name="__main__")
