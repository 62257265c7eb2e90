"""Steps that ask models: the training of a cell, its evaluation, and the pass rates of a set."""

import contextlib
import json
import os
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rlscale.core.cell import Cell
from rlscale.core.files import write_json
from rlscale.core.inside import inside_study
from rlscale.core.manifests import check_owned, read_manifest, verify_file
from rlscale.evaluation.shards import Shard
from rlscale.jobs import attempts, launch
from rlscale.jobs.owner import Owner, owned
from rlscale.jobs.threads import use_threads
from rlscale.study import grid, inputs, layout, settings
from rlscale.study.folder import PRODUCT
from rlscale.study.layout import CellFiles
from rlscale.training.alternate import train_and_evaluate

if TYPE_CHECKING:
    from rlscale.evaluation.asking import Questions
    from rlscale.evaluation.engine import Machine

Config = Mapping[str, Any]

# How a step starts itself again as a process of its own.
_AGAIN = ("-m", "rlscale.cli.main")


def train(config: Config, path: str, *, here: bool) -> int:
    """Train one cell by GRPO, or go on where an interrupted run of it stopped.

    Args:
        config: The study's configuration.
        path: The cell's.
        here: In this process, as one of those that ``resources`` ask for; without it they are
            started, and with ``training.checkpoints_on_disk`` the evaluation in turn with them.

    Returns:
        Exit status.
    """
    cell = grid.find(grid.expand(config), path)
    if here or _is_alone(config, cell):
        return _train_here(config, cell)
    again = [*_AGAIN, "train", path, "--here"]
    start = launch.command(grid.job_of(config, cell.model), str(PRODUCT / "config/accelerate"))
    command = ["bash", "-c", f'exec {start} "$@"', "launch", *again]
    os.environ[attempts.RECORD] = str(CellFiles.of(path).attempts)
    if not config["training"]["checkpoints_on_disk"]:
        os.execvp(command[0], command)
    evaluate = [sys.executable, *_AGAIN, "evaluate", path]
    last = grid.recipe_of(config, cell).steps
    files = CellFiles.of(path)
    return train_and_evaluate(command, evaluate, files.state, files.checkpoints, last)


def _is_alone(config: Config, cell: Cell) -> bool:
    """Whether this process is the whole job, or can only say that the attempts are spent."""
    files = CellFiles.of(cell.path)
    if attempts.spent(files.attempts, files.state, config["training"]["faults"]):
        return True
    plain = grid.job_of(config, cell.model).launch == "plain"
    return plain and not config["training"]["checkpoints_on_disk"]


def _train_here(config: Config, cell: Cell) -> int:
    use_threads(grid.recipe_of(config, cell).cpu_threads)
    from rlscale.training.run import Outputs, Paths, Upkeep
    from rlscale.training.start import Claim, start_training

    files, own = CellFiles.of(cell.path), config["training"]
    files.train.parent.mkdir(parents=True, exist_ok=True)
    outputs = {key: getattr(files, key) for key in ("metrics", "ledger", "timings", "consumed")}
    return start_training(
        cell,
        settings.training(config, cell),
        Paths(
            model=inputs.model_of(config, cell),
            data=inputs.data_of(config, cell),
            checkpoints=files.checkpoints,
            state=files.state,
            outputs=Outputs(manifest=files.train, **outputs),
        ),
        grid.job_of(config, cell.model),
        Upkeep(
            save_state_minutes=own["save_state_minutes"],
            checkpoints_on_disk=own["checkpoints_on_disk"],
            report_to=tuple(own["report_to"]),
            trust_remote_code=grid.is_trusted(config, cell.model, cell.variant),
        ),
        Claim(
            owner=files.owner,
            wait=own["wait_for_owner"],
            attempts=files.attempts,
            faults=own["faults"],
            tracked=files.tracked,
        ),
    )


def evaluate(config: Config, path: str, *, pause: Path | None) -> None:
    """Evaluate all checkpoints of one cell on all benchmarks, in one engine.

    Args:
        config: The study's configuration.
        path: The cell's.
        pause: pause.json of a training that waits for the evaluation of its checkpoints so far;
            their samples are kept, and no tables are made.
    """
    cell = grid.find(grid.expand(config), path)
    use_threads(grid.recipe_of(config, cell).cpu_threads)
    from rlscale.evaluation.evaluate import evaluate_cell

    _check_model(inputs.model_of(config, cell))
    files = CellFiles.of(path)
    tables = {
        "outcomes": files.outcomes,
        "scores": files.scores,
        "metrics": files.eval_metrics,
        "manifest": files.evaluation,
    }
    files.samples.parent.mkdir(parents=True, exist_ok=True)
    shards = inputs.shards_of_cell(config, cell)
    with (
        _claim(config, files.owner, shards),
        tempfile.TemporaryDirectory() as unused,
    ):
        if pause:
            tables = {name: Path(unused) / name for name in tables}
        report = evaluate_cell(
            _questions(config, cell),
            _machine(config, cell.model),
            train_manifest=pause or files.train,
            outputs=tables,
            shards=max(1, len(shards)),
        )
    _end(report)


