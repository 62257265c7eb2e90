"""Curves with known answers, for the tests of laws, fits and forecasts."""

import numpy as np
import pandas

from rlscale.core.tables import check_curves
from rlscale.laws.spec import FitSpec, Settings
from rlscale.laws.study import Sources, fit_study

SIZES = {"1b": 1e9, "3b": 3e9, "9b": 9e9, "27b": 27e9}
K_MAX, N0 = 0.2, 6e9


def exact_slope(n: float) -> float:
    """k(N) that ``straight_curves`` follow."""
    return K_MAX / (1 + N0 / n)


def straight_curves(
    noise: float = 0.0, runs: int = 1, steps=range(33), **columns
) -> pandas.DataFrame:
    """Curves that follow the saturating law, with noise in log L and a row at step 0."""
    rng = np.random.default_rng(5)
    rows = []
    for model, n in SIZES.items():
        for seed in range(runs):
            drift = noise * rng.standard_normal()
            for step in steps:
                u = np.log(512 * max(step, 0.1))
                y = -0.1 - exact_slope(n) * (u - np.log(512)) + drift * np.log1p(step)
                y += noise * rng.standard_normal()
                rows.append(
                    {
                        "study": "test", "recipe": "main", "family": "f", "variant": "base",
                        "cell": f"main/{model}-base/tau1-g8/seed{seed}", "model": model,
                        "seed": seed, "tau": 1, "group_size": 8, "n_params": n, "step": step,
                        "data_samples": 512 * step, "compute_flops": 6 * n * 1e5 * step,
                        "benchmark": "held_out", "n_problems": 500,
                        "loss": min(1.0, float(np.exp(y))), "protocol_digest": "same",
                    }
                )  # fmt: skip
    table = pandas.DataFrame(rows).assign(**columns)
    return check_curves(table, "test")


def fit_document(table, *, law="saturating", x="data", metric="loss", settings, **sources):
    """The fit document of a table, as results/fits holds it."""
    spec = FitSpec(law, x, metric, Settings.of(settings))
    return fit_study(table, spec, Sources(**sources)).to_json()
