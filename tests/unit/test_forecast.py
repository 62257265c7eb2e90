from dataclasses import replace

import numpy as np
import pytest
from curve_tables import SIZES, straight_curves

from rlscale.answers.forecast import forecast_curves, forecast_group
from rlscale.answers.ranking import COLUMNS, score_forecasts
from rlscale.answers.splits import Split, Target, split_curves
from rlscale.core.errors import StudyError
from rlscale.laws.backtest import conformal_reach, reach_of
from rlscale.laws.designs import Design, draw_study
from rlscale.laws.points import Points
from rlscale.laws.registry import LAWS, law_named
from rlscale.laws.spec import FitSpec, Settings
from rlscale.laws.turning import turned

SETTINGS = Settings.of({"weighting": "equal", "bootstrap": {"replicates": 200}})
INTRA, INTER = Split("intra"), Split("inter")
PAPER = Split("inter", intercept_from_target=True)


def forecast(table, protocol, law="saturating"):
    train, targets = split_curves(table, protocol, SETTINGS, "loss")
    return forecast_curves(train, targets, FitSpec(law, settings=SETTINGS), protocol)


def scores(table, protocol, laws=("saturating", "constant", "last_value")):
    documents = [forecast(table, protocol, law) for law in laws]
    return score_forecasts(table, documents, "name", SETTINGS)


def test_the_rows_to_learn_from_hold_no_target():
    table = straight_curves()
    train, targets = split_curves(table, INTRA, SETTINGS, "loss")
    assert train["step"].max() == 8
    assert [t.model for t in targets] == sorted(SIZES)
    train, targets = split_curves(table, INTER, SETTINGS, "loss")
    assert set(train["model"]) == {"1b", "3b", "9b"}
    assert targets == [Target("f", "base", "27b", 27e9)]


@pytest.mark.parametrize("protocol", [INTRA, INTER])
def test_a_forecast_is_the_same_when_the_target_rows_are_others(protocol):
    table = straight_curves(0.01, runs=2)
    train, _ = split_curves(table, protocol, SETTINGS, "loss")
    target = ~table.set_index(["cell", "step"]).index.isin(train.set_index(["cell", "step"]).index)
    changed = table.assign(loss=table["loss"].where(~target, 0.123))
    assert forecast(table, protocol) == forecast(changed, protocol)


def test_a_diverged_cell_is_neither_learnt_from_nor_forecast():
    table = straight_curves(runs=2)
    bad = table["cell"].eq("main/3b-base/tau1-g8/seed1")
    alone = forecast(table[~bad], INTER)
    broken = table.assign(loss=table["loss"].where(~bad, 0.99))
    assert forecast(broken.assign(status=np.where(bad, "diverged", "ok")), INTER) == alone
    assert forecast(broken, INTER) != alone


def test_the_papers_protocol_looks_at_its_target_and_is_marked_so():
    table = straight_curves(0.01)
    target = table["model"].eq("27b") & table["step"].gt(0)
    changed = table.assign(loss=table["loss"].where(~target, table["loss"] * 0.8))
    documents = forecast(table, PAPER), forecast(changed, PAPER)
    values = [d["predictions"][0]["grid"][200]["log_value"] for d in documents]
    assert values[1] - values[0] == pytest.approx(np.log(0.8), abs=1e-6)
    assert not documents[0]["is_forecast"]
    assert forecast(table, INTER)["is_forecast"]


@pytest.mark.parametrize("law", ["saturating", "free_slopes", "paper", "floor"])
def test_straight_curves_are_forecast_exactly(law):
    table = straight_curves()
    (row,) = scores(table, INTRA, (law,)).query("model == 'all'").to_dict("records")
    assert row["rmse"] < 1e-3
    assert row["points"] == 4 * 24


def test_an_unseen_size_gets_its_slope_from_the_law():
    """Levels lie on a line in log N here, so that the law's k(N) alone decides."""
    table = straight_curves()
    u = np.log(512 * table["step"].clip(lower=1))
    middle = u[table["step"] > 0].mean()
    line = np.exp(-0.3 - 0.05 * np.log(table["n_params"] / 1e9))
    k = 0.1 / (1 + 6e9 / table["n_params"])
    table = table.assign(loss=line * np.exp(-k * (u - middle)))
    table = table[table["step"] > 0]
    best = scores(table, INTER, ("saturating", "power", "constant", "last_value"))
    row = best.query("model == '27b' and rank == 1").iloc[0]
    assert row["law"] == "saturating"
    assert row["rmse"] < 0.01
    assert row["skill_constant"] > 0.95


