"""Coverage and verdicts by a generator of its own (docs/law.md records a run): `make coverage`.

    python benchmarks/second_opinion.py --studies 500

The generator shares nothing with ``rlscale.laws.designs`` or ``simulate``, nor with the estimator:
its truth is drawn anew for each study, its losses are whole numbers of answers. A study's random
numbers come from (seed, name of the design, number of the study), so that designs can be run apart.

A size's curve is ln L = level - k (ln x - ln x_1), level a line in log N at the first step with
scatter; a run adds a level and a slope; an answer sheet of 500 problems adds noise that is AR(1)
over the steps. The larger size that is foretold is a mean over as many runs as the largest had.
"""

import argparse
import time
import zlib
from dataclasses import dataclass, replace

import numpy as np
import pandas

from rlscale.laws.groups import Group
from rlscale.laws.results import FitResult
from rlscale.laws.spec import Bootstrap, FitSpec, Settings
from rlscale.laws.study import fit_group

PROBLEMS = 500
SIZES = {"0.5b": 0.5e9, "1.5b": 1.5e9, "3b": 3e9, "7b": 7e9, "14b": 14e9, "32b": 32e9, "72b": 72e9}
FOUR = {"1.5b": 1.5e9, "3b": 3e9, "7b": 7e9, "14b": 14e9}
WIDE = {"0.5b": 0.5e9, "3b": 3e9, "14b": 14e9, "72b": 72e9}
FEW = (2, 4, 8, 16, 32, 64, 105)


@dataclass(frozen=True)
class Plan:
    """How studies of a design are made.

    Attributes:
        sizes: Model -> N.
        steps: Steps evaluated.
        runs: Runs of every size.
        power: Whether k is a power of N; else K / (1 + N0/N).
        scatter: Relative standard deviation of k about that law.
        spread: A run's slope spreads by spread[0] + spread[1] k.
        level: Standard deviation of a run's level.
        memory: Correlation of the noise of neighbouring steps.
        bend: "", "plateau" (no learning after half of the steps) or "onset" (none in a fifth).
        cut: (size, runs, step): that many runs of a size stop there.
        sparse: Size that is evaluated on every seventh step alone; -1 for none.
    """

    sizes: dict[str, float]
    steps: tuple[int, ...] = tuple(range(1, 106))
    runs: tuple[int, ...] = (3,) * 7
    power: bool = False
    scatter: float = 0.0
    spread: tuple[float, float] = (0.0015, 0.05)
    level: float = 0.01
    memory: float = 0.0
    bend: str = ""
    cut: tuple[int, int, int] = (0, 0, 0)
    sparse: int = -1


BASE = Plan(SIZES)
SHORT = Plan(FOUR, steps=FEW, runs=(3,) * 4)
PLANS = {
    "7 x 105, 3 runs": BASE,
    "2 runs": replace(BASE, runs=(2,) * 7),
    "5 runs": replace(BASE, runs=(5,) * 7),
    "AR .5": replace(BASE, memory=0.5),
    "AR .5, 2 runs": replace(BASE, memory=0.5, runs=(2,) * 7),
    "AR .9": replace(BASE, memory=0.9),
    "runs 5,5,3,3,2,1,1": replace(BASE, runs=(5, 5, 3, 3, 2, 1, 1)),
    "runs 1,1,2,3,3,5,5": replace(BASE, runs=(1, 1, 2, 3, 3, 5, 5)),
    "spread .12 k": replace(BASE, spread=(0.0, 0.12)),
    "one of 2 runs of 7B stops at 30": replace(BASE, runs=(2,) * 7, level=0.05, cut=(3, 1, 30)),
    "one of 2 runs of 72B stops at 30": replace(BASE, runs=(2,) * 7, level=0.05, cut=(6, 1, 30)),
    "2 runs, 14B on every 7th step": replace(BASE, runs=(2,) * 7, sparse=4),
    "4 x 7, 2 runs": replace(SHORT, runs=(2,) * 4),
    "4 x 7, 3 runs": SHORT,
    "4 x 7, 5 runs": replace(SHORT, runs=(5,) * 4),
    "4 x 7, 3 runs, AR .5": replace(SHORT, memory=0.5),
    "scatter 20 %": replace(BASE, scatter=0.2),
    "scatter 20 %, 2 runs": replace(BASE, scatter=0.2, runs=(2,) * 7),
    "power": replace(BASE, power=True),
    "power, 4 x 7": replace(SHORT, power=True),
    "power, scatter 20 %": replace(BASE, power=True, scatter=0.2),
    "power, scatter 20 %, 2 runs": replace(BASE, power=True, scatter=0.2, runs=(2,) * 7),
    "power, scatter 20 %, 4 x 7": replace(SHORT, power=True, scatter=0.2, sizes=WIDE),
    "scatter 20 %, 4 x 7": replace(SHORT, scatter=0.2, sizes=WIDE),
    "plateau": replace(BASE, bend="plateau"),
    "onset": replace(BASE, bend="onset"),
    "one run": replace(BASE, runs=(1,) * 7),
}


