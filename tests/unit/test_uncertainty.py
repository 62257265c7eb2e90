from dataclasses import replace
from pathlib import Path

import jsonschema
import numpy as np
import pandas
import pytest
import yaml
from curve_tables import fit_document, straight_curves

from rlscale.core.errors import StudyError
from rlscale.laws.fitting import fit_points
from rlscale.laws.points import points_of
from rlscale.laws.registry import LAWS
from rlscale.laws.simulate import saturating_truth, simulate_study
from rlscale.laws.spec import Bootstrap
from rlscale.laws.straight import FreeSlopes
from rlscale.laws.study import outcome_shares, rounded
from rlscale.laws.uncertainty import block_replicates, crossed_replicates

ROOT = Path(__file__).parents[2]
SCHEMA = yaml.safe_load((ROOT / "workflow/schemas/fit.schema.yaml").read_text())
SETTINGS = {"bootstrap": {"replicates": 300}}


@pytest.fixture(scope="module")
def study():
    rng = np.random.default_rng(11)
    return simulate_study(rng, saturating_truth(rng, steps=40), problems=200)


def slopes(group, deviations):
    points = points_of(group, "variance")
    return fit_points(FreeSlopes(), replace(points, y=points.y + deviations)).slope


def crossed(group, shares, count, seed):
    return crossed_replicates(group, points_of(group, "variance"), shares, count, seed)


def test_replicates_depend_on_their_seed_alone(study):
    same = [crossed(study.group, study.shares, 200, 7) for _ in range(2)]
    other = crossed(study.group, study.shares, 200, 8)
    for scope in ("fixed", "redrawn"):
        np.testing.assert_array_equal(same[0].deviations[scope], same[1].deviations[scope])
        assert not np.array_equal(same[0].deviations[scope], other.deviations[scope])


def test_redrawn_problems_widen_intervals_and_all_sizes_move_together(study):
    found = crossed(study.group, study.shares, 2000, 7)
    fixed, redrawn = (slopes(study.group, found.deviations[s]) for s in ("fixed", "redrawn"))
    assert (redrawn.std(0) > fixed.std(0)).all()
    between = np.corrcoef(redrawn.T)[np.triu_indices(7, 1)].mean()
    assert between > np.corrcoef(fixed.T)[np.triu_indices(7, 1)].mean() + 0.1


def test_the_run_part_has_the_variance_of_a_mean_of_runs():
    """Runs that differ by a level alone: SD of the mean is sigma / sqrt(r), t-spread on top."""
    rng = np.random.default_rng(3)
    truth = saturating_truth(rng, steps=5)
    base = simulate_study(rng, truth, problems=400, runs=40).group
    factor = np.exp(0.05 * rng.standard_normal((280, 1)))
    group = replace(base, value=base.per_size(base.value)[base.size_of] * factor)
    found = crossed(group, None, 4000, 1).deviations["fixed"]
    spread = found.std((0, 2))
    # Standardised by the sampling scale, so that single sizes trade variance; the mean is right.
    assert np.sqrt((spread**2).mean()) == pytest.approx(0.05 / np.sqrt(40), rel=0.25)


def test_one_run_per_size_gives_no_run_intervals_but_labelled_blocks():
    document = fit_document(
        straight_curves(0.01), law="saturating", x="data", metric="loss", settings=SETTINGS
    )
    (group,) = document["groups"]
    assert document["uncertainty"]["method"] == "block_bootstrap"
    assert "no replicate runs" in document["uncertainty"]["label"]
    intervals = group["parameters"]["K_max"]["intervals"]
    assert intervals["fixed"] == {"status": "no_replicates", "se": None, "low": None, "high": None}
    assert intervals["block"]["low"] < group["parameters"]["K_max"]["estimate"]


def test_runs_without_outcomes_have_no_redrawn_interval():
    table = straight_curves(0.01, runs=3)
    document = fit_document(table, law="saturating", x="data", metric="loss", settings=SETTINGS)
    (group,) = document["groups"]
    assert document["scope"] == group["scope"] == "fixed"
    assert group["sizes"][0]["k"]["intervals"]["redrawn"]["status"] == "no_outcomes"


@pytest.mark.parametrize("law", LAWS.names())
def test_every_law_writes_a_document_of_the_schema(law):
    table = straight_curves(0.01, runs=2, steps=[0, 1, 2, 4, 8, 16, 32])
    settings = SETTINGS | {"bootstrap": {"replicates": 200}}
    document = fit_document(table, law=law, x="compute", metric="loss", settings=settings)
    jsonschema.validate(rounded(document), SCHEMA)


def test_a_refused_group_writes_a_document_of_the_schema():
    table = straight_curves()
    table = table[table["model"].isin(["1b", "3b"])]
    document = fit_document(table, law="saturating", x="data", metric="loss", settings=SETTINGS)
    jsonschema.validate(document, SCHEMA)


def test_block_residuals_keep_neighbours_together(study):
    points = points_of(study.group, "equal")
    fitted = points.y[0] - np.sin(np.arange(40) / 6)  # Residuals of a long wave.
    long, short = (
        block_replicates(points, fitted, 2, Bootstrap(400, 1, length)) for length in (8, 1)
    )
    moved = [
        slopes(study.group, found.deviations["block"]).std(0).mean() for found in (long, short)
    ]
    assert moved[0] > 1.3 * moved[1]


def outcomes_table(study):
    group = study.group
    cells, steps = np.meshgrid(
        np.arange(len(group.cells)), np.arange(len(group.steps)), indexing="ij"
    )
    frames = []
    for p in range(5):
        frames.append(
            pandas.DataFrame(
                {
                    "cell": np.array(group.cells)[cells.ravel()],
                    "step": group.steps[steps.ravel()],
                    "benchmark": "held_out",
                    "problem_id": f"p{p}",
                    "n": 1,
                    "n_correct": study.shares[p].ravel().astype(int),
                }
            )
        )
    return pandas.concat(frames, ignore_index=True)


def test_a_fit_names_the_problems_that_its_intervals_are_over():
    """So that studies on the same problems are compared as such; without outcomes, none."""
    table = straight_curves(0.004, runs=2)
    fit = {"settings": {"bootstrap": {"replicates": 20}}}
    assert fit_document(table, **fit)["problems"] is None
    found = {}
    for name, ids in (("one", "ab"), ("again", "ba"), ("other", "ac")):
        rows = table[["cell", "step", "benchmark"]]
        outcomes = pandas.concat(
            rows.assign(problem_id=own, n=1, n_correct=i) for i, own in enumerate(ids)
        )
        found[name] = fit_document(table, **fit, outcomes=outcomes)["problems"]
    assert found["one"] == found["again"] != found["other"]


def test_outcomes_become_shares_per_problem(study):
    shares = outcome_shares(study.group, outcomes_table(study), "held_out")
    np.testing.assert_array_equal(shares, study.shares[:5])


def test_a_missing_outcome_is_named(study):
    table = outcomes_table(study).drop(index=17)
    with pytest.raises(StudyError, match=r"outcomes: cell .* step .* lacks problems"):
        outcome_shares(study.group, table, "held_out")
