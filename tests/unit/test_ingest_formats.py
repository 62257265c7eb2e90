"""Every curve reader gives back what was written; a format is told by looking at the file."""

import json
import sys
import types
from pathlib import Path

import pandas
import pytest
from run_writers import WRITERS

from rlscale.cli.main import main
from rlscale.core.errors import StudyError
from rlscale.curves.formats.wandb_api import fetch_runs
from rlscale.curves.guess import guess_format
from rlscale.curves.ingest import read_runs
from rlscale.curves.readers import CURVE_READERS

ROWS = [{"step": s, "acc": s / 64, "tok": 1000 * s} for s in (1, 2, 4, 8, 16)]
CONSTANTS = {"model": "Qwen2.5-7B", "variant": "base", "benchmark": "held_out"}


def curves(form: str, path: Path, loss: str, tokens: str = "", **more) -> pandas.DataFrame:
    columns = {"loss": loss} | ({"tokens": tokens} if tokens else {})
    section = {"format": form, "files": {str(path): {}}, "columns": columns, "constants": CONSTANTS}
    return read_runs(section | more, "mine").table


@pytest.mark.parametrize("name", WRITERS)
def test_what_was_written_is_read(tmp_path, name):
    writer = WRITERS[name]
    path = tmp_path / writer.name
    writer.write(ROWS, path)
    assert guess_format(path) in (writer.form, "table")
    table = curves(writer.form, path, f"1 - {writer.prefix}acc", f"{writer.prefix}tok")
    assert table["step"].tolist() == [1, 2, 4, 8, 16]
    assert table["loss"].tolist() == [1 - s / 64 for s in (1, 2, 4, 8, 16)]
    assert table["tokens"].tolist() == [1000.0 * s for s in (1, 2, 4, 8, 16)]


@pytest.mark.parametrize("form", [f for f in CURVE_READERS.names() if f != "parity"])
def test_a_file_of_something_else_is_refused_in_a_sentence(tmp_path, form):
    (tmp_path / "x.txt").write_text("once upon a time\n")
    with pytest.raises(StudyError, match=r"x\.txt"):
        curves(form, tmp_path / "x.txt", "1 - acc")


def test_runs_of_a_store_that_share_a_name_are_told_apart(tmp_path):
    for number, path in enumerate((tmp_path / "mlruns/0/aaaa", tmp_path / "mlruns/0/bbbb")):
        (path / "metrics").mkdir(parents=True)
        (path / "params").mkdir()
        (path / "params/seed").write_text(str(number))
        (path / "meta.yaml").write_text("run_name: owl\nlifecycle_stage: active\n")
        (path / "metrics/acc").write_text(f"1 0.{number + 1} 1\n2 0.3 2\n")
    columns = {"loss": "1 - acc", "seed": "params/seed"}
    table = curves("mlflow", tmp_path / "mlruns", "", columns=columns)
    assert table.groupby("seed")["loss"].first().to_dict() == {0: 0.9, 1: 0.8}
    (path / "metrics/acc").write_text("1 many 1\n")
    with pytest.raises(StudyError, match=r"acc: line 1: '1 many 1' is not MLflow's"):
        curves("mlflow", tmp_path / "mlruns", "1 - acc")


def test_completions_are_averaged_by_step(tmp_path):
    for step, rewards in ((10, [0, 1]), (20, [1, 1])):
        pandas.DataFrame({"step": step, "completion": ["a", "b"], "reward": rewards}).to_parquet(
            tmp_path / f"completions_{step:05d}.parquet"
        )
    assert guess_format(tmp_path) == "completions"
    table = curves("completions", tmp_path, "1 - reward")
    assert table.set_index("step")["loss"].to_dict() == {10: 0.5, 20: 0.0}


def lm_eval(folder: Path, name: str, accuracy: float, date: str = "2026-01-01T00-00-00") -> None:
    (folder / name).mkdir(parents=True, exist_ok=True)
    document = {
        "results": {"gsm8k": {"alias": "gsm8k", "exact_match,strict-match": accuracy}},
        "n-samples": {"gsm8k": {"original": 1319, "effective": 200}},
        "config": {"model_args": f"pretrained=/models/{name},dtype=bfloat16"},
    }
    (folder / name / f"results_{date}.json").write_text(json.dumps(document))


