"""The ten claims of docs/reference.md, judged by its rule.

    python benchmarks/reference_claims.py RESULTS

RESULTS is the reference study's results/ with outcomes.parquet. Differences between settings are of
runs that share base model, corpus and problem order (equal seeds), so they are paired by seed. The
variance of a mean difference is that over runs plus that over problems (a bootstrap of the held-out
problems, the same for every run); Student's t on the degrees of freedom of Satterthwaite.
"Would show" is the difference that such an interval excludes from 0 with power .8. Prints the table
and writes RESULTS/claims.csv.
"""

import argparse
import csv
import itertools
import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas
from scipy import stats

LEVEL, REPLICATES, SEED = 0.9, 400, 1
THREE = ("ref-25k", "ref-64k", "ref-202k")
# The five ways to share out 32,768 responses, as recipe and G: problems a step x G x steps.
SHARED_OUT = {
    "64 x 8 x 64": ("main", 8), "128 x 8 x 32": ("batch_128", 8), "32 x 8 x 128": ("batch_32", 8),
    "32 x 16 x 64": ("batch_32_g16", 16), "16 x 32 x 64": ("batch_16", 32),
}  # fmt: skip


@dataclass(frozen=True)
class Run:
    """One cell on one benchmark: wrong shares (steps, problems), problems seen by then."""

    wrong: np.ndarray
    seen: np.ndarray


Runs = dict[int, Run]  # by seed
Statistic = Callable[[np.ndarray, np.ndarray], float]  # of losses and problems seen, by step


def final(loss: np.ndarray, seen: np.ndarray) -> float:
    """The last loss."""
    return float(loss[-1])


def efficiency(loss: np.ndarray, seen: np.ndarray) -> float:
    """k: minus the slope of ln loss on ln of the problems seen, after step 0."""
    return -float(np.polyfit(np.log(seen[1:]), np.log(loss[1:]), 1)[0])


def fall(loss: np.ndarray, seen: np.ndarray) -> float:
    """Change of ln loss from the first to the last step."""
    return float(np.log(loss[-1] / loss[0]))


@dataclass(frozen=True)
class Found:
    """An estimate with its 90 % interval."""

    estimate: float
    se: float
    freedom: float
    n: int

    def interval(self) -> tuple[float, float]:
        """Both ends."""
        half = self.se * stats.t.ppf(0.5 + LEVEL / 2, self.freedom)
        return self.estimate - half, self.estimate + half

    def p(self) -> float:
        """Two-sided, against zero."""
        return float(2 * stats.t.sf(abs(self.estimate) / self.se, self.freedom))

    def detectable(self) -> float:
        """The difference that an interval of this width would show in four studies of five."""
        return float(self.se * stats.t.ppf([0.5 + LEVEL / 2, 0.8], self.freedom).sum())

    def words(self) -> str:
        """Estimate, interval, number of runs, and what these could have shown."""
        low, high = self.interval()
        return (
            f"{self.estimate:+.3f} [{low:+.3f}, {high:+.3f}], {self.n} runs, "
            f"would show {self.detectable():.3f}"
        )


class Study:
    """Curves and outcomes of the study."""

    def __init__(self, results: Path) -> None:
        self.curves = pandas.read_csv(results / "curves.csv")
        outcomes = pandas.read_parquet(results / "outcomes.parquet")
        self.outcomes = dict(list(outcomes.groupby("cell")))

    def runs(
        self, recipe: str, model: str, variant: str = "base", tau: int = 1, group: int = 8,
        benchmark: str = "held_out",
    ) -> Runs:  # fmt: skip
        """Runs of one setting, by seed."""
        c = self.curves
        own = c[
            (c.recipe == recipe) & (c.model == model) & (c.variant == variant) & (c.tau == tau)
            & (c.group_size == group) & (c.benchmark == benchmark) & (c.status == "ok")
        ]  # fmt: skip
        found = {}
        for (seed, cell), rows in own.groupby(["seed", "cell"]):
            told = self.outcomes[cell]
            told = told[told.benchmark == benchmark].assign(wrong=lambda t: 1 - t.n_correct / t.n)
            wrong = told.pivot(index="step", columns="problem_id", values="wrong")
            seen = rows.set_index("step")["data_samples"].loc[wrong.index]
            found[int(seed)] = Run(wrong.to_numpy(), seen.to_numpy(float))
        return found


