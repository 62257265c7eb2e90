"""On which processor a result was computed stands in its run record, and `rlscale why` says it."""

import json
import subprocess
import sys

from rlscale.core import machine
from rlscale.core.manifests import Provenance, read_record, write_manifest
from rlscale.study.lineage import _computed_on

CPUINFO = """processor\t: 0
model name\t: Some CPU @ 2.00GHz
flags\t\t: fpu avx avx2 avx512f fma

processor\t: 1
model name\t: Some CPU @ 2.00GHz
flags\t\t: fpu avx avx2 avx512f fma
"""


def test_a_processor_is_read_from_what_linux_says(monkeypatch, tmp_path):
    path = tmp_path / "cpuinfo"
    path.write_text(CPUINFO)
    monkeypatch.setattr(machine, "_CPUINFO", path)
    assert machine.processor() == ("Some CPU @ 2.00GHz", ["avx2", "avx512f"])
    path.write_text("processor\t: 0\nBogoMIPS\t: 50\nFeatures\t: fp asimd\n")  # ARM
    assert machine.processor()[1] == []
    path.unlink()
    assert machine.processor()[1] is None


def test_the_record_of_a_run_has_the_machine_and_the_manifest_has_not(tmp_path):
    path = tmp_path / "manifest.json"
    manifest = write_manifest(
        path,
        Provenance("rlscale.core.machine", {}, {}, seed=1, started=0.0),
        kind="model",
        name="m",
        files=[],
    )
    assert read_record(path)["machine"]["processor"] == machine.processor()[0]
    assert "machine" not in manifest  # else another processor would make all that follows again
    assert machine.processor()[0] in _computed_on(path)


def test_kernels_are_those_that_torch_chose(monkeypatch):
    """In a process of its own: torch chooses when it is loaded."""
    program = "import json, torch\nfrom rlscale.core.machine import machine\n"
    program += "print(json.dumps(machine()))"
    monkeypatch.setenv("ATEN_CPU_CAPABILITY", "avx2")
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    found = json.loads(done.stdout)
    assert found["torch"] == "AVX2"
    assert found["kernels"] == {"ATEN_CPU_CAPABILITY": "avx2"}
    assert "gpus" not in found