def test_lm_evals_results_over_checkpoints_of_two_runs(tmp_path):
    for run, level in (("qwen-s1", 0.3), ("qwen-s2", 0.4)):
        for step in (0, 100, 20):
            lm_eval(tmp_path, f"{run}/checkpoint-{step}", level + step / 1000)
    lm_eval(tmp_path, "qwen-s1/checkpoint-20", 0.33, "2026-02-01T00-00-00")
    assert guess_format(tmp_path) == "lm_eval"
    columns = {"loss": "1 - gsm8k/exact_match,strict-match", "n_problems": "gsm8k/problems"}
    table = curves("lm_eval", tmp_path, "", columns=columns, run_pattern=r"s(?P<seed>\d)")
    first = table[table["seed"] == 1].set_index("step")
    assert first["loss"].to_dict() == pytest.approx({0: 0.7, 20: 0.67, 100: 0.6})
    assert set(table["n_problems"]) == {200}
    lm_eval(tmp_path, "qwen-s1/final", 0.5)
    with pytest.raises(StudyError, match=r"no step in the model's name '/models/qwen-s1/final'"):
        curves("lm_eval", tmp_path, "", columns=columns)


def test_lightevals_results(tmp_path):
    for step in (10, 20):
        folder = tmp_path / f"results/me/qwen_step_{step}"
        folder.mkdir(parents=True)
        document = {
            "config_general": {"model_config": {"model_name": f"me/qwen_step_{step}"}},
            "results": {"lighteval|gsm8k|0": {"extractive_match": step / 100}},
        }
        (folder / "results_2026-01-01T00-00-00.123.json").write_text(json.dumps(document))
    assert guess_format(tmp_path) == "lighteval"
    table = curves("lighteval", tmp_path, "1 - lighteval|gsm8k|0/extractive_match")
    assert table.set_index("step")["loss"].to_dict() == pytest.approx({10: 0.9, 20: 0.8})


def evalplus(folder: Path, name: str, passed: list[list[str]], data: str = "HumanEval") -> None:
    """A file of problems with programs, each ``b`` (original tests), ``bp`` (all) or empty."""
    solved = {
        f"{data}/{i}": [
            {"solution": "", "base_status": "pass" if "b" in p else "fail",
             "plus_status": "pass" if "p" in p else "timeout"} for p in programs
        ] for i, programs in enumerate(passed)
    }  # fmt: skip
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"date": "2026-01-01", "hash": "x", "eval": solved}))


def test_evalplus_results_over_checkpoints(tmp_path):
    for step, passed in ((10, [["b"], ["bp"], [""], ["p"]]), (20, [["bp", "b"], ["bp"] * 2])):
        of_path = f"humaneval/--ckpt--qwen-s1--checkpoint-{step}_vllm_temp_0.0.eval_results.json"
        evalplus(tmp_path, of_path, passed)
        evalplus(tmp_path, f"qwen-s1/checkpoint-{step}/m_eval_results.json", [["bp"]], "Mbpp")
    assert guess_format(tmp_path) == "evalplus"
    columns = {"loss": "1 - HumanEval/plus", "n_problems": "HumanEval/problems"}
    table = curves("evalplus", tmp_path, "", columns=columns, run_pattern=r"s(?P<seed>\d)")
    assert table["step"].tolist() == [10, 20]
    assert table["loss"].tolist() == [0.75, 0.25]
    assert table["n_problems"].tolist() == [4, 2]
    assert curves("evalplus", tmp_path, "1 - HumanEval/base")["loss"].tolist() == [0.5, 0]
    assert curves("evalplus", tmp_path, "1 - Mbpp/plus")["loss"].tolist() == [0, 0]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('{"eval": {}}', "no 'eval': not what EvalPlus writes"),
        ('{"eval": {"HumanEval/0": {"base": [["pass"]]}}}', "is no list of base_status"),
        ('{"eval": {"HumanEval/0": []}}', "is no list of base_status"),
    ],
)
def test_another_form_of_evalplus_results_is_refused(tmp_path, text, words):
    (tmp_path / "checkpoint-1").mkdir()
    (tmp_path / "checkpoint-1/m.eval_results.json").write_text(text)
    with pytest.raises(StudyError, match=words):
        curves("evalplus", tmp_path, "1 - HumanEval/base")


