"""`snakemake --profile slurm` on a real Slurm: the study, and what becomes of it under faults."""

import copy
import json
import re
import signal
import time

import pytest
from cluster import SECOND
from slurm_study import SlurmStudy, cluster  # noqa: F401

from conftest import Study, small_config

CELL = "main/arith-15k-base/tau1-g16/seed1"
STEPS = 192  # some 20 seconds: long enough to be interrupted
# A warning for jobs of a minute; Slurm counts time limits in minutes.
WARNED = ("--set-resources", "train_cell:slurm_extra='--signal=23@30'")
TRAIN = f"results/cells/{CELL}/train.json"


def one_cell(steps: int, prompts: int = 16, **resources) -> dict:
    """One short cell that holds a GPU."""
    config = copy.deepcopy(small_config())
    own = {"steps": steps, "checkpoints": [0, 1, 2, steps], "prompts_per_step": prompts}
    config["recipes"]["main"] |= own
    config["sweeps"] = [config["sweeps"][1] | {"seed": [1], "group_size": [16]}]
    config["fit"]["select"]["group_size"] = 16
    config["resources"]["default"] = {"gpus": 1, "mem_mb": 3000, "minutes": 30, **resources}
    return config


@pytest.fixture(scope="module")
def local(cluster, tmp_path_factory):  # noqa: F811
    """The cell trained without any cluster, uninterrupted; long enough to be interrupted."""
    study = Study(tmp_path_factory.mktemp("local"), one_cell(steps=STEPS))
    study.run(TRAIN)
    return study


@pytest.fixture
def on_slurm(local, tmp_path):
    """The same cell, to be trained by Slurm."""
    study = SlurmStudy(tmp_path, one_cell(steps=STEPS))
    study.take_inputs(local)
    return study