def mean_of(pairs: Sequence[Sequence[tuple[float, Run]]], what: Statistic) -> Found:
    """Mean over units of a signed sum of runs' statistics.

    Args:
        pairs: A unit each: its runs with their signs or shares.
        what: The statistic.
    """

    def of(unit: Sequence[tuple[float, Run]], drawn: np.ndarray | slice) -> float:
        return sum(share * what(run.wrong[:, drawn].mean(1), run.seen) for share, run in unit)

    values = np.array([of(unit, slice(None)) for unit in pairs])
    rng, count = np.random.default_rng(SEED), pairs[0][0][1].wrong.shape[1]
    again = [
        np.mean([of(unit, drawn) for unit in pairs])
        for drawn in rng.integers(0, count, (REPLICATES, count))
    ]
    over_runs, over_problems = values.var(ddof=1) / len(values), np.var(again, ddof=1)
    total = over_runs + over_problems
    freedom = total**2 / (over_runs**2 / (len(values) - 1) + over_problems**2 / (count - 1))
    return Found(float(values.mean()), float(np.sqrt(total)), float(freedom), len(values))


def paired(one: Runs, other: Runs, what: Statistic) -> Found:
    """One setting minus another over the seeds of both."""
    return mean_of([[(1, one[s]), (-1, other[s])] for s in sorted(one.keys() & other.keys())], what)


def over_sizes(ones: Sequence[Runs], others: Sequence[Runs], what: Statistic = efficiency) -> Found:
    """Mean over sizes of one setting minus another, paired by seed."""
    seeds = sorted(set.intersection(*(set(runs) for runs in (*ones, *others))))
    share = 1 / len(ones)
    return mean_of(
        [
            [(share, runs[s]) for runs in ones] + [(-share, runs[s]) for runs in others]
            for s in seeds
        ],
        what,
    )


def side(found: Found, below: str, above: str, edge: float = 0.0) -> str:
    """What an interval on one side of an edge says."""
    low, high = found.interval()
    return below if high < edge else above if low > edge else "undecided"


def reuse(study: Study) -> tuple[str, str]:
    """R5."""
    once = study.runs("main", "ref-25k")
    some, many = (paired(study.runs("main", "ref-25k", tau=tau), once, final) for tau in (16, 64))
    at_16, at_64 = side(some, "free", "costs", 0.02), side(many, "free", "costs")
    little = side(many, "free", "costs", 0.02) == "free"
    verdict = "undecided"
    if at_16 == "free" and at_64 == "costs":
        verdict = "holds"
    elif at_16 == "costs" or little:
        verdict = "fails"
    return f"tau 16: {some.words()}; tau 64: {many.words()}", verdict


def shared_out(study: Study) -> tuple[str, str]:
    """R7: Holm's p values over the ten pairs."""
    arms = {name: study.runs(r, "ref-25k", group=g) for name, (r, g) in SHARED_OUT.items()}
    pairs = [(a, b, paired(arms[a], arms[b], final)) for a, b in itertools.combinations(arms, 2)]
    ordered, adjusted, largest = sorted(pairs, key=lambda pair: pair[2].p()), [], 0.0
    for rank, (_, _, found) in enumerate(ordered):
        largest = max(largest, min(1.0, (len(ordered) - rank) * found.p()))
        adjusted.append(largest)
    seeds = set.intersection(*map(set, arms.values()))
    means = {n: np.mean([runs[s].wrong[-1].mean() for s in seeds]) for n, runs in arms.items()}
    told = ", ".join(
        f"{name} {mean:.3f}" for name, mean in sorted(means.items(), key=lambda m: m[1])
    )
    a, b, found = ordered[0]
    told += f"; clearest {a} - {b}: {found.words()}, Holm p {adjusted[0]:.2g}"
    if adjusted[0] < 1 - LEVEL:
        return told, "holds"
    close = all(max(map(abs, found.interval())) < 0.05 for _, _, found in pairs)
    return told, "fails" if close else "undecided"