def ask_cell(config: Config, path: str, shard: str) -> None:
    """Ask one shard of a cell's evaluation; the evaluation itself then finds its samples.

    Args:
        config: The study's configuration.
        path: The cell's.
        shard: Which of how many, as ``2of3``.
    """
    cell = grid.find(grid.expand(config), path)
    use_threads(grid.recipe_of(config, cell).cpu_threads)
    from rlscale.evaluation import evaluate

    _check_model(inputs.model_of(config, cell))
    files = CellFiles.of(path)
    with _claim_shard(config, files.owner, shard):
        report = evaluate.ask_cell(
            _questions(config, cell),
            _machine(config, cell.model),
            train_manifest=files.train,
            shard=Shard.named(shard),
        )
        write_json(files.shards / f"{shard}.json", report)
    _end(report)


def _questions(config: Config, cell: Cell) -> "Questions":
    """What a cell's checkpoints are asked, and how; the same for a shard and for the whole."""
    from rlscale.evaluation.asking import Questions

    files = CellFiles.of(cell.path)
    return Questions(
        problems=inputs.problems_of(config, cell),
        settings=settings.evaluation(config, cell),
        samples=files.samples,
        journal=files.journal,
        trusted=grid.is_trusted(config, cell.model, cell.variant),
    )


def _claim(
    config: Config, owner: Path, shards: Sequence[Path]
) -> contextlib.AbstractContextManager[Owner]:
    """The claim on all of an evaluation, while none of its shards is asked."""
    apart = [owner / shard.stem for shard in shards]
    return owned(owner, wait=config["training"]["wait_for_owner"], apart=apart)


def _claim_shard(
    config: Config, owner: Path, shard: str
) -> contextlib.AbstractContextManager[Owner]:
    """The claim on one shard of an evaluation, while nobody has the whole."""
    return owned(owner / shard, wait=config["training"]["wait_for_owner"], apart=[owner])


def _check_model(manifest: Path) -> None:
    """Check what an evaluation reads of the model at step 0 besides weights, such as its tokenizer.

    Weights are checked against train.json, where they are asked.

    Raises:
        StudyError: A file has other bytes than the model's manifest says, is missing, or is there
            and not named.
    """
    model = read_manifest(manifest, "model")
    check_owned(model, inside_study(model["weights"], manifest))
    for entry in model["files"]:
        if not entry["path"].endswith(".safetensors"):
            verify_file(model, Path(entry["path"]))


def estimate_pass_rate(config: Config, name: str) -> None:
    """Measure how often a model solves each problem of a data set."""
    own = config["data"][name]["pass_rate"]
    use_threads(own["cpu_threads"])
    from rlscale.evaluation.pass_rates import estimate_pass_rates

    manifest = layout.pass_rates(name)
    manifest.parent.mkdir(parents=True, exist_ok=True)
    shards = inputs.shards_of_set(config, name)
    with _claim(config, _owner_of_rates(name), shards):
        report = estimate_pass_rates(
            _questions_of_set(config, name),
            _machine(config, own["model"]),
            name=name,
            model=inputs.asked_model(config, name),
            rates=manifest.with_name("pass_rates.parquet"),
            manifest=manifest,
            shards=max(1, len(shards)),
        )
    _end(report)


def ask_set(config: Config, name: str, shard: str) -> None:
    """Ask one shard of a set's pass rates; their estimate then finds its samples."""
    own = config["data"][name]["pass_rate"]
    use_threads(own["cpu_threads"])
    from rlscale.evaluation import pass_rates

    with _claim_shard(config, _owner_of_rates(name), shard):
        report = pass_rates.ask_set(
            _questions_of_set(config, name),
            _machine(config, own["model"]),
            model=inputs.asked_model(config, name),
            shard=Shard.named(shard),
        )
        write_json(layout.pass_rate_shards(name) / f"{shard}.json", report)
    _end(report)


def _owner_of_rates(name: str) -> Path:
    return layout.STATE / "owners/pass_rates" / name


def _questions_of_set(config: Config, name: str) -> "Questions":
    """What a model is asked for a set's pass rates, and how."""
    from rlscale.evaluation.asking import Questions
    from rlscale.evaluation.settings import PASS_RATE

    own = config["data"][name]["pass_rate"]
    return Questions(
        problems={PASS_RATE: layout.problem_list(name)},
        settings=settings.pass_rates(config, name),
        samples=layout.pass_rates(name).with_name("samples.parquet"),
        journal=layout.STATE / "pass_rates" / name,
        trusted=grid.is_trusted(config, own["model"], own["variant"]),
    )


def _machine(config: Config, model: str) -> "Machine":
    """How an engine computes responses: all GPUs of its job share the model."""
    from rlscale.evaluation.engine import Machine

    gpus = grid.job_of(config, model).of_evaluation().gpus
    return Machine.from_json({**config["evaluation"]["machine"], "gpus": gpus})


def _end(report: Mapping[str, Any]) -> None:
    """Say what was done and end: vLLM's own end would collect garbage for seconds."""
    print(json.dumps(report), flush=True)
    os._exit(0)
