from dataclasses import replace

import numpy as np
import pandas
import pytest
from curve_tables import K_MAX, N0, SIZES, exact_slope, fit_document, straight_curves

from rlscale.core.errors import StudyError
from rlscale.laws.fitting import fit_points
from rlscale.laws.groups import build_groups
from rlscale.laws.points import Points, points_of
from rlscale.laws.protocols import read_differences, write_differences
from rlscale.laws.registry import law_named
from rlscale.laws.study import rounded

SETTINGS = {"weighting": "equal", "bootstrap": {"replicates": 200}}
U = np.log(512.0 * np.arange(1, 60))


def fit(table, law="saturating", x="data", metric="loss", **settings):
    return fit_document(table, law=law, x=x, metric=metric, settings=SETTINGS | settings)


def only_group(table, law="saturating", **settings):
    (group,) = fit(table, law, **settings)["groups"]
    return group


def fit_law(name, data, **options):
    return fit_points(law_named(name), data, **options)


def points(y):
    n = np.array(list(SIZES.values()))
    u = np.broadcast_to(U[: y.shape[1]], y.shape)
    return Points(tuple(SIZES), n, u, y[None], np.ones(y.shape))


@pytest.mark.parametrize("x", ["data", "compute", "steps"])
@pytest.mark.parametrize("law", ["saturating", "paper"])
def test_exact_curves_give_their_parameters_back(law, x):
    (group,) = fit(straight_curves(), law, x)["groups"]
    assert group["parameters"]["K_max"]["estimate"] == pytest.approx(K_MAX, rel=1e-7)
    assert group["parameters"]["N0"]["estimate"] == pytest.approx(N0, rel=1e-6)
    for size in group["sizes"]:
        assert size["k"]["estimate"] == pytest.approx(exact_slope(size["n"]), rel=1e-8)
        assert size["rmse"] < 1e-8


def test_a_power_law_in_n_gives_its_exponent_back():
    k = 0.1 * (np.array(list(SIZES.values())) / 27e9) ** 0.4
    found = fit_law("power", points(-0.2 - k[:, None] * U[:40])).shared_parameters()
    assert found["k_1"][0] == pytest.approx(0.1, rel=1e-9)
    assert found["a"][0] == pytest.approx(0.4, rel=1e-9)


def test_curve_laws_reach_curves_of_their_own_form():
    x = np.exp(U)
    floor = np.log(0.3 + 2.0 * x[None] ** -np.array([[0.2], [0.25], [0.3], [0.35]]))
    sigmoid = np.log(
        1 - (0.1 + 0.5 / (1 + (4e3 / x[None]) ** np.array([[0.8], [1], [1.2], [1.5]])))
    )
    for law, y in (("floor", floor), ("sigmoid", sigmoid)):
        found = fit_law(law, points(y))
        assert found.converged.all()
        assert np.abs(found.residuals()).max() < 1e-5
    assert fit_law("sigmoid", points(sigmoid)).size_parameters()["B"][0] == pytest.approx(
        [0.8, 1, 1.2, 1.5], rel=1e-2
    )


def test_the_decomposition_reaches_curves_of_its_own_form():
    n = np.array(list(SIZES.values()))[:, None]
    loss = 0.1 + (1e6 / n) ** 0.3 + 0.5 * (n / 5e9) ** -0.1 / (1 + (np.exp(U) / 4e3) ** 0.7)
    found = fit_law("decomposition", points(np.log(loss)))
    assert np.abs(found.residuals()).max() < 1e-3


@pytest.mark.parametrize("law", ["floor", "sigmoid", "decomposition", "saturating", "paper"])
def test_replicates_fitted_together_are_as_if_fitted_alone(law):
    rng = np.random.default_rng(2)
    k = np.array([exact_slope(n) for n in SIZES.values()])
    y = -0.1 - k[:, None] * (U - U[0]) + 0.01 * rng.standard_normal((3, 4, len(U)))
    base = points(y[0])
    estimate = fit_law(law, base)
    together = fit_law(law, replace(base, y=y), start=estimate)
    for b in range(3):
        alone = fit_law(law, replace(base, y=y[b : b + 1]), start=estimate)
        np.testing.assert_allclose(
            together.objective[b], alone.objective[0], rtol=1e-3
        )  # Flat ridges.


