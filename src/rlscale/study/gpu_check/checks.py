"""What a trial has to show, each from the files that its study left."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from rlscale.core.cell import Cell
from rlscale.core.errors import StudyError
from rlscale.core.manifests import read_manifest
from rlscale.jobs.devices import on_gpu
from rlscale.jobs.signals import INTERRUPTED
from rlscale.study import doctor, estimates, grid
from rlscale.study.doctor import Check
from rlscale.study.gpu_check.trial import AGAIN, OTHER_SEED, PLAIN, Trial
from rlscale.training.guarantees import FIRST_KL

if TYPE_CHECKING:
    import pandas

# ASSUME: mean absolute difference of a sampled token's log-probabilities by vLLM and by the trainer
# [nats]; above it runs are known to break (docs/training.md).
MISMATCH = 0.1
# ASSUME: allocators and libraries take so much more than an estimate from shapes.
SLACK = 1.25


def all_checks(trial: Trial) -> list[Check]:
    """Every check, in the order in which they are best mended."""
    made: list[tuple[str, Callable[[Trial], Check]]] = [
        ("launches", launches), ("first KL", first_kl), ("seeds", seeds),
        ("resumption", resumption), ("weight swap", weight_swap), ("rollouts", rollouts),
        ("memory of training", memory),
    ]  # fmt: skip
    found = doctor.checks(trial.folder)
    for name, check in made:
        try:
            found.append(check(trial))
        except FileNotFoundError as error:
            found.append(_not_made(name, trial, f"{error.filename} was not made"))
        except StudyError as error:
            found.append(_not_made(name, trial, str(error)))
    return found


def _not_made(name: str, trial: Trial, said: str) -> Check:
    return Check(name, False, said, f"read {trial.folder / 'check.log'}")


def launches(trial: Trial) -> Check:
    """Every way of starting a training ends well, on the same problems."""
    consumed, bad = set(), []
    for cell in trial.cells:
        files = trial.files(cell)
        if files.train.exists() and read_manifest(files.train, "train")["status"] == "ok":
            consumed.add(files.consumed.read_bytes())
        else:
            bad.append(cell.path)
    names = ", ".join(sorted({cell.model for cell in trial.cells}))
    remedy = f"read {trial.folder}/logs/train_cell"
    if bad:
        return Check("launches", False, f"not trained: {', '.join(bad)}", remedy)
    if len(consumed) > 1:
        return Check("launches", False, f"{names}: they consumed different problems", remedy)
    return Check("launches", True, names)


def first_kl(trial: Trial) -> Check:
    """Before the first update a model does not differ from its reference [nats per token]."""
    worst = max(abs(_metrics(trial, cell)["kl"].iloc[0]) for cell in _trained(trial))
    most = FIRST_KL["bfloat16" if _computes_on_gpu(trial) else "float32"]
    remedy = f"at most {most:g} is rounding: the reference is not the model (config/accelerate)"
    return Check("first KL", bool(worst <= most), f"{worst:.2g} nats per token", remedy)


def seeds(trial: Trial) -> Check:
    """Two seeds draw other responses."""
    one, other = (_metrics(trial, cell)["num_tokens"].tolist() for cell in (PLAIN, OTHER_SEED))
    rewards = [_metrics(trial, cell)["reward"].tolist() for cell in (PLAIN, OTHER_SEED)]
    differ = one != other or rewards[0] != rewards[1]
    remedy = "a library seeds the random numbers (rlscale.training.guarantees)"
    return Check("seeds", differ, "differ" if differ else "seeds 1 and 2 are one run", remedy)


def resumption(trial: Trial) -> Check:
    """A training stopped by SIGTERM ends as one that was not; so a seed repeats as well."""
    if trial.interrupted != INTERRUPTED:
        said = f"after SIGTERM it ended with {trial.interrupted}, not {INTERRUPTED}"
        return Check("resumption", False, said, f"read {trial.folder / 'check.log'}")
    digests = [
        [entry["digest"] for entry in read_manifest(trial.files(cell).train)["checkpoints"]]
        for cell in (PLAIN, AGAIN)
    ]
    same = digests[0] == digests[1]
    if same:
        return Check("resumption", True, "the same bytes as without SIGTERM")
    one, other = (_metrics(trial, cell)["reward"].iloc[-1] for cell in (PLAIN, AGAIN))
    # Sums on a GPU may come in another order; the problems that are asked may not.
    asked = [trial.files(cell).consumed.read_bytes() for cell in (PLAIN, AGAIN)]
    good = _computes_on_gpu(trial) and asked[0] == asked[1]
    said = f"other bytes than without SIGTERM; last reward {other:.3f}, without {one:.3f}"
    remedy = "on a CPU both are the same to the bit, and on a GPU the problems are the same"
    return Check("resumption", good, said, remedy)


def weight_swap(trial: Trial) -> Check:
    """The engine answers with each checkpoint's weights: with the same seeds it says other things.

    That the weights are the files' is proved at every swap, or there are no samples.
    """
    import pandas

    samples = pandas.read_parquet(trial.files(PLAIN).samples)
    said = samples.pivot(index=["problem_id", "sample"], columns="step", values="text")
    first, last = said.columns.min(), said.columns.max()
    changed = float((said[first] != said[last]).mean())
    dtype = trial.config["evaluation"]["dtype"]
    found = f"{changed:.0%} of {len(said)} responses differ between steps {first} and {last}"
    remedy = "after a swap the engine still runs the weights before (rlscale.evaluation.engine)"
    return Check("weight swap", bool(changed > 0), f"{found}, in {dtype}", remedy)


def rollouts(trial: Trial) -> Check:
    """vLLM's log-probabilities of what it sampled are the trainer's."""
    differences = {}
    for cell in _trained(trial):
        if grid.job_of(trial.config, cell.model).engine.get("use_vllm"):
            differences[cell.model] = _metrics(trial, cell)[
                "sampling/sampling_logp_difference/mean"
            ].max()
    if not differences:
        asked = [grid.job_of(trial.config, cell.model).engine for cell in trial.cells]
        if any(engine.get("use_vllm") for engine in asked):
            return Check("rollouts", False, "nothing was trained with vLLM's", "see launches")
        return Check("rollouts", True, "by transformers only: no engine that could differ")
    worst = max(differences.values())
    remedy = f"more than {MISMATCH:g}: weights are not handed over, or formats differ"
    return Check("rollouts", bool(worst <= MISMATCH), f"{worst:.2g} nats per token", remedy)


def memory(trial: Trial) -> Check:
    """A training takes no more than is estimated before it runs."""
    worst, said = 0.0, ""
    for cell in _trained(trial):
        estimate = estimates.memory(trial.config, cell)
        assert estimate is not None, "the trial's models are made here"
        bytes_ = estimate.peak if _computes_on_gpu(trial) else estimate.host
        taken = _timings(trial, cell)["peak_memory_bytes"].max()
        if taken / bytes_ > worst:
            worst = taken / bytes_
            said = f"{cell.model}: {taken / 2**20:,.0f} MiB, estimated {bytes_ / 2**20:,.0f}"
    remedy = "the plan would ask a scheduler for too little (rlscale.jobs.memory)"
    return Check("memory of training", bool(worst <= SLACK), said, remedy)


def speed(trial: Trial) -> "pandas.DataFrame":
    """Tokens per second: ``model``, ``phase``, ``seconds`` and ``tokens_per_second`` of a step.

    The first step, in which a device warms up, is left out.
    """
    import pandas

    rows = []
    for cell in trial.cells:
        if not trial.files(cell).timings.exists():
            continue
        ledger = pandas.read_csv(trial.files(cell).ledger)
        table = _timings(trial, cell).merge(ledger, on=["step", "phase"])
        table = table[table["step"] > 1]
        new = table["completion_tokens"]
        prompt = table["prompt_tokens"].where(table["phase"] != "generation", 0)
        table = table.assign(tokens=new + prompt)
        by_phase = table.groupby("phase")[["seconds", "tokens"]].mean()
        for phase, row in by_phase.iterrows():
            rate = row["tokens"] / row["seconds"]
            rows.append((f"{cell.model}, seed {cell.seed}", phase, row["seconds"], rate))
    return pandas.DataFrame(rows, columns=["model", "phase", "seconds", "tokens_per_second"])


def _trained(trial: Trial) -> list[Cell]:
    """The cells with results; where a launch fails, the others still show what they can."""
    trained = [cell for cell in trial.cells if trial.files(cell).timings.exists()]
    if not trained:
        raise FileNotFoundError(0, "", str(trial.files(trial.cells[0]).timings))
    return trained


def _metrics(trial: Trial, cell: Cell) -> "pandas.DataFrame":
    import pandas

    return pandas.read_csv(trial.files(cell).metrics)


def _timings(trial: Trial, cell: Cell) -> "pandas.DataFrame":
    import pandas

    return pandas.read_csv(trial.files(cell).timings)


def _computes_on_gpu(trial: Trial) -> bool:
    return on_gpu(trial.config["resources"]["default"]["gpus"])
