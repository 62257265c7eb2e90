"""Every file of a study that a step opens is an input of its rule, or named by one of them."""

import shutil

import pytest
from opened_files import undeclared_reads

from conftest import Study, small_config

CELL = "main/arith-15k-base/tau1-g4/seed1"
RESULTS = f"results/cells/{CELL}"
# One job of each kind: an output that tells the job, and the job's command.
JOBS = {
    "make_benchmark longer_sums": "results/benchmarks/longer_sums/manifest.json",
    "prepare_set arithmetic": "results/data/arithmetic/manifest.json",
    "make_variant arithmetic main 1": "results/data/arithmetic/variants/main-tau1/manifest.json",
    "make_corpus pretraining": "results/corpora/pretraining/manifest.json",
    "make_model arith-15k base": "results/models/arith-15k-base/manifest.json",
    f"train {CELL}": f"{RESULTS}/train.json",
    f"evaluate {CELL}": f"{RESULTS}/eval.json",
    f"make_curve {CELL}": f"{RESULTS}/curve.csv",
    "collect_curves": "results/curves.csv",
    "collect_timings": "results/timings.csv",
    "fit_law saturating data loss": "results/fits/saturating-data-loss.json",
    "split_curves inter": "results/forecasts/inter/train.csv",
    "forecast_laws inter": "results/forecasts/inter/power.json",
    "score_forecasts inter": "results/forecasts/inter.csv",
    "measure_passes": "results/pass_at_k.csv",
    "compare_settings": "results/equal_compute.csv",
    "recommend": "results/recommendation.md",
    "check_results": "results/checks.json",
    "require_checks": "results/checks.passed",
    "plot fig_k_of_N": "results/fig_k_of_N.pdf",
    "plot fig_ledger": "results/fig_ledger.pdf",
    "plot fig_data_waterfall": "results/fig_data_waterfall.pdf",
    "plot fig_forecast_inter": "results/fig_forecast_inter.pdf",
    "plot table_models": "results/table_models.pdf",
    "write_report": "results/report.html",
    "write_explore_page": "results/explore.html",
}


@pytest.fixture(scope="module")
def study(finished_study, tmp_path_factory) -> Study:
    """A copy of the finished study, whose steps are made again in place."""
    folder = tmp_path_factory.mktemp("copy") / "study"
    shutil.copytree(finished_study.folder, folder)
    shutil.rmtree(folder / ".state" / CELL)  # else the results of training would be put back
    (folder / RESULTS / "samples.parquet").unlink()
    return Study(folder, small_config())


@pytest.mark.parametrize("command", JOBS)
def test_what_a_step_opens_is_declared(study, command):
    assert undeclared_reads(study, command, JOBS[command]) == []
