"""FLOPs at the paper's sizes, which pass 2^63 within a run: from the ledger to curves, checks."""

from itertools import accumulate

import numpy as np
import pandas
import pytest

from rlscale.accounting.ledger import TRAINING, Cost, Tokens
from rlscale.answers.checks import check_results
from rlscale.core.tables import CURVE_COLUMNS, as_counts, read_curves, read_ledger, write_curves
from rlscale.curves.assemble import spent_by_step

STEPS = 105
# 512 prompts x 8 responses; 150 prompt tokens and 1,000 of the response.
STEP = Tokens.equal(512 * 8, 150, 1000)
SIZES = {
    "7b": Cost(6_525_621_760, 7_615_616_512, 3584 * 152_064, 28 * 3584, TRAINING),
    "72b": Cost(70_214_156_288, 72_706_203_648, 8192 * 152_064, 80 * 8192, TRAINING),
}


@pytest.fixture(params=SIZES)
def cost(request) -> Cost:
    return SIZES[request.param]


@pytest.fixture
def spent(cost, tmp_path) -> pandas.DataFrame:
    """What a run had spent after each step, from its ledger on disk."""
    path = tmp_path / "ledger.csv"
    pandas.DataFrame(cost.training([STEP] * STEPS)).to_csv(path, index=False)
    ledger = read_ledger(path)
    timings = ledger[["step", "phase"]].assign(seconds=1.0)
    manifest = {"prompts_per_step": 512, "gpus": 8}
    return spent_by_step(ledger, timings, manifest)


def exact(cost: Cost, column: str) -> list[int]:
    """Sums so far in Python's integers, step 0 included."""
    rows = cost.training([STEP])
    per_step = sum(row[column] for row in rows)
    return [0, *accumulate([per_step] * STEPS)]


@pytest.mark.parametrize(
    ("ours", "ledger"), [("compute_flops", "compute_flops"), ("compute_flops_full", "flops")]
)
def test_a_curves_compute_is_the_sum_of_its_ledger(cost, spent, ours, ledger):
    wanted = exact(cost, ledger)
    assert wanted[-1] > 2**63
    np.testing.assert_allclose(spent[ours].to_numpy(dtype=float), np.array(wanted, dtype=float))
    assert (spent[ours].diff().dropna() > 0).all()


def test_curves_keep_their_compute_and_the_check_sees_it_grow_or_fall(spent, tmp_path):
    table = spent.assign(
        study="paper", cell="main/72b-base/tau1-g8/seed1", model="72b", variant="base",
        recipe="main", tau=1, group_size=8, seed=1, benchmark="held_out", loss=0.5,
    )  # fmt: skip
    write_curves(table.reindex(columns=list(CURVE_COLUMNS)), tmp_path / "curves.csv")
    read = read_curves(tmp_path / "curves.csv")
    np.testing.assert_allclose(read["compute_flops"], spent["compute_flops"].astype(float))

    def grows(curves: pandas.DataFrame) -> str:
        found = check_results(
            curves, {}, expected=[], outcomes=None, ledger=None, protocols=None,
            seen={}, benchmark="held_out", allow_missing=False,
        )  # fmt: skip
        return next(check.status for check in found if check.check.startswith("data and compute"))

    assert grows(read) == "passed"
    fallen = read.copy()
    fallen.loc[7, "compute_flops"] = fallen.loc[5, "compute_flops"]
    assert grows(fallen) == "failed"


def test_an_evaluation_of_the_largest_size_counts_beyond_64_bits():
    rows = 40_000
    samples = pandas.DataFrame({"step": 0, "prompt_tokens": [200] * rows, "tokens": [4000] * rows})
    (row,) = SIZES["72b"].evaluation(samples)
    assert row["flops"] == SIZES["72b"].flops("evaluation", Tokens.equal(rows, 200, 4000))
    assert row["flops"] > 2**64


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        ([1, 2**62], "int64"),
        ([2**62, 2**62], "float64"),
        ([1, 2**63 + 5], "float64"),
        (["1", str(2**64 + 5)], "float64"),
        ([1.5, 2.0], "float64"),
    ],
)
def test_no_sum_of_a_column_can_wrap(values, kind):
    counts = as_counts(pandas.Series(values))
    assert counts.dtype == kind
    assert counts.sum() == pytest.approx(sum(map(float, values)), rel=1e-12)
