"""`rlscale ingest` and `rlscale fit` on tables made elsewhere: shown, asked for, refused by row."""

import base64
import contextlib
import json
import re
import shlex
import sys
import zlib
from pathlib import Path

import pandas
import pytest
import yaml
from curve_tables import straight_curves

from rlscale.cli.main import main
from rlscale.core.tables import CURVE_KEY, read_curves, write_curves
from rlscale.curves.ingest import read_runs
from rlscale.curves.known_models import known_sizes
from rlscale.report.explore import explore_page

LINES = [json.dumps({"step": s, "data": {"acc": s / 10}}) for s in (1, 2, 3, 2, 3)]


def command(monkeypatch, capsys, *arguments: str) -> tuple[str, str]:
    """What `rlscale` prints and complains of."""
    monkeypatch.setattr(sys, "argv", ["rlscale", *arguments])
    with contextlib.suppress(SystemExit):
        main()
    return capsys.readouterr()


@pytest.fixture
def here(tmp_path, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_command_shows_what_it_reads_and_repeats_it_from_the_mapping(here, monkeypatch, capsys):
    (here / "r.jsonl").write_text("\n".join(LINES))
    _, said = command(monkeypatch, capsys, "ingest", "r.jsonl")
    assert "say what the loss is by --map; read as verl, it has" in said
    assert "--map 'loss=1 - acc'" in said
    options = ["--map", "loss=1 - acc", "--set", "model=7b", "variant=base", "seed=1"]
    _, said = command(monkeypatch, capsys, "ingest", "r.jsonl", *options)
    assert "no benchmark" in said
    assert "--set benchmark=" in said
    shown, said = command(monkeypatch, capsys, "ingest", "r.jsonl", *options, "benchmark=held_out")
    assert "resumed at step 2" in shown
    assert "curves.csv is not written" in said
    assert not (here / "curves.csv").exists()
    options += ["benchmark=held_out", "--yes"]
    command(monkeypatch, capsys, "ingest", "r.jsonl", *options)
    first = (here / "curves.csv").read_bytes()
    assert "resumed at step 2" in (here / "curves.intake.txt").read_text()
    command(monkeypatch, capsys, "ingest", "--mapping", "curves.mapping.yaml", "--yes")
    assert (here / "curves.csv").read_bytes() == first


def test_the_worked_table_of_the_page_is_read_and_fitted(here, monkeypatch, capsys):
    page = (Path(__file__).parents[2] / "docs/ingest.md").read_text()
    worked = page.split("## A long table, worked")[1]
    table, calls = (worked.split(f"```{kind}\n")[1].split("```")[0] for kind in ("text", "sh"))
    (here / "long.csv").write_text(table)
    for call in calls.replace("\\\n", " ").splitlines():
        shown, said = command(monkeypatch, capsys, *shlex.split(call)[1:])
        assert said == ""
    curves = read_curves(here / "curves.csv")
    assert curves["loss"].round(3).tolist() == [0.795, 0.76, 0.49, 0.445]
    assert curves["data_samples"].tolist() == [5120, 10240, 5120, 10240]
    assert shown.count("k = ") == 2


def test_the_worked_table_of_named_runs_is_read(here, monkeypatch, capsys):
    page = (Path(__file__).parents[2] / "docs/ingest.md").read_text()
    worked = page.split("### The same, with runs that have only a name")[1]
    table, call = (worked.split(f"```{kind}\n")[1].split("```")[0] for kind in ("text", "sh"))
    (here / "named.csv").write_text(table)
    _, said = command(monkeypatch, capsys, *shlex.split(call.replace("\\\n", " "))[1:])
    assert said == ""
    curves = read_curves(here / "curves.csv")
    assert curves["loss"].round(3).tolist() == [0.795, 0.76, 0.49, 0.445]
    assert curves["model"].unique().tolist() == ["qwen2.5-0.5b", "qwen2.5-7b"]
    assert set(curves["seed"]) == {1}


def test_a_table_says_which_run_is_which(here, monkeypatch, capsys):
    (here / "p.csv").write_text("Step,owl - acc,cat - acc\n1,0.2,0.3\n2,0.3,0.4\n")
    (here / "runs.csv").write_text("run,model,n_params_nominal\nowl,7b,7e9\ncat,32b,3.2e10\n")
    command(monkeypatch, capsys, "ingest", "p.csv", "--map", "loss=1 - acc", "--runs", "runs.csv",
            "--set", "variant=base", "benchmark=held_out", "--yes")  # fmt: skip
    table = read_curves(here / "curves.csv")
    assert table.groupby("model")["n_params_nominal"].first().to_dict() == {
        "7b": 7e9,
        "32b": 3.2e10,
    }


def test_curves_are_written_as_pandas_writes_them(here):
    table = straight_curves(0.01, runs=2).assign(family="f, g", tokens=float("nan"))
    table.loc[3, "tokens"] = 1 / 3
    write_curves(table, "curves.csv")
    rows = table.sort_values(list(CURVE_KEY), kind="stable")
    assert (here / "curves.csv").read_text() == rows.to_csv(index=False, float_format="%.10g")


def bad(change) -> pandas.DataFrame:
    table = straight_curves(runs=2)
    change(table)
    return table


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda t: t.__setitem__("n_problems", 0), "row 2: n_problems 0 at step"),
        (lambda t: t.__setitem__("n_problems", -5), "row 2: n_problems -5 at step"),
        (lambda t: t.__setitem__("n_params", 0), "row 2: n_params 0 at step"),
        (lambda t: t.__setitem__("n_params", "7B"), "row 2: n_params is '7B', not a number"),
        (lambda t: t.__setitem__("loss", 60.5), "1 - 0.01 times it where it counts successes"),
        (lambda t: t.__setitem__("data_samples", float("inf")), "data_samples inf at step"),
        (lambda t: t.__setitem__("data_samples", 0), "data_samples 0 at step"),
    ],
)
def test_counts_that_cannot_be_are_refused_by_row(here, monkeypatch, capsys, change, words):
    bad(change).to_csv("curves.csv", index=False)
    assert words in command(monkeypatch, capsys, "fit", "curves.csv")[1]


