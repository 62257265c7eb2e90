"""From a cell's scores and ledger to rows of the curves table; from cells to the study's tables."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rlscale.accounting.ledger import Cost
from rlscale.core.errors import StudyError
from rlscale.core.files import write_text
from rlscale.core.manifests import read_manifest, verify_file, verify_files
from rlscale.core.tables import (
    CURVE_COLUMNS,
    TEXT_COLUMNS,
    pass_columns,
    read_ledger,
    write_curves,
)
from rlscale.laws.pass_at_k import pass_at_k

if TYPE_CHECKING:
    import pandas

_SCORES = (
    "step", "benchmark", "n_problems", "n_samples", "n_correct", "n_unparsed", "n_timeout",
    "clipped_share", "pass_at_1", "loss", "loss_se", "response_length",
    "scoring", "scoring_digest",
)  # fmt: skip


def make_curve(
    study: str,
    protocol_digest: str,
    pass_at: Sequence[int],
    *,
    train: Path,
    evaluation: Path,
    curve: Path,
    costs: Path,
) -> None:
    """Join a cell's scores with what each checkpoint had consumed by then.

    Args:
        study: Name of the study.
        protocol_digest: Digest of the cell's protocol (``rlscale.study.grid.protocol_digest``).
        pass_at: k of the columns ``pass_at_<k>``; one of which no benchmark has k samples of every
            problem is left out.
        train: The cell's train.json; ledger.csv, which it names, and timings.csv, which is
            measured and which no manifest names, lie beside it.
        evaluation: The cell's eval.json; scores.csv, outcomes.parquet and samples.parquet,
            which it names, lie beside it.
        curve: The cell's curve.csv.
        costs: The cell's costs.csv: its ledger, and the evaluation of every checkpoint.

    Raises:
        StudyError: A table has other bytes than its manifest says, or they do not fit together.
    """
    import pandas

    manifest = read_manifest(train, "train")
    verify_file(manifest, train.parent / "ledger.csv")
    verify_files(read_manifest(evaluation, "eval"))
    texts = {"scoring": str, "scoring_digest": str}
    scores = pandas.read_csv(evaluation.parent / "scores.csv", dtype=texts)
    ledger = read_ledger(train.parent / "ledger.csv")
    timings = pandas.read_csv(train.parent / "timings.csv")
    samples = pandas.read_parquet(
        evaluation.parent / "samples.parquet", columns=["step", "prompt_tokens", "tokens"]
    )
    evaluated = pandas.DataFrame(Cost(**manifest["cost"]).evaluation(samples))
    write_text(costs, pandas.concat([ledger, evaluated]).to_csv(index=False))
    spent = spent_by_step(ledger, timings, manifest)
    late = sorted(set(scores["step"]) - set(spent["step"]))
    if late:
        raise StudyError(f"{train.parent}/ledger.csv: no row for the evaluated step {late[0]}")
    rows = scores[list(_SCORES)].merge(spent, on="step")
    outcomes = pandas.read_parquet(evaluation.parent / "outcomes.parquet")
    passes = pass_table(outcomes, pass_at)
    rows = rows.merge(passes, how="left", on=["step", "benchmark"], validate="one_to_one")
    cell = manifest["cell"]
    rows = rows.assign(
        study=study,
        cell=cell["path"],
        **{key: cell[key] for key in ("recipe", "model", "variant", "tau", "group_size", "seed")},
        **{key: manifest[key] for key in ("family", "n_params", "n_params_total")},
        n_params_nominal=manifest["n_params_nominal"],
        protocol_digest=protocol_digest,
        source="study",
        status=manifest["status"],
    )
    write_curves(rows[[*CURVE_COLUMNS, *pass_columns(rows.columns)]], curve)


def pass_table(outcomes: "pandas.DataFrame", pass_at: Sequence[int]) -> "pandas.DataFrame":
    """pass@k of one cell per step and benchmark: the mean over problems.

    Args:
        outcomes: ``step``, ``benchmark``, ``problem_id``, ``n``, ``n_correct``.
        pass_at: Wanted k.

    Returns:
        ``step``, ``benchmark`` and ``pass_at_<k>``: empty where a problem has fewer than k
        samples, and no column where that is so everywhere.
    """
    import pandas

    rows = []
    for (step, benchmark), group in outcomes.groupby(["step", "benchmark"]):
        counts = group["n_correct"].tolist(), group["n"].tolist()
        known = [k for k in sorted(set(pass_at)) if k <= min(counts[1])]
        means = {f"pass_at_{k}": float(pass_at_k(*counts, k).mean()) for k in known}
        rows.append({"step": step, "benchmark": benchmark, **means})
    return pandas.DataFrame(rows, columns=["step", "benchmark", *_names(rows)])


def _names(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    return pass_columns({name for row in rows for name in row})


def spent_by_step(
    ledger: "pandas.DataFrame", timings: "pandas.DataFrame", manifest: Mapping[str, Any]
) -> "pandas.DataFrame":
    """What had been spent when each step ended, step 0 included.

    Args:
        ledger: A cell's ledger.csv, as ``read_ledger`` gives it.
        timings: Its timings.csv (``rlscale.accounting.timings``).
        manifest: Its train.json.

    Returns:
        Columns ``step``, ``data_samples`` (problems), ``compute_flops`` (6 N T),
        ``compute_flops_full`` (all phases of training), ``tokens`` (trained on), ``gpu_seconds``
        (0 where no GPU was used).
    """
    import pandas

    flops = ledger.groupby("step")[["compute_flops", "flops"]].sum().cumsum()
    trained = ledger[ledger["phase"] == "update"].set_index("step")
    seconds = timings.groupby("step")["seconds"].sum()
    spent = pandas.DataFrame(
        {
            "data_samples": manifest["prompts_per_step"] * flops.index.to_series(),
            "compute_flops": flops["compute_flops"],
            "compute_flops_full": flops["flops"],
            "tokens": (trained["prompt_tokens"] + trained["completion_tokens"]).cumsum(),
            "gpu_seconds": seconds.cumsum() * manifest["gpus"],
        }
    ).reset_index(names="step")
    start = pandas.DataFrame([dict.fromkeys(spent.columns, 0)])
    return pandas.concat([start, spent], ignore_index=True)


def collect(cells: Mapping[str, Path], *, curves: Path, outcomes: Path, ledger: Path) -> None:
    """Put the tables of all cells together.

    Args:
        cells: Cell -> its folder (results/cells/<cell>): curve.csv, costs.csv, and
            outcomes.parquet, which eval.json names.
        curves: Study's curves.csv.
        outcomes: Study's outcomes.parquet (counts by cell, step, benchmark and problem; where
            programs were run, with what isolation a cell ran them).
        ledger: Study's ledger.csv, with the evaluation of every checkpoint.

    Raises:
        StudyError: An outcomes.parquet has other bytes than its eval.json says.
    """
    import pandas

    rows, counts = [], []
    isolations = {}
    for cell, folder in cells.items():
        manifest = read_manifest(folder / "eval.json", "eval")
        verify_file(manifest, folder / "outcomes.parquet")
        found = {proved["isolation"] for proved in manifest.get("judging", {}).values()}
        isolations[cell] = ", ".join(sorted(found)) or None
        rows.append(pandas.read_csv(folder / "curve.csv", dtype=dict.fromkeys(TEXT_COLUMNS, str)))
        counts.append(pandas.read_parquet(folder / "outcomes.parquet"))
    write_curves(pandas.concat(rows, ignore_index=True), curves)
    problems = pandas.concat(counts, ignore_index=True)
    if any(isolations.values()):
        problems["isolation"] = problems["cell"].map(isolations)
    problems.sort_values(["cell", "step", "benchmark", "problem_id"], kind="stable").to_parquet(
        outcomes, index=False
    )
    join({cell: folder / "costs.csv" for cell, folder in cells.items()}, ledger)


def join(tables: Mapping[str, Path], output: Path) -> None:
    """Put a table of every cell together, each row with its cell in front.

    Args:
        tables: Cell -> its table.
        output: Where the whole goes.
    """
    import pandas

    own = {cell: pandas.read_csv(path, dtype=str) for cell, path in tables.items()}
    table = pandas.concat([part.assign(cell=cell) for cell, part in own.items()], ignore_index=True)
    table.insert(0, "cell", table.pop("cell"))
    write_text(output, table.to_csv(index=False))
