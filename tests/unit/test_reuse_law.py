"""tau as a factor of the law: a known worth of reused data is found, none is not invented."""

import math

import numpy as np
import pandas
import pytest

from rlscale.answers.reuse import reuse_laws, verdict
from rlscale.cli.main import parser
from rlscale.core.errors import StudyError
from rlscale.core.tables import check_curves, write_curves
from rlscale.laws.groups import Group
from rlscale.laws.points import points_of
from rlscale.laws.reuse import FORMS, fit_reuse, unique_and_repeats
from rlscale.laws.spec import Settings

TAU = np.array([1.0, 4.0, 16.0, 64.0])
STEPS = np.unique(np.round(np.geomspace(1, 64, 14)))
SETTINGS = Settings(weighting="equal")


def effective(step, tau, r_star):
    """Effective steps of data: the subset goes round again and again, decay as in the law."""
    unique = np.minimum(step, 64 / tau)
    again = step / unique - 1
    return unique * (1 + (r_star * -np.expm1(-again / r_star) if r_star < 1e9 else again))


def study(rng, r_star, runs=3, level=0.01, slope=0.003, noise=0.01):
    """Curves of four tau at one size; bent, as real ones are."""
    u, rows = np.log(STEPS), []
    for tau in TAU:
        v = np.log(effective(STEPS, tau, r_star))
        for _ in range(runs):
            y = -0.4 - 0.09 * v + 0.008 * v**2 + level * rng.standard_normal()
            y = y + slope * rng.standard_normal() * (u - u.mean())
            rows.append(np.exp(y + noise * rng.standard_normal(len(u))))
    value = np.array(rows)
    draws = np.full(value.shape, 500.0)
    return Group(
        family="", variant="base", models=tuple(f"{tau:g}" for tau in TAU), n=TAU,
        cells=tuple(map(str, range(len(value)))), size_of=np.repeat(np.arange(4), runs),
        steps=STEPS, x=np.tile(64 * STEPS, (len(value), 1)), value=value,
        variance=(1 - value) / (value * draws), draws=draws,
    )  # fmt: skip


def fitted(group, level=0.9):
    fits, _ = fit_reuse(group, points_of(group, "equal"), "per_epoch", level, 1)
    return {found.form.name: found for found in fits}


def test_an_exact_decay_is_found_and_fits_better_than_all_other_forms():
    rng = np.random.default_rng(1)
    found = fitted(study(rng, 6.0, level=1e-5, slope=1e-5, noise=1e-4))
    decay = found["decay"]
    assert decay.theta == pytest.approx(6.0, rel=0.05)
    assert decay.aic == 0
    assert decay.p_none < 1e-4
    assert min(own.left_out for own in found.values()) == decay.left_out < 0.002
    assert all(own.aic > 5 for name, own in found.items() if name != "decay")


def test_the_decay_is_held_as_often_as_promised_and_none_is_seldom_called_less():
    """40 studies each; error .05 and .03."""
    rng = np.random.default_rng(20261126)
    held = [
        own.low <= 8 <= own.high for own in (fitted(study(rng, 8.0))["decay"] for _ in range(40))
    ]
    assert np.mean(held) >= 0.8
    less = [np.isfinite(fitted(study(rng, 1e12))["decay"].high) for _ in range(40)]
    assert np.mean(less) <= 0.15


@pytest.mark.parametrize(
    ("form", "theta", "second", "whole"),
    [
        ("share", 0.5, 0.5, (1 + 0.5 * 3) / 4),
        ("decay", 2.0, 2 * (1 - math.exp(-0.5)), (1 + 2 * (1 - math.exp(-1.5))) / 4),
        ("power", 0.5, math.sqrt(2) - 1, 0.5),
        ("decay", np.inf, 1.0, 1.0),
    ],
)
def test_what_a_second_use_and_all_four_uses_are_worth(form, theta, second, whole):
    (own,) = [one for one in FORMS if one.name == form]
    assert own.worth(theta, 2) - 1 == pytest.approx(second)
    assert own.worth(theta, 4) / 4 == pytest.approx(whole)


def test_a_subset_is_used_again_after_its_end_and_interleaved_at_once():
    group = study(np.random.default_rng(1), 6.0)
    points = points_of(group, "equal")
    unique, again = unique_and_repeats(group, points, "per_epoch")
    last = len(STEPS) - 1
    assert np.exp(unique[:, last]) == pytest.approx(4096 / TAU)
    assert again[:, last] == pytest.approx(TAU - 1)
    assert again[1, 0] == 0
    _, at_once = unique_and_repeats(group, points, "interleaved")
    assert at_once[:, 0] == pytest.approx(TAU - 1)


def table_of(group):
    rows = [
        {"study": "s", "recipe": "main", "cell": f"c{c}", "model": "m", "variant": "base",
         "tau": group.n[m], "group_size": 8, "seed": c, "step": step, "data_samples": 64 * step,
         "benchmark": "held_out", "n_problems": 500, "loss": value}
        for c, m in enumerate(group.size_of)
        for step, value in zip(group.steps, group.value[c], strict=True)
    ]  # fmt: skip
    return check_curves(pandas.DataFrame(rows), "curves")


def test_the_command_says_what_reuse_costs_and_writes_the_table(tmp_path, capsys):
    path, out = tmp_path / "curves.csv", tmp_path / "reuse.csv"
    write_curves(table_of(study(np.random.default_rng(2), 6.0)), path)
    arguments = parser().parse_args(["reuse", str(path), "--table", str(out)])
    arguments.run(arguments)
    said = capsys.readouterr().out
    assert "Data used again are worth less than fresh ones: the second use" in said
    assert len(pandas.read_csv(out)) == len(FORMS)


def test_one_run_of_each_says_so_and_reuse_that_costs_nothing_is_not_shown_to():
    free = table_of(study(np.random.default_rng(4), 1e12, runs=1))
    found = reuse_laws(free, SETTINGS, "per_epoch")
    assert set(found["scope"]) == {"residuals"}
    assert "not shown to be worth less than fresh ones, of these runs alone" in verdict(found)


def test_without_a_second_tau_or_with_another_layout_there_is_a_sentence():
    table = table_of(study(np.random.default_rng(2), 6.0))
    with pytest.raises(StudyError, match=r"two values of tau, all else alike \(there are: 4\)"):
        reuse_laws(table[table["tau"] == 4], SETTINGS, "per_epoch")
    with pytest.raises(StudyError, match="layout 'once' is none of per_epoch, interleaved"):
        reuse_laws(table, SETTINGS, "once")
