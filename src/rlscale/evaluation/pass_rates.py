"""Pass rates of a set's problems, measured with a model of the study before the set is split.

The same engine, sample store and judges as the evaluation of a cell: what an interrupted
measurement has on disk is not asked again, and a larger ``samples`` adds to what is there.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from rlscale.core.manifests import Provenance, write_manifest
from rlscale.evaluation.asking import Asked, Questions
from rlscale.evaluation.engine import Machine
from rlscale.evaluation.evaluate import judge_stored
from rlscale.evaluation.outcomes import outcome_counts, unusable_golds
from rlscale.evaluation.progress import Clock
from rlscale.evaluation.settings import PASS_RATE, modules_used
from rlscale.evaluation.shards import WHOLE, Shard
from rlscale.models.checkpoints import Checkpoint, read_model
from rlscale.models.weights import weights_digest

if TYPE_CHECKING:
    import numpy as np
    import pandas

LEVEL = 0.95


def estimate_pass_rates(
    questions: Questions,
    machine: Machine,
    *,
    name: str,
    model: Path,
    rates: Path,
    manifest: Path,
    shards: int = 1,
) -> dict[str, Any]:
    """Ask a model every problem n times; write how often it was right.

    The table has ``problem_id``, ``n``, ``n_correct``, ``pass_rate`` and the exact binomial
    interval ``low``, ``high``; problems whose gold answer the verifier cannot use are not in it.

    Args:
        questions: The set's problems, as its ``PASS_RATE``, and how they are asked.
        machine: Speed keys of the engine; they decide no result.
        name: The set's name.
        model: Manifest of the model.
        rates: Where the table goes.
        manifest: Where the manifest goes.
        shards: In how many shards they were asked, for the run record.

    Returns:
        What differs between equal runs: samples ``generated``, and ``seconds`` by activity.

    Raises:
        StudyError: Bad input, weights other than the manifest's, or a failed probe.
    """
    settings = questions.settings
    provenance = Provenance(
        "rlscale.evaluation.pass_rates",
        settings,
        {"problems": questions.problems[PASS_RATE], "model": model},
        used=modules_used(settings),
        seed=settings["seed"],
    )
    clock = Clock()
    asked = _read(questions, model)
    generated = asked.generate(machine, clock)
    with clock("judge"):
        frame, _ = judge_stored(asked.store, asked.tasks, asked.checkpoints, settings)
    table = rate_table(outcome_counts(frame, name))
    table.to_parquet(rates, index=False)
    asked.store.replace(frame)
    write_manifest(
        manifest,
        provenance,
        kind="pass_rates",
        name=name,
        files=[questions.samples, rates],
        noted={"shards": shards},
        rows=len(table),
        unusable_golds=unusable_golds(frame),
    )
    return {"generated": generated, "seconds": clock.seconds}


def ask_set(questions: Questions, machine: Machine, *, model: Path, shard: Shard) -> dict[str, Any]:
    """Generate one shard of a set's pass rates into the journal of their sample store.

    Args:
        questions, machine, model: As for ``estimate_pass_rates``; the store is only read.
        shard: What is asked here.

    Returns:
        Samples ``generated``, and ``seconds`` by activity.

    Raises:
        StudyError: As ``estimate_pass_rates``.
    """
    clock = Clock()
    asked = _read(questions, model, shard)
    return {"generated": asked.generate(machine, clock), "seconds": clock.seconds}


def _read(questions: Questions, model: Path, shard: Shard = WHOLE) -> Asked:
    folder = read_model(model).folder
    return Asked.read(questions, [Checkpoint(0, folder, weights_digest(folder))], shard)


def rate_table(counts: "pandas.DataFrame") -> "pandas.DataFrame":
    """Pass rates with their intervals, from ``outcome_counts``."""
    table = counts[["problem_id", "n", "n_correct"]].copy()
    table["pass_rate"] = table["n_correct"] / table["n"]
    table["low"], table["high"] = binomial_interval(
        table["n_correct"].to_numpy(), table["n"].to_numpy()
    )
    return table


def binomial_interval(correct: "np.ndarray", n: "np.ndarray") -> "tuple[np.ndarray, np.ndarray]":
    """Exact interval of a rate at ``LEVEL`` (Clopper and Pearson, Biometrika 26, 1934).

    Args:
        correct: Successes, shape (k,).
        n: Trials, shape (k,).

    Returns:
        Lower and upper ends, each of shape (k,).
    """
    import numpy as np
    from scipy.stats import beta

    tail = (1 - LEVEL) / 2
    low = np.where(correct == 0, 0.0, beta.ppf(tail, correct, n - correct + 1))
    high = np.where(correct == n, 1.0, beta.isf(tail, correct + 1, n - correct))
    return low, high
