"""pass@k: its columns and fits, and where pass@1 rises while pass@k falls, with known answers."""

import numpy as np
import pandas
import pytest
from curve_tables import SIZES, exact_slope, fit_document, straight_curves

from rlscale.core.errors import StudyError
from rlscale.core.tables import check_curves, read_curves, write_curves
from rlscale.laws.groups import metric_rows
from rlscale.laws.pass_at_k import Passes, passes_of

SETTINGS = {"select": {}, "level": 0.9, "bootstrap": {"replicates": 200, "seed": 1}}
N, PROBLEMS = 64, 400
K = (1, 2, 4, 8, 16, 32)


def counts(steps, runs: int, seed: int) -> np.ndarray:
    """Correct samples (runs, steps, problems); a step is its problems' chances of being right."""
    rng = np.random.default_rng(seed)
    return np.stack([[rng.binomial(N, chance) for chance in steps] for _ in range(runs)])


def passes(correct: np.ndarray) -> Passes:
    """Of counts of N samples each."""
    asked = np.full(correct.shape, N)
    steps = range(correct.shape[1])
    return passes_of(correct, asked, steps, K, level=0.9, replicates=600, seed=3)


ALL_A_LITTLE = np.full(PROBLEMS, 0.12)
HALF_OFTEN = np.where(np.arange(PROBLEMS) % 2, 0.4, 0.0)  # pass@1 .2, pass@k never above .5
BETTER = np.full(PROBLEMS, 0.3)


@pytest.mark.parametrize("runs", [1, 3])
def test_the_place_is_found_where_training_sharpens(runs: int) -> None:
    found = passes(counts([ALL_A_LITTLE, HALF_OFTEN], runs, seed=5))
    # 1 - .88^k is .5 (1 - .6^k) between k = 2 (.226, .320) and 4 (.400, .435), and 8 (.640, .492).
    change = [0.5 * (1 - 0.6**k) - (1 - 0.88**k) for k in (4, 8)]
    share = change[0] / (change[0] - change[1])
    exact = 4 * 2**share
    place, low, high = found.crossing()
    assert low <= exact <= high
    assert abs(np.log(place / exact)) < 0.25
    assert [k for k, _, _ in found.divergences()] == [8, 16, 32]
    assert {(start, end) for _, start, end in found.divergences()} == {(0, 1)}


def test_no_place_is_found_where_every_problem_gains() -> None:
    found = passes(counts([ALL_A_LITTLE, BETTER], 2, seed=6))
    assert found.divergences() == []
    assert found.crossing()[0] == np.inf


def test_a_fall_after_a_rise_is_found_between_its_steps() -> None:
    found = passes(counts([ALL_A_LITTLE / 4, ALL_A_LITTLE, HALF_OFTEN], 2, seed=7))
    assert (32, 1, 2) in found.divergences()


def test_without_training_a_place_is_found_no_oftener_than_the_level_says() -> None:
    wrong = sum(
        bool(passes(counts([ALL_A_LITTLE] * 4, 2, seed=100 + i)).divergences()) for i in range(25)
    )
    assert wrong <= 3  # 10 % over all pairs of steps and all k; both must fail for a place


def test_simultaneous_ends_hold_every_change_in_nine_of_ten_studies() -> None:
    held = 0
    for i in range(40):
        rng = np.random.default_rng(1000 + i)
        start = rng.beta(0.5, 3, PROBLEMS)
        end = np.clip(start * 1.3, 0, 1)
        _, low, high = passes(counts([start, end], 1, seed=2000 + i)).changes()
        mean = np.array([_pass(0.5, 3, k) for k in K])  # by numbers, for the population
        later = np.array([_pass(0.5, 3, k, 1.3) for k in K])
        held += bool((low[:, 0, 1] <= later - mean).all() and (later - mean <= high[:, 0, 1]).all())
    assert held >= 30  # 36 expected; 29 or fewer by chance in 0.5 %