def test_nemo_rls_files_of_responses(tmp_path):
    for step, rewards in ((1, [0, 0, 1, 1]), (2, [1, 1, 1, 0])):
        lines = (json.dumps({"content": "x", "rewards": reward}) for reward in rewards)
        (tmp_path / f"val_data_step{step}.jsonl").write_text("\n".join(lines))
    assert guess_format(tmp_path) == "nemo_rl"
    table = curves("nemo_rl", tmp_path, "1 - val/rewards")
    assert table.set_index("step")["loss"].to_dict() == {1: 0.5, 2: 0.25}


def test_an_evaluation_of_no_known_checkpoint_is_refused(tmp_path):
    (tmp_path / "r.log").write_text("Evaluated math in 8.1s (Avg@4=0.5)\n")
    with pytest.raises(StudyError, match="line 1: an evaluation before any line 'Running evals"):
        curves("prime_rl", tmp_path / "r.log", "1 - math/Avg@4")


class Run:
    """A run as W&B's API gives it."""

    name, id, config = "7b s1", "x1", {"seed": 1, "deep": {"a": 1}}

    def scan_history(self):
        return [{"_step": s, "acc": s / 10, "table": {"_type": "table"}} for s in (1, 2)]


def test_runs_from_the_server_are_kept_and_read(tmp_path, monkeypatch, capsys):
    wandb = types.ModuleType("wandb")
    asked = []
    wandb.Api = lambda: types.SimpleNamespace(runs=lambda path: asked.append(path) or [Run()])
    wandb.errors = types.SimpleNamespace(Error=RuntimeError)
    monkeypatch.setitem(sys.modules, "wandb", wandb)
    (file,) = fetch_runs("me", "mine", tmp_path)
    assert (asked, file.name) == (["me/mine"], "7b_s1-x1.jsonl")
    assert guess_format(file) == "wandb"
    columns = {"loss": "1 - acc", "seed": "config/seed"}
    table = curves("wandb", file, "", columns=columns)
    assert table[["step", "seed", "loss"]].values.tolist() == [[1, 1, 0.9], [2, 1, 0.8]]

    monkeypatch.chdir(tmp_path)
    options = ["--map", "loss=1 - acc", "seed=config/seed", "--set", "model=Qwen2.5-7B",
               "variant=base", "benchmark=held_out", "--yes"]  # fmt: skip
    monkeypatch.setattr(sys, "argv", ["rlscale", "ingest", "--entity", "me", *options])
    with pytest.raises(SystemExit):
        main()
    assert "--entity and --project go together" in capsys.readouterr().err
    monkeypatch.setattr(sys, "argv", [*sys.argv, "--project", "mine"])
    main()
    assert "read as wandb" in capsys.readouterr().out
    monkeypatch.setitem(sys.modules, "wandb", None)  # what is kept is read again without it
    monkeypatch.setattr(sys, "argv", ["rlscale", "ingest", "--mapping", "curves.mapping.yaml",
                                      "--yes", "--output", "again.csv"])  # fmt: skip
    main()
    assert Path("again.csv").read_bytes() == Path("curves.csv").read_bytes()
    monkeypatch.setitem(sys.modules, "wandb", wandb)

    def refused():
        raise RuntimeError("no such project")

    wandb.Api = refused
    with pytest.raises(StudyError, match=r"me/mine: no such project; is the name right"):
        fetch_runs("me", "mine", tmp_path)


@pytest.mark.skipif("wandb" in sys.modules, reason="the package is there")
def test_what_needs_w_and_bs_package_says_so(tmp_path):
    (tmp_path / "run-x.wandb").write_bytes(b":W&B\xe1\xbe\x00")
    try:
        import wandb  # noqa: F401
    except ImportError:
        with pytest.raises(StudyError, match="pip install wandb"):
            curves("wandb", tmp_path / "run-x.wandb", "1 - acc")
        with pytest.raises(StudyError, match="pip install wandb"):
            fetch_runs("me", "mine", tmp_path)
