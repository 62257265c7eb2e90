"""Another package (tests/plugin) adds one of each; the product uses them as its own."""

import json
import math
import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pandas
import pytest

from conftest import ROOT, Study, small_config

PLUGIN = ROOT / "tests" / "plugin"


@pytest.fixture
def plugin(tmp_path_factory, monkeypatch) -> Path:
    """The package as if it were installed: a copy of its source and its entry points on the path.

    Returns:
        The folder of its source.
    """
    project = tomllib.loads((PLUGIN / "pyproject.toml").read_text())["project"]
    site = tmp_path_factory.mktemp("site")
    source = shutil.copytree(PLUGIN / "src/rlscale_parity", site / "rlscale_parity")
    about = site / f"rlscale_parity-{project['version']}.dist-info"
    about.mkdir()
    (about / "METADATA").write_text(
        f"Metadata-Version: 2.4\nName: {project['name']}\nVersion: {project['version']}\n"
    )
    groups = [
        "\n".join([f"[{group}]", *(f"{name} = {value}" for name, value in points.items())])
        for group, points in project["entry-points"].items()
    ]
    (about / "entry_points.txt").write_text("\n\n".join(groups))
    path = [str(site), os.environ.get("PYTHONPATH", "")]
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(filter(None, path)))
    return source


@pytest.fixture
def curves_study(tmp_path) -> Study:
    """A study of curves in the package's format."""
    files = {}
    for size in (1, 2, 4):
        k = 0.3 * (1 + 0.2 * math.log(size / 4))
        lines = [f"step={step} reward={1 - 0.9 * (64 * step) ** -k!r}" for step in range(1, 21)]
        (tmp_path / f"{size}b.log").write_text("\n".join(lines))
        files[f"{size}b.log"] = {"model": f"m-{size}b", "n_params_nominal": size * 1e9, "seed": 1}
    config = {
        "study": "parity",
        "rerun_on_code": True,
        "ingest": {
            "format": "pairs",
            "files": files,
            "columns": {"loss": "1 - reward", "data_samples": "64 * step"},
            "constants": {
                "family": "m", "variant": "base", "benchmark": "held_out", "n_problems": 500,
                "recipe": "main", "tau": 1, "group_size": 8,
            },
        },
        "fit": {"laws": ["saturating", "logarithmic"], "x": ["data"], "size": "n_params_nominal",
                "weighting": "equal", "bootstrap": {"replicates": 200}},
    }  # fmt: skip
    return Study(tmp_path, config)


@pytest.fixture
def problems_study(tmp_path) -> Study:
    """A study whose problems, benchmark and verifier are the package's."""
    rows = [f"Is {n}+{2 * n} odd?\t{'yes' if n % 2 else 'no'}" for n in range(90)]
    (tmp_path / "problems.tsv").write_text("\n".join([*rows, "no answer here"]))
    config = small_config()
    config["data"] = {
        "parity_set": {
            "verifier": "yes_no",
            "read": {"layout": "tabbed", "files": ["problems.tsv"]},
            "held_out": {"problems": 10, "seed": 1},
        }
    }
    config["recipes"]["main"] |= {"data": "parity_set", "steps": 2, "checkpoints": [0, 2]}
    config["benchmarks"] = {
        "held_out": {"samples": 1},
        "even": {"module": "parity", "samples": 1, "problems": 12, "seed": 3},
    }
    config["evaluation"].pop("suites", None)
    config["pretraining"].pop("unseen")
    return Study(tmp_path, config)


def test_its_curves_are_ingested_and_its_figure_is_drawn(plugin, curves_study):
    curves_study.run("results/fig_gain.pdf")
    results = curves_study.folder / "results"
    curves = pandas.read_csv(results / "curves.csv")
    assert sorted(curves["model"].unique()) == ["m-1b", "m-2b", "m-4b"]
    last = curves.query("model == 'm-4b' and step == 16")["loss"].item()
    assert last == pytest.approx(0.9 * 1024**-0.3)
    drawn = pandas.read_csv(results / "fig_gain.csv").set_index("model")["gain"]
    assert drawn["m-4b"] == pytest.approx(0.9 * (64**-0.3 - 1280**-0.3))
    caption = json.loads((results / "captions/fig_gain.json").read_text())["caption"]
    assert caption.startswith("Gain in pass@1: m-1b +0.")