def wait_for(found, seconds=90):
    """What `found` returns once it is true."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if value := found():
            return value
        time.sleep(0.3)
    raise TimeoutError(f"not seen within {seconds} s")


def attempts(study):
    path = study.folder / f".state/attempts/{CELL}.jsonl"
    rows = [json.loads(line) for line in path.read_text().split("\n") if line]
    return [row for row in rows if "job" in row], [row["end"] for row in rows if "end" in row]


def training(study):
    """The number of the job that trains, once it is past some steps."""
    log = study.folder / f"logs/train_cell/{CELL}.log"
    if log.exists() and "unit" not in log.read_text() and f"/{STEPS}" in log.read_text():
        return attempts(study)[0][-1]["job"]
    return None


def assert_equal_to(local, study, steps=STEPS):
    for name in (
        f"results/cells/{CELL}/metrics.csv",
        f"results/cells/{CELL}/consumed.parquet",
        f"checkpoints/{CELL}/step{steps}/model.safetensors",
    ):
        assert (study.folder / name).read_bytes() == (local.folder / name).read_bytes(), name


@pytest.mark.long
def test_a_job_at_its_time_limit_saves_and_a_new_job_goes_on(cluster, tmp_path_factory):  # noqa: F811
    steps = 8 * STEPS  # more than a minute's, of more problems
    config = one_cell(steps=steps, prompts=4, minutes=1)
    for level in config["data"]["arithmetic"]["generate"]["levels"].values():
        level["problems"] *= 2
    undisturbed = Study(tmp_path_factory.mktemp("undisturbed"), config)
    undisturbed.run(TRAIN)
    study = SlurmStudy(tmp_path_factory.mktemp("study"), config)
    study.take_inputs(undisturbed)
    done = study.start(TRAIN, *WARNED)
    assert done.returncode == 0, done.stdout[-4000:] + study.failed_logs()
    starts, ends = attempts(study)
    assert len(starts) > 1, (starts, ends)
    assert all(end.startswith("Interrupted") for end in ends[:-1]), ends
    assert len({row["job"] for row in starts}) == len(starts)
    progress = [row["progress"] for row in starts]
    assert progress == sorted(set(progress))
    assert_equal_to(undisturbed, study, steps)


def test_a_rerun_after_sigkill_cancels_the_live_job_and_trains_once(local, on_slurm, cluster):  # noqa: F811
    with on_slurm.started(TRAIN) as run:
        job = wait_for(lambda: training(on_slurm))
        run.send_signal(signal.SIGKILL)
        run.wait()
    assert [line for line in cluster.jobs("%i") if line == job]
    on_slurm.start("--unlock")
    done = on_slurm.start(TRAIN)
    assert done.returncode == 0, done.stdout[-4000:] + on_slurm.failed_logs()
    assert f"  {job} RUNNING rule_train_cell" in done.stdout
    ends = attempts(on_slurm)[1]
    assert ends.count("ok") == 1
    assert_equal_to(local, on_slurm)


@pytest.mark.long
def test_a_cancelled_job_is_followed_by_a_new_one(local, on_slurm, cluster):  # noqa: F811
    with on_slurm.started(TRAIN) as run:
        job = wait_for(lambda: training(on_slurm))
        cluster.command(f"scancel {job}")
        assert run.wait(timeout=200) == 0
    assert attempts(on_slurm)[0][-1]["job"] != job
    assert_equal_to(local, on_slurm)


@pytest.mark.long
def test_a_preempted_job_goes_on_when_the_urgent_one_is_done(local, on_slurm, cluster):  # noqa: F811
    urgent = on_slurm.folder / "urgent.sh"
    urgent.write_text("#!/bin/sh\nsleep 8\n")
    with on_slurm.started(TRAIN) as run:
        job = wait_for(lambda: training(on_slurm))
        cluster.command(f"sbatch --partition=urgent --gres=gpu:2 --output=/dev/null {urgent}")
        wait_for(lambda: f"{job}|PENDING" in cluster.jobs("%i %T"))
        assert run.wait(timeout=400) == 0  # Slurm lets a requeued job wait for two minutes
    starts, ends = attempts(on_slurm)
    assert len(starts) == 2
    assert ends[-1] == "ok"
    assert_equal_to(local, on_slurm)


@pytest.mark.long
def test_a_lost_node_is_followed_by_a_job_on_another(local, on_slurm, cluster):  # noqa: F811
    partition = ("--default-resources", "slurm_partition=two")
    cluster.command(f"scontrol update nodename={cluster.host} state=drain reason=test")
    with on_slurm.started(TRAIN, *partition) as run:
        job = wait_for(lambda: training(on_slurm))
        cluster.command(f"scontrol update nodename={cluster.host} state=resume")
        cluster.lose_node(SECOND, job)
        assert run.wait(timeout=400) == 0
    cluster.start_slurmd(SECOND)
    assert attempts(on_slurm)[1][-1] == "ok"
    assert_equal_to(local, on_slurm)


@pytest.mark.long
def test_a_restart_of_both_daemons_loses_nothing(local, on_slurm, cluster):  # noqa: F811
    with on_slurm.started(TRAIN) as run:
        wait_for(lambda: training(on_slurm))
        cluster.restart_slurmctld()
        cluster.kill(f"slurmd-{cluster.host}")
        cluster.start_slurmd(cluster.host)
        assert run.wait(timeout=200) == 0
    assert attempts(on_slurm)[1] == ["ok"]
    assert_equal_to(local, on_slurm)


@pytest.mark.long
def test_a_job_out_of_memory_gets_more_at_its_next_attempt(local, cluster, tmp_path):  # noqa: F811
    study = SlurmStudy(tmp_path, one_cell(steps=STEPS, mem_mb=800))
    study.take_inputs(local)
    done = study.start(TRAIN)
    assert done.returncode == 0, done.stdout[-4000:] + study.failed_logs()
    starts, ends = attempts(study)
    assert ends == ["ok"]  # the others were killed without a word
    asked = [cluster.command(f"scontrol show job {row['job']}") for row in starts]
    memory = [int(re.search(r"MinMemoryNode=(\d+)M", said)[1]) for said in asked]
    assert memory == [800, 1200, 1800][: len(memory)]
    assert len(memory) > 1
    logs = [*study.folder.glob("logs/slurm/**/*.log"), *cluster.folder.glob("slurmd-*.log")]
    assert "exceeded memory limit" in "".join(path.read_text() for path in logs)  # Slurm's word
    assert_equal_to(local, study)


@pytest.mark.long
def test_a_cell_that_always_fails_is_named_and_stops_no_other(local, cluster, tmp_path):  # noqa: F811
    config = one_cell(steps=STEPS)
    config["sweeps"][0]["seed"] = [1, 2]
    config["training"]["retries"] = 2
    config["training"]["overrides"] = [
        {"match": {"seed": 2}, "set": {"learning_rate": 1e-4, "optim": "no_such_optimizer"}}
    ]
    study = SlurmStudy(tmp_path, config)
    study.take_inputs(local)
    other = TRAIN.replace("seed1", "seed2")
    done = study.start(TRAIN, other)
    assert done.returncode != 0
    assert (study.folder / TRAIN).exists()
    assert not (study.folder / other).exists()
    assert CELL.replace("seed1", "seed2") in done.stdout.rpartition("Error in rule")[2]
    record = study.folder / f".state/attempts/{CELL.replace('seed1', 'seed2')}.jsonl"
    assert record.read_text().count('"job"') == 1  # bad input is not tried twice
