"""On which processor a result was computed, and by which kernels of it.

Libraries choose their kernels by what a processor can do, and sums come out in another order: the
same seed gives the same bytes on one kind of processor, and runs that differ like two seeds on two.
"""

import os
import platform
import sys
from pathlib import Path
from typing import Any

_INSTRUCTIONS = ("avx2", "avx512f", "avx512_bf16", "amx_bf16")
# What people set to choose kernels themselves.
_CHOSEN = (
    "ATEN_CPU_CAPABILITY", "DNNL_MAX_CPU_ISA", "MKL_CBWR", "MKL_ENABLE_INSTRUCTIONS",
    "ONEDNN_MAX_CPU_ISA",
)  # fmt: skip


_CPUINFO = Path("/proc/cpuinfo")


def processor() -> tuple[str, list[str] | None]:
    """Name of this machine's processor, and those of its instruction sets that kernels differ in.

    The list is None where the system does not tell (macOS, Windows).
    """
    try:
        text = _CPUINFO.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return platform.processor() or platform.machine(), None
    fields: dict[str, str] = {}
    for line in text.splitlines():
        key, _, value = line.partition(":")
        fields.setdefault(key.strip(), value.strip())
    flags = fields.get("flags", "").split()
    name = fields.get("model name") or platform.machine()
    return name, [each for each in _INSTRUCTIONS if each in flags]


def machine() -> dict[str, Any]:
    """What of this machine decides a result's last bits, for a run record.

    Returns:
        ``processor``, ``instructions``, ``kernels`` (variables that choose them, where set) and,
        where torch has been loaded by now, ``torch``: the kernels that it chose, and the GPUs that
        it uses.
    """
    name, instructions = processor()
    chosen = {key: os.environ[key] for key in _CHOSEN if key in os.environ}
    found: dict[str, Any] = {"processor": name, "instructions": instructions, "kernels": chosen}
    torch = sys.modules.get("torch")
    if torch is not None:
        found["torch"] = torch.backends.cpu.get_cpu_capability()
        if torch.cuda.is_initialized():
            found["gpus"] = [
                torch.cuda.get_device_name(index) for index in range(torch.cuda.device_count())
            ]
    return found
