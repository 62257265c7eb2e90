"""Do intervals hold what they promise? Coverage over simulated studies, wrong laws included."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from rlscale.answers.forecast import forecast_group
from rlscale.answers.splits import Split, Target
from rlscale.laws.arrays import Array
from rlscale.laws.bends import bends
from rlscale.laws.fitting import fit_points
from rlscale.laws.groups import Group
from rlscale.laws.identification import identify
from rlscale.laws.law import Fit
from rlscale.laws.points import points_of
from rlscale.laws.simulate import Truth, simulate_study
from rlscale.laws.spec import Bootstrap, FitSpec, Settings
from rlscale.laws.straight import Saturating
from rlscale.laws.uncertainty import crossed_replicates

FORECASTS = {"intra": Split("intra"), "inter": Split("inter")}


def cover_study(
    seed: list[int],
    make: Callable[[np.random.Generator], Truth],
    runs: int = 3,
    problems: int = 500,
    replicates: int = 400,
    level: float = 0.9,
) -> tuple[dict[tuple[str, str], np.ndarray], str]:
    """Simulate one study, fit the saturating law, see which intervals hold the truth.

    The truth is the law's best fit to the expected losses: of the population of problems (scope
    redrawn), or of these very problems (scope fixed). Where the law holds, the first is the
    parameters that the study was made from.

    Args:
        seed: Entropy of the study's random numbers.
        make: Makes the truth from a random generator.
        runs: Runs per size.
        problems: Problems of the benchmark.
        replicates: Bootstrap replicates.
        level: Nominal coverage.

    Returns:
        (scope, quantity) -> whether each interval holds the truth; the verdict of scope redrawn.
    """
    rng = np.random.default_rng(seed)
    truth = make(rng)
    study = simulate_study(rng, truth, problems, runs)
    points, law = points_of(study.group, "variance"), Saturating()
    contest = law.contest()
    replicated = crossed_replicates(
        study.group, points, study.shares, replicates, int(rng.integers(2**31))
    )
    expected = {"redrawn": truth.log_loss(), "fixed": study.expected}
    hits, verdict = {}, ""
    for scope, values in expected.items():
        best = _read(fit_points(law, replace(points, y=values[None])))
        both = np.concatenate([points.y, points.y + replicated.deviations[scope]])
        fits = fit_points(law, replace(points, y=both))
        for name, draws in _read(fits).items():
            low, high = np.quantile(draws[1:], [(1 - level) / 2, (1 + level) / 2], axis=0)
            hits[scope, name] = (low <= best[name][0]) & (best[name][0] <= high)
        if scope == "redrawn":
            found = identify(
                points.n, fits.slope[0], replicated.covariance[scope], replicated.judged[scope],
                level, contest,
            )  # fmt: skip
            bent = bends(study.group, points, replicated.spread, replicated.problems)
            straight = bent.p_straight is None or bent.p_straight >= 0.05
            verdict = found.verdict if straight else "bends"
    settings = Settings(level=level, bootstrap=Bootstrap(replicates, seed[-1]))
    for name, split in FORECASTS.items():
        hits["forecast", name] = _forecast_hits(study.group, split, settings)
    return hits, verdict


def _read(fit: Fit) -> dict[str, Array]:
    parameters = fit.shared_parameters()
    return {
        "K_max": parameters["K_max"][:, None],
        "N0": parameters["N0"][:, None],
        "k(N)": fit.k(fit.points.n),
        "free slope": fit.slope,
    }


def _forecast_hits(group: Group, split: Split, settings: Settings) -> Array:
    """Share of the target points inside their intervals, per target size."""
    if split.kind == "intra":
        steps = group.steps <= split.first_share * group.steps[-1]
        seen, hidden, models = group.part(steps=steps), ~steps, group.models
    else:
        cells = group.size_of < len(group.models) - 1
        seen, hidden, models = group.part(cells=cells), slice(None), group.models[-1:]
    targets = [
        Target(group.family, group.variant, m, n)
        for m, n in zip(models, group.n[-len(models) :], strict=True)
    ]
    y, u = np.log(group.per_size(group.value)), group.per_size(np.log(group.x))
    shares = []
    for found in forecast_group(seen, targets, FitSpec(settings=settings), split):
        m = group.models.index(found.target.model)
        at = np.log([row.x for row in found.grid])
        low, high = (
            np.interp(u[m, hidden], at, [getattr(row, side) for row in found.grid])
            for side in ("low", "high")
        )
        shares.append(((low <= y[m, hidden]) & (y[m, hidden] <= high)).mean())
    return np.array(shares)
