"""Runs written by the trackers themselves and read back: the numbers equal those written.

Each needs its package, and is left out where that is absent; all of them, in an environment of
their own: `pip install -e . pytest wandb trackio mlflow tensorboard lm-eval`; `pytest -m long`.
"""

import http.server
import json
import math
import threading
from pathlib import Path

import numpy as np
import pytest

from rlscale.curves.guess import guess_format
from rlscale.curves.ingest import read_runs

pytestmark = pytest.mark.long
STEPS = [1, 2, 4, 8, 16, 32]
CONSTANTS = {"model": "Qwen2.5-7B", "variant": "base", "benchmark": "held_out"}


def accuracy(seed: int, step: int) -> float:
    return 0.2 + 0.1 * math.log10(step) + 0.01 * seed


def check(path: Path, form: str, seed: str, exact: bool = True, **more: str) -> None:
    """Two runs, seeds 1 and 2, come back as they were written."""
    assert guess_format(path) == form
    columns = {"loss": "1 - eval/acc", "tokens": "tok", "seed": seed} | more
    section = {"format": form, "files": {str(path): {}}, "columns": columns, "constants": CONSTANTS}
    table = read_runs(section, "mine").table
    assert sorted(table["seed"].unique()) == [1, 2]
    for number, run in table.groupby("seed"):
        assert run["step"].tolist() == STEPS
        assert run["tokens"].tolist() == [1000.0 * step for step in STEPS]
        written = [1 - accuracy(int(number), step) for step in STEPS]
        np.testing.assert_allclose(run["loss"], written, rtol=0, atol=0 if exact else 1e-7)


def test_wandb_offline(tmp_path, monkeypatch):
    wandb = pytest.importorskip("wandb")
    monkeypatch.setenv("WANDB_MODE", "offline")
    for seed in (1, 2):
        run = wandb.init(project="p", name="owl", config={"seed": seed}, dir=tmp_path)
        for step in STEPS:  # two rows a step, as trainers log them
            run.log({"tok": 1000 * step, "train/global_step": step})
            run.log({"eval/acc": accuracy(seed, step), "train/global_step": step})
        run.finish()
    check(tmp_path / "wandb", "wandb", "config/seed")


def test_trackio(tmp_path, monkeypatch):
    monkeypatch.setenv("TRACKIO_DIR", str(tmp_path))
    trackio = pytest.importorskip("trackio")
    for seed in (1, 2):
        trackio.init(project="p", name="owl", config={"seed": seed})
        for step in STEPS:
            trackio.log({"eval/acc": accuracy(seed, step), "tok": 1000 * step}, step=step)
        trackio.finish()
    check(tmp_path / "p.db", "trackio", "config/seed")


@pytest.mark.parametrize("store", ["sqlite:///{}/mlflow.db", "file:{}/mlruns"])
def test_mlflow(tmp_path, monkeypatch, store):
    mlflow = pytest.importorskip("mlflow")
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    monkeypatch.chdir(tmp_path)
    mlflow.set_tracking_uri(store.format(tmp_path))
    mlflow.set_experiment("p")
    for seed in (1, 2):
        with mlflow.start_run(run_name="owl"):
            mlflow.log_param("seed", seed)
            for step in STEPS:
                mlflow.log_metric("eval/acc", accuracy(seed, step), step=step)
                mlflow.log_metric("tok", 1000 * step, step=step)
    path = next(p for p in (tmp_path / "mlruns", tmp_path / "mlflow.db") if p.name in store)
    check(path, "mlflow", "params/seed", exact=False)  # SQLite keeps 15 digits of text


def test_lm_eval(tmp_path):
    loggers = pytest.importorskip("lm_eval.loggers")
    for seed in (1, 2):
        for step in (0, 10, 100):
            model = f"pretrained=/models/qwen-s{seed}/checkpoint-{step},dtype=bfloat16"
            tracker = loggers.EvaluationTracker(output_path=str(tmp_path))
            tracker.general_config_tracker.log_experiment_args(
                "hf", model, system_instruction=None, chat_template=None,
                fewshot_as_multiturn=False,
            )  # fmt: skip
            scores = {"exact_match,strict-match": 0.2 + seed / 100 + step / 1000}
            results = {
                "results": {"gsm8k": {"alias": "gsm8k", **scores}},
                "n-samples": {"gsm8k": {"original": 1319, "effective": 200}},
                "config": {"model": "hf", "model_args": model},
            }
            tracker.save_results_aggregated(results=results, samples={})
    assert guess_format(tmp_path) == "lm_eval"
    columns = {"loss": "1 - gsm8k/exact_match,strict-match", "n_problems": "gsm8k/problems"}
    section = {"format": "lm_eval", "files": {str(tmp_path): {}}, "columns": columns,
               "constants": CONSTANTS, "run_pattern": r"s(?P<seed>\d)"}  # fmt: skip
    table = read_runs(section, "mine").table
    assert table["step"].tolist() == [0, 10, 100] * 2
    assert set(table["n_problems"]) == {200}
    for number, run in table.groupby("seed"):
        written = [1 - (0.2 + int(number) / 100 + step / 1000) for step in (0, 10, 100)]
        assert run["loss"].tolist() == written


