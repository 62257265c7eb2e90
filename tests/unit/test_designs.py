"""The law under real designs: unequal runs, few runs, zeros, scatter, bends; no seed decides."""

from dataclasses import replace

import numpy as np
import pytest
from curve_tables import K_MAX, exact_slope, fit_document, straight_curves
from scipy import stats

from rlscale.laws.designs import Design, draw_study
from rlscale.laws.groups import mean_curves
from rlscale.laws.identification import identify
from rlscale.laws.mixture import mix
from rlscale.laws.points import points_of
from rlscale.laws.spec import Bootstrap, FitSpec, Settings
from rlscale.laws.spread import mean_operator, run_spread, slope_variance
from rlscale.laws.straight import Power, Saturating
from rlscale.laws.study import fit_group

FIT = {"weighting": "equal", "bootstrap": {"replicates": 300}}
N = np.array([0.5, 1.5, 3, 7, 14, 32, 72]) * 1e9


def fit(design, seed=1, bootstrap=20261123, replicates=300):
    study = draw_study(np.random.default_rng(seed), design)
    settings = Settings(bootstrap=Bootstrap(replicates, bootstrap))
    result, _ = fit_group(study.group, FitSpec(settings=settings))
    return result


def levelled(table, by=0.05):
    """Two runs per size whose levels are 5 % apart."""
    factor = np.where(table["seed"] == 1, 1 - by, 1.0)
    return table.assign(loss=table["loss"] * factor)


def test_a_run_that_stops_early_does_not_move_its_sizes_slope():
    table = levelled(straight_curves(runs=2, n_problems=500, n_samples=5e6))
    cut = table["model"].eq("9b") & table["seed"].eq(1) & table["step"].gt(10)
    (group,) = fit_document(table[~cut], settings=FIT)["groups"]
    k = {size["model"]: size["k"]["estimate"] for size in group["sizes"]}
    assert k["9b"] == pytest.approx(exact_slope(9e9), abs=1e-6)
    assert group["parameters"]["K_max"]["estimate"] == pytest.approx(K_MAX, rel=1e-4)


def test_all_runs_of_a_seed_may_stop_early():
    table = levelled(straight_curves(runs=2, n_problems=500, n_samples=5e6))
    cut = table["seed"].eq(1) & table["step"].gt(10)
    (group,) = fit_document(table[~cut], settings=FIT)["groups"]
    for size in group["sizes"]:
        assert size["k"]["estimate"] == pytest.approx(exact_slope(size["n"]), abs=1e-6)
    assert group["parameters"]["K_max"]["estimate"] == pytest.approx(K_MAX, rel=1e-4)


def test_the_mean_of_full_runs_is_their_plain_mean():
    group = draw_study(np.random.default_rng(2), Design()).group
    np.testing.assert_array_equal(mean_curves(group), group.per_size(group.value))


def test_the_mean_over_unequal_runs_is_that_of_an_additive_model():
    rng = np.random.default_rng(3)
    known = rng.random((3, 8)) < 0.6
    known[0] = True
    level, curve = np.array([0.3, -0.1, -0.2]), rng.standard_normal(8)
    data = (level[:, None] + curve) * known
    np.testing.assert_allclose(np.einsum("trs,rs->t", mean_operator(known), data), curve)


def test_a_size_on_other_steps_is_fitted_with_the_others():
    table = straight_curves(0.004, runs=2)
    odd = table["model"].eq("3b") & (table["step"] % 2 == 1)
    (group,) = fit_document(table[~odd], settings=FIT)["groups"]
    assert group["status"] in ("ok", "not_identified")
    assert [size["n_points"] for size in group["sizes"]] == [32, 16, 32, 32]
    for size in group["sizes"]:
        assert size["k"]["estimate"] == pytest.approx(exact_slope(size["n"]), abs=0.003)
        assert size["k"]["intervals"]["fixed"]["status"] == "ok"


def test_a_loss_of_exactly_zero_or_one_is_corrected_by_half_an_answer():
    table = straight_curves(0.004, runs=2)
    last = table["model"].eq("27b") & table["step"].eq(32)
    (group,) = fit_document(table.assign(loss=table["loss"].mask(last, 0.0)), settings=FIT)[
        "groups"
    ]
    point = next(p for p in group["points"] if p["model"] == "27b" and p["step"] == 32)
    assert point["observed"] == pytest.approx(0.5 / 1001)


def test_one_run_per_size_judges_nothing():
    result = fit(Design(runs=(1,) * 7))
    verdicts = result.verdicts
    assert {verdicts.rises, verdicts.saturates} == {"no_replicates"}
    assert "not judged" in result.verdict
    assert "not judged" in result.contrast.verdict