def _pass(a: float, b: float, k: int, factor: float = 1.0) -> float:
    """pass@k of problems whose chances are beta distributed, times a factor, at most 1."""
    from scipy import stats

    grid = (np.arange(20_000) + 0.5) / 20_000
    chance = np.clip(stats.beta.ppf(grid, a, b) * factor, 0, 1)
    return float((1 - (1 - chance) ** k).mean())


def test_more_problems_and_runs_narrow_the_interval() -> None:
    one = passes(counts([ALL_A_LITTLE, HALF_OFTEN], 2, seed=8))
    few = passes(counts([ALL_A_LITTLE[:40], HALF_OFTEN[:40]], 2, seed=8))
    widths = [np.nanmean(high - low) for _, low, high in (one.changes(), few.changes())]
    assert widths[0] < 0.6 * widths[1]


def with_passes(**values) -> pandas.DataFrame:
    """Curves with columns of pass@k."""
    return check_curves(straight_curves().assign(**values), "test")


def test_columns_are_kept_in_order_of_k_and_held_to_shares(tmp_path) -> None:
    table = with_passes(pass_at_100=0.9, pass_at_16=0.5)
    write_curves(table, tmp_path / "curves.csv")
    again = read_curves(tmp_path / "curves.csv")
    assert list(again.columns[-2:]) == ["pass_at_16", "pass_at_100"]
    for wrong in (1.5, -0.1):
        with pytest.raises(StudyError, match=r"row 2: pass_at_16 .* is not between 0 and 1"):
            with_passes(pass_at_16=wrong)
    for name in ("pass_at_0", "pass_at_x", "pass_at_010"):
        with pytest.raises(StudyError, match=f"unknown column.s. {name}"):
            with_passes(**{name: 0.5})


def test_the_law_of_pass_at_k_has_its_own_slopes() -> None:
    curves = straight_curves()
    trained = curves[curves["step"] > 0]  # L = 1 - pass@8 falls with twice the slope of the loss
    table = check_curves(trained.assign(pass_at_8=1 - trained["loss"] ** 2), "test")
    found = fit_document(table, metric="pass_at_8", settings=SETTINGS)
    sizes = found["groups"][0]["sizes"]
    assert found["metric"] == "pass_at_8"
    slopes = [size["k"]["estimate"] for size in sizes]
    assert slopes == pytest.approx([2 * exact_slope(n) for n in SIZES.values()], rel=1e-6)


def test_intervals_of_pass_at_k_come_from_redrawn_problems() -> None:
    rng = np.random.default_rng(9)
    curves = straight_curves(runs=3, steps=(0, 1, 2, 4, 8))
    rows, passed = [], []
    for row in curves.to_dict("records"):
        correct = rng.binomial(16, np.clip(rng.beta(1, 3, 60) + 0.02 * row["step"], 0, 1))
        key = {name: row[name] for name in ("cell", "step", "benchmark")}
        rows += [{**key, "problem_id": p, "n": 16, "n_correct": c} for p, c in enumerate(correct)]
        passed.append(np.mean([1 - (c < 13) * _none(c) for c in correct]))
    table = check_curves(curves.assign(pass_at_4=passed), "test")
    outcomes = pandas.DataFrame(rows)
    found = fit_document(table, metric="pass_at_4", settings=SETTINGS, outcomes=outcomes)
    assert found["scope"] == "redrawn"
    with_fewer = outcomes.assign(n=3, n_correct=1)
    with pytest.raises(StudyError, match="lacks problems"):
        fit_document(table, metric="pass_at_4", settings=SETTINGS, outcomes=with_fewer)


def _none(correct: int) -> float:
    """Chance that 4 of 16 samples are all wrong."""
    from math import comb

    return comb(16 - correct, 4) / comb(16, 4)


def test_a_k_without_its_column_is_refused_with_the_key() -> None:
    with pytest.raises(StudyError, match=r"pass_at_8.*no such column.*evaluation.pass_at"):
        metric_rows(straight_curves(), "pass_at_8", "held_out")