def test_the_table_ranks_every_law_and_is_complete():
    table = scores(straight_curves(0.01, runs=2), INTRA, tuple(LAWS.names()))
    assert tuple(table.columns) == COLUMNS
    for _, part in table.groupby("model"):
        assert sorted(part["rank"]) == list(range(1, len(LAWS.names()) + 1))
        assert part.sort_values("rank")["rmse"].is_monotonic_increasing
    baseline = table[table["law"] == "constant"]
    assert baseline["skill_constant"].abs().max() < 1e-12


def test_a_law_that_cannot_be_fitted_stands_in_the_table_with_its_status():
    table = straight_curves(steps=[0, 1, 2, 4, 8, 16, 32])
    found = scores(table, Split("intra", first_share=0.1), ("sigmoid", "constant"))
    assert set(found.loc[found["law"] == "sigmoid", "status"]) == {"too_few_points"}


def test_nothing_to_learn_from_is_refused():
    with pytest.raises(StudyError, match="0 rows to learn from"):
        split_curves(straight_curves(), Split("inter", held_out_sizes=4), SETTINGS, "loss")


@pytest.mark.parametrize(
    ("bend", "share", "least"), [("plateau", 2 / 3, 0.75), ("onset", 1 / 4, 0.7)]
)
def test_the_median_of_simple_laws_holds_where_curves_bend(bend, share, least):
    """The rest lies inside the interval, also where what was seen ends just behind the turn."""
    shares, split = [], Split("intra", first_share=share)
    for seed in range(4):
        group = draw_study(np.random.default_rng([5, seed]), Design(bend=bend)).group
        late = group.steps > share * group.steps[-1]
        for m, found in enumerate(rest_of(group.part(steps=~late), split)):
            u, y = np.log(group.x[0, late]), np.log(group.per_size(group.value)[m, late])
            at = np.log([row.x for row in found.grid])
            low, high = (
                np.interp(u, at, [getattr(row, end) for row in found.grid])
                for end in ("low", "high")
            )
            shares.append(((low <= y) & (y <= high)).mean())
    assert np.mean(shares) >= least


def rest_of(seen, split):
    targets = [Target("simulated", "base", *own) for own in zip(seen.models, seen.n, strict=True)]
    return forecast_group(seen, targets, FitSpec("median", settings=SETTINGS), split)


@pytest.mark.parametrize(("sizes", "rank"), [(1, 1.0), (40, 0.9 * 121 / 120)])
def test_few_past_errors_give_a_wider_interval_than_their_quantile(sizes, rank):
    """Of n points that were forecast, the ceil((n + 1) level)-th error holds the next one."""
    u = np.log(2.0 ** np.arange(6))
    y = np.random.default_rng(3).normal(-1.0, 0.2, (1, sizes, 6))
    points = Points(
        tuple(f"m{i}" for i in range(sizes)), np.arange(1e9, 1e9 + sizes), np.tile(u, (sizes, 1)),
        y, np.ones((sizes, 6)),
    )  # fmt: skip
    errors = [
        np.abs(y[0, :, later] - y[0, :, seen - 1])
        / reach_of(y[0, :, later], u[later] - u[seen - 1])
        for seen in (3, 4, 5)
        for later in range(seen, 6)
    ]
    reach = conformal_reach(law_named("last_value"), points, 0.9)
    assert reach == pytest.approx(np.quantile(np.concatenate(errors), rank))


def test_a_turn_is_seen_in_all_sizes_together():
    """A change of slope that one size's last points hardly tell is told by all sizes."""
    u = np.log(512.0 * np.arange(1, 31))
    n = np.array([1, 3, 9, 27, 81]) * 1e9
    noise = 0.002 * np.random.default_rng(1).standard_normal((len(n), len(u)))
    straight = -0.05 * np.broadcast_to(u, noise.shape) + noise
    bent = straight - 0.1 * np.maximum(u - u[23], 0.0)
    later = np.array([np.log(512.0 * 100)])
    points = Points(tuple("abcde"), n, np.tile(u, (len(n), 1)), straight[None], np.ones_like(noise))
    calm = turned(points, later)
    low, high = turned(replace(points, y=bent[None]), later)
    truth = -0.05 * later - 0.1 * (later - u[23])
    assert np.abs((low + high) / 2 - truth).max() < 0.04
    assert (calm[0] > truth + 0.08).all()


def test_too_few_points_say_nothing_of_a_turn():
    u = np.log(np.arange(1.0, 12.0))
    points = Points(("a",), np.array([1e9]), u[None], -u[None, None], np.ones((1, 11)))
    assert turned(points, u) is None


def test_a_probe_gives_an_unseen_size_its_level():
    table = straight_curves(0.002, runs=2)
    # A level that no line in log N foretells.
    table["loss"] = table["loss"].where(table["model"] != "27b", table["loss"] * 0.7)
    plain, probed = (
        scores(table, split, ("saturating", "constant", "last_value"))
        .query("model == '27b' and law == 'saturating'")
        .iloc[0]
        for split in (INTER, Split("inter", probe=4))
    )
    assert probed["points"] == plain["points"] - 4
    assert probed["rmse"] < 0.03 < 0.2 < plain["rmse"]
    assert probed["is_forecast"]


