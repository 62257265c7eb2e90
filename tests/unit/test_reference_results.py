"""What ships of the reference study: whole, judged again to the same claims, drawn again."""

import re
import subprocess
import sys
import tarfile
from pathlib import Path

import pandas
import pytest

from rlscale.core.files import file_sha256, read_json
from rlscale.study.redraw import redraw

ROOT = Path(__file__).parents[2]
SHIPPED = ROOT / "resources" / "reference"


@pytest.fixture(scope="module")
def results(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("reference")
    with tarfile.open(SHIPPED / "results.tar.xz") as archive:
        archive.extractall(folder, filter="data")
    return folder / "results"


def test_the_archive_is_the_one_that_its_page_names():
    named = re.search(r"SHA-256 of results.tar.xz: (\w+)", (SHIPPED / "README.md").read_text())
    assert file_sha256(SHIPPED / "results.tar.xz") == named[1]


def test_its_claims_are_judged_again_as_they_stand(results):
    script = ROOT / "benchmarks" / "reference_claims.py"
    subprocess.run([sys.executable, script, results], check=True, capture_output=True)
    assert (results / "claims.csv").read_text() == (SHIPPED / "claims.csv").read_text()
    verdicts = pandas.read_csv(SHIPPED / "claims.csv").set_index("claim")["verdict"]
    page = (ROOT / "docs" / "reference.md").read_text(encoding="utf-8")
    told = dict(
        re.findall(r"^\| (R\d+) \| .*? \| \*{0,2}(holds|fails|undecided)", page, re.MULTILINE)
    )
    assert told == verdicts.to_dict()


def test_the_bank_holds_its_curves(results):
    key = ["cell", "step", "benchmark"]
    own = pandas.read_csv(results / "curves.csv")
    bank = pandas.read_csv(ROOT / "resources/bank/reference/curves.csv")
    both = own.merge(bank, on=key, suffixes=("", "_bank"))
    assert len(both) == len(bank) == 2424
    assert (both["loss"] == both["loss_bank"]).all()


def test_slopes_of_pass_at_10_are_those_that_the_page_tells(results):
    (base,) = (
        group
        for group in read_json(results / "fits/free_slopes-data-pass_at_10.json")["groups"]
        if group["variant"] == "base"
    )
    page = (ROOT / "docs" / "reference.md").read_text(encoding="utf-8")
    for size in (entry["k"] for entry in base["sizes"][-3:]):
        interval = size["intervals"]["redrawn"]
        parts = (size["estimate"], interval["low"], interval["high"])
        k, low, high = (f"{part:.3f}".replace("0.", ".", 1) for part in parts)
        assert f"{k} [{low}, {high}]" in page


def test_a_figure_is_drawn_again(results, tmp_path):
    redraw(results, ["fig_reuse_cost"], tmp_path / "again")
    drawn = pandas.read_csv(tmp_path / "again/results/fig_reuse_cost.csv")
    assert drawn["tau"].tolist() == [1, 2, 4, 8, 16, 32, 64]
    assert drawn["cost"].iloc[-1] > 0.05
