"""The benchmark for GPUs, on two layers and whatever device is here: every phase is measured."""

import os
import re
import subprocess
import sys

from conftest import ROOT


def test_every_phase_has_its_speed():
    done = subprocess.run(
        [sys.executable, "benchmarks/gpu_grpo.py", "--tiny"],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": "src"},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    rows = dict(re.findall(r"^\| (\w+) \| [\d.]+ \| ([\d,]+) \|", done.stdout, re.MULTILINE))
    assert rows.keys() == {"generation", "old_logprobs", "reference", "update"}
    assert all(int(speed.replace(",", "")) > 0 for speed in rows.values())