def test_an_unknown_size_is_one_sentence(here, monkeypatch, capsys):
    straight_curves(runs=2).to_csv("curves.csv", index=False)
    _, said = command(monkeypatch, capsys, "fit", "curves.csv", "--size", "params")
    assert "'params' is none of n_params, n_params_total, n_params_nominal" in said


def test_a_folder_in_the_place_of_a_table_is_one_sentence(here, monkeypatch, capsys):
    (here / "curves.csv").mkdir()
    assert "is a folder" in command(monkeypatch, capsys, "fit", "curves.csv")[1]


def test_a_table_may_be_packed_and_other_files_are_named(here, monkeypatch, capsys):
    straight_curves(runs=2).to_csv("curves.csv.gz", index=False)
    chosen = ("--select", "tau=1")
    printed, said = command(monkeypatch, capsys, "fit", "curves.csv.gz", *chosen)
    assert "K_max = " in printed, said
    for name, content in (("a.csv", b"study,\xe9\n"), ("a.csv.gz", b"\x1f\x8b no gzip")):
        (here / name).write_bytes(content)
        assert f"{name}: cannot be read as CSV" in command(monkeypatch, capsys, "fit", name)[1]


def test_models_may_be_named_by_numbers_and_columns_separated_by_semicolons(
    here, monkeypatch, capsys
):
    table = straight_curves(runs=2)
    names = table["model"].unique()
    table["model"] = table["model"].map({name: str(i) for i, name in enumerate(names)})
    table.to_csv("curves.csv", index=False, sep=";")
    printed, said = command(
        monkeypatch, capsys, "fit", "curves.csv", "--select", "model=0,1,2", "tau=1"
    )
    assert "K_max = " in printed, said


