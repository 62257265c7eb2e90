"""From a cell's scores and ledger to rows of the curves table; from cells to the study's tables."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rlscale.errors import StudyError
from rlscale.manifests import read_manifest, verify_files, write_text
from rlscale.tables import CURVE_COLUMNS, write_curves

if TYPE_CHECKING:
    import pandas

_FULL = ("generation_flops", "old_logprob_flops", "reference_flops", "update_flops")
_SCORES = (
    "step", "benchmark", "n_problems", "n_samples", "n_correct", "n_unparsed", "n_timeout",
    "clipped_share", "pass_at_1", "loss", "loss_se", "response_length",
)  # fmt: skip


def make_curve(
    study: str, protocol_digest: str, train: Path, evaluation: Path, output: Path
) -> None:
    """Join a cell's scores with what each checkpoint had consumed by then.

    Args:
        study: Name of the study.
        protocol_digest: Digest of the cell's protocol (``rlscale.cells.protocol_digest``).
        train: The cell's train.json; ledger.csv lies beside it.
        evaluation: The cell's eval.json; scores.csv lies beside it.
        output: The cell's curve.csv.

    Raises:
        StudyError: The tables do not fit together.
    """
    import pandas

    manifest = read_manifest(train, "train")
    verify_files(read_manifest(evaluation, "eval"))
    scores = pandas.read_csv(evaluation.parent / "scores.csv")
    spent = spent_by_step(pandas.read_csv(train.parent / "ledger.csv"), manifest)
    late = sorted(set(scores["step"]) - set(spent["step"]))
    if late:
        raise StudyError(f"{train.parent}/ledger.csv: no row for the evaluated step {late[0]}")
    rows = scores[list(_SCORES)].merge(spent, on="step")
    cell = manifest["cell"]
    rows = rows.assign(
        study=study,
        cell=cell["path"],
        **{key: cell[key] for key in ("recipe", "model", "variant", "tau", "group_size", "seed")},
        **{key: manifest[key] for key in ("family", "n_params", "n_params_total")},
        n_params_nominal=manifest["n_params_nominal"],
        protocol_digest=protocol_digest,
        source="study",
    )
    write_curves(rows[list(CURVE_COLUMNS)], output)


def spent_by_step(ledger: "pandas.DataFrame", manifest: Mapping[str, Any]) -> "pandas.DataFrame":
    """What had been spent when each step ended, step 0 included.

    Returns:
        Columns ``step``, ``data_samples`` (problems), ``compute_flops`` (6 N T),
        ``compute_flops_full``, ``tokens``, ``gpu_seconds`` (0 where no GPU was used).
    """
    import pandas

    prompts = manifest["settings"]["recipe"]["prompts_per_step"]
    ledger = ledger.sort_values("step")
    spent = pandas.DataFrame(
        {
            "step": ledger["step"],
            "data_samples": prompts * ledger["step"],
            "compute_flops": ledger["compute_flops"].cumsum(),
            "compute_flops_full": ledger[list(_FULL)].sum(axis=1).cumsum(),
            "tokens": (ledger["prompt_tokens"] + ledger["completion_tokens"]).cumsum(),
            "gpu_seconds": ledger["seconds"].cumsum() * manifest["gpus"],
        }
    )
    start = pandas.DataFrame([dict.fromkeys(spent.columns, 0)])
    return pandas.concat([start, spent], ignore_index=True)


def collect(cells: Sequence[Path], curves: Path, outcomes: Path, ledger: Path) -> None:
    """Put the tables of all cells together.

    Args:
        cells: Folders of the cells (results/cells/<cell>).
        curves: Study's curves.csv.
        outcomes: Study's outcomes.parquet (counts by cell, step, benchmark and problem).
        ledger: Study's ledger.csv.
    """
    import pandas

    tables = [
        pandas.read_csv(folder / "curve.csv", dtype={"protocol_digest": str}) for folder in cells
    ]
    write_curves(pandas.concat(tables, ignore_index=True), curves)
    problems = pandas.concat(
        [pandas.read_parquet(folder / "outcomes.parquet") for folder in cells], ignore_index=True
    )
    problems.sort_values(["cell", "step", "benchmark", "problem_id"], kind="stable").to_parquet(
        outcomes, index=False
    )
    spent = []
    for folder in cells:
        table = pandas.read_csv(folder / "ledger.csv")
        table.insert(0, "cell", read_manifest(folder / "train.json", "train")["cell"]["path"])
        spent.append(table)
    write_text(ledger, pandas.concat(spent, ignore_index=True).to_csv(index=False))