def test_a_probes_forecast_knows_nothing_of_later_target_rows():
    table, split = straight_curves(0.01, runs=2), Split("inter", probe=4)
    later = table["model"].eq("27b") & table["step"].gt(4)
    changed = table.assign(loss=table["loss"].where(~later, 0.123))
    assert forecast(table, split) == forecast(changed, split)


@pytest.mark.parametrize(("law", "far_counts"), [("free_slopes", False), ("saturating", True)])
def test_a_probed_shape_is_carried_on_from_the_last_three_sizes(law, far_counts):
    """What shares nothing between sizes asks those next to the target; a law of k(N) asks all."""
    group = draw_study(np.random.default_rng(7), Design(runs=(2,) * 7)).group
    value = group.value.copy()
    value[group.size_of == 6, 5:] = np.nan
    probed = replace(group, value=value)
    far = np.where((group.size_of == 0)[:, None], value * (group.x / group.x[0, 0]) ** -0.02, value)
    target, split = Target("simulated", "base", "72b", 72e9), Split("inter", probe=5)
    found = [
        forecast_group(own, [target], FitSpec(law, settings=SETTINGS), split)[0].grid[-1].log_value
        for own in (probed, replace(group, value=far))
    ]
    assert (found[0] != found[1]) == far_counts


@pytest.mark.parametrize("held_out", [1, 3])
def test_several_of_the_largest_sizes_can_be_the_target(held_out):
    _, targets = split_curves(
        straight_curves(), Split("inter", held_out_sizes=held_out), SETTINGS, "loss"
    )
    assert [target.model for target in targets] == ["27b", "3b", "9b"][: 1 if held_out == 1 else 3]


@pytest.mark.parametrize(
    "design",
    [
        Design(truth="power"),
        Design(truth="power", first=True),
        Design(truth="power", first=True, scatter=0.2),
    ],
)
def test_an_unseen_size_is_covered_whichever_law_of_k_is_true(design):
    """And wherever on the curve levels are a line in log N, which nobody says."""
    hits = []
    for seed in range(12):
        group = draw_study(np.random.default_rng([6, seed]), design).group
        seen = group.part(cells=group.size_of < 6)
        target = Target("simulated", "base", group.models[6], group.n[6])
        (found,) = forecast_group(seen, [target], FitSpec(settings=SETTINGS), INTER)
        at = np.log([row.x for row in found.grid])
        y, u = np.log(group.per_size(group.value)[6]), np.log(group.x[0])
        low, high = (
            np.interp(u, at, [getattr(row, end) for row in found.grid]) for end in ("low", "high")
        )
        hits.append(((low <= y) & (y <= high)).mean())
    assert np.mean(hits) >= 0.8


def test_forecasts_go_over_tau_as_over_sizes():
    table = straight_curves(model="7b", n_params=7e9)
    taus = {"1b": 1, "3b": 2, "9b": 5, "27b": 20}
    table["tau"] = table["cell"].map(lambda cell: taus[cell.split("/")[1].split("-")[0]])
    settings = replace(SETTINGS, size="tau")
    train, targets = split_curves(table, INTRA, settings, "loss")
    assert [(target.model, target.n) for target in targets] == [
        ("1", 1.0), ("2", 2.0), ("5", 5.0), ("20", 20.0)
    ]  # fmt: skip
    spec = FitSpec("free_slopes", "data", "loss", settings)
    document = forecast_curves(train, targets, spec, INTRA)
    assert [one["status"] for one in document["predictions"]] == ["ok"] * 4


def test_a_probed_shape_is_covered_where_slopes_scatter_over_sizes():
    hits = []
    for seed in range(12):
        group = draw_study(np.random.default_rng([8, seed]), Design(scatter=0.2)).group
        value = np.where((group.size_of == 6)[:, None] & (group.steps > 5), np.nan, group.value)
        target, split = Target("simulated", "base", "72b", 72e9), Split("inter", probe=5)
        spec = FitSpec("free_slopes", settings=SETTINGS)
        (found,) = forecast_group(replace(group, value=value), [target], spec, split)
        at = np.log([row.x for row in found.grid])
        y, u = np.log(group.per_size(group.value)[6, 5:]), np.log(group.x[0, 5:])
        low, high = (
            np.interp(u, at, [getattr(row, end) for row in found.grid]) for end in ("low", "high")
        )
        hits.append(((low <= y) & (y <= high)).mean())
    assert np.mean(hits) >= 0.8
