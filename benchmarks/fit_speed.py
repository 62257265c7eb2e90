"""Speed and objective of the fit beside CMA-ES (the paper's protocol) and scipy's curve_fit.

    python benchmarks/fit_speed.py              # everything, single thread
    python benchmarks/fit_speed.py --quick      # a tenth of the repetitions, CMA-ES once

All fits see the same points (resources/published) in the same process, one after the other. Two
objectives: mean squared error in linear L (the paper's code) and least squares in log L.
"""

import argparse
import os
import statistics
import time
from dataclasses import replace
from pathlib import Path

os.environ["OMP_NUM_THREADS"] = "1"  # Before numpy is imported.

import numpy as np
import pandas

from rlscale.laws.fitting import fit_points
from rlscale.laws.points import Points
from rlscale.laws.registry import law_named

POINTS = Path(__file__).parents[1] / "resources/published/points_base.csv"


def main() -> None:
    """Time everything and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true")
    quick = parser.parse_args().quick
    points = published_points()
    count = int(points.present.sum())
    print(f"{count} points, 7 sizes; 1 thread; load {os.getloadavg()[0]:.1f}\n")
    print("| objective | fit | time | objective reached | K_max | N0 (1e9) |")
    print("| --- | --- | ---: | ---: | ---: | ---: |")
    for objective, law in (("linear L", "paper"), ("log L", "saturating")):
        for name, fit, repeats in (
            ("rlscale", lambda law=law: ours(points, law), 20 if quick else 200),
            ("scipy curve_fit", lambda law=law: with_curve_fit(points, law), 2 if quick else 10),
            ("CMA-ES 5 x 1600 x 20", lambda law=law: with_cma(points, law), 1),
        ):
            seconds, (k_max, n0) = timed(fit, repeats)
            reached = objective_at(points, law, k_max, n0)
            print(
                f"| {objective} | {name} | {seconds * 1e3:.2f} ms | {reached:.10e} | "
                f"{k_max:.5f} | {n0 / 1e9:.3f} |"
            )
    print()
    for law in ("saturating", "paper"):
        rng = np.random.default_rng(1)
        count = 400 if quick else 4000
        noise = 0.02 * rng.standard_normal((count, *points.y.shape[1:]))
        seconds, _ = timed(
            lambda law=law, n=noise: fit_points(law_named(law), replace(points, y=points.y + n)), 1
        )
        print(f"{count} bootstrap refits, {law}: {seconds:.2f} s")
    for size in (735, 7_000, 35_000, 105_000):
        grown = many_points(size)
        times = [
            timed(lambda law=law, p=grown: ours(p, law), 5)[0] for law in ("saturating", "paper")
        ]
        print(f"{size} points: saturating {times[0] * 1e3:.2f} ms, paper {times[1] * 1e3:.2f} ms")


def timed(function, repeats: int):
    """Median seconds of some calls, and the last result."""
    seconds = []
    for _ in range(repeats):
        started = time.perf_counter()
        result = function()
        seconds.append(time.perf_counter() - started)
    return statistics.median(seconds), result


def published_points() -> Points:
    """Every size the same weight, D as x."""
    table = pandas.read_csv(POINTS).query("recipe == 'main' and benchmark == 'held_out'")
    loss = table.pivot(index="model_size_b", columns="step", values="test_loss")
    present = loss.notna().to_numpy()
    u = np.log(512.0 * loss.columns.to_numpy(float))
    return Points(
        models=tuple(f"{size:g}b" for size in loss.index),
        n=loss.index.to_numpy() * 1e9,
        u=np.where(present, u, 0.0),
        y=np.log(loss.fillna(1.0).to_numpy())[None],
        w=present / present.sum(1, keepdims=True),
    )


def many_points(count: int) -> Points:
    """Simulated points of the law: 7 sizes, count / 7 steps each."""
    n = np.array([0.5e9, 1.5e9, 3e9, 7e9, 14e9, 32e9, 72e9])
    u = np.tile(np.log(512.0 * np.arange(1, count // 7 + 1)), (7, 1))
    k = 0.135 / (1 + 11.5e9 / n)
    y = -0.2 - k[:, None] * (u - u[:, :1])
    y += 0.02 * np.random.default_rng(0).standard_normal(y.shape)
    return Points(tuple(map(str, n)), n, u, y[None], np.full(y.shape, 7 / count))


def ours(points: Points, law: str) -> tuple[float, float]:
    """K_max and N0 of our fit."""
    found = fit_points(law_named(law), points).shared_parameters()
    return float(found["K_max"][0]), float(found["N0"][0])


def flat(points: Points):
    """Size index, u, y, weight of every measured point."""
    size, step = np.nonzero(points.present)
    return size, points.u[size, step], points.y[0, size, step], points.w[size, step]


def predict(parameters: np.ndarray, size, u, n_billion, law: str) -> np.ndarray:
    """The law as the paper's code has it: K_max, N0 (1e9), E of every size."""
    k = parameters[0] / (1 + parameters[1] / n_billion)
    y = parameters[2:][size] - k[size] * u
    return np.exp(y) if law == "paper" else y