def test_its_law_is_fitted_by_the_rule_and_by_the_command(plugin, curves_study):
    fits = [f"results/fits/{law}-data-loss.json" for law in ("logarithmic", "saturating")]
    curves_study.run(*fits)
    results = curves_study.folder / "results"
    document = json.loads((results / "fits/logarithmic-data-loss.json").read_text())
    found = document["groups"][0]["parameters"]
    assert found["k_1"]["estimate"] == pytest.approx(0.3, rel=1e-6)
    assert found["b"]["estimate"] == pytest.approx(0.2, rel=1e-6)
    options = ["--size", "n_params_nominal", "--weighting", "equal", "--law", "logarithmic"]
    done = subprocess.run(
        [sys.executable, "-m", "rlscale.cli.main", "fit", results / "curves.csv", *options],
        capture_output=True,
        text=True,
    )
    assert "k_1 (1 + b log(N/N_1)) log x" in done.stdout, done.stderr
    code = plugin / "law.py"
    code.write_text(code.read_text().replace("return 0.0, float(", "return 0.001, float("))
    planned = curves_study.planned(*fits)
    assert set(planned) == {"fit_law"}
    (command,) = planned["fit_law"]  # not that of the other law
    assert "logarithmic" in command


def test_a_change_of_its_code_makes_again_what_it_decided(plugin, curves_study):
    curves_study.run("results/curves.csv")
    assert curves_study.planned("results/curves.csv") == {}
    code = plugin / "curves.py"
    code.write_text(f"# A comment changes nothing.\n{code.read_text()}")
    assert curves_study.planned("results/curves.csv") == {}
    code.write_text(code.read_text().replace("pandas.to_numeric", "pandas.to_numeric, axis=0"))
    assert set(curves_study.planned("results/curves.csv")) == {"ingest_curves"}


def test_its_problems_and_its_benchmark_are_prepared(plugin, problems_study):
    problems_study.run(
        "results/data/parity_set/manifest.json", "results/benchmarks/even/manifest.json"
    )
    results = problems_study.folder / "results"
    train = pandas.read_parquet(results / "data/parity_set/train.parquet")
    assert set(train["answer"]) == {"yes", "no"}
    dropped = pandas.read_csv(results / "data/parity_set/dropped.csv")
    assert "no tab in the line" in set(dropped["reason"])
    asked = pandas.read_parquet(results / "benchmarks/even/problems.parquet")
    assert len(asked) == 12
    assert asked["problem"].str.startswith("Is ").all()


def test_its_verifier_judges(plugin):
    script = (
        "import rlscale; print(*(v.outcome for v in rlscale.judge("
        "['Yes.', 'yes? No!', 'perhaps'], ['yes', 'yes', 'no'], 'yes_no')))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.stdout == "correct wrong unparsed\n", done.stderr


def test_its_scoring_has_a_rule_for_every_benchmark(plugin):
    script = (
        "from rlscale.evaluation.scoring import SCORINGS, rule_of; "
        "print(rule_of('one_line', 'gsm8k').cut('18\\n17'), SCORINGS.module('one_line'))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.stdout == "18 rlscale_parity.scoring\n", done.stderr


def test_a_near_name_of_the_package_is_offered(plugin, curves_study):
    config = small_config()
    config["data"]["arithmetic"]["verifier"] = "yesno"
    Path(curves_study.folder / "other").mkdir()
    said = Study(curves_study.folder / "other", config).refuse("--dry-run")
    assert "data.arithmetic.verifier: unknown verifier 'yesno'; did you mean yes_no?" in said


def test_without_the_package_its_names_are_unknown(curves_study):
    said = curves_study.refuse("--dry-run", "results/curves.csv")
    assert "ingest.format: unknown format 'pairs'" in said
