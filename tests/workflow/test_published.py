"""The published points as a study: fits and forecasts through the rules, without any training."""

import contextlib
import shutil

import pandas
import pytest
import yaml
from opened_files import undeclared_reads

from conftest import Study
from rlscale.core.errors import StudyError
from rlscale.core.files import read_json
from rlscale.study import configuration
from rlscale.study.redraw import redraw


def test_the_papers_protocol_returns_table_6_for_unseen_sizes(published_study):
    page = (published_study.folder / "results/published.md").read_text()
    (line,) = [line for line in page.splitlines() if "| base | data | inter |" in line]
    _, _, _, _, printed, refitted, _, _, _ = (cell.strip() for cell in line.split("|"))
    assert printed == "0.1631, 16.95"
    assert refitted.startswith("0.1631 [")
    assert ", 16.95 [" in refitted


@pytest.mark.parametrize(
    ("x", "k_max", "n0"), [("data", "0.1348 [", ", 11.52 ["), ("compute", "0.1349 [", ", 13.08 [")]
)
def test_the_papers_protocol_returns_table_6_for_the_rest_of_a_run(published_study, x, k_max, n0):
    """Its clip rule: points go by index, from the end of each curve."""
    page = (published_study.folder / "results/published.md").read_text()
    (line,) = [line for line in page.splitlines() if f"| base | {x} | intra |" in line]
    refitted = line.split("|")[5].strip()
    assert refitted.startswith(k_max)
    assert n0 in refitted


def test_the_forecast_needs_no_target_row(published_study, tmp_path):
    """With every file that holds a target row deleted, the forecast comes out the same."""
    shutil.copytree(published_study.folder, tmp_path, dirs_exist_ok=True)
    results = tmp_path / "results"
    train = pandas.read_csv(results / "forecasts/inter/train.csv")
    assert "qwen2.5-72b" not in set(train["model"])
    forecast = results / "forecasts/inter/saturating.json"
    before = forecast.read_bytes()
    for path in (results / "curves.csv", results / "forecasts/inter.csv", forecast):
        path.unlink()
    shutil.rmtree(tmp_path / "resources")
    study = Study(tmp_path, yaml.safe_load((tmp_path / "study.yaml").read_text()))
    study.run("results/forecasts/inter/saturating.json", "--allowed-rules", "forecast_laws")
    assert forecast.read_bytes() == before


def test_the_ranking_has_every_law(published_study):
    table = pandas.read_csv(published_study.folder / "results/forecasts/inter.csv")
    assert set(table["law"]) == {"saturating", "constant", "last_value"}
    assert table["is_forecast"].all()
    best = table.query("model == 'all' and rank == 1")["law"].item()
    assert best == "saturating"


def test_figures_are_drawn_again_without_rules(published_study, tmp_path, capsys):
    """From results/ and the configuration alone, as a table they are those that the rules draw."""
    shutil.copytree(published_study.folder, tmp_path / "study")
    study = Study(tmp_path / "study", yaml.safe_load(published_study.file.read_text()))
    study.run("results/fig_k_of_N.csv")
    results = study.folder / "results"
    drawn = (results / "fig_k_of_N.csv").read_bytes()
    with pytest.raises(StudyError, match=r"configuration\.json: missing; name a copy of a study"):
        redraw(results, [], tmp_path / "again")
    (kept,) = (study.folder / ".state/configurations").glob("*.json")
    shutil.copy(kept, results / "configuration.json")
    with pytest.raises(StudyError, match=r"no figure 'fig_k_of_M'; did you mean fig_k_of_N"):
        redraw(results, ["fig_k_of_M"], tmp_path / "again")
    redraw(results, ["fig_k_of_N"], tmp_path / "again")
    assert "redraw: fig_k_of_N" in capsys.readouterr().out
    again = tmp_path / "again/results"
    assert (again / "fig_k_of_N.csv").read_bytes() == drawn
    assert (again / "fig_k_of_N.pdf").stat().st_size > 5000
    with pytest.raises(StudyError, match="again: exists already"):
        redraw(results, ["fig_k_of_N"], tmp_path / "again")


@pytest.mark.parametrize(
    ("command", "output"),
    [("ingest_curves", "results/curves.csv"), ("compare_table6", "results/published.md")],
)
def test_what_a_step_opens_is_declared(published_study, tmp_path, command, output):
    shutil.copytree(published_study.folder, tmp_path / "study")
    study = Study(tmp_path / "study", yaml.safe_load(published_study.file.read_text()))
    assert undeclared_reads(study, command, output) == []


def test_a_job_on_a_cluster_computes_what_was_planned(published_study, tmp_path, monkeypatch):
    """Its own Snakemake reads the configuration again, which was edited meanwhile."""
    planned = yaml.safe_load(published_study.file.read_text())
    shutil.copytree(published_study.folder, tmp_path / "study")
    study = Study(tmp_path / "study", planned)
    fit = study.folder / "results/fits/saturating-data-loss.json"
    study.run("results/fits/saturating-data-loss.json")
    job = ("--target-jobs", "fit_law:law=saturating,x=data,metric=loss", "--mode", "remote")
    options = ("--allowed-rules", "fit_law", "--force", "--nolock")
    with contextlib.chdir(study.folder):
        monkeypatch.setenv(configuration.VARIABLE, "")
        configuration.use(configuration.current(study.file))
    study.configure(planned | {"fit": planned["fit"] | {"weighting": "steps"}})
    study.run(*job, *options)
    assert read_json(fit)["settings"]["weighting"] == "runs"
    monkeypatch.delenv(configuration.VARIABLE)
    study.run(*job, *options)
    assert read_json(fit)["settings"]["weighting"] == "steps"