def laws(results: Path) -> Iterable[tuple[str, str, str]]:
    """R1 to R4, by the study's own fit and forecast of the law under test."""
    fit = json.loads((results / "fits/saturating-data-loss.json").read_text(encoding="utf-8"))
    (group,) = [g for g in fit["groups"] if g["variant"] == "base"]
    contrast, verdicts = group["contrast"]["difference"], group["verdicts"]
    own = contrast["intervals"]["redrawn"]
    told = f"{contrast['estimate']:+.3f} [{own['low']:+.3f}, {own['high']:+.3f}]"
    rises = "holds" if own["low"] > 0 else "fails" if own["high"] < 0 else "undecided"
    yield "R1", told, rises
    found = group["identification"]
    share, misfit = found["p_law"], found["p_misfit"]
    saturates = "holds" if share >= 0.95 and misfit >= 0.05 else "undecided"
    told = f"P(saturating) {share:.2f}, misfit p {misfit:.2g}, scatter of k {found['scatter']:.0%}"
    yield "R2", told, "fails" if share <= 0.05 else saturates
    yield "R3", f"p {found['p_straight']:.2g}", "fails" if verdicts["bends"] == "yes" else "holds"
    scores = pandas.read_csv(results / "forecasts/inter.csv")
    (row,) = scores[
        (scores.law == "saturating") & (scores.variant == "base") & (scores.model == "ref-1030k")
    ].itertuples()
    inside, width = round(row.coverage * row.points), _width(results)
    told = f"{inside} of {row.points} inside, RMS {row.rmse:.2f} in ln L, at most {width:.2f} wide"
    yield "R4", told, "holds" if inside >= 6 and width < 1 else "fails"


def _width(results: Path) -> float:
    """Widest interval of the largest size's forecast, in ln L, over the x that were measured."""
    told = json.loads((results / "forecasts/inter/saturating.json").read_text(encoding="utf-8"))
    (target,) = [one for one in told["predictions"] if one["model"] == "ref-1030k"]
    curves = pandas.read_csv(results / "curves.csv")
    own = curves[(curves.model == "ref-1030k") & (curves.step > 0)]["data_samples"]
    grid = [row for row in target["grid"] if own.min() <= row["x"] <= own.max()]
    return max(row["high"] - row["low"] for row in grid)


def main() -> None:
    """Judge them."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("results", type=Path)
    results = parser.parse_args().results
    study = Study(results)
    rows = list(laws(results))
    rows.append(("R5", *reuse(study)))
    groups = [study.runs("main", "ref-25k", group=size) for size in (32, 2)]
    found = paired(*groups, final)
    rows.append(("R6", found.words(), side(found, "holds", "fails")))
    rows.append(("R7", *shared_out(study)))
    plain = [study.runs("main", model) for model in THREE]
    found = over_sizes([study.runs("dr_grpo", model) for model in THREE], plain)
    same = max(map(abs, found.interval())) < 0.01
    apart = side(found, "holds (lower)", "holds (higher)")
    rows.append(("R8", found.words(), "fails" if same and apart == "undecided" else apart))
    found = over_sizes([study.runs("main", model, "instruct") for model in THREE], plain)
    rows.append(("R9", found.words(), side(found, "holds", "fails")))
    large = [
        study.runs("main", f"ref-{size}", benchmark="longer_sums")
        for size in ("202k", "408k", "1030k")
    ]
    seeds = sorted(set.intersection(*map(set, large)))
    found = mean_of([[(1 / 3, runs[s]) for runs in large] for s in seeds], fall)
    rows.append(("R10", found.words(), side(found, "holds", "fails")))
    with (results / "claims.csv").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows([("claim", "found", "verdict"), *rows])
    for row in rows:
        print("| " + " | ".join(row) + " |")


if __name__ == "__main__":
    main()
