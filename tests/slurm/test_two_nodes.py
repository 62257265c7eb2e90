"""Two tasks on two nodes of a Slurm, started by the very command line of a model's resources."""

import json
import sys
from pathlib import Path

from cluster import SECOND
from slurm_study import cluster  # noqa: F401

from conftest import ROOT
from rlscale.jobs.job import Job
from rlscale.jobs.launch import command

PROBE = """
import json, os, torch
from accelerate import PartialState
from accelerate.utils import gather_object

state = PartialState(cpu=True)
mine = {"rank": state.process_index, "node": os.environ["SLURMD_NODENAME"],
        "gpus": os.environ["CUDA_VISIBLE_DEVICES"], "backend": state.backend}
everyone = gather_object([mine])
if state.is_main_process:
    print("everyone:", json.dumps(everyone))
"""


def test_two_tasks_find_each_other(cluster, tmp_path):  # noqa: F811
    (tmp_path / "probe.py").write_text(PROBE)
    job = Job(gpus=2, nodes=2, launch="ddp")
    line = command(job, str(ROOT / "config" / "accelerate"))
    (tmp_path / "job.sh").write_text(
        f"#!/bin/sh\nexport PATH={Path(sys.executable).parent}:$PATH PYTHONPATH={ROOT}/src\n"
        f"{line} --mixed_precision no {tmp_path}/probe.py\n"
    )
    log = tmp_path / "job.log"
    cluster.command(
        f"sbatch --wait --partition=two --nodes=2 --gpus-per-node=1 --mem=1000 --time=5"
        f" --chdir={tmp_path} --output={log} {tmp_path}/job.sh",
        timeout=120,
    )
    said = log.read_text()
    assert "everyone: " in said, said
    everyone = json.loads(said.partition("everyone: ")[2].splitlines()[0])
    assert [one["rank"] for one in everyone] == [0, 1]
    assert {one["node"] for one in everyone} == {cluster.host, SECOND}
    assert [one["gpus"] for one in everyone] == ["0", "0"]
    assert {one["backend"] for one in everyone} == {"gloo"}