def test_rows_without_a_loss_are_counted_and_a_rising_loss_is_warned_of(here, monkeypatch, capsys):
    table = straight_curves(runs=2)
    table["loss"] = 1 - table["loss"]
    last = table["step"] == table["step"].max()
    table.loc[last, "loss"] = float("nan")
    table.to_csv("curves.csv", index=False)
    printed, said = command(monkeypatch, capsys, "fit", "curves.csv", "--select", "tau=1")
    assert f"{int(last.sum())} rows without a loss are left out" in printed
    assert "the loss rises with training in every run" in said


def test_a_law_of_curves_prints_its_own_parameters(here, monkeypatch, capsys):
    straight_curves(0.005, runs=2).to_csv("curves.csv", index=False)
    printed, _ = command(
        monkeypatch, capsys, "fit", "curves.csv", "--law", "sigmoid", "--select", "tau=1"
    )
    assert "x_mid = " in printed


def test_a_range_selects_and_the_numbers_are_written_as_a_table(here, monkeypatch, capsys):
    straight_curves(0.005, runs=2).to_csv("curves.csv", index=False)
    chosen = ["fit", "curves.csv", "--select", "tau=1"]
    printed, _ = command(monkeypatch, capsys, *chosen, "step=2..8", "--table", "t.csv")
    table = pandas.read_csv("t.csv").set_index("quantity")
    assert f"K_max = {table.loc['K_max', 'estimate']:.4g}" in printed
    assert table.loc["K_max", "low"] < table.loc["K_max", "estimate"] < table.loc["K_max", "high"]
    whole, _ = command(monkeypatch, capsys, *chosen, "--table", "t.tex")
    assert "\\\\" in (here / "t.tex").read_text()
    assert "K\\_max" in (here / "t.tex").read_text()
    points = [int(re.search(r"\((\d+) points", said)[1]) for said in (printed, whole)]
    assert points[0] < points[1]
    for open_end in ("step=..8", "step=16.."):
        assert "K_max = " in command(monkeypatch, capsys, *chosen, open_end)[0]
    _, said = command(monkeypatch, capsys, *chosen, "model=a..b")
    assert "a range is of numbers" in said
    _, said = command(monkeypatch, capsys, *chosen, "--table", "t.xlsx")
    assert "a table ends in .csv, .md, .tex" in said


def test_the_documented_section_is_read_and_explored(here):
    page = (Path(__file__).parents[2] / "docs/ingest.md").read_text()
    section = yaml.safe_load(page.split("```yaml\n")[1].split("```")[0])["ingest"]
    for number, name in enumerate(section["files"]):
        path = here / name
        path.parent.mkdir(exist_ok=True)
        names = ("val-core/math/acc/mean@1", "val-core/aime/acc/mean@1", "perf/total_num_tokens")
        rows = [(s, 0.01 * s + 0.001 * number, 0.001 * s, 900) for s in (5, 10, 15)]
        lines = [{"step": s, "data": dict(zip(names, own, strict=True))} for s, *own in rows]
        path.write_text("\n".join(map(json.dumps, lines)))
    table = read_runs(section, "mine").table
    assert table.groupby("benchmark")["n_problems"].first().to_dict() == {
        "aime": 30,
        "held_out": 500,
    }
    assert table["recipe"].isna().all()
    explored = explore_page("__DATA__", "mine", table, {}, "n_params_nominal")
    assert '"recipe":null' in zlib.decompress(base64.b64decode(explored)).decode()