def test_tensorboard(tmp_path):
    tensorboard = pytest.importorskip("tensorboard.summary")
    for seed in (1, 2):
        for name, value in (("eval/acc", accuracy), ("tok", lambda _, step: 1000 * step)):
            writer = tensorboard.Writer(str(tmp_path / f"{seed}/{name.split('/')[0]}"))
            for step in STEPS:
                writer.add_scalar(name, value(seed, step), step)
            writer.close()
    files = {str(tmp_path / "1"): {"seed": 1}, str(tmp_path / "2"): {"seed": 2}}
    columns = {"loss": "1 - eval/acc", "tokens": "tok"}
    section = {"format": "tensorboard", "files": files, "columns": columns, "constants": CONSTANTS}
    table = read_runs(section, "mine").table
    for number, run in table.groupby("seed"):
        written = [1 - accuracy(int(number), step) for step in STEPS]
        np.testing.assert_allclose(run["loss"], written, rtol=0, atol=1e-7)  # float32
        assert run["tokens"].tolist() == [1000.0 * step for step in STEPS]


class StandIn(http.server.BaseHTTPRequestHandler):
    """What W&B's server answers to its package about a project of two runs."""

    def log_message(self, *_):
        """Say nothing."""

    def do_GET(self):
        self.send_error(404)

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        said = json.loads(body) if self.path == "/graphql" else {}
        out = json.dumps(self.answer(said.get("query", ""), said.get("variables") or {})).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(out)))
        self.end_headers()
        self.wfile.write(out)

    def answer(self, query: str, variables: dict) -> dict:
        if "viewer" in query:
            viewer = {"id": "1", "entity": "me", "username": "me", "email": "a@b", "flags": "{}",
                      "teams": {"edges": []}}  # fmt: skip
            return {"data": {"viewer": viewer}}
        project = {"internalId": "1", "readOnly": False}
        if "runs(" in query:
            edges = [{"node": self.run(number), "cursor": str(number)} for number in (1, 2)]
            project["runs"] = {"totalCount": 2, "edges": edges,
                               "pageInfo": {"endCursor": "2", "hasNextPage": False}}  # fmt: skip
            return {"data": {"project": project | {"runCount": 2}}}
        number = int((variables.get("run") or variables.get("name") or "r1")[1:])
        rows = [
            {"_step": step, "eval/acc": accuracy(number, step), "tok": 1000 * step}
            for step in STEPS
        ]
        run = self.run(number) | ({"history": list(map(json.dumps, rows))} if "history(" in query
                                  else {})  # fmt: skip
        return {"data": {"project": project | {"run": run}}}

    def run(self, number: int) -> dict:
        texts = dict.fromkeys(("description", "notes"), "")
        none = dict.fromkeys(("sweepName", "group", "jobType", "commit", "runInfo"))
        return texts | none | {
            "id": f"id{number}", "name": f"r{number}", "displayName": "owl", "tags": [],
            "state": "finished", "config": json.dumps({"seed": {"value": number}}),
            "readOnly": False, "createdAt": "2026-01-01T00:00:00Z", "systemMetrics": "{}",
            "heartbeatAt": "2026-01-01T00:00:00Z", "summaryMetrics": "{}", "historyLineCount": 6,
            "historyKeys": {"lastStep": 32, "keys": {}}, "lastHistoryStep": 32,
            "user": {"name": "me", "username": "me"}, "project": {"name": "p", "id": "1"},
            "projectId": "1", "internalId": f"i{number}", "storageId": f"s{number}",
        }  # fmt: skip


def test_wandbs_server(tmp_path, monkeypatch):
    pytest.importorskip("wandb")
    from rlscale.curves.formats.wandb_api import fetch_runs

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), StandIn)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setenv("WANDB_BASE_URL", f"http://127.0.0.1:{server.server_port}")
    monkeypatch.setenv("WANDB_API_KEY", "0" * 40)
    try:
        files = fetch_runs("me", "p", tmp_path)
    finally:
        server.shutdown()
    assert [file.name for file in files] == ["owl-r1.jsonl", "owl-r2.jsonl"]
    columns = {"loss": "1 - eval/acc", "tokens": "tok", "seed": "config/seed"}
    section = {"format": "wandb", "files": {str(file): {} for file in files}, "columns": columns,
               "constants": CONSTANTS}  # fmt: skip
    table = read_runs(section, "mine").table
    for number, run in table.groupby("seed"):
        assert run["loss"].tolist() == [1 - accuracy(int(number), step) for step in STEPS]
        assert run["step"].tolist() == STEPS