def test_huber_resists_outliers_that_mislead_squares():
    rng = np.random.default_rng(3)
    k = np.array([exact_slope(n) for n in SIZES.values()])
    y = -0.1 - k[:, None] * (U - U[0]) + 0.003 * rng.standard_normal((4, len(U)))
    y[3, -4:] += 0.8
    squares, huber = (fit_law("saturating", points(y), robust=r).slope[0, 3] for r in (False, True))
    assert abs(huber - k[3]) < 0.005 < 0.05 < abs(squares - k[3])


def test_paper_minimises_linear_loss_and_saturating_log_loss():
    y = np.log(0.9 * np.exp(U[None] - U[0]) ** -np.array([[0.02], [0.05], [0.1], [0.12]]))
    y += 0.05 * np.random.default_rng(4).standard_normal(y.shape)
    data = points(y)
    log, linear = fit_law("saturating", data), fit_law("paper", data)

    def errors(found):
        gap = np.exp(data.y) - np.exp(found.predict(data.u))
        return float((gap**2).sum()), float((found.residuals() ** 2).sum())

    assert errors(linear)[0] < errors(log)[0]
    assert errors(log)[1] < errors(linear)[1]


def test_equal_inputs_give_equal_bytes_and_row_order_does_not_matter():
    table = straight_curves(0.01, runs=2)
    shuffled = table.sample(frac=1, random_state=1)
    assert rounded(fit(table)) == rounded(fit(shuffled)) == rounded(fit(table))


def test_weighting_by_runs_counts_the_answers_behind_a_mean():
    """A published curve whose later points are means of one run instead of three."""
    table = straight_curves(n_samples=1500)
    late = table["step"].gt(16) & table["model"].eq("9b")
    counted = table.assign(n_samples=table["n_samples"].where(~late, 500))
    (group,) = build_groups(counted, x="data", column="loss", size="n_params")
    w = points_of(group, "runs").w
    np.testing.assert_allclose(w.sum(1), 1)
    np.testing.assert_allclose(w[2, 15] / w[2, 16], 3)
    np.testing.assert_allclose(w[[0, 1, 3]], 1 / 32)
    uncounted = table.assign(n_samples=np.nan, n_problems=np.nan)
    (group,) = build_groups(uncounted, x="data", column="loss", size="n_params")
    np.testing.assert_allclose(points_of(group, "runs").w, 1 / 32)


def test_weighting_by_steps_gives_log_spaced_checkpoints_the_weight_of_all_steps():
    dense, sparse = straight_curves(), straight_curves(steps=[0, 1, 2, 4, 8, 16, 32])
    found = {}
    for name, table in (("dense", dense), ("sparse", sparse)):
        (group,) = build_groups(table, x="steps", column="loss", size="n_params")
        group = replace(group, variance=np.full_like(group.value, 1e-4))
        for weighting in ("variance", "steps"):
            p = points_of(group, weighting)
            found[name, weighting] = float((p.w[0] * p.u[0]).sum() / p.w[0].sum())
    gap = {w: abs(found["dense", w] - found["sparse", w]) for w in ("variance", "steps")}
    assert gap["steps"] < 0.3 * gap["variance"]


def test_step_zero_is_never_fitted():
    with_zero, without = straight_curves(), straight_curves(steps=range(1, 33))
    assert only_group(with_zero)["n_points"] == only_group(without)["n_points"] == 4 * 32


@pytest.mark.parametrize(
    ("change", "status"),
    [
        (lambda t: t[t["step"] <= 1], "too_few_points"),
        (lambda t: t[t["model"] == "1b"], "too_few_sizes"),
        (lambda t: t[t["model"].isin(["1b", "3b"])], "too_few_sizes"),
        (
            lambda t: t.assign(loss=t["loss"].where(t["step"] < 20, 0.0), n_problems=np.nan),
            "zero_loss",
        ),
        (lambda t: t.assign(loss=1.0), "not_identified"),
    ],
)
def test_trouble_has_a_status_and_a_sentence(change, status):
    group = only_group(change(straight_curves()))
    assert group["status"] == status
    assert group["reason"]