class Study:
    """One study: its truth, its curves, and a larger size that nobody measured."""

    def __init__(self, plan: Plan, rng: np.random.Generator) -> None:
        """Draw the truth, then the runs."""
        self.plan, self.rng = plan, rng
        self.n = np.array(list(plan.sizes.values()))
        self.top, self.first = rng.uniform(0.10, 0.15), np.log(512.0 * plan.steps[0])
        self.shape = rng.uniform(0.35, 0.65) if plan.power else np.exp(rng.uniform(22.7, 23.6))
        later = 2 * self.n[-1]
        self.all_k = self.law(np.append(self.n, later))
        self.all_k = self.all_k * (1 + plan.scatter * rng.standard_normal(len(self.all_k)))
        self.k = self.all_k[:-1]
        line = -0.04 - 0.052 * np.log(np.append(self.n, later) / 0.5e9)
        self.levels = line + 0.01 * rng.standard_normal(len(line))
        self.cells = [
            (m, seed, *self._answers(m, seed))
            for m, runs in enumerate(plan.runs)
            for seed in range(runs)
        ]

    def law(self, n: np.ndarray) -> np.ndarray:
        """k by the law."""
        if self.plan.power:
            return self.top * (n / 72e9) ** self.shape
        return self.top * (1 + self.shape / 72e9) / (1 + self.shape / n)

    def learnt(self, u: np.ndarray) -> np.ndarray:
        """What a size has learnt by log x = u, in units of k."""
        steps = self.plan.steps
        if self.plan.bend == "plateau":
            u = np.minimum(u, np.log(512.0 * steps[len(steps) // 2]))
        if self.plan.bend == "onset":
            u = np.maximum(u, np.log(512.0 * steps[len(steps) // 5]))
        return u - self.first

    def log_loss(self, m: int, u: np.ndarray) -> np.ndarray:
        """A size's own curve, without runs and noise; m = -1 is the larger size."""
        return np.minimum(self.levels[m] - self.all_k[m] * self.learnt(u), -1e-3)

    def run(self, m: int, u: np.ndarray) -> np.ndarray:
        """The expected curve of one run."""
        absolute, relative = self.plan.spread
        slope = (absolute + relative * abs(self.all_k[m])) * self.rng.standard_normal()
        level = self.plan.level * self.rng.standard_normal()
        return np.minimum(self.log_loss(m, u) + level - slope * (u - u.mean()), -1e-3)

    def _answers(self, m: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
        """Steps at which one run was evaluated, and the share of wrong answers there."""
        plan, steps = self.plan, np.array(self.plan.steps)
        p = np.exp(self.run(m, np.log(512.0 * steps)))
        noise = self.rng.standard_normal(len(steps))
        for t in range(1, len(steps)):
            noise[t] = plan.memory * noise[t - 1] + np.sqrt(1 - plan.memory**2) * noise[t]
        wrong = np.rint(p * PROBLEMS + np.sqrt(0.6 * p * (1 - p) * PROBLEMS) * noise)
        keep = np.ones(len(steps), bool)
        if m == plan.cut[0] and seed < plan.cut[1]:
            keep &= steps <= plan.cut[2]
        if m == plan.sparse:
            keep &= steps % 7 == 0
        return steps[keep], np.clip(wrong, 0, PROBLEMS)[keep] / PROBLEMS

    @property
    def curves(self) -> pandas.DataFrame:
        """The table of curves, as a user has it."""
        tables = [
            pandas.DataFrame(
                {"study": "s", "cell": f"{model}/{seed}", "family": "q", "model": model,
                 "variant": "base", "seed": seed, "n_params": self.n[m], "step": steps,
                 "data_samples": 512.0 * steps, "benchmark": "held_out", "n_problems": PROBLEMS,
                 "n_samples": PROBLEMS, "loss": loss, "status": "ok", "scoring": "ours",
                 "scoring_digest": "d", "protocol_digest": "p", "tau": 1, "group_size": 8,
                 "recipe": "main"}
            )
            for m, seed, steps, loss in self.cells
            for model in [list(self.plan.sizes)[m]]
        ]  # fmt: skip
        return pandas.concat(tables, ignore_index=True)

    @property
    def group(self) -> Group:
        """The same curves as fits take them, without the seconds that tables of campaigns take."""
        steps = np.array(self.plan.steps, float)
        loss = np.full((len(self.cells), len(steps)), np.nan)
        for row, (*_, own, values) in zip(loss, self.cells, strict=True):
            row[np.searchsorted(steps, own)] = values
        models, size_of = tuple(self.plan.sizes), np.array([m for m, *_ in self.cells])
        smooth = (loss * PROBLEMS + 0.5) / (PROBLEMS + 1)
        return Group(
            family="q", variant="base", models=models, n=self.n, size_of=size_of, steps=steps,
            cells=tuple(f"{models[m]}/{seed}" for m, seed, *_ in self.cells),
            x=np.where(np.isnan(loss), np.nan, 512.0 * steps), value=loss,
            variance=(1 - smooth) / (smooth * PROBLEMS),
            draws=np.where(np.isnan(loss), np.nan, PROBLEMS),
        )  # fmt: skip


def ask(study: Study, seed: int, replicates: int) -> dict[str, object]:
    """Fit a study: name -> (whether the interval holds the truth, its width), and the verdicts."""
    settings = Settings(bootstrap=Bootstrap(replicates, seed))
    found, _ = fit_group(study.group, FitSpec(settings=settings))
    said: dict[str, object] = {"saturates": found.verdicts.saturates, "bends": found.verdicts.bends}
    return said if replicates < ENOUGH else said | intervals(study, found)


def intervals(study: Study, found: FitResult) -> dict[str, object]:
    """Name -> whether the interval holds the truth, and its width."""
    best, said = best_fit(study, found), {}
    for name in ("K_max", "N0"):
        ends = found.parameters[name].intervals["fixed"]
        if ends.status == "ok":
            said[name] = held(ends.low, ends.high, best[name], best[name])
    ends = [point for point in found.curve if point.n <= study.n[-1] * 1.0001][-1]
    if found.scope == "fixed":
        top = best["K_max"] / (1 + best["N0"] / ends.n)
        said["k(top)"] = held(ends.low, ends.high, top, top)
    if found.beyond:
        there, k = found.beyond[0], study.all_k[-1]
        said["k at 2x"] = held(there.low, there.high, k, k)
    steps = np.array(study.plan.steps)[[0, len(study.plan.steps) // 4, -1]]
    u = np.log(512.0 * steps)
    truth = np.mean([study.run(-1, u) for _ in range(study.plan.runs[-1])], axis=0)
    there = [found.predict(2 * study.n[-1], 512.0 * step) for step in steps]
    inside = [held(np.log(a.low), np.log(a.high), y) for a, y in zip(there, truth, strict=True)]
    said["forecast at 2x"] = tuple(np.mean(inside, axis=0))
    said["its last point"] = inside[-1]
    return said


def best_fit(study: Study, found: FitResult) -> dict[str, float]:
    """K_max and N0 that are to be covered: of the law's best fit to curves without runs and noise.

    By least squares with the weights of the fit, on a grid of N0 of its own.
    """
    points = found.estimate.points
    w, u = np.atleast_3d(points.w).reshape(points.u.shape), points.u
    slopes, spread = [], []
    for m in range(len(study.n)):
        own = w[m] > 0
        weight, away = w[m, own], u[m, own] - np.average(u[m, own], weights=w[m, own])
        spread.append((weight * away**2).sum())
        slopes.append(-(weight * away) @ study.log_loss(m, u[m, own]) / spread[-1])
    slopes, spread = np.array(slopes), np.array(spread)
    low, high = study.n[0] / 100, study.n[-1] * 100
    for _ in range(4):
        grid = np.geomspace(low, high, 400)
        g = 1 / (1 + grid[:, None] / study.n)
        scale = (g * spread) @ slopes / (g**2 @ spread)
        best = int((spread * (slopes - scale[:, None] * g) ** 2).sum(1).argmin())
        low, high = grid[max(best - 1, 0)], grid[min(best + 1, 399)]
    return {"K_max": float(scale[best]), "N0": float(grid[best])}


def held(low: float | None, high: float | None, truth: float, unit: float = 1.0) -> tuple:
    """Whether an interval holds the truth, and its width in units; open ends reach everywhere."""
    low, high = -np.inf if low is None else low, np.inf if high is None else high
    return low <= truth <= high, (high - low) / abs(unit)


ENOUGH = 50  # Replicates for an interval; verdicts need none.
COLUMNS = ("K_max", "N0", "k(top)", "k at 2x", "forecast at 2x", "its last point")


def main() -> None:
    """Run the campaign and print one row per design: coverage (median width), verdicts in %."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--studies", type=int, default=500)
    parser.add_argument("--replicates", type=int, default=200, help="2: verdicts alone")
    parser.add_argument("--seed", type=int, default=20261127)
    parser.add_argument("--designs", nargs="*", default=list(PLANS))
    arguments = parser.parse_args()
    print(f"| design | {' | '.join(COLUMNS)} | saturates i/n/p | bends | s |")
    print("| --- " * (len(COLUMNS) + 4) + "|")
    for name in arguments.designs:
        started = time.process_time()
        found = []
        for i in range(arguments.studies):
            rng = np.random.default_rng([arguments.seed, zlib.crc32(name.encode()), i])
            found.append(ask(Study(PLANS[name], rng), i, arguments.replicates))
        print(row(name, found, (time.process_time() - started) / len(found)), flush=True)


def row(name: str, found: list[dict], seconds: float) -> str:
    """One design's line of the table."""
    cells = [name]
    for column in COLUMNS:
        own = np.array([one[column] for one in found if column in one], float)
        cells.append(f"{own[:, 0].mean():.3f} ({np.median(own[:, 1]):.2f})" if len(own) else "none")
    said = [one["saturates"] for one in found]
    kinds = ("identified", "not_identified", "power")
    cells.append("/".join(f"{100 * said.count(kind) / len(said):.1f}" for kind in kinds))
    cells.append(f"{100 * np.mean([one['bends'] == 'yes' for one in found]):.1f}")
    return f"| {' | '.join([*cells, format(seconds, '.2f')])} |"


if __name__ == "__main__":
    main()
