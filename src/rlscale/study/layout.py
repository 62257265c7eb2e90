"""Where everything of a study stands: the paths that its rules and its commands share.

They are relative to the study's folder. Rules state theirs as text too, because that is where a
reader looks for them; tests hold the two together.
"""

from dataclasses import dataclass
from pathlib import Path

RESULTS = Path("results")
CHECKPOINTS = Path("checkpoints")
STATE = Path(".state")
CELL_FOLDERS = RESULTS / "cells"
ATTEMPTS = STATE / "attempts"

CURVES = RESULTS / "curves.csv"
OUTCOMES = RESULTS / "outcomes.parquet"
LEDGER = RESULTS / "ledger.csv"
TIMINGS = RESULTS / "timings.csv"
CELLS = RESULTS / "cells.txt"
PROTOCOLS = RESULTS / "protocols.csv"
PLAN = RESULTS / "plan.csv"
PASS_AT_K = RESULTS / "pass_at_k.csv"
EQUAL_COMPUTE = RESULTS / "equal_compute.csv"
RECOMMENDATION = RESULTS / "recommendation.md"
PUBLISHED = RESULTS / "published.md"
CHECKS = RESULTS / "checks.json"
CHECKS_PASSED = RESULTS / "checks.passed"
CAPTIONS = RESULTS / "captions"
REPORT_PAGE = RESULTS / "report.html"
EXPLORE_PAGE = RESULTS / "explore.html"
TABLE_6 = Path("resources/published/table6.csv")


@dataclass(frozen=True)
class CellFiles:
    """The files of one cell.

    Attributes:
        train, metrics, ledger, timings, consumed: What training leaves; ``train`` is its manifest.
        evaluation, samples, outcomes, scores, eval_metrics: What evaluation leaves;
            ``evaluation`` is its manifest.
        curve, costs: Rows of the study's curves.csv and ledger.csv.
        log: What its training printed.
        checkpoints: Folder of ``step<n>/``.
        state: Folder of the resumable state of training.
        journal: Folder of the parts of the sample store.
        shards: Folder of what says that a shard of the evaluation was asked.
        owner: Claim on the cell.
        attempts: Record of the attempts at training it.
        tracked: Folder that trackers write into.
    """

    train: Path
    metrics: Path
    ledger: Path
    timings: Path
    consumed: Path
    evaluation: Path
    samples: Path
    outcomes: Path
    scores: Path
    eval_metrics: Path
    curve: Path
    costs: Path
    log: Path
    checkpoints: Path
    state: Path
    journal: Path
    shards: Path
    owner: Path
    attempts: Path
    tracked: Path

    @classmethod
    def of(cls, cell: str) -> "CellFiles":
        """The files of the cell of that path."""
        folder, state = CELL_FOLDERS / cell, STATE / cell
        return cls(
            train=folder / "train.json",
            metrics=folder / "metrics.csv",
            ledger=folder / "ledger.csv",
            timings=folder / "timings.csv",
            consumed=folder / "consumed.parquet",
            evaluation=folder / "eval.json",
            samples=folder / "samples.parquet",
            outcomes=folder / "outcomes.parquet",
            scores=folder / "scores.csv",
            eval_metrics=folder / "eval_metrics.csv",
            curve=folder / "curve.csv",
            costs=folder / "costs.csv",
            log=Path("logs/train_cell") / f"{cell}.log",
            checkpoints=CHECKPOINTS / cell,
            state=state,
            journal=state / "samples",
            shards=state / "shards",
            owner=STATE / "owners" / cell,
            attempts=ATTEMPTS / f"{cell}.jsonl",
            tracked=Path("logs/train_cell") / cell,
        )


def model(name: str) -> Path:
    """Manifest of a model's variant."""
    return RESULTS / "models" / name / "manifest.json"


def weights(name: str) -> Path:
    """Folder of the weights of a model's variant."""
    return CHECKPOINTS / "models" / name


def model_state(name: str) -> Path:
    """Folder that keeps the manifest of a model that was made here."""
    return STATE / "models" / name


def corpus(name: str) -> Path:
    """Manifest of what models made here learn from."""
    return RESULTS / "corpora" / name / "manifest.json"


def seen_of(corpus: str) -> Path:
    """Count of the problems of data sets and benchmarks that a corpus holds."""
    return RESULTS / "corpora" / corpus / "seen.csv"


def benchmark(name: str) -> Path:
    """Manifest of a benchmark's problems."""
    return RESULTS / "benchmarks" / name / "manifest.json"


def data_set(name: str) -> Path:
    """Manifest of a data set, cleaned and split."""
    return RESULTS / "data" / name / "manifest.json"


def problem_list(name: str) -> Path:
    """Manifest of the problems of a set that can be used, before it is cleaned and split."""
    return RESULTS / "data" / name / "problems" / "manifest.json"


def pass_rates(name: str) -> Path:
    """Manifest of the measured pass rates of a set."""
    return RESULTS / "data" / name / "pass_rates" / "manifest.json"


def pass_rate_shards(name: str) -> Path:
    """Folder of what says that a shard of a set's pass rates was asked."""
    return STATE / "pass_rate_shards" / name


def variant(data: str, recipe: str, tau: int) -> Path:
    """Manifest of a set as a recipe's training runs with one tau consume it."""
    return RESULTS / "data" / data / "variants" / f"{recipe}-tau{tau}" / "manifest.json"


def data_report(name: str) -> Path:
    """Copy of a set's report, which git keeps."""
    return RESULTS / "data_reports" / f"{name}.json"


def fit(law: str, x: str, metric: str, results: Path = RESULTS) -> Path:
    """A fit, of this study or of another one's results."""
    return results / "fits" / f"{law}-{x}-{metric}.json"


def forecast_rows(protocol: str) -> Path:
    """Rows that the forecasts of a protocol may learn from."""
    return RESULTS / "forecasts" / protocol / "train.csv"


def forecast_targets(protocol: str) -> Path:
    """Sizes that a protocol forecasts, without rows."""
    return RESULTS / "forecasts" / protocol / "targets.json"


def forecast(protocol: str, law: str) -> Path:
    """Forecasts of one law under a protocol."""
    return RESULTS / "forecasts" / protocol / f"{law}.json"


def forecast_scores(protocol: str) -> Path:
    """Forecasts of all laws under a protocol against what happened."""
    return RESULTS / "forecasts" / f"{protocol}.csv"


def comparison(other: str, law: str, x: str, metric: str) -> Path:
    """The figure (PDF; others beside it) that sets a fit beside another study's."""
    return RESULTS / "compare" / f"{other}-{law}-{x}-{metric}.pdf"