@pytest.mark.parametrize("runs", [(2,) * 7, (5,) * 7])
def test_sizes_with_as_many_runs_count_with_as_many_degrees_of_freedom_as_they_tell(runs):
    study = draw_study(np.random.default_rng(3), Design(runs=runs, absolute=0.01, relative=0.0))
    spread = run_spread(study.group, points_of(study.group, "variance"))
    assert spread.effective == (sum(runs) - 7) / 2
    assert (spread.each <= spread.effective).all()
    assert (spread.each >= 3).all()
    assert spread.each[3] > 0.6 * spread.effective


def test_a_single_run_beyond_the_others_counts_with_few_degrees_of_freedom():
    design = Design(runs=(5, 5, 3, 3, 2, 1, 1), absolute=0.01, relative=0.0)
    study = draw_study(np.random.default_rng(3), design)
    spread = run_spread(study.group, points_of(study.group, "variance"))
    assert spread.each[-1] == 3 < spread.each[0]
    quantile = stats.t.ppf(0.95, spread.each)
    errors = np.sqrt(slope_variance(study.group, spread))
    result, _ = fit_group(study.group, FitSpec(settings=Settings(bootstrap=Bootstrap(2000, 1))))
    for size, half, error in zip(result.sizes, quantile * errors, errors, strict=True):
        ends = size.k.intervals["fixed"]
        assert (ends.high - ends.low) / 2 == pytest.approx(half, rel=0.1)
        assert ends.se == pytest.approx(error, rel=0.1)


@pytest.mark.slow
def test_what_the_noise_of_one_run_leaves_is_no_bend():
    """Neighbours that hang together for longer than a residual block; and a real bend."""
    straight = Design(runs=(1,) * 7, correlation=0.9)
    said = [fit(straight, seed, replicates=100).verdicts.bends for seed in range(8)]
    assert said.count("yes") <= 1  # By blocks alone, 4.
    bent = Design(runs=(1,) * 7, bend="plateau")
    assert [fit(bent, seed, replicates=100).verdicts.bends for seed in range(3)] == ["yes"] * 3


FEW = Design(n=(1e9, 7e9, 32e9), runs=(2, 2, 2))
# Of these, study 2 has k rise by 1.15 times what tells it from 0: replicates would not agree.
BARELY = Design(n=(1e9, 2e9**0.5 * 1e9**0.5, 2e9), runs=(2, 2, 2))
UNSURE = Design(truth="power", scatter=0.2, runs=(2,) * 7)


@pytest.mark.parametrize(("design", "study"), [(Design(), 1), (UNSURE, 1), (FEW, 1), (BARELY, 2)])
def test_no_seed_of_the_bootstrap_moves_a_verdict(design, study):
    found = [fit(design, study, bootstrap=seed, replicates=50) for seed in range(20)]
    said = {(own.verdicts, own.contrast.verdict) for own in found}
    assert len(said) == 1


def test_standard_errors_of_two_runs_do_not_depend_on_the_seed():
    errors = [fit(FEW, bootstrap=seed).sizes[2].k.intervals["fixed"].se for seed in range(8)]
    assert max(errors) < 1.5 * min(errors)


def test_scatter_about_the_law_is_seen_and_widens_k_beyond():
    calm, scattered = fit(Design(), 4), fit(Design(scatter=0.25), 4)
    assert scattered.identification.p_misfit < 0.01 < calm.identification.p_misfit
    widths = [r.beyond[0].high - r.beyond[0].low for r in (calm, scattered)]
    assert widths[1] > 2 * widths[0]


def test_sizes_on_the_law_itself_have_a_narrow_k_beyond():
    ends = fit(Design(), 4).beyond[0]
    assert ends.high - ends.low < 0.4 * ends.k


@pytest.mark.parametrize(("truth", "share"), [("saturating", 0.9), ("power", 0.1)])
def test_the_mixture_finds_the_law_that_is_true(truth, share):
    k = Design(truth=truth).law(N)
    found = mix((Saturating(), Power()), N, k, np.diag((0.02 * k) ** 2), 7)
    assert (found.share(0) > share) == (truth == "saturating")