def test_missing_values_of_the_metric_are_points_not_measured():
    table = straight_curves()
    table.loc[table["step"].eq(7) & table["model"].eq("3b"), "loss"] = np.nan
    group = only_group(table)
    assert group["n_points"] == 4 * 32 - 1
    assert group["parameters"]["K_max"]["estimate"] == pytest.approx(K_MAX, rel=1e-7)


@pytest.mark.parametrize(
    ("table", "settings", "message"),
    [
        (straight_curves(n_params=np.nan), {}, "n_params is empty"),
        (straight_curves(), {"select": {"tau": 3}}, "no row has tau"),
        (straight_curves(), {"select": {"colour": 3}}, "not a column"),
        (straight_curves(), {"benchmark": "math"}, "there are held_out"),
        (straight_curves(), {"wheighting": "equal"}, "unknown key"),
        (straight_curves(), {"weighting": "heavy"}, "none of equal"),
        (straight_curves(n_problems=np.nan), {"weighting": "variance"}, "use 'equal'"),
    ],
)
def test_what_cannot_be_fitted_is_refused_with_the_reason(table, settings, message):
    with pytest.raises(StudyError, match=message):
        fit(table, **settings)


def test_rows_that_mix_an_axis_are_refused():
    table = straight_curves()
    other = table.assign(tau=5, cell=table["cell"] + "x")
    with pytest.raises(StudyError, match=r"several values of tau \(1, 5\).*fit.select.tau"):
        fit(pandas.concat([table, other], ignore_index=True))


def test_tau_can_be_the_swept_size():
    table = straight_curves()
    taus = {model: i + 1 for i, model in enumerate(SIZES)}
    table = table.assign(tau=table["model"].map(taus).astype(float), model="one")
    group = only_group(table, "free_slopes", size="tau")
    assert [size["model"] for size in group["sizes"]] == ["1", "2", "3", "4"]


def test_differing_protocols_are_refused_with_their_table(tmp_path):
    table = straight_curves()
    odd = table["cell"].str.contains("27b")
    table.loc[odd, "protocol_digest"] = "other"
    with pytest.raises(StudyError, match="differing protocols"):
        fit(table)
    rates = {cell: 2e-6 if "27b" in cell else 1e-6 for cell in table["cell"]}
    settings = {cell: {"recipe": {"grpo": {"learning_rate": rate}}} for cell, rate in rates.items()}
    write_differences(settings, str(tmp_path / "protocols.csv"))
    protocols = read_differences(tmp_path / "protocols.csv")
    arguments = {"law": "saturating", "x": "data", "metric": "loss", "protocols": protocols}
    with pytest.raises(StudyError, match=r"recipe.grpo.learning_rate \| 2e-06 \| 1e-06"):
        fit_document(table, settings=SETTINGS, **arguments)
    alike = protocols[protocols["setting"] == "none"]
    with pytest.raises(StudyError, match=r"no table.*names a setting in which they differ"):
        fit_document(table, settings=SETTINGS, **arguments | {"protocols": alike})
    allowed = SETTINGS | {"allow_differences": ["recipe.grpo"]}
    document = fit_document(table, settings=allowed, **arguments)
    assert document["protocol_digests"] == ["other", "same"]


def test_diverged_cells_are_left_out_and_named():
    table = straight_curves(runs=2)
    bad = "main/9b-base/tau1-g8/seed1"
    table.loc[table["cell"] == bad, "status"] = "diverged"
    arguments = {"law": "saturating", "x": "data", "metric": "loss", "settings": SETTINGS}
    document = fit_document(table, expected=[bad, "main/x"], **arguments)
    assert bad not in document["cells"]["used"]
    assert document["cells"]["diverged"] == [bad]
    assert document["cells"]["missing"] == ["main/x"]


def test_response_length_is_fitted_without_any_sampling_variance():
    table = straight_curves()
    table["response_length"] = 300 / table["loss"]
    document = fit(table, "free_slopes", metric="response_length", weighting="variance")
    for size in document["groups"][0]["sizes"]:
        assert size["k"]["estimate"] == pytest.approx(-exact_slope(size["n"]), rel=1e-8)