def test_a_known_models_size_and_compute_follow_from_its_name(here, monkeypatch, capsys):
    rows = [{"step": s, "data": {"acc": s / 10, "tok": 100.0 * s}} for s in (1, 2, 3)]
    (here / "r.jsonl").write_text("\n".join(map(json.dumps, rows)))
    own = ("--map", "loss=1 - acc", "tokens=tok", "--set", "variant=base", "benchmark=held_out")
    said, _ = command(
        monkeypatch, capsys, "ingest", "r.jsonl", *own, "model=Qwen/Qwen2.5-7B-Instruct", "--yes"
    )
    assert "that of the known models: 6.526e+09 without embeddings, 7.616e+09 with" in said
    curves = read_curves(here / "curves.csv")
    assert set(curves["n_params"]) == {6525621760}
    flops = [6 * 6525621760 * tokens for tokens in (100, 200, 300)]
    assert curves["compute_flops"].tolist() == pytest.approx(flops)
    said, _ = command(monkeypatch, capsys, "ingest", "r.jsonl", *own, "model=mine-7b", "--yes")
    assert "'mine-7b' is no known model" in said
    assert read_curves(here / "curves.csv")["n_params"].isna().all()
    command(
        monkeypatch, capsys, "ingest", "r.jsonl", *own,
        "model=Qwen2.5-7B", "n_params_nominal=8e9", "--yes",
    )  # fmt: skip
    given = read_curves(here / "curves.csv")
    assert set(given["n_params_nominal"]) == {8e9}
    assert given["n_params"].isna().all()


@pytest.mark.slow
def test_known_models_have_the_sizes_of_their_architectures():
    torch = pytest.importorskip("torch")
    from transformers import (
        AutoModelForCausalLM,
        LlamaConfig,
        Qwen2Config,
        Qwen3Config,
        Qwen3MoeConfig,
    )

    from rlscale.models.tiny import parameter_counts

    built = {
        "Qwen2.5-0.5B": Qwen2Config(
            hidden_size=896, num_hidden_layers=24, num_attention_heads=14, num_key_value_heads=2,
            intermediate_size=4864, vocab_size=151936, tie_word_embeddings=True,
        ),
        "qwen/qwen3-8b-base": Qwen3Config(
            hidden_size=4096, num_hidden_layers=36, num_attention_heads=32, num_key_value_heads=8,
            head_dim=128, intermediate_size=12288, vocab_size=151936, tie_word_embeddings=False,
        ),
        "Qwen/Qwen3-30B-A3B": Qwen3MoeConfig(
            hidden_size=2048, num_hidden_layers=48, num_attention_heads=32, num_key_value_heads=4,
            head_dim=128, moe_intermediate_size=768, num_experts=128, num_experts_per_tok=8,
            vocab_size=151936, tie_word_embeddings=False,
        ),
        "meta-llama/Llama-3.2-1B-Instruct": LlamaConfig(
            hidden_size=2048, num_hidden_layers=16, num_attention_heads=32, num_key_value_heads=8,
            head_dim=64, intermediate_size=8192, vocab_size=128256, tie_word_embeddings=True,
        ),
    }  # fmt: skip
    for name, config in built.items():
        with torch.device("meta"):
            counts = parameter_counts(AutoModelForCausalLM.from_config(config))
        known = known_sizes(name)
        assert {key: known[key] for key in counts} == counts


def test_columns_that_are_named_by_sizes_are_told_to_be_runs(here, monkeypatch, capsys):
    rows = ["Step,14b,qwen 1.7b,note", "0,78.4,55.5,1", "4,83.3,58.6,2", "8,85.1,61.3,3"]
    (here / "export.csv").write_text("\n".join(rows))
    _, said = command(monkeypatch, capsys, "ingest", "export.csv")
    found = said.strip().splitlines()[-1]
    assert found == (
        "or each of them is a run: --run-columns 14b 'qwen 1.7b' --map 'loss=1 - 0.01 * value'"
    )
    (here / "one.csv").write_text("\n".join(",".join(row.split(",")[:2]) for row in rows))
    _, said = command(monkeypatch, capsys, "ingest", "one.csv")
    assert "a run" not in said


def test_metrics_that_hold_numbers_are_no_runs(here, monkeypatch, capsys):
    names = "step,pass@4b1,acc_b,aime24,mean@32"
    (here / "log.csv").write_text(f"{names}\n1,.1,.2,.3,.4\n2,.2,.3,.4,.5")
    _, said = command(monkeypatch, capsys, "ingest", "log.csv")
    assert "loss=1 - aime24" in said
    assert "a run" not in said
