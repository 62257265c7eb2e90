"""A run's rows as trainers and trackers leave them behind, for the tests of curve readers."""

import gzip
import json
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pandas

Rows = list[dict]  # step, acc, tok


@dataclass(frozen=True)
class Writer:
    """How a format is written.

    Attributes:
        form: Name of the curve reader.
        name: A file's name, with its ending.
        write: Writes rows to a path.
        prefix: What the reader puts before the names ``acc`` and ``tok``.
    """

    form: str
    name: str
    write: Callable[[Rows, Path], None]
    prefix: str = ""


def verl(rows: Rows) -> str:
    return "\n".join(json.dumps({"step": r["step"], "data": _values(r)}) for r in rows)


def _values(row: dict) -> dict:
    return {name: value for name, value in row.items() if name != "step"}


def _frame(rows: Rows) -> pandas.DataFrame:
    return pandas.DataFrame(rows)


def _verl_console(rows: Rows, path: Path) -> None:
    path.write_text(
        "\n".join(
            f"\x1b[36m(TaskRunner pid=7)\x1b[0m step:{r['step']} - acc:np.float64({r['acc']}) "
            f"- tok:{r['tok']}"
            for r in rows
        )
    )


def _openrlhf(rows: Rows, path: Path) -> None:
    lines = []
    for r in rows:
        lines.append(f"(PPOTrainer pid=1) INFO ✨ Global step {r['step']}: {{'tok': {r['tok']}}}")
        lines.append(
            "✨ Evaluation completed in 0:00:09, global_step "
            f"{r['step']}, eval_metrics: {{'acc': np.float64({r['acc']}), 'name': 'x'}}"
        )
    path.write_text("\n".join(lines))


def _prime_rl(rows: Rows, path: Path) -> None:
    lines = []
    for r in rows:
        lines.append(f"INFO Running evals for checkpoint step {r['step']}")
        lines.append(
            f"SUCCESS Evaluated math in 8.10s (acc={r['acc']}, Completion Length: 9.00 (±1.00, "
            "∈[2.00, 12.00]), Truncated: 2.5%)"
        )
        lines.append(
            f"SUCCESS Step {r['step']} | Time: 9.10s | math/tok: {r['tok']} | Rate: 3.1 tokens/s"
        )
    path.write_text("\n".join(lines))


def _nemo_rl(rows: Rows, path: Path) -> None:
    path.write_text(
        "\n".join(
            f"{'=' * 25} Step {r['step']}/900 {'=' * 25}\n▶ Preparing batch...\n"
            f"▶ Starting validation at step {r['step']}...\n\n📊 Validation Results:\n"
            f"    • acc: {r['acc']}\n    • tok: {r['tok']}\n\n  ⏱️  Validation Timing:\n"
            "    • Total validation time: 3.00s\n\n📊 Training Results:\n  • Loss: 0.1\n"
            for r in rows
        )
    )


def _trackio(rows: Rows, path: Path) -> None:
    with sqlite3.connect(path) as store:
        store.execute("create table metrics (id integer primary key, run_id text, run_name text, "
                      "step integer, metrics text)")  # fmt: skip
        store.execute("create table configs (run_id text, run_name text, config text)")
        for r in rows:
            store.execute("insert into metrics (run_id, run_name, step, metrics) values "
                          "('abc', 'owl', ?, ?)", (r["step"], json.dumps(_values(r))))  # fmt: skip
    store.close()


def _mlflow_file(rows: Rows, path: Path) -> None:
    with sqlite3.connect(path) as store:
        store.execute("create table experiments (experiment_id integer)")
        store.execute("create table runs (run_uuid text, name text, lifecycle_stage text)")
        store.execute("create table metrics (key text, value float, timestamp integer, "
                      "run_uuid text, step integer, is_nan boolean)")  # fmt: skip
        for name in ("params", "tags"):
            store.execute(f"create table {name} (key text, value text, run_uuid text)")
        store.execute("insert into runs values ('abc', 'owl', 'active'), ('d', 'd', 'deleted')")
        for time, r in enumerate(rows):
            store.executemany("insert into metrics values (?, ?, ?, 'abc', ?, 0)",
                              [(n, v, time, r["step"]) for n, v in _values(r).items()])  # fmt: skip
    store.close()


def _mlflow_folder(rows: Rows, path: Path) -> None:
    run = path / "0" / "abc"
    (run / "metrics").mkdir(parents=True)
    (run / "meta.yaml").write_text("run_name: owl\nlifecycle_stage: active\n")
    for name in ("acc", "tok"):
        lines = (f"{time} {r[name]} {r['step']}\n" for time, r in enumerate(rows) if name in r)
        (run / "metrics" / name).write_text("".join(lines))


WRITERS = {
    "verl": Writer("verl", "r.jsonl", lambda rows, path: path.write_text(verl(rows))),
    "verl console": Writer("verl", "r.log", _verl_console),
    "trl": Writer("trl", "r.json", lambda rows, p: p.write_text(json.dumps({"log_history": rows}))),
    "wandb": Writer("wandb", "r.csv", lambda rows, path: _frame(rows).rename(
        columns={"step": "_step"}).to_csv(path, index=False)),
    "wandb panel": Writer("wandb", "r.csv", lambda rows, path: _frame(rows).rename(
        columns={"step": "Step", "acc": "owl - 1 - acc", "tok": "owl - 1 - tok"},
    ).to_csv(path, index=False)),
    "csv": Writer("table", "r.csv", lambda rows, path: _frame(rows).to_csv(path, index=False)),
    "tsv in utf-16": Writer("table", "r.tsv", lambda rows, path: path.write_bytes(
        _frame(rows).to_csv(index=False, sep="\t").encode("utf-16"))),
    "semicolons": Writer("table", "r.csv", lambda rows, path: _frame(rows).to_csv(
        path, index=False, sep=";", decimal=",")),
    "jsonl.gz": Writer("table", "r.jsonl.gz", lambda rows, path: path.write_bytes(
        gzip.compress("\n".join(map(json.dumps, rows)).encode(), mtime=0))),
    "json": Writer("table", "r.json", lambda rows, path: path.write_text(json.dumps(rows))),
    "parquet": Writer("table", "r.parquet", lambda rows, path: _frame(rows).to_parquet(path)),
    "openrlhf": Writer("openrlhf", "r.log", _openrlhf),
    "prime_rl": Writer("prime_rl", "r.log", _prime_rl, "math/"),
    "prime_rl metrics": Writer("prime_rl", "metrics.jsonl", lambda rows, path: path.write_text(
        "\n".join(map(json.dumps, rows)))),
    "nemo_rl": Writer("nemo_rl", "r.log", _nemo_rl, "Validation/"),
    "trackio": Writer("trackio", "r.db", _trackio),
    "mlflow file": Writer("mlflow", "r.db", _mlflow_file),
    "mlflow folder": Writer("mlflow", "mlruns", _mlflow_folder),
}  # fmt: skip
