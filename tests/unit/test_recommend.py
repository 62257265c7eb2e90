import math
import re
from dataclasses import replace

import pandas
import pytest
from curve_tables import SIZES, exact_slope, straight_curves

from rlscale.answers.cost_of_reuse import runs_needed
from rlscale.answers.recommend import Wishes, recommend
from rlscale.laws.spec import Settings

SETTINGS = Settings.of({"select": {"tau": 1}, "bootstrap": {"replicates": 200}})
WISHES = Wishes(budgets=[1e17], targets=[0.6])


def with_reuse(table, costs):
    arms = [table]
    for tau, cost in costs.items():
        arm = table[table["model"] == "3b"]
        cell = arm["cell"].str.replace("tau1", f"tau{tau}")
        arms.append(arm.assign(tau=tau, cell=cell, loss=(arm["loss"] + cost).clip(upper=1)))
    return pandas.concat(arms, ignore_index=True)


def test_the_best_size_at_a_budget_is_the_laws():
    table = straight_curves(0.003, runs=3)
    page = recommend(table, SETTINGS, WISHES)
    # log L = -0.1 - k log(step) with step = C / (6 N 1e5).
    loss = {
        model: -0.1 - exact_slope(n) * max(0.0, _log_step(1e17, n))
        for model, n in (("1b", 1e9), ("3b", 3e9), ("9b", 9e9), ("27b", 27e9))
    }
    best = min(loss, key=loss.get)
    assert f"| 1e+17 FLOP | {best} |" in page
    assert "one more run of **27b** takes" in page


def _log_step(budget, n):
    return math.log(budget / (6 * n * 1e5))


def test_reuse_is_a_statement_of_non_inferiority():
    table = with_reuse(straight_curves(0.004, runs=3), {5: 0.001, 25: 0.06, 50: 0.0})
    page = recommend(table, SETTINGS, WISHES)
    # 50 repeats nothing that 25 has not already broken: the statement stops at 5.
    assert "is **tau = 5**" in page
    assert "runs each" in page


def test_a_tau_that_is_shown_to_cost_more_is_called_so():
    runs = straight_curves(0.004, runs=3)
    page = recommend(with_reuse(runs, {5: 0.03, 25: 0.06}), SETTINGS, WISHES)
    assert "**No tau above 1**" in page
    assert "tau = 25 is shown to cost more." in page
    cheap = recommend(with_reuse(runs, {5: 0.06, 25: 0.001}), SETTINGS, WISHES)
    assert "no proof that any costs more" in cheap  # the last tau alone is asked


def test_one_run_per_tau_gives_no_statement():
    table = with_reuse(straight_curves(0.004, runs=1), {5: 0.001})
    page = recommend(table, SETTINGS, WISHES)
    assert "**no statement** on reuse" in page
    assert "no intervals over runs" in page


def test_advice_stays_where_a_size_was_measured_and_says_what_lies_beyond():
    """At a budget that 27b alone reached, 9b is better by its curve carried on: no advice."""
    table = straight_curves(0.003, runs=3)
    last = table.groupby("model")["compute_flops"].max()
    budget = math.sqrt(last["9b"] * last["27b"])
    page = recommend(table, SETTINGS, replace(WISHES, budgets=[budget]))
    assert "(the largest of recommend.budgets), train **27b**" in page
    (line,) = [line for line in page.splitlines() if line.startswith(f"| {budget:.3g} FLOP |")]
    best = min(SIZES, key=lambda m: -exact_slope(SIZES[m]) * _log_step(budget, SIZES[m]))
    carried = line.split("|")[-2].strip()
    assert carried == "–" if best == "27b" else carried.startswith(f"{best}, ")
    beyond = recommend(table, SETTINGS, replace(WISHES, budgets=[2 * last["27b"]]))
    assert "**no size is advised**, as none was measured there" in beyond
    assert "times its last point: not supported" in beyond


def test_what_to_run_next_is_one_order_that_begins_where_nothing_is_judged():
    single = straight_curves(0.003, runs=1).assign(variant="instruct")
    single["cell"] = single["cell"] + "-instruct"
    table = pandas.concat([straight_curves(0.003, runs=3), single], ignore_index=True)
    first, second = _further(recommend(table, SETTINGS, WISHES))
    assert first.startswith("1. **Two more runs of every size of f instruct**")
    assert second.startswith("2. f base: one more run of **")
    reused = with_reuse(straight_curves(0.02, runs=2), {5: 0.02})
    tau, _ = _further(recommend(reused, SETTINGS, WISHES))
    assert "whether tau = 5 costs more than 0.02 is open" in tau
    cheap = with_reuse(straight_curves(0.0005, runs=3), {5: 0.0})
    assert len(_further(recommend(cheap, SETTINGS, WISHES))) == 1


def _further(page):
    return re.findall(r"^\d\. .*$", page.partition("## What to run next")[2], re.MULTILINE)


def test_without_compute_the_advice_is_in_problems_and_the_cheapest_size_by_parameters():
    """27b needs the fewest problems to 0.85, 9b the fewest problems times parameters."""
    table = straight_curves(0.001, runs=2)
    wishes = replace(WISHES, targets=[0.85])
    by_flops = _cheapest(recommend(table, SETTINGS, wishes), "0.850")
    blind = table.assign(compute_flops=float("nan"))
    page = recommend(blind, SETTINGS, replace(wishes, budgets=[9000]))
    assert "With 9e+03 problems (the largest of recommend.budgets), train" in page
    assert "parameters times problems" in page
    needed = {n: n * math.exp((-0.1 - math.log(0.85)) / exact_slope(n)) for n in SIZES.values()}
    cheapest = min(SIZES, key=lambda model: needed[SIZES[model]])
    assert _cheapest(page, "0.850") == by_flops == cheapest != "27b"


def _cheapest(page, target):
    (line,) = [line for line in page.splitlines() if line.startswith(f"| {target} |")]
    return line.split("|")[2].split()[0]


@pytest.mark.parametrize(("normal", "needed"), [(2, 4), (3, 5), (4, 6), (5, 7)])
def test_runs_are_counted_by_the_t_test_not_by_normal_quantiles(normal, needed):
    rise = math.sqrt(2 * (1.959964 + 0.841621) ** 2 / normal)
    assert needed - 1 <= runs_needed(rise, 1.0) <= needed
    assert runs_needed(rise, 1.0) > normal
