"""What `rlscale gpu-check` says of a trial: all is well, or the one thing that is broken."""

import time
from pathlib import Path

import pandas
import pytest

from conftest import ROOT
from rlscale.core.errors import StudyError
from rlscale.core.manifests import Provenance, write_manifest
from rlscale.core.yaml_files import load
from rlscale.study.check import findings
from rlscale.study.gpu_check import checks, report, trial
from rlscale.study.gpu_check.trial import AGAIN, OTHER_SEED, PLAIN, Trial
from rlscale.study.schema import SCHEMA, with_defaults

VLLM = {"gpus": 0, "engine": {"use_vllm": True}}
SAMPLING = "sampling/sampling_logp_difference/mean"


@pytest.fixture
def done(tmp_path) -> Trial:
    """A trial as it should end; its engine for rollouts is only said."""
    config = with_defaults(load(ROOT / "config/gpu_check.yaml"), load(SCHEMA))
    config["resources"]["models"]["again"] = VLLM
    made = Trial(tmp_path, config, interrupted=85)
    for cell in made.cells:
        files = made.files(cell)
        files.train.parent.mkdir(parents=True, exist_ok=True)
        steps = range(1, 17)
        rewards = [0.1 * cell.seed] * 16
        write(
            files.metrics, step=steps, kl=[0.0, *[0.1] * 15], num_tokens=steps, reward=rewards,
            **({SAMPLING: [0.01] * 16} if cell == AGAIN else {}),
        )  # fmt: skip
        write(files.timings, step=steps, phase="update", seconds=0.5, peak_memory_bytes=800 << 20)
        write(files.ledger, step=steps, phase="update", prompt_tokens=300, completion_tokens=200)
        pandas.DataFrame({"step": [1], "problem_id": ["p"]}).to_parquet(files.consumed)
        write_train(files.train, "d16")
    said = [(p, 0, step, f"{p} at {step}") for p in ("p", "q") for step in (0, 8, 16)]
    table = pandas.DataFrame(said, columns=["problem_id", "sample", "step", "text"])
    table.to_parquet(made.files(PLAIN).samples)
    return made


def write_train(path: Path, last: str) -> None:
    listed = [{"step": step, "digest": digest} for step, digest in ((0, "d0"), (16, last))]
    write_manifest(
        path,
        Provenance("rlscale.core.files", {}, {}, seed=1, started=time.time()),
        kind="train",
        name=path.parent.name,
        files=[],
        status="ok",
        checkpoints=listed,
    )


def write(path: Path, **columns) -> None:
    pandas.DataFrame(columns).to_csv(path, index=False)


def change(path: Path, **columns) -> None:
    pandas.read_csv(path).assign(**columns).to_csv(path, index=False)


def failed(done: Trial) -> dict[str, str]:
    return {entry.name: entry.found for entry in checks.all_checks(done) if not entry.ok}


def test_a_trial_as_it_should_be_passes(done):
    assert failed(done) == {}
    (rate,) = set(checks.speed(done)["tokens_per_second"])
    assert rate == 1000


def test_what_was_trained_is_judged_beside_a_launch_that_failed(done):
    """As on an H100, where colocated vLLM found no memory: the rest was judged by nobody."""
    for path in vars(done.files(AGAIN)).values():
        path.unlink(missing_ok=True)
    assert set(failed(done)) == {"launches", "resumption", "rollouts"}
    change(done.files(OTHER_SEED).metrics, kl=0.2)
    assert "first KL" in failed(done)


def test_nothing_trained_passes_nothing(done):
    for cell in done.cells:
        for path in vars(done.files(cell)).values():
            path.unlink(missing_ok=True)
    assert {"launches", "first KL", "seeds", "resumption", "rollouts", "memory of training"} <= set(
        failed(done)
    )


def same_seed(done):
    metrics = done.files(OTHER_SEED).metrics
    metrics.write_bytes(done.files(PLAIN).metrics.read_bytes())


def zeros_as_reference(done):
    change(done.files(OTHER_SEED).metrics, kl=0.2)


def unswapped_weights(done):
    samples = done.files(PLAIN).samples
    table = pandas.read_parquet(samples)
    table.assign(text=table["problem_id"]).to_parquet(samples)


def unsynchronised_engine(done):
    change(done.files(AGAIN).metrics, **{SAMPLING: [0.01] * 15 + [0.4]})


def more_memory(done):
    change(done.files(PLAIN).timings, peak_memory_bytes=3000 << 20)


def other_bytes(done):
    write_train(done.files(AGAIN).train, "other")


def no_training(done):
    done.files(OTHER_SEED).train.unlink()


@pytest.mark.parametrize(
    ("broken", "name", "said"),
    [
        (same_seed, "seeds", "seeds 1 and 2 are one run"),
        (zeros_as_reference, "first KL", "0.2 nats per token"),
        (unswapped_weights, "weight swap", "0% of 2 responses differ"),
        (unsynchronised_engine, "rollouts", "0.4 nats per token"),
        (more_memory, "memory of training", "plain: 3,000 MiB, estimated"),
        (other_bytes, "resumption", "other bytes than without SIGTERM"),
        (no_training, "launches", "not trained: main/plain-base/tau1-g4/seed2"),
    ],
)
def test_what_is_broken_is_named(broken, name, said, done):
    broken(done)
    (found,) = failed(done).items()
    assert found[0] == name
    assert found[1].startswith(said)


def test_what_did_not_come_that_far_fails_too(done):
    """An evaluation that its own proof stopped left no samples; a killed training no state."""
    done.files(PLAIN).samples.unlink()
    assert failed(done)["weight swap"].endswith("samples.parquet was not made")
    early = Trial(done.folder, done.config, interrupted=1)
    assert failed(early)["resumption"] == "after SIGTERM it ended with 1, not 85"


def test_each_launch_that_the_gpus_allow_is_tried(monkeypatch):
    with pytest.raises(StudyError, match="no GPU can be used here"):
        trial.configuration("cuda")
    monkeypatch.setattr(trial, "on_gpu", lambda gpus: True)
    for gpus, wanted in ((1, ["vllm"]), (2, ["vllm", "ddp", "fsdp2"])):
        monkeypatch.setattr(trial, "visible_gpus", lambda gpus=gpus: ["0"] * gpus)
        monkeypatch.setattr(trial, "find_spec", lambda name: None)
        document = trial.configuration("cuda")
        assert document["sweeps"][0]["model"] == ["plain", "again", *wanted]
        assert findings(document, load(SCHEMA)) == []


def test_the_page_says_what_failed_and_what_would_help(done):
    no_training(done)
    entries = [vars(entry) for entry in checks.all_checks(done)]
    page = report.page(
        {
            "device": "NVIDIA <X>", "date": "2026-11-26", "seconds": 9, "system": "Linux",
            "versions": {"torch": "2"}, "checks": entries, "speed": [], "benchmark": "a < b",
        }
    )  # fmt: skip
    assert "Failed: launches." in page
    assert "NVIDIA &lt;X&gt;" in page
    assert "logs/train_cell" in page
    assert "<pre>a &lt; b</pre>" in page
