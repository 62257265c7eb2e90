"""GPUs of this process: as many as its job asks for, whatever the machine has.

A scheduler's choice (CUDA_VISIBLE_DEVICES) stands; where nobody chose, or more GPUs are visible
than the job asks for, free ones are claimed, so that jobs side by side do not share. An environment
without CUDA (the CPU's lock) computes on the CPU what jobs with GPUs ask for, too: tests of
clusters live by that.
"""

import fcntl
import os
import shutil
import stat
import subprocess
import tempfile
from pathlib import Path
from typing import TextIO

from rlscale.core.errors import StudyError
from rlscale.core.machine import processor

_VISIBLE = "CUDA_VISIBLE_DEVICES"
_held: list[TextIO] = []  # claims end with the process


def on_gpu(gpus: int) -> bool:
    """Whether a job with so many GPUs computes on them here."""
    if gpus == 0:
        return False
    import torch

    return torch.version.cuda is not None


def cpu_has_bfloat16() -> bool:
    """Whether this machine's processor multiplies bfloat16 by itself, as Linux says."""
    return bool({"avx512_bf16", "amx_bf16"} & set(processor()[1] or []))


def use_gpus(count: int) -> None:
    """Let this process and its children see that many GPUs; called before anything uses CUDA.

    Raises:
        StudyError: Too few are visible, or other jobs of this machine hold them.
    """
    if count == 0:
        os.environ[_VISIBLE] = ""
    if not on_gpu(count):
        return
    visible = visible_gpus()
    if len(visible) < count:
        raise StudyError(
            f"resources: the job asks for {count} GPUs of this machine, {len(visible)} are "
            f"visible ({_VISIBLE}); change gpus, or start it where they are"
        )
    if len(visible) > count or _VISIBLE not in os.environ:
        os.environ[_VISIBLE] = ",".join(_claim(visible, count))


def visible_gpus() -> list[str]:
    """Names of the GPUs that this process may use, as CUDA_VISIBLE_DEVICES spells them."""
    if _VISIBLE in os.environ:
        return [name for name in os.environ[_VISIBLE].split(",") if name]
    if shutil.which("nvidia-smi") is None:
        return []
    query = ["nvidia-smi", "--query-gpu=index", "--format=csv,noheader"]
    found = subprocess.run(query, capture_output=True, text=True)
    return found.stdout.split() if found.returncode == 0 else []


def _claim(visible: list[str], count: int) -> list[str]:
    """The first ``count`` GPUs that no other process of this machine has claimed."""
    folder = Path(tempfile.gettempdir()) / f"rlscale-gpus-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or found.st_mode & 0o077:
        raise StudyError(f"{folder}: is another user's, or open to others; set TMPDIR elsewhere")
    taken = []
    for name in visible:
        claim = (folder / name).open("w")
        try:
            fcntl.flock(claim, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            claim.close()
            continue
        _held.append(claim)
        taken.append(name)
        if len(taken) == count:
            return taken
    raise StudyError(
        f"resources: {count} GPUs are asked for, and of this machine's {len(visible)} other jobs "
        f"hold all but {len(taken)}; tell Snakemake how many there are (--resources gpu=N)"
    )