@pytest.mark.parametrize(
    ("k", "error", "verdict"),
    [  # Four sizes of one study each: a power law with scatter of 20 %, and a saturating law.
        ((0.0084, 0.0290, 0.0816, 0.1479), (0.0024, 0.0034, 0.0034, 0.0025), "not_identified"),
        ((0.0056, 0.0279, 0.0742, 0.1166), (0.0015, 0.0020, 0.0025, 0.0040), "identified"),
        ((0.0113, 0.0276, 0.0595, 0.1350), (0.0010, 0.0012, 0.0020, 0.0030), "power"),
    ],
)
def test_what_scatter_of_sizes_would_explain_identifies_nothing(k, error, verdict):
    """The first was called identified, by 20 AIC: four sizes show no misfit."""
    n = np.array([0.5, 3, 14, 72]) * 1e9
    found = identify(n, np.array(k), np.diag(np.square(error)), 4, 0.9, (Saturating(), Power()))
    assert found.verdict == verdict


def test_an_end_that_is_only_that_of_the_searched_range_is_open():
    """Sizes far below N0: k is nearly proportional to N, however large N0 and K_max are."""
    small = Design(n=(0.2e9, 0.4e9, 0.8e9, 1.6e9), runs=(2,) * 4, absolute=0.003)
    opened = 0
    for seed in range(6):
        found = fit(small, seed, replicates=100)
        n0, k_max = (found.parameters[name].intervals["fixed"] for name in ("N0", "K_max"))
        _, most = Saturating().shape_bounds(np.array(small.n))
        assert n0.high is None or n0.high < 0.999 * np.exp(most)
        if n0.high is None:
            assert k_max.high is None
            opened += 1
    assert opened >= 2
    closed = fit(Design()).parameters
    assert None not in (
        closed["N0"].intervals["fixed"].high,
        closed["K_max"].intervals["fixed"].high,
    )


def test_the_sentence_says_how_its_aic_comes_from_the_files():
    found = fit(Design(truth="power", scatter=0.2), 3)
    told = found.identification
    spare = max(1.0, min(told.misfit, told.misfit + told.delta_aic) / told.misfit_freedom)
    assert spare > 1
    assert (
        f"{abs(told.delta_aic) / spare:.1f} AIC (delta_aic {abs(told.delta_aic):.1f}, divided by "
        f"{spare:.1f} as the better one's misfit is {spare:.1f} times what errors explain)"
    ) in found.verdict
    assert found.verdicts.saturates == "not_identified"
    law, rival = f"{told.p_law:.0%}", f"{1 - told.p_law:.0%}"
    assert f"{law} of the weight is on the law and {rival} on its rival; 80%" in found.verdict


@pytest.mark.parametrize("bend", ["plateau", "onset"])
def test_curves_that_bend_say_so_beside_the_verdict_on_sizes(bend):
    result = fit(Design(bend=bend))
    assert result.verdicts.bends == "yes"
    assert result.verdicts.saturates in ("identified", "not_identified", "power")


@pytest.mark.parametrize(("bend", "seed"), [("plateau", 1), ("plateau", 2), ("onset", 1)])
def test_k_beyond_holds_the_slope_of_the_part_that_learns_where_curves_bend(bend, seed):
    design, n = Design(bend=bend), 2 * 72e9
    ends = fit(design, seed).beyond[0]
    assert ends.low < design.law(np.array([n]))[0] < ends.high


def test_straight_curves_forecast_themselves_and_plateaus_do_not():
    assert fit(Design()).verdicts.forecasts == "yes"
    assert fit(replace(Design(), bend="plateau")).verdicts.forecasts != "yes"


def test_scipy_alone_finds_the_parameters_of_a_published_window():
    import pandas
    from scipy.optimize import minimize

    table = pandas.read_csv("resources/published/points_base.csv").query(
        "recipe == 'main' and benchmark == 'held_out' and 1 <= step <= 25"
    )
    curves = [(n, np.log(512 * c["step"]), np.log(c["test_loss"])) for n, c in
              table.groupby("model_size_b")]  # fmt: skip

    def misfit(p):
        rest = [y + p[0] / (1 + np.exp(p[1]) / n) * u for n, u, y in curves]
        return sum(r.var() for r in rest)

    k_max, n0 = minimize(misfit, [0.1, 2.0], method="Nelder-Mead", options={"xatol": 1e-9}).x
    found = published_window()
    assert found["K_max"] == pytest.approx(k_max, rel=1e-3)
    assert found["N0"] / 1e9 == pytest.approx(np.exp(n0), rel=1e-3)


def published_window():
    """K_max and N0 of the first 25 published steps, by this package."""
    import rlscale

    curves = rlscale.read_curves("config/published.yaml")
    (base,) = rlscale.fit(
        curves[curves["step"] <= 25], select={"recipe": "main"}, size="n_params_nominal",
        weighting="equal", bootstrap={"replicates": 200},
    )  # fmt: skip
    return {name: value.estimate for name, value in base.parameters.items()}