def objective_at(points: Points, law: str, k_max: float, n0: float) -> float:
    """Mean squared error, equal weight per size, with the best E for given K_max and N0."""
    k = k_max / (1 + n0 / points.n)
    total = 0.0
    for m, present in enumerate(points.present):
        u, y = points.u[m, present], points.y[0, m, present]
        if law == "paper":
            basis = np.exp(-k[m] * u)
            level = (basis @ np.exp(y)) / (basis @ basis)
            total += ((np.exp(y) - level * basis) ** 2).mean()
        else:
            residual = y + k[m] * u
            total += ((residual - residual.mean()) ** 2).mean()
    return total / len(points.n)


def with_curve_fit(points: Points, law: str) -> tuple[float, float]:
    """scipy's curve_fit: bounds as the paper's, gradients by finite differences."""
    from scipy.optimize import curve_fit

    size, u, y, w = flat(points)
    n = points.n / 1e9
    start = np.concatenate([[0.1, 10.0], np.zeros(len(n))])
    lower = np.concatenate([[0.0, 0.1], np.full(len(n), -20.0)])
    upper = np.concatenate([[2.0, 100.0], np.full(len(n), 20.0)])
    found, _ = curve_fit(
        lambda _, *p: predict(np.array(p), size, u, n, law),
        u, np.exp(y) if law == "paper" else y, p0=start, sigma=1 / np.sqrt(w),
        bounds=(lower, upper), jac="2-point", max_nfev=100_000,
    )  # fmt: skip
    return float(found[0]), float(found[1] * 1e9)


def with_cma(points: Points, law: str) -> tuple[float, float]:
    """The paper's protocol: CMA-ES, 5 trials, up to 1,600 iterations, population 20."""
    import cma

    size, u, y, w = flat(points)
    n = points.n / 1e9
    wanted = np.exp(y) if law == "paper" else y
    lower = np.concatenate([[0.0, 0.1], np.full(len(n), -2.0)])
    upper = np.concatenate([[2.0, 100.0], np.full(len(n), 10.0)])

    def cost(share):
        p = lower + np.asarray(share) * (upper - lower)
        return float((w * (predict(p, size, u, n, law) - wanted) ** 2).sum())

    best = None
    for trial in range(5):
        options = {
            "popsize": 20, "maxiter": 1600, "bounds": [0, 1], "seed": trial + 1, "verbose": -9,
        }  # fmt: skip
        start = np.random.default_rng(trial).uniform(0.1, 0.9, len(lower))
        found = cma.fmin(cost, start, 0.3, options)
        if best is None or found[1] < best[1]:
            best = found
    p = lower + best[0] * (upper - lower)
    return float(p[0]), float(p[1] * 1e9)


if __name__ == "__main__":
    main()
