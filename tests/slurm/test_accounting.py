"""A site with accounting: Snakemake asks sacct how jobs stand."""

import accounting
import pytest
from slurm_study import SlurmStudy, cluster  # noqa: F401

from conftest import small_config


@pytest.mark.long
def test_a_run_asks_sacct_and_ends(cluster, tmp_path):  # noqa: F811
    if why := accounting.missing():
        pytest.skip(why)
    study = SlurmStudy(tmp_path, small_config())
    target = "results/data/arithmetic/manifest.json"
    with accounting.accounting(cluster):
        done = study.start(target, "--slurm-status-command=sacct")
        columns = "--noheader --parsable2 --allocations --format=Comment,State,ReqMem"
        said = cluster.command(f"sacct {columns}")
    assert done.returncode == 0, done.stdout[-4000:] + study.failed_logs()
    assert (tmp_path / target).exists()
    jobs = {name: rest for name, *rest in (line.split("|") for line in said.splitlines())}
    assert jobs.pop("rule_prepare_set_wildcards_arithmetic") == ["COMPLETED", "8000M"], said
    assert len(jobs) == 2
    assert all(state == "COMPLETED" for state, _ in jobs.values()), said
